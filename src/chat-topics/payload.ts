/**
 * The payload of a PUBLISH to `chat/{chatID}/send`: plain text, or `{content, type?, client_id?}` as JSON or
 * MessagePack. The content type of MQTT 5 says which. Without one the bytes decide; bytes that are neither are a file.
 */
import { decode } from "@msgpack/msgpack";
import type { PublishProperties } from "../mqtt/wire/properties.ts";

export interface ChatPayload {
  readonly content: string | Uint8Array;
  readonly type: string;
  readonly clientId: string | undefined;
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
  const { content, type, client_id: clientId } = object;
  if (typeof content !== "string" && !(content instanceof Uint8Array)) return undefined;
  if (type !== undefined && typeof type !== "string") return undefined;
  if (clientId !== undefined && typeof clientId !== "string") return undefined;
  return {
    content: typeof content === "string" ? content : new Uint8Array(content),
    type: type ?? (typeof content === "string" ? "text" : "file"),
    clientId,
  };
}

/** Gives an object that has `content`; other JSON is text that begins with a brace. */
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
    return withContent(decode(payload, { maxMapLength: 16, maxArrayLength: 16, maxExtLength: 0 }));
  } catch {
    // It is not MessagePack; the bytes are judged as text or as a file.
    return undefined;
  }
}

function withContent(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "content")
    ? (value as Record<string, unknown>)
    : undefined;
}

function tryText(payload: Uint8Array): string | undefined {
  try {
    return text.decode(payload);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
