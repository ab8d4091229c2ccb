/** Messages of the simple form, as the domain takes them. */

import { answerKeptMs } from "../domain/answer-store.ts";
import { isKey, safeInteger } from "../domain/keys.ts";
import type { Draft, MessageId, UserId } from "../domain/model.ts";
import type { SteadyMs } from "../lib/clock.ts";
import { badRequest, Refusal } from "./errors.ts";
import type { Schemas } from "./schemas.ts";

type Outgoing = ReturnType<Schemas["message"]["parse"]>;

export interface SentBy {
  readonly from: UserId;
  /** For a message without a `clientID` of its own. */
  readonly fallbackClientId: string | undefined;
}

export function draftOf(
  { chatID, type, content, encoding, file, clientID, reply_to: replyTo, mentions }: Outgoing,
  { from, fallbackClientId }: SentBy,
): Draft {
  const isNamed = typeof file === "string";
  return {
    chat: { key: chatID },
    from,
    type: type ?? (isNamed ? "" : "text"),
    content: contentOf({ content: content ?? "", encoding }),
    file: isNamed ? file : undefined,
    clientId: clientID ?? fallbackClientId,
    // An id of another form is one that no message has.
    replyTo: replyTo == null ? undefined : ((safeInteger(replyTo) ?? 0) as MessageId),
    mentions: mentionsOf(mentions).mentions,
  };
}

const plainFields: ReadonlySet<string> = new Set(["chatID", "content", "type", "clientID"]);
const plainClientId = /^[\w-]{1,64}$/;

/**
 * What the schema of a message makes of a plain text; undefined for all else, which is left to the schema. Most messages are
 * plain, and the schema takes longer than the rest of the route. A test compares the two.
 */
export function plainOf(body: object): Outgoing | undefined {
  for (const name in body) if (!plainFields.has(name)) return undefined;
  const { chatID, content, type, clientID } = body as Partial<Record<string, unknown>>;
  if (typeof chatID !== "string" || !isKey(chatID)) return undefined;
  if (typeof content !== "string" || !content.isWellFormed()) return undefined;
  if (type !== undefined && type !== "text") return undefined;
  if (clientID !== undefined && (typeof clientID !== "string" || !plainClientId.test(clientID))) return undefined;
  return { chatID, content, type, clientID };
}

/** What is no number names no one. */
export function mentionsOf(mentions: readonly string[] | null | undefined): Pick<Draft, "mentions"> {
  if (mentions == null) return {};
  return { mentions: mentions.map(safeInteger).filter((id): id is UserId => id !== undefined) };
}

/** Content as the domain takes it. */
export const contentOf = ({
  content,
  encoding,
}: Pick<Outgoing, "encoding"> & { readonly content: string }): string | Uint8Array =>
  encoding === "base64" ? bytesOf(content) : content;

/**
 * The client id of a message whose sender gave none, in a request with an idempotency key. A repeat finds the message by
 * it where a crash took the kept answer. The day stands in it, since a key may be used again after one.
 */
export function clientIdsOf({ headers }: Request, nowMs: SteadyMs): (index: number) => string | undefined {
  const key = headers.get("idempotency-key");
  if (key === null) return () => undefined;
  const day = Math.floor(nowMs / answerKeptMs);
  const name = new Bun.CryptoHasher("sha256").update(`${day} ${key}`).digest("base64url").slice(0, 22);
  return (index) => `idempotency-${name}-${index}`;
}

function bytesOf(base64: string): Uint8Array {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    throw new Refusal(badRequest, "content: not base64");
  }
  return new Uint8Array(Buffer.from(base64, "base64"));
}
