/**
 * What REST takes in, checked once at the edge (docs/protocols/rest.md, docs/protocols/rest-signed.md;
 * docs/protocols/resolutions.md § REST). Where a document is silent the bounds are Roost's. Every string and every
 * array is bounded; an array's length is judged before its elements.
 */

import { z } from "zod";
import { chatNameCharactersMax, nickCharactersMax } from "../domain/bounds.ts";
import { keyPattern, userKeyPattern } from "../domain/keys.ts";
import { changesMax } from "../domain/messages/edits.ts";
import { defaultMessageLimits, historyRowsMax, mentionsMax } from "../domain/messages/messages.ts";
import { foundMax, foundUsually, queryCharactersMax } from "../domain/messages/search.ts";
import { presenceRules, receiptRules } from "../domain/model.ts";
import { longTokenLifetimeMsMax, longTokenNameCharactersMax } from "../domain/people/long-tokens.ts";
import { passwordBytesMax } from "../domain/people/passwords.ts";
import { webhookKinds } from "../domain/webhooks/webhook-store.ts";
import { nearest } from "../lib/nearest.ts";
import { cursorCharactersMax } from "./cursor.ts";
import { badRequest, printable, Refusal } from "./errors.ts";
import type { RestLimits } from "./limits.ts";
import { userKeyCharactersMax } from "./public-key.ts";
import { described } from "./reference/described.ts";
import { signatureCharactersMax } from "./signatures.ts";

export const inboxItemsMax = 100;
export const inboxItems = 10;
const historyRows = 50;
const chatRowsMax = 100;
const chatRows = 50;
const messageIdCharactersMax = 128;

/** Half a surrogate pair cannot be written as UTF-8, so it could not be given back as it was sent. */
const text = (charactersMax: number) =>
  z
    .string()
    .max(charactersMax)
    .refine((value) => value.isWellFormed(), "not well-formed Unicode");

/** chatID as the REST document spells it, at most 256 characters (R7). */
const key = z.string().regex(keyPattern, "must match [a-zA-Z0-9.-]{1,256}");
/** The same of a userID, which may hold more. Which of these no new user gets, the domain says. */
const userKey = z.string().regex(userKeyPattern, "must match [a-zA-Z0-9.@_:-]{1,256}");

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

/**
 * A number is read too (R31). An id of any other form, such as those of the original server, is one that no message here
 * has.
 */
const messageId = z.union([text(messageIdCharactersMax).min(1), z.number().int().positive()]).transform(String);

/** Seconds or milliseconds, in decimal digits or as a number (R23). */
const time = z.union([digits.transform(Number), z.number().int().min(0).max(8.64e15)]);

/** How answers spell fields that requests spell otherwise: what a client was told it may say as it is. */
const spellings = { message_id: "messageID", client_id: "clientID", chat_id: "chatID" } as const;

function asRequestsSpell(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const fields: Record<string, unknown> = { ...value };
  for (const [told, asked] of Object.entries(spellings)) {
    if (!(told in fields) || asked in fields) continue;
    const { [told]: said } = fields;
    fields[asked] = told === "chat_id" && /^\d{1,16}$/.test(String(said)) ? `chat.${said}` : said;
    delete fields[told];
  }
  return fields;
}

/**
 * A form of our own. A field that it does not have is refused: dropped, a misspelled `clientID` would send a message
 * twice. The documents' forms pass over what they do not know, as the original does.
 */
function form<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  /** What is wrong with the fields together. */
  wrong: (value: z.core.output<z.ZodObject<Shape>>) => { field: string; message: string } | undefined = () => undefined,
) {
  const known = Object.keys(shape);
  const object = z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? unknownField(issue.keys[0] ?? "", known) : undefined),
  });
  const checked = object.superRefine((value, context) => {
    const found = wrong(value);
    if (found !== undefined) context.addIssue({ code: "custom", path: [found.field], message: found.message });
  });
  return described(z.preprocess(asRequestsSpell, checked), object);
}

function unknownField(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  const shown = printable(name.slice(0, 40));
  return near === undefined
    ? `${shown}: no such field; there are ${known.join(", ")}`
    : `${shown}: did you mean ${near}?`;
}

function contentOrFile({ content, file }: { content?: unknown; file?: unknown }) {
  if (typeof content === "string" && typeof file === "string") {
    return { field: "file", message: "a message has content or a file, not both" };
  }
  return typeof content === "string" || typeof file === "string"
    ? undefined
    : { field: "content", message: "a message needs it, or a file" };
}

export type Schemas = ReturnType<typeof createSchemas>;

