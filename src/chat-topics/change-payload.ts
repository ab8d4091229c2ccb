/**
 * The payload of a PUBLISH to `chat/{chatID}/changes`, in JSON: what is to be done to a message of the chat, or which
 * changes the client asks for.
 */
import { safeInteger } from "../domain/keys.ts";
import type { MessageId, UserId } from "../domain/model.ts";

export type ChangePayload =
  | {
      readonly says: "edit";
      readonly messageId: MessageId;
      readonly content: string | Uint8Array;
      readonly mentions: readonly UserId[] | undefined;
    }
  | { readonly says: "delete"; readonly messageId: MessageId }
  | { readonly says: "react"; readonly messageId: MessageId; readonly reaction: string; readonly added: boolean }
  | {
      readonly says: "ask";
      readonly after: number;
      readonly limit: number | undefined;
      readonly epoch: string | undefined;
    };

const epochCharactersMax = 64;
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

type Fields = Readonly<Record<string, unknown>>;

/** Undefined where it is none of these. */
export function parseChange(payload: Uint8Array): ChangePayload | undefined {
  const fields = tryJson(payload);
  if (fields === undefined) return undefined;
  const named = (["edit", "delete", "react", "after"] as const).filter((name) => fields[name] !== undefined);
  if (named.length !== 1) return undefined;
  if (named[0] === "after") return parseAsked(fields);
  const messageId = idOf(fields[named[0] ?? "edit"]) as MessageId | undefined;
  if (messageId === undefined) return undefined;
  if (named[0] === "delete") return { says: "delete", messageId };
  return named[0] === "edit" ? parseEdit(messageId, fields) : parseReaction(messageId, fields);
}

function parseAsked({ after, limit, epoch }: Fields): ChangePayload | undefined {
  if (!isCount(after) || (limit !== undefined && (!isCount(limit) || limit === 0))) return undefined;
  if (epoch !== undefined && (typeof epoch !== "string" || epoch.length > epochCharactersMax)) return undefined;
  return { says: "ask", after, limit, epoch };
}

function parseEdit(messageId: MessageId, { content, encoding, mentions }: Fields): ChangePayload | undefined {
  if (typeof content !== "string" || (encoding !== undefined && encoding !== "base64")) return undefined;
  if (encoding === "base64" && (content.length % 4 !== 0 || !base64.test(content))) return undefined;
  const named = mentions === undefined ? undefined : parseMentions(mentions);
  if (mentions !== undefined && named === undefined) return undefined;
  const bytes = encoding === "base64" ? new Uint8Array(Buffer.from(content, "base64")) : content;
  return { says: "edit", messageId, content: bytes, mentions: named };
}

function parseReaction(messageId: MessageId, { reaction, remove }: Fields): ChangePayload | undefined {
  if (typeof reaction !== "string" || (remove !== undefined && typeof remove !== "boolean")) return undefined;
  return { says: "react", messageId, reaction, added: remove !== true };
}

/** Ids of users, as text or numbers; a text that is no number names no one. Undefined for anything else. */
export function parseMentions(value: unknown): UserId[] | undefined {
  if (!Array.isArray(value)) return undefined;
  if (!value.every((one) => typeof one === "string" || isCount(one))) return undefined;
  return value.map((one) => idOf(one)).filter((id): id is UserId => id !== undefined);
}

/** An id as text or a number; undefined for what is none. */
export const idOf = (value: unknown): number | undefined =>
  typeof value === "string" ? safeInteger(value) : isCount(value) ? value : undefined;

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function tryJson(payload: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
