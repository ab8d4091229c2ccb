/**
 * The payload of a PUBLISH to `chat/{chatID}/send`: plain text, or `{content, type?, client_id?, reply_to?, mentions?}` as JSON or
 * MessagePack, with `file` in place of `content` where the content was uploaded. The content type of MQTT 5 says which. Without
 * one the bytes decide; bytes that are neither are a file.
 */
import { decode } from "@msgpack/msgpack";
import { isFileId } from "../domain/messages/file-ids.ts";
import { mentionsMax } from "../domain/messages/messages.ts";
import type { MessageId, UserId } from "../domain/model.ts";
import type { PublishProperties } from "../mqtt/wire/properties.ts";
import { idOf, parseMentions } from "./change-payload.ts";

export interface ChatPayload {
  readonly content: string | Uint8Array;
  /** See `Draft.file`. */
  readonly file?: string;
  /** Empty where the file's sender said what it is. */
  readonly type: string;
  readonly clientId: string | undefined;
  /** The message that it answers; 0 where the id is none that a message may have. */
  readonly replyTo?: MessageId;
  /** Users whom it names. */
  readonly mentions?: readonly UserId[];
}

const openBrace = 0x7b;
const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type Format = Pick<PublishProperties, "payloadFormat" | "contentType">;

const messagePackTypes: ReadonlySet<string> = new Set([
  "application/msgpack",
  "application/x-msgpack",
  "application/vnd.msgpack",
]);
/** RFC 6838 § 4.2, without parameters. */
const mediaType = /^\s*([a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*)\s*(?:;|$)/i;

/**
 * Undefined where the payload is not what the properties say, or an object has fields of the wrong type. The result
 * shares no memory with `payload`.
 */
export function parsePayload(payload: Uint8Array, format?: Format): ChatPayload | undefined {
  if (format?.payloadFormat === 1 && tryText(payload) === undefined) return undefined;
  const type = mediaType.exec(format?.contentType ?? "")?.[1]?.toLowerCase();
  return type === undefined ? sniff(payload) : ofType(type, payload, format?.payloadFormat === 1);
}

function ofType(type: string, payload: Uint8Array, isText: boolean): ChatPayload | undefined {
  if (messagePackTypes.has(type)) return fromObject(tryDecode(payload));
  const plain = isText || type.startsWith("text/") || type === "application/json" ? tryText(payload) : undefined;
  if (type === "application/json") return plain === undefined ? undefined : fromObject(tryJson(plain));
  if (type.startsWith("text/") && plain === undefined) return undefined;
  const name = type === "text/plain" ? "text" : type === "application/octet-stream" ? "file" : type;
  return { content: plain ?? new Uint8Array(payload), type: name, clientId: undefined };
}

function sniff(payload: Uint8Array): ChatPayload | undefined {
  const first = payload[0];
  if (first !== undefined && isMap(first)) {
    const object = tryDecode(payload);
    if (object !== undefined) return fromObject(object);
  }
  const plain = tryText(payload);
  if (plain === undefined) return { content: new Uint8Array(payload), type: "file", clientId: undefined };
  if (first === openBrace) {
    const object = tryJson(plain);
    if (object !== undefined) return fromObject(object);
  }
  return { content: plain, type: "text", clientId: undefined };
}

/** MessagePack's fixmap, map 16 and map 32. */
const isMap = (byte: number): boolean => (byte >= 0x80 && byte <= 0x8f) || byte === 0xde || byte === 0xdf;

function fromObject(object: Readonly<Record<string, unknown>> | undefined): ChatPayload | undefined {
  if (object === undefined) return undefined;
  const { content, file, type, client_id: clientId } = object;
  if (type !== undefined && typeof type !== "string") return undefined;
  if (clientId !== undefined && typeof clientId !== "string") return undefined;
  const more = parseMore(object);
  if (more === undefined) return undefined;
  if (typeof file === "string") {
    return content === undefined ? { content: "", file, type: type ?? "", clientId, ...more } : undefined;
  }
  if (typeof content !== "string" && !(content instanceof Uint8Array)) return undefined;
  return {
    content: typeof content === "string" ? content : new Uint8Array(content),
    type: type ?? (typeof content === "string" ? "text" : "file"),
    clientId,
    ...more,
  };
}

function parseMore(object: Readonly<Record<string, unknown>>): Pick<ChatPayload, "replyTo" | "mentions"> | undefined {
  const { reply_to: replyTo, mentions } = object;
  if (replyTo !== undefined && typeof replyTo !== "string" && typeof replyTo !== "number") return undefined;
  const named = mentions === undefined ? undefined : parseMentions(mentions);
  if (mentions !== undefined && named === undefined) return undefined;
  return {
    ...(replyTo === undefined ? {} : { replyTo: (idOf(replyTo) ?? 0) as MessageId }),
    ...(named === undefined ? {} : { mentions: named }),
  };
}

/** Gives an object that has `content` or names a file; other JSON is text that begins with a brace. */
function tryJson(plain: string): Record<string, unknown> | undefined {
  try {
    return withContent(JSON.parse(plain));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function tryDecode(payload: Uint8Array): Record<string, unknown> | undefined {
  try {
    return withContent(decode(payload, { maxMapLength: 16, maxArrayLength: mentionsMax, maxExtLength: 0 }));
  } catch {
    // It is not MessagePack; the bytes are judged as text or as a file.
    return undefined;
  }
}

function withContent(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const object = value as Record<string, unknown>;
  if (Object.hasOwn(object, "content")) return object;
  const { file } = object;
  return Object.hasOwn(object, "file") && typeof file === "string" && isFileId(file) ? object : undefined;
}

function tryText(payload: Uint8Array): string | undefined {
  try {
    return text.decode(payload);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