export function createSchemas(limits: RestLimits) {
  const participant = z.object({
    userID: userKey,
    userKey: z.string().min(1).max(userKeyCharactersMax).nullish(),
    clientOS: text(256).nullish(),
    clientID: clientId,
    displayName: text(2 * nickCharactersMax).nullish(),
  });

  const person = z.union([userKey, z.object({ userID: userKey, displayName: text(2 * nickCharactersMax).nullish() })]);

  const content = {
    content: z.string().refine((value) => value.isWellFormed(), "not well-formed Unicode"),
    /** The content is bytes. */
    encoding: z.literal("base64").nullish(),
  };
  /** Ids of users whom it names. */
  const mentions = z
    .array(z.union([text(20), z.number().int().positive()]).transform(String))
    .max(mentionsMax)
    .nullish();

  const outgoing = {
    chatID: key,
    type: text(defaultMessageLimits.typeCharactersMax).min(1).nullish(),
    ...content,
    content: content.content.nullish(),
    file: text(128)
      .min(1)
      .nullish()
      .describe("In place of `content`: an upload of the sender, or the hash of a file that the sender may fetch."),
    clientID: clientId,
    /** Id of the message that it answers. */
    reply_to: messageId.nullish(),
    mentions,
  };
  const message = form(outgoing, contentOrFile);

  /** `sender`: a participant's userID or GUID, or `system`. */
  const fromBackend = form({ ...outgoing, sender: z.string().min(1).max(256) }, contentOrFile);

  const status = {
    /** Of a message its decimal id, of an event `e<id>`. */
    messageID: messageId,
    messageStatus: z.enum(["delivered", "read"]),
  };

  /** Everything in a chat up to a place. */
  const through = form({
    chatID: key,
    through: z.int().min(1),
    messageStatus: z.enum(["delivered", "read"]),
  });

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

  const outgoingStatus = z.object({ ...status, clientHash: text(defaultMessageLimits.clientIdCharactersMax).min(1) });

  const keys = list(userKey, limits.membersMax);

  return {
    token: participant,
    tokens: list(participant, limits.participantsMax),
    refresh: z.object({ refreshToken: secret }),
    revocation: z.object({ refreshToken: secret.optional(), accessToken: secret.optional() }),
    link: z.union([
      form({ accessToken: secret, userID: userKey }),
      form({ accessToken: secret, password: text(passwordBytesMax).min(1) }),
    ]),
    unlink: form({ accessToken: secret }),
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
    message,
    edit: form({ ...content, mentions }),
    messages: list(message, limits.messagesMax),
    backendMessage: fromBackend,
    backendMessages: list(fromBackend, limits.messagesMax),
    statuses: form({ statuses: list(z.union([form(status), through]), limits.statusesMax) }),
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
      after: z.string().max(cursorCharactersMax).optional(),
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
      receipts: z.enum(["true", "false"]).optional().describe("Whether to tell how far others have got."),
    }),
    uploadQuery: z.object({ name: text(255).optional().describe("The file's name, for those who fetch it.") }),
    chatsQuery: z.object({
      after: z.string().max(96).optional(),
      limit: rows(chatRowsMax, chatRows),
    }),
    contactsQuery: z.object({
      after: z.string().max(96).optional(),
      limit: rows(chatRowsMax, chatRows),
    }),
    usersQuery: z.object({
      userID: userKey.optional().describe("The user of this name alone."),
      after: z.string().max(96).optional(),
      limit: rows(chatRowsMax, chatRows),
    }),
    longToken: form({
      userID: userKey.nullish().describe("For a backend: whose token it is."),
      name: text(longTokenNameCharactersMax).nullish().describe("What you call the token."),
      scopes: list(
        form({
          allow: z.enum(["publish", "read", "send"]),
          topic: text(1024).min(1).optional().describe("A topic filter, with publish or read."),
          chat: text(256).min(1).optional().describe("A chatID, in which * stands for any text, with read or send."),
        }),
        64,
      )
        .nullish()
        .describe("What it opens; without them everything but accounts, tokens and log-ins."),
      expires_in: z
        .int()
        .min(60)
        .max(longTokenLifetimeMsMax / 1000)
        .nullish()
        .describe("Seconds; without it the token does not expire."),
    }),
    longTokensQuery: z.object({ userID: userKey.optional().describe("For a backend: whose tokens.") }),
    webhook: form({
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
    replay: form({ offset: z.string().regex(/^\d{1,15}\.\d{1,15}$/, "not an offset") }),
    deadLettersQuery: z.object({ after: z.string().max(20).optional(), limit: rows(chatRowsMax, chatRows) }),
    changesQuery: z.object({
      after: described(
        digits.transform(Number).default(0),
        z.int().min(0).default(0).describe("The revision you know."),
      ),
      limit: rows(changesMax, changesMax),
      epoch: z.string().max(64).optional().describe("The epoch of that revision."),
    }),
    mute: form({
      until: described(
        z
          .string()
          .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/, "must be a time in ISO 8601")
          .transform((time) => Date.parse(time))
          .refine((ms) => Number.isFinite(ms), "must be a time in ISO 8601")
          .nullish(),
        z.string().nullish().describe("ISO 8601. Without it notices come again."),
      ),
    }),
    me: form({
      displayName: text(2 * nickCharactersMax)
        .optional()
        .describe(`1 to ${nickCharactersMax} characters.`),
      receipts: z.enum(receiptRules).optional().describe("What others may know of how far you have got."),
      presence: z.enum(presenceRules).optional().describe("Who sees whether you are online."),
    }),
    hook: form({ name: text(nickCharactersMax).nullish().describe("Whom the chat shows as the sender.") }),
    typing: form({ typing: z.boolean().default(true) }),
    searchQuery: z.object({
      query: text(queryCharactersMax).min(1).describe("Words, or how they begin; a message must have all of them."),
      chatID: key.optional().describe("Only in this chat."),
      before: described(
        digits.transform(Number).optional(),
        z
          .string()
          .regex(/^\d{1,15}$/)
          .optional()
          .describe("The `next` of the page before."),
      ),
      limit: rows(foundMax, foundUsually),
    }),
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
  const [found] = result.error.issues;
  const issue = found?.code === "invalid_union" ? (unknownFieldIn(found.errors) ?? found) : found;
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.map(String).join(".")}: `;
  throw new Refusal(badRequest, `${where}${issue?.message ?? "Invalid input"}`);
}

/** Of several forms, the one that a misspelled field alone keeps the input from. */
function unknownFieldIn(forms: readonly (readonly z.core.$ZodIssue[])[]): z.core.$ZodIssue | undefined {
  return forms
    .flatMap((issues) => (issues.length === 1 ? issues : []))
    .find(({ code }) => code === "unrecognized_keys");
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
