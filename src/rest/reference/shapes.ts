/**
 * What REST answers, as schemas. The document is made of them, and a test compares the server's answers with it. Answers
 * are put together without them, since a page of history is read too often to be checked each time.
 */

import { z } from "zod";
import { keyPattern, userKeyPattern } from "../../domain/keys.ts";
import { presenceRules, receiptRules } from "../../domain/model.ts";
import { credentialKinds } from "../../domain/people/link-store.ts";

const id = z.string().regex(/^\d{1,16}$/);
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const key = z.string().regex(keyPattern);
const userKey = z.string().regex(userKeyPattern);
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

const scope = z.strictObject({
  allow: z.enum(["publish", "read", "send"]),
  topic: z.string().optional(),
  chat: z.string().optional(),
});

const longTokenFields = {
  token_id: z.string().regex(/^[0-9a-f]{16}$/),
  name: z.string().nullable(),
  scopes: z.array(scope).nullable().describe("Null: everything but accounts, tokens and log-ins."),
  made_by: z.enum(["operator", "backend", "minioicq", "rest"]),
  created: time,
  last_used: time.nullable().describe("To a minute; null: never."),
  expires: time.nullable().describe("Null: never."),
};

export const newLongToken = z
  .strictObject({ token: z.string().describe("Shown only this once."), ...longTokenFields })
  .meta({ id: "NewLongToken" });

export const longTokens = z
  .strictObject({ tokens: z.array(z.strictObject(longTokenFields)), next: z.null() })
  .meta({ id: "LongTokens" });

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
      detail: z.string().describe("What was wrong."),
    }),
  );

const publicKeyText = z.string().regex(/^[0-9A-F]+$/);

export const publicKey = z
  .strictObject({ publicKey: publicKeyText.describe("SPKI in upper-case hex."), algorithm: z.literal("RSA-SHA256") })
  .meta({ id: "PublicKey" });

const person = z.strictObject({
  GUID: guid,
  userID: userKey,
  displayName: z.string().optional(),
  kind: z.enum(["hook", "device"]).optional().describe("Of a member that is no person."),
});

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

const reactions = z.array(
  z.strictObject({
    reaction: z.string().describe("One character as a reader sees it."),
    count: z.int().min(1),
    user_ids: z.array(id).describe("The first 20 of those who reacted so."),
  }),
);
const revision = z.int().min(0);
const file = z
  .strictObject({
    hash: z.string().regex(/^[0-9a-f]{64}$/),
    url: z.string(),
    bytes: z.int().min(1),
    type: z.string().describe("The media type it is served with."),
    name: z.string().optional(),
  })
  .meta({ id: "File" });

export const upload = z
  .strictObject({
    file: z
      .string()
      .regex(/^up_[0-9a-f]{32}$/)
      .describe("A message names it as its `file`."),
    bytes: z.int().min(1),
    offset: z.int().min(0).describe("So much of it is on the disk."),
    complete: z.boolean().describe("A message may name it."),
    type: z.string().optional(),
    name: z.string().optional(),
    expires: time,
  })
  .meta({ id: "Upload" });

export const message = z
  .strictObject({
    message_id: id,
    seq,
    chat_id: id,
    chatID: key,
    sender_id: id,
    sender: userKey,
    type: z.string(),
    content: z.string().optional().describe("Absent where it is too large, and only the file has it."),
    encoding: z.literal("base64").optional().describe("Present where the content is bytes."),
    file: file.optional().describe("Present where the content is a file."),
    time,
    client_id: z.string().optional(),
    reply_to: id.optional().describe("The message that it answers."),
    mentions: z.array(id).optional().describe("The members whom it names."),
    revision: revision.optional().describe("Of the last edit, deletion or reaction, in the chat."),
    edited: time.optional().describe("When it was last edited."),
    reactions: reactions.optional(),
  })
  .meta({ id: "Message" });

const unchanged = { message_id: id, seq, chat_id: id, chatID: key };
const place = { ...unchanged, revision };

export const deleted = z.strictObject(place).meta({ id: "Deleted" });
export const reacted = z
  .strictObject({ ...place, reactions: reactions.describe("All reactions to the message now.") })
  .meta({ id: "Reacted" });

