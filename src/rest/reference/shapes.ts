/**
 * What REST answers, as schemas. The document is made of them, and a test compares the server's answers with it. Answers
 * are put together without them, since a page of history is read too often to be checked each time.
 */

import { z } from "zod";
import { keyPattern } from "../../domain/keys.ts";

const id = z.string().regex(/^\d{1,16}$/);
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const key = z.string().regex(keyPattern);
const guid = z.uuid();
const seq = z.int().min(0);
const cursor = z.string().regex(/^[A-Za-z0-9_-]{1,96}$/);

/** The REST document's own form: one word. */
export const documentedError = <const Text extends string>(...texts: readonly [Text, ...Text[]]) =>
  z.strictObject({ error: z.enum(texts) });

/** RFC 9457. */
export const problem = z
  .strictObject({
    type: z.literal("about:blank"),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().describe("What was wrong; also in the header X-Error-Detail."),
    error: z.string().describe("The same in the words of the documented routes."),
  })
  .meta({ id: "Problem" });

export const nothing = z.strictObject({}).meta({ id: "Nothing" });

export const tokenPair = z
  .strictObject({ accessToken: z.string(), refreshToken: z.string() })
  .meta({ id: "TokenPair" });

/** A stream's answer: a line for each line of the request. */
export const tokenLine = z
  .strictObject({
    userID: z.string().nullable().describe("Null where the line names none."),
    status: z.literal(201),
    accessToken: z.string(),
    refreshToken: z.string(),
  })
  .or(
    z.strictObject({
      userID: z.string().nullable(),
      status: z.int().min(400).max(599),
      error: z.string(),
    }),
  );

const publicKeyText = z.string().regex(/^[0-9A-F]+$/);

export const publicKey = z
  .strictObject({ publicKey: publicKeyText.describe("SPKI in upper-case hex."), algorithm: z.literal("RSA-SHA256") })
  .meta({ id: "PublicKey" });

const person = z.strictObject({ GUID: guid, userID: key, displayName: z.string().optional() });

export const guidList = z.strictObject({ GUIDList: z.array(guid) }).meta({ id: "GUIDList" });

export const chatUsers = z
  .strictObject({
    chat: z.strictObject({
      chatID: key,
      chatName: z.string(),
      ownerGUID: guid,
      creationTime: z.string().regex(/^\d+$/).describe("Milliseconds since 1970, UTC."),
      updateTime: z.string().regex(/^\d+$/).describe("The same, of the last change to members or name."),
      users: z.array(person).describe("In the order in which they joined."),
    }),
  })
  .meta({ id: "ChatUsers" });

export const sent = z
  .strictObject({
    message_id: id,
    seq: seq.describe("The message's place in its chat: 1, 2, 3… without a gap."),
    chat_id: id,
    chatID: key,
    time,
    client_id: z.string().optional(),
  })
  .meta({ id: "Sent" });

export const message = z
  .strictObject({
    message_id: id,
    seq,
    chat_id: id,
    chatID: key,
    sender_id: id,
    sender: key,
    type: z.string(),
    content: z.string(),
    encoding: z.literal("base64").optional().describe("Present where the content is bytes."),
    time,
    client_id: z.string().optional(),
  })
  .meta({ id: "Message" });

const eventUser = z.strictObject({ GUID: guid, user_id: id, userID: key });

export const event = z
  .strictObject({
    event_id: z
      .string()
      .regex(/^e\d{1,16}$/)
      .optional()
      .describe("Confirm it like a message. Events that are not stored (typing) have none."),
    type: z.enum(["chat_enter", "chat_leave", "chat_typing", "chat_typingEnd", "delivered", "read"]),
    chat_id: id,
    chatID: key,
    message_id: id.optional().describe("The message of yours that was delivered or read."),
    users: z.array(eventUser),
    deleted: z.literal(true).optional().describe("The whole chat is gone."),
    time,
  })
  .meta({ id: "Event" });

export const inbox = z
  .strictObject({
    messages: z.array(message),
    events: z.array(event),
    next: cursor.describe("`after` of the request that follows."),
  })
  .meta({ id: "Inbox" });

/** Of the signed form. */
export const signedQuery = z.object({
  timestamp: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
  sign: z.string().optional().describe("Over the digits of `timestamp`, in hex or base64."),
});

const millis = z.string().regex(/^\d{1,16}$/);
const eventId = z.string().regex(/^e\d{1,16}$/);
const sign = z.string().regex(/^[0-9a-f]{512}$/);

