/**
 * What REST takes in, checked once at the edge (docs/protocols/rest.md, docs/protocols/rest-signed.md;
 * docs/protocols/resolutions.md § REST). Where a document is silent the bounds are Roost's. Every string and every
 * array is bounded; an array's length is judged before its elements.
 */

import { z } from "zod";
import { chatNameCharactersMax, nickCharactersMax } from "../domain/bounds.ts";
import { keyPattern } from "../domain/keys.ts";
import { defaultMessageLimits, historyRowsMax } from "../domain/messages/messages.ts";
import { webhookKinds } from "../domain/webhooks/webhook-store.ts";
import { badRequest, Refusal } from "./errors.ts";
import type { RestLimits } from "./limits.ts";
import { userKeyCharactersMax } from "./public-key.ts";
import { described } from "./reference/described.ts";
import { signatureCharactersMax } from "./signatures.ts";

export const inboxItemsMax = 100;
export const inboxItems = 10;
const historyRows = 50;
const chatRowsMax = 100;
const chatRows = 50;

/** Half a surrogate pair cannot be written as UTF-8, so it could not be given back as it was sent. */
const text = (charactersMax: number) =>
  z
    .string()
    .max(charactersMax)
    .refine((value) => value.isWellFormed(), "not well-formed Unicode");

/** chatID and userID as the REST document spells them, at most 256 characters (R7). */
const key = z.string().regex(keyPattern, "must match [a-zA-Z0-9.-]{1,256}");

/** The length first: a million bad elements must not make a million findings. */
const list = <Element extends z.ZodType>(element: Element, elementsMax: number) =>
  described(
    z.array(z.unknown()).min(1).max(elementsMax).pipe(z.array(element)),
    z.array(element).min(1).max(elementsMax),
  );

/** Any string; numbers and booleans become one (R12); null counts as absent. */
const chatName = z
  .union([z.string(), z.number(), z.boolean()])
  .transform(String)
  .pipe(text(chatNameCharactersMax))
  .nullish()
  .transform((name) => name ?? undefined);

const clientId = text(defaultMessageLimits.clientIdCharactersMax).min(1).nullish();

const digits = z.string().regex(/^\d{1,15}$/, "must be a whole number");

const seqText = () => described(digits.transform(Number), z.int().min(0));

/** A page's size. A larger one is cut to the maximum: the cursor loses nothing. */
const rows = (rowsMax: number, rowsDefault: number) =>
  described(
    digits
      .transform(Number)
      .pipe(z.number().min(1))
      .transform((count) => Math.min(count, rowsMax))
      .default(rowsDefault),
    z.int().min(1).default(rowsDefault).describe(`At most ${rowsMax}.`),
  );

/** A token as the client shows it; no token of this server is longer. */
const secret = z.string().min(1).max(1024);

/** Seconds or milliseconds, in decimal digits or as a number (R23). */
const time = z.union([digits.transform(Number), z.number().int().min(0).max(8.64e15)]);

export type Schemas = ReturnType<typeof createSchemas>;