const epoch = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .describe("Made with the server's data folder. Where it changes, revisions and places count no more.");

export const changes = z
  .strictObject({
    epoch,
    changes: z.array(
      z
        .strictObject({ change: z.literal("changed"), revision, message })
        .or(z.strictObject({ change: z.literal("deleted"), ...place })),
    ),
    revision: revision.describe("`after` of the request that follows."),
    more: z.boolean().describe("Ask on at once."),
    reset: z.boolean().describe("Your revision is not of this data folder: read the chat anew."),
  })
  .meta({ id: "Changes" });

const eventUser = z.strictObject({ GUID: guid, user_id: id, userID: userKey });

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
    owner: eventUser.optional().describe("Who owns the chat from now on, where its owner left."),
    time,
  })
  .meta({ id: "Event" });

const liveChange = { type: z.literal("change"), ...place };

/** What was changed while the request waited. */
const changeEvent = z.union([
  z.strictObject({ type: z.literal("change"), change: z.literal("edited"), revision, message }),
  z.strictObject({ ...liveChange, change: z.literal("deleted") }),
  z.strictObject({
    ...liveChange,
    change: z.literal("reacted"),
    user_id: id,
    reaction: z.string(),
    added: z.boolean(),
    reactions,
  }),
]);

/** How far a member has got, told to a reader who asks for it. */
const reached = z
  .strictObject({
    type: z.enum(["delivered", "read"]),
    chat_id: id,
    chatID: key,
    through: seq.describe("Everything up to this `seq` was delivered or read."),
    users: z.array(eventUser),
  })
  .meta({ id: "Reached" });

export const receipts = z
  .strictObject({
    ...unchanged,
    members: z.int().describe("All members of the chat."),
    delivered: z.int().describe("So many got it, of those who let it be known."),
    read: z.int(),
    receipts: z
      .array(
        z.strictObject({
          chat_id: id,
          chatID: key,
          user_id: id,
          delivered: z.int().describe("Everything up to this `seq` was delivered to the user."),
          read: z.int().optional().describe("Absent where the user does not let it be known."),
        }),
      )
      .optional()
      .describe("Absent in chats of more than 256 members."),
  })
  .meta({ id: "Receipts" });

export const inbox = z
  .strictObject({
    messages: z.array(message),
    events: z.array(z.union([event, changeEvent, reached])),
    waiting: z
      .int()
      .min(0)
      .optional()
      .describe(
        "Without `after`: so many messages wait, those of the answer included. Where the answer does not hold them all, your own, deleted ones and those for others are counted too.",
      ),
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
            messageGUIDList: z.array(z.strictObject({ GUID: guid, userID: userKey, displayName: z.string() })),
          }),
        )
        .optional(),
    }),
    sign: sign.describe("By the server, over the text of `incomingEvents`."),
  })
  .meta({ id: "Incoming" });

export const confirmed = z
  .strictObject({ statuses: z.array(z.string().or(z.strictObject({ chatID: key, through: seq }))) })
  .meta({ id: "Confirmed" });

export const history = z
  .strictObject({
    messages: z.array(message),
    next: z.int().min(1).nullable().describe("The seq to go on with; null at the end."),
  })
  .meta({ id: "History" });

export const found = z
  .strictObject({
    messages: z.array(message),
    next: id.nullable().describe("The `before` of the following page; null at the end."),
  })
  .meta({ id: "Found" });

export const chats = z
  .strictObject({
    epoch,
    chats: z.array(
      z.strictObject({
        chat_id: id,
        chatID: key,
        kind: z.enum(["direct", "group"]),
        name: z.string(),
        last_seq: seq,
        revision: revision.describe("Of the last edit, deletion or reaction in the chat."),
        delivered_seq: seq.describe("How far you have come."),
        read_seq: seq.describe(
          "How far you have read. Your own messages, deleted ones and those for others count as read.",
        ),
        unread: z.int().min(0).describe("Messages of others after `read_seq`; past 256 places, places are counted."),
        muted_until: time.optional().describe("Until then you want no notices, but for messages that name you."),
        created: time,
        updated: time,
      }),
    ),
    next: cursor.nullable().describe("`after` of the page that follows; null at the end."),
  })
  .meta({ id: "Chats" });