export const exchanged = z
  .strictObject({
    outgoingEventsResult: z.strictObject({
      messages: z.array(z.strictObject({ clientHash: z.string(), serverTime: millis, messageID: id })),
      statuses: z.array(z.string()).describe("The clientHash of each."),
    }),
    sign: sign.describe("By the server, over the text of `outgoingEventsResult`."),
  })
  .meta({ id: "Exchanged" });

export const incoming = z
  .strictObject({
    incomingEvents: z.strictObject({
      timestamp: millis,
      messages: z
        .array(
          z.strictObject({
            messageID: id,
            sender: guid,
            messageText: z.string(),
            serverTime: millis,
            chatID: key,
            recipientList: z.array(guid),
            oldMessageID: id.optional().describe("The message that this one replaces."),
          }),
        )
        .optional(),
      statuses: z
        .array(
          z.strictObject({
            type: z.enum(["delivered", "read"]),
            messageID: eventId,
            messageIDStatus: id.describe("The message it is about."),
            recipient: guid,
          }),
        )
        .optional(),
      info: z
        .array(
          z.strictObject({
            messageID: eventId.optional().describe("Confirm it. Events that are not stored (typing) have none."),
            subType: z.enum(["chat_enter", "chat_leave", "chat_typing", "chat_typingEnd"]),
            chatID: key,
            messageGUIDList: z.array(z.strictObject({ GUID: guid, userID: key, displayName: z.string() })),
          }),
        )
        .optional(),
    }),
    sign: sign.describe("By the server, over the text of `incomingEvents`."),
  })
  .meta({ id: "Incoming" });

export const confirmed = z.strictObject({ statuses: z.array(z.string()) }).meta({ id: "Confirmed" });

export const history = z
  .strictObject({
    messages: z.array(message),
    next: z.int().min(1).nullable().describe("The seq to go on with; null at the end."),
  })
  .meta({ id: "History" });

export const chats = z
  .strictObject({
    chats: z.array(
      z.strictObject({
        chat_id: id,
        chatID: key,
        kind: z.enum(["direct", "group"]),
        name: z.string(),
        last_seq: seq,
        delivered_seq: seq.describe("How far you have come."),
        read_seq: seq,
        created: time,
        updated: time,
      }),
    ),
    next: cursor.nullable().describe("`after` of the page that follows; null at the end."),
  })
  .meta({ id: "Chats" });

export const me = z
  .strictObject({
    user_id: id,
    userID: key,
    GUID: guid,
    displayName: z.string().optional(),
    has_key: z.boolean().describe("Whether a public key was given with a token."),
    created: time,
  })
  .meta({ id: "Me" });

export const user = z
  .strictObject({
    user: z.strictObject({
      GUID: guid,
      userID: key,
      displayName: z.string().optional(),
      userKey: publicKeyText.optional(),
      devices: z.array(z.strictObject({ GUID: guid, userKey: publicKeyText })),
    }),
  })
  .meta({ id: "User" });

const offset = z.string().regex(/^\d{1,15}\.\d{1,15}$/);

export const webhook = z
  .strictObject({
    name: z.string(),
    url: z.string(),
    events: z.array(z.enum(["message", "event"])),
    offset: offset.describe("How far it has come."),
    failing_chats: z.int().min(0).describe("Chats whose delivery is failing now and is tried again."),
    problem: z.string().optional().describe("What is wrong in one of them."),
    created: time,
    secret: z.string().optional().describe("Shown once: when it was made or given."),
  })
  .meta({ id: "Webhook" });

export const webhooks = z.strictObject({ webhooks: z.array(webhook), next: z.null() }).meta({ id: "Webhooks" });

export const deadLetters = z
  .strictObject({
    dead_letters: z.array(
      z.strictObject({
        type: z.enum(["message", "event"]),
        offset: offset.describe("Of the item itself."),
        chat_id: id,
        problem: z.string(),
        time,
      }),
    ),
    next: z.string().nullable(),
  })
  .meta({ id: "DeadLetters" });

export const live = z.strictObject({ live: z.boolean() }).meta({ id: "Live" });
export const ready = z.strictObject({ ready: z.boolean(), reasons: z.array(z.string()) }).meta({ id: "Ready" });
export const version = z.strictObject({ version: z.string() }).meta({ id: "Version" });