export function createSchemas(limits: RestLimits) {
  const participant = z.object({
    userID: key,
    userKey: z.string().min(1).max(userKeyCharactersMax).nullish(),
    clientOS: text(256).nullish(),
    clientID: clientId,
    displayName: text(2 * nickCharactersMax).nullish(),
  });

  const person = z.union([key, z.object({ userID: key, displayName: text(2 * nickCharactersMax).nullish() })]);

  const outgoing = z.object({
    chatID: key,
    type: text(defaultMessageLimits.typeCharactersMax).min(1).nullish(),
    content: z.string().refine((value) => value.isWellFormed(), "not well-formed Unicode"),
    /** The content is bytes. */
    encoding: z.literal("base64").nullish(),
    clientID: clientId,
  });

  /** `sender`: a participant's userID or GUID, or `system`. */
  const fromBackend = outgoing.extend({ sender: z.string().min(1).max(256) });

  const status = z.object({
    /** Of a message its decimal id (as a number too, R31), of an event `e<id>`. */
    messageID: z.union([z.string().regex(/^e?\d{1,16}$/), z.number().int().positive()]).transform(String),
    messageStatus: z.enum(["delivered", "read"]),
  });

  /** As a number too (R31). */
  const messageId = z.union([z.string().regex(/^\d{1,16}$/), z.number().int().positive()]).transform(String);

  const outgoingMessage = z.object({
    chatID: key,
    clientHash: text(defaultMessageLimits.clientIdCharactersMax).min(1),
    timestamp: time,
    messageBlock: list(
      z.object({
        messageText: z.string(),
        /** GUIDs are compared in the form in which they were given out. */
        recipient: text(64).transform((guid) => guid.toLowerCase()),
      }),
      limits.membersMax,
    ),
    /** A message of the sender's that this one replaces. */
    oldMessageID: messageId.optional(),
  });

  const outgoingStatus = status.extend({ clientHash: text(defaultMessageLimits.clientIdCharactersMax).min(1) });

  const keys = list(key, limits.membersMax);

  return {
    token: participant,
    tokens: list(participant, limits.participantsMax),
    refresh: z.object({ refreshToken: secret }),
    revocation: z.object({ refreshToken: secret.optional(), accessToken: secret.optional() }),
    putUsers: z.object({ users: list(person, limits.membersMax), chatName }),
    /** R14: the newer documents' names, and a bare array. */
    removedUsers: z.union([
      keys,
      z.object({ users: keys }).transform(({ users }) => users),
      z.object({ GUIDList: keys }).transform(({ GUIDList }) => GUIDList),
      z.object({ GUIDs: keys }).transform(({ GUIDs }) => GUIDs),
    ]),
    /** Users in the query, for clients that cannot send a body with DELETE. */
    removedUsersQuery: z.object({ users: z.string().optional().describe("With commas between.") }),
    message: outgoing,
    messages: list(outgoing, limits.messagesMax),
    backendMessage: fromBackend,
    backendMessages: list(fromBackend, limits.messagesMax),
    statuses: z.object({ statuses: list(status, limits.statusesMax) }),
    /** As many as the body may hold values. */
    outgoingEvents: z.object({
      outgoingEvents: z.object({
        timestamp: time,
        messages: z.array(outgoingMessage).max(limits.jsonValuesMax).optional(),
        statuses: z.array(outgoingStatus).max(limits.jsonValuesMax).optional(),
      }),
      sign: z.string().min(1).max(signatureCharactersMax).nullish(),
    }),
    inboxQuery: z.object({
      /** The other form is signed. */
      format: z.literal("simple").optional(),
      after: z.string().max(96).optional(),
      /** Seconds; a longer wait is cut to the maximum. */
      wait: described(
        z
          .string()
          .regex(/^\d{1,9}(?:\.\d{1,3})?$/, "must be seconds")
          .transform((seconds) => Math.min(Number(seconds), limits.waitSecondsMax))
          .default(0),
        z.number().min(0).default(0).describe(`Seconds to wait for something, at most ${limits.waitSecondsMax}.`),
      ),
      limit: rows(inboxItemsMax, inboxItems),
    }),
    chatsQuery: z.object({
      after: z.string().max(96).optional(),
      limit: rows(chatRowsMax, chatRows),
    }),
    webhook: z.object({
      url: text(2048).min(1),
      /** `whsec_` and 24 to 64 bytes in base64. */
      secret: z
        .string()
        .regex(
          /^whsec_(?:[A-Za-z0-9+/]{4}){8,21}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
          "must be whsec_ and 24 to 64 bytes in base64",
        )
        .nullish(),
      events: list(z.enum(webhookKinds), webhookKinds.length).nullish(),
    }),
    replay: z.object({ offset: z.string().regex(/^\d{1,15}\.\d{1,15}$/, "not an offset") }),
    deadLettersQuery: z.object({ after: z.string().max(20).optional(), limit: rows(chatRowsMax, chatRows) }),
    typing: z.object({ typing: z.boolean().default(true) }),
    historyQuery: z.object({
      after_seq: seqText().optional(),
      before_seq: seqText().optional(),
      limit: rows(historyRowsMax, historyRows),
    }),
  };
}

/** The value that a schema makes of the input. Else it throws a refusal that names what is wrong first, never its value. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.map(String).join(".")}: `;
  throw new Refusal(badRequest, `${where}${issue?.message ?? "Invalid input"}`);
}

/** The named parameters of a query; an empty one counts as absent. */
export function pick(query: URLSearchParams, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = query.get(name);
    if (value !== null && value !== "") picked[name] = value;
  }
  return picked;
}