export const muted = z
  .strictObject({ chat_id: id, chatID: key, muted_until: time.optional().describe("Absent where it is not muted.") })
  .meta({ id: "Muted" });

export const allChats = z
  .strictObject({
    epoch,
    chats: z.array(
      z.strictObject({
        chat_id: id,
        chatID: key,
        kind: z.enum(["direct", "group"]),
        name: z.string(),
        last_seq: seq,
        revision,
        ownerGUID: guid.optional().describe("Of a group."),
        created: time,
        updated: time,
      }),
    ),
    next: cursor.nullable().describe("`after` of the page that follows; null at the end."),
  })
  .meta({ id: "AllChats" });

const personShape = {
  user_id: id,
  userID: userKey,
  GUID: guid,
  displayName: z.string().optional(),
  has_key: z.boolean().describe("Whether a public key was given with a token."),
  created: time,
};

export const me = z
  .strictObject({
    ...personShape,
    receipts: z.enum(receiptRules).describe("What others may know of how far you have got."),
    presence: z.enum(presenceRules).describe("Who sees whether you are online, and when you were last seen."),
  })
  .meta({ id: "Me" });

export const contact = z
  .strictObject({
    user_id: id,
    userID: userKey,
    GUID: guid.optional().describe("Absent where the server hides strangers, and this one has not answered yet."),
    displayName: z.string().optional(),
    status: z
      .enum(["request", "authorization", "friend", "ignore", "banned"])
      .describe("request: you asked. authorization: they asked you. ignore, banned: they are not heard."),
    updated: time,
    presence: z
      .strictObject({ online: z.boolean(), last_seen: time.optional() })
      .optional()
      .describe(
        "Of one contact alone: present where you are friends, and the friend shows it. `last_seen` is to the minute.",
      ),
  })
  .meta({ id: "Contact" });

export const contacts = z
  .strictObject({
    contacts: z.array(contact),
    next: cursor.nullable().describe("`after` of the page that follows; null at the end."),
  })
  .meta({ id: "Contacts" });

export const users = z
  .strictObject({
    users: z.array(z.strictObject({ ...personShape, last_seen: time.optional() })),
    next: cursor.nullable().describe("`after` of the page that follows; null at the end."),
  })
  .meta({ id: "Users" });

export const linked = z
  .strictObject({
    user_id: id,
    userID: userKey,
    GUID: guid,
    credentials: z.array(z.enum(credentialKinds)),
  })
  .meta({ id: "Linked" });

export const user = z
  .strictObject({
    user: z.strictObject({
      GUID: guid,
      userID: userKey,
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
    events: z.array(z.enum(["message", "event", "change"])),
    offset: offset.describe("How far it has come."),
    failing_chats: z.int().min(0).describe("Chats whose delivery is failing now and is tried again."),
    problem: z.string().optional().describe("What is wrong in one of them."),
    created: time,
    secret: z.string().optional().describe("Shown once: when it was made or given."),
  })
  .meta({ id: "Webhook" });

const hookShape = {
  hook_id: id.describe("Also the user_id of the hook as a member."),
  chatID: key,
  name: z.string(),
  created: time,
};

export const hooks = z.strictObject({ hooks: z.array(z.strictObject(hookShape)) }).meta({ id: "Hooks" });

export const madeHook = z
  .strictObject({
    ...hookShape,
    path: z.string().describe("Its address on this server, shown once. Who knows it can post."),
  })
  .meta({ id: "MadeHook" });

export const webhooks = z.strictObject({ webhooks: z.array(webhook), next: z.null() }).meta({ id: "Webhooks" });

export const deadLetters = z
  .strictObject({
    dead_letters: z.array(
      z.strictObject({
        type: z.enum(["message", "event", "change"]),
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
export const ready = z
  .strictObject({
    ready: z.boolean(),
    reasons: z.array(z.string()),
    warnings: z.array(z.string()).optional().describe("What does not keep the server from working"),
  })
  .meta({ id: "Ready" });
export const version = z.strictObject({ version: z.string() }).meta({ id: "Version" });
