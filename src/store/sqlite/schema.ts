/**
 * The tables of the one SQLite file. `drizzle/NNNN_*.sql` is generated from here and embedded in the binary.
 * Column names are SQL's snake_case; times are UTC epoch milliseconds.
 * Those marked as `SteadyMs` are compared with the time that passes, and never shown (`lib/steady-clock.ts`).
 */

import { sql } from "drizzle-orm";
import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { SteadyMs } from "../../lib/clock.ts";

/**
 * `id`: users and chats together, so a number names one or the other. Moved in the transaction that uses it. `users`:
 * the version of the list of users, moved by triggers of the migration, since many changes change people. `time`, `steady`:
 * the times of the last batch. `move`: the batches that moved members' positions. `steps`, `lag`: see `KeptTime`. `search_off`: there while search is off.
 * `disk_share`: what a user who registered may take of the disk; 0: no limit.
 */
export const sequence = sqliteTable("sequence", {
  name: text("name").primaryKey(),
  next: integer("next").notNull(),
});

/** A phone number that owns users. */
export const profiles = sqliteTable("profiles", {
  phone: text("phone").primaryKey(),
  services: text("services", { mode: "json" }).notNull().default(sql`'[]'`),
  settings: text("settings", { mode: "json" }).notNull().default(sql`'[]'`),
  balance: integer("balance").notNull().default(0),
  updatedAtMs: integer("updated_at_ms").notNull(),
});

/** Codes on their way to an address or a new phone of a profile. */
export const profileCodes = sqliteTable(
  "profile_codes",
  {
    phone: text("phone")
      .notNull()
      .references(() => profiles.phone, { onDelete: "cascade" }),
    purpose: text("purpose", { enum: ["email", "migration"] }).notNull(),
    target: text("target").notNull(),
    salt: blob("salt", { mode: "buffer" }).notNull(),
    /** SHA-256 of salt and code. */
    hash: blob("hash", { mode: "buffer" }).notNull(),
    attempts: integer("attempts").notNull().default(0),
    expiresAtMs: integer("expires_at_ms").$type<SteadyMs>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.phone, table.purpose, table.target] })],
);

export const users = sqliteTable(
  "users",
  {
    userId: integer("user_id").primaryKey(),
    guid: text("guid").notNull(),
    username: text("username"),
    /** What the user may type in place of their number to log in; nothing else knows it. */
    loginName: text("login_name"),
    phone: text("phone").references(() => profiles.phone),
    nick: text("nick").notNull(),
    names: text("names").notNull().default(""),
    surnames: text("surnames").notNull().default(""),
    avatar: blob("avatar", { mode: "buffer" }),
    /** Where a phone's client put a picture; we only pass it on. */
    avatarLink: text("avatar_link").notNull().default(""),
    passwordHash: text("password_hash"),
    publicKey: blob("public_key", { mode: "buffer" }),
    disabled: integer("disabled", { mode: "boolean" }).notNull().default(false),
    /** Only a person logs in and is found; see `domain/people/kinds.ts`. */
    kind: text("kind", { enum: ["person", "hook", "device"] })
      .notNull()
      .default("person"),
    /** Decides which ordinary MQTT topics the user may use without patterns. */
    madeBy: text("made_by", { enum: ["operator", "registered", "invited", "backend"] })
      .notNull()
      .default("registered"),
    /** What others are told of how far the user has got in chats. */
    receipts: text("receipts", { enum: ["all", "delivered", "none"] })
      .notNull()
      .default("all"),
    /** Who sees whether the user is online, and when they were last seen. */
    presence: text("presence", { enum: ["friends", "none"] })
      .notNull()
      .default("friends"),
    createdAtMs: integer("created_at_ms").notNull(),
    lastSeenAtMs: integer("last_seen_at_ms"),
    /** Moves when what others see of the user changes. */
    updatedAtMs: integer("updated_at_ms").notNull().default(0),
  },
  (table) => [
    uniqueIndex("users_guid").on(table.guid),
    uniqueIndex("users_username").on(table.username),
    uniqueIndex("users_login_name").on(table.loginName).where(sql`login_name IS NOT NULL`),
    index("users_phone").on(table.phone),
    // People are found by how their nick begins.
    index("users_nick").on(sql`nick COLLATE NOCASE`).where(sql`disabled = 0 AND kind = 'person'`),
  ],
);

/** Secrets that stand for a user once and for minutes: what they are for, see `domain/people/account-code-store.ts`. */
export const accountCodes = sqliteTable(
  "account_codes",
  {
    userId: integer("user_id")
      .notNull()
      .references(() => users.userId, { onDelete: "cascade" }),
    purpose: text("purpose", { enum: ["sent", "operator", "link", "phone"] }).notNull(),
    /** Empty for a secret that cannot be guessed. */
    salt: blob("salt", { mode: "buffer" }).notNull(),
    /** SHA-256 of salt and code. */
    hash: blob("hash", { mode: "buffer" }).notNull(),
    /** Wrong tries. */
    attempts: integer("attempts").notNull().default(0),
    expiresAtMs: integer("expires_at_ms").$type<SteadyMs>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.purpose] }),
    index("account_codes_hash").on(table.hash),
    index("account_codes_expires").on(table.expiresAtMs),
  ],
);

/** `userId`'s row about `contactId`. */
export const contacts = sqliteTable(
  "contacts",
  {
    userId: integer("user_id")
      .notNull()
      .references(() => users.userId, { onDelete: "cascade" }),
    contactId: integer("contact_id")
      .notNull()
      .references(() => users.userId, { onDelete: "cascade" }),
    status: text("status", { enum: ["request", "authorization", "friend", "ignore", "banned"] }).notNull(),
    settings: text("settings", { mode: "json" }).notNull().default(sql`'[]'`),
    updatedAtMs: integer("updated_at_ms").notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.contactId] }), index("contacts_contact").on(table.contactId)],
);

export const chats = sqliteTable(
  "chats",
  {
    chatId: integer("chat_id").primaryKey(),
    /** The REST chatID as a backend gave it. */
    chatKey: text("chat_key"),
    kind: text("kind", { enum: ["direct", "group"] }).notNull(),
    directLow: integer("direct_low"),
    directHigh: integer("direct_high"),
    name: text("name").notNull(),
    ownerId: integer("owner_id").notNull(),
    /** Retention moves it; 1 while nothing was dropped. */
    firstSeq: integer("first_seq").notNull().default(1),
    lastSeq: integer("last_seq").notNull().default(0),
    lastMessageId: integer("last_message_id").notNull().default(0),
    /** The messages from `tailSeq` on are all this user's; null until the sender changes. */
    tailSenderId: integer("tail_sender_id"),
    tailSeq: integer("tail_seq"),
    createdAtMs: integer("created_at_ms").notNull(),
    updatedAtMs: integer("updated_at_ms").notNull(),
    /** Moves with every edit, deletion and reaction; the message's row takes the new value. */
    revision: integer("revision").notNull().default(0),
    /** Of a direct chat in which one user blocks the other: the first revision that not both may hear of. */
    heldRevision: integer("held_revision"),
  },
  (table) => [
    uniqueIndex("chats_chat_key").on(table.chatKey),
    uniqueIndex("chats_direct").on(table.directLow, table.directHigh),
  ],
);

/** Addresses whose posts become messages of a chat. Each has a user of its own, who goes with it. */
export const hooks = sqliteTable(
  "hooks",
  {
    userId: integer("user_id")
      .primaryKey()
      .references(() => users.userId, { onDelete: "cascade" }),
    chatId: integer("chat_id")
      .notNull()
      .references(() => chats.chatId, { onDelete: "cascade" }),
    /** SHA-256 of the secret part of the address. */
    hash: blob("hash", { mode: "buffer" }).notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
  },
  (table) => [uniqueIndex("hooks_hash").on(table.hash), index("hooks_chat").on(table.chatId, table.userId)],
);

/** Pictures of groups, apart from the rows that every list of chats reads. */
export const chatAvatars = sqliteTable("chat_avatars", {
  chatId: integer("chat_id")
    .primaryKey()
    .references(() => chats.chatId, { onDelete: "cascade" }),
  avatar: blob("avatar", { mode: "buffer" }).notNull(),
});

/** The members of a chat in joining order, and how far each has got. */
export const members = sqliteTable(
  "members",
  {
    chatId: integer("chat_id")
      .notNull()
      .references(() => chats.chatId, { onDelete: "cascade" }),
    userId: integer("user_id")
      .notNull()
      .references(() => users.userId, { onDelete: "cascade" }),
    /** 1, 2, 3… in the order of joining. */
    ordinal: integer("ordinal").notNull(),
    /** The chat's last `seq` when the member came: nothing up to it counts as undelivered. */
    joinedSeq: integer("joined_seq").notNull(),
    deliveredSeq: integer("delivered_seq").notNull(),
    readSeq: integer("read_seq").notNull(),
    /** Confirmed out of order, as `[[from,to],…]`. */
    deliveredRanges: text("delivered_ranges"),
    /** The messages that the member said they have read, in the same form. */
    readRanges: text("read_ranges"),
    /** Until then the member wants no notices of the chat; null where they want them. As the clock on the wall shows it. */
    mutedUntilMs: integer("muted_until_ms"),
    /** By which move of positions each of the two got where it is (`sequence`); 0: before moves were counted. */
    deliveredMove: integer("delivered_move").notNull().default(0),
    readMove: integer("read_move").notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.chatId, table.userId] }),
    index("members_user").on(table.userId, table.chatId),
  ],
);

/**
 * The log. Appended in the order of commits, so the rowid is the message id; `(chat_id, seq)` reads a chat. The second
 * index holds only messages with a client's own id.
 */
export const messages = sqliteTable(
  "messages",
  {
    messageId: integer("message_id").primaryKey(),
    chatId: integer("chat_id").notNull(),
    seq: integer("seq").notNull(),
    senderId: integer("sender_id").notNull(),
    /** See `messageKinds`, by place; plus 16 where each recipient has a text of their own in `message_texts`. */
    kind: integer("kind").notNull(),
    /** The type as the sender spelled it; null where it is the kind's own name. */
    type: text("type"),
    /** TEXT or BLOB, as it came; null where it stands in a file (`message_files`). */
    content: text("content"),
    clientId: text("client_id"),
    clientTimeMs: integer("client_time_ms"),
    sentAtMs: integer("sent_at_ms").notNull(),
    signature: text("signature"),
    /** What few messages have, their revision among it, as JSON: see `Extras` in `messages/extras.ts`. */
    extras: text("extras"),
  },
  (table) => [
    uniqueIndex("messages_chat_seq").on(table.chatId, table.seq),
    uniqueIndex("messages_client_id")
      .on(table.senderId, table.chatId, table.clientId)
      .where(sql`client_id is not null`),
    // The few with a text for each recipient, of which every confirmation is told.
    index("messages_addressed").on(table.chatId, table.seq).where(sql`kind >= 16`),
    // The few whose client's clock disagrees with ours: a range of time finds all others by their place.
    index("messages_odd_time")
      .on(table.chatId, table.seq)
      .where(sql`client_time_ms is not null and abs(client_time_ms - sent_at_ms) > 60000`),
  ],
);

/** Messages that were edited, deleted or reacted to, by the revision of the last time. No index of `messages` grows by it. */
export const messageRevisions = sqliteTable(
  "message_revisions",
  {
    messageId: integer("message_id")
      .primaryKey()
      .references(() => messages.messageId, { onDelete: "cascade" }),
    chatId: integer("chat_id").notNull(),
    revision: integer("revision").notNull(),
  },
  (table) => [index("message_revisions_chat").on(table.chatId, table.revision)],
);

/** Who reacted to which message, in the order in which they did. What readers see of it stands in `messages.extras`. */
export const messageReactions = sqliteTable(
  "message_reactions",
  {
    reactionId: integer("reaction_id").primaryKey(),
    messageId: integer("message_id")
      .notNull()
      .references(() => messages.messageId, { onDelete: "cascade" }),
    userId: integer("user_id").notNull(),
    /** One grapheme. */
    reaction: text("reaction").notNull(),
  },
  (table) => [uniqueIndex("message_reactions_one").on(table.messageId, table.reaction, table.userId)],
);

/** The texts of messages with one text for each recipient (REST `messageBlock`). They go with their message. */
export const messageTexts = sqliteTable(
  "message_texts",
  {
    messageId: integer("message_id")
      .notNull()
      .references(() => messages.messageId, { onDelete: "cascade" }),
    userId: integer("user_id").notNull(),
    /** 0: for all of the user's devices that have no text of their own. */
    deviceId: integer("device_id").notNull(),
    content: text("content").notNull(),
  },
  (table) => [primaryKey({ columns: [table.messageId, table.userId, table.deviceId] })],
);

/** Which message of the same sender another one stands in for; the older one's texts are gone. */
export const messageEdits = sqliteTable("message_edits", {
  messageId: integer("message_id")
    .primaryKey()
    .references(() => messages.messageId, { onDelete: "cascade" }),
  oldMessageId: integer("old_message_id").notNull(),
});

/** Which file holds the content of a large message. A file that no row names is removed. */
export const messageFiles = sqliteTable(
  "message_files",
  {
    messageId: integer("message_id").primaryKey(),
    chatId: integer("chat_id").notNull(),
    /** SHA-256. */
    hash: blob("hash", { mode: "buffer" }).notNull(),
    bytes: integer("bytes").notNull(),
    /** See `contentForms`, by place. */
    form: integer("form").notNull(),
    mediaType: text("media_type").notNull(),
    /** The file's name, where its sender gave one. */
    name: text("name"),
  },
  (table) => [index("message_files_hash").on(table.hash, table.chatId)],
);

/**
 * What a user's messages, files, uploads and retained messages take of the disk. Triggers of the migration and
 * `engine/disk-usage.ts` keep it.
 */
export const userDisk = sqliteTable("user_disk", {
  userId: integer("user_id")
    .primaryKey()
    .references(() => users.userId, { onDelete: "cascade" }),
  bytes: integer("bytes").notNull().default(0),
});

/** Who pays for what a hook's user takes, also once the hook is gone: the owner of the chat who made it. */
export const diskPayers = sqliteTable("disk_payers", {
  userId: integer("user_id").primaryKey(),
  payerId: integer("payer_id").notNull(),
});

/** Content that a user sent ahead of its message. It ends by itself unless a message names it. */
export const uploads = sqliteTable(
  "uploads",
  {
    uploadId: text("upload_id").primaryKey(),
    userId: integer("user_id")
      .notNull()
      .references(() => users.userId, { onDelete: "cascade" }),
    /** All of it, as it was announced. */
    bytes: integer("bytes").notNull(),
    /** So much of it is on disk. */
    written: integer("written").notNull().default(0),
    /** As its sender declared them; null where they did not. */
    type: text("type"),
    name: text("name"),
    /** SHA-256; null until all of it is there. */
    hash: blob("hash", { mode: "buffer" }),
    /** The first bytes, which tell what it is. */
    head: blob("head", { mode: "buffer" }),
    /** It is UTF-8, and no longer than a text may be. */
    isText: integer("is_text", { mode: "boolean" }).notNull().default(false),
    /** The first message that named it. The upload ends with that message's content. */
    messageId: integer("message_id"),
    expiresAtMs: integer("expires_at_ms").$type<SteadyMs>().notNull(),
  },
  (table) => [
    index("uploads_user").on(table.userId),
    index("uploads_expires").on(table.expiresAtMs),
    index("uploads_hash").on(table.hash).where(sql`hash IS NOT NULL`),
    index("uploads_message").on(table.messageId).where(sql`message_id IS NOT NULL`),
  ],
);

/** What a user must learn besides messages; kept until every door in `doors` confirmed it, or for 30 days. */
export const events = sqliteTable(
  "events",
  {
    eventId: integer("event_id").primaryKey({ autoIncrement: true }),
    userId: integer("user_id")
      .notNull()
      .references(() => users.userId, { onDelete: "cascade" }),
    type: text("type", { enum: ["entered", "left", "delivered", "read"] }).notNull(),
    chatId: integer("chat_id").notNull(),
    /** Of a status, which is for one user: `{chatKey, messageId, by, guid}`. */
    body: text("body"),
    /** Of an event that all members of a chat are told: the one body for all of them. */
    bodyId: integer("body_id"),
    /** A bit per door that has yet to confirm. */
    doors: integer("doors").notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
    keptSinceMs: integer("kept_since_ms")
      .$type<SteadyMs>()
      .notNull()
      .default(0 as SteadyMs),
  },
  (table) => [
    index("events_user").on(table.userId, table.eventId),
    index("events_kept").on(table.keptSinceMs),
    index("events_body").on(table.bodyId).where(sql`body_id IS NOT NULL`),
  ],
);

/** What members of a chat are told together: the list of those who entered or left stands here once. */
export const eventBodies = sqliteTable(
  "event_bodies",
  {
    bodyId: integer("body_id").primaryKey({ autoIncrement: true }),
    /** `{chatKey, users, deleted}` */
    body: text("body").notNull(),
    createdAtMs: integer("created_at_ms").$type<SteadyMs>().notNull(),
  },
  (table) => [index("event_bodies_created").on(table.createdAtMs)],
);

/** One place a user is logged in at one door, by the client's own name for it. */
export const devices = sqliteTable(
  "devices",
  {
    deviceId: integer("device_id").primaryKey({ autoIncrement: true }),
    userId: integer("user_id")
      .notNull()
      .references(() => users.userId, { onDelete: "cascade" }),
    door: text("door", { enum: ["mqtt", "minioicq", "rest"] }).notNull(),
    name: text("name").notNull(),
    guid: text("guid").notNull(),
    publicKey: blob("public_key", { mode: "buffer" }),
    /**
     * The newest message when the device came. Where the device has no position, nothing up to this message counts as
     * undelivered there.
     */
    sinceMessageId: integer("since_message_id").notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
  },
  (table) => [
    uniqueIndex("devices_name").on(table.userId, table.door, table.name),
    uniqueIndex("devices_guid").on(table.guid),
  ],
);

/** How far one device has got in one chat. */
export const devicePositions = sqliteTable(
  "device_positions",
  {
    deviceId: integer("device_id")
      .notNull()
      .references(() => devices.deviceId, { onDelete: "cascade" }),
    chatId: integer("chat_id")
      .notNull()
      .references(() => chats.chatId, { onDelete: "cascade" }),
    deliveredSeq: integer("delivered_seq").notNull(),
    /** Confirmed out of order, as `[[from,to],…]`. */
    deliveredRanges: text("delivered_ranges"),
    readRanges: text("read_ranges"),
  },
  (table) => [primaryKey({ columns: [table.deviceId, table.chatId] }), index("device_positions_chat").on(table.chatId)],
);

/** The chats one MiniOICQ device has been told of since its user came into them. */
export const deviceChats = sqliteTable(
  "device_chats",
  {
    deviceId: integer("device_id")
      .notNull()
      .references(() => devices.deviceId, { onDelete: "cascade" }),
    chatId: integer("chat_id")
      .notNull()
      .references(() => chats.chatId, { onDelete: "cascade" }),
  },
  (table) => [primaryKey({ columns: [table.deviceId, table.chatId] }), index("device_chats_chat").on(table.chatId)],
);

/** Generated secrets, by the SHA-256 of what the client holds. */
export const tokens = sqliteTable(
  "tokens",
  {
    hash: blob("hash", { mode: "buffer" }).primaryKey(),
    kind: text("kind", { enum: ["access", "refresh"] }).notNull(),
    userId: integer("user_id")
      .notNull()
      .references(() => users.userId, { onDelete: "cascade" }),
    deviceId: integer("device_id").references(() => devices.deviceId, { onDelete: "cascade" }),
    /** Which one gave it out: for a backend, or to a client that need not keep its password then. */
    door: text("door", { enum: ["minioicq", "rest"] })
      .notNull()
      .default("rest"),
    /** The client's own name for itself. */
    name: text("name"),
    createdAtMs: integer("created_at_ms").notNull(),
    lastUsedAtMs: integer("last_used_at_ms"),
    expiresAtMs: integer("expires_at_ms").$type<SteadyMs>(),
    /** What was made by refreshing: the hash of the refresh token that all of it goes back to. */
    family: blob("family", { mode: "buffer" }),
    /** The account made it for itself, without the backend's key; so are all those of MiniOICQ. */
    own: integer("own", { mode: "boolean" }).notNull().default(false),
    /** Since then it is used up or revoked; kept until it expires, so that showing it again is noticed. */
    endedAtMs: integer("ended_at_ms"),
  },
  (table) => [
    index("tokens_user").on(table.userId),
    index("tokens_expires").on(table.expiresAtMs),
    index("tokens_family").on(table.family),
  ],
);

/** Tokens that last until they are revoked, for a device or a program that logs in as a user or a device. */
export const longLivedTokens = sqliteTable(
  "long_lived_tokens",
  {
    /** The first hex digits of the hash. */
    tokenId: text("token_id").primaryKey(),
    hash: blob("hash", { mode: "buffer" }).notNull(),
    /** "user:<id>" or "device:<name>". */
    ownerKey: text("owner_key").notNull(),
    /** What its maker calls it. */
    name: text("name"),
    /** A list of scopes, as JSON; null: everything that its owner may do. */
    scopes: text("scopes"),
    madeBy: text("made_by", { enum: ["operator", "backend", "minioicq", "rest"] }).notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
    lastUsedAtMs: integer("last_used_at_ms"),
    expiresAtMs: integer("expires_at_ms").$type<SteadyMs>(),
  },
  (table) => [
    uniqueIndex("long_lived_tokens_hash").on(table.hash),
    index("long_lived_tokens_owner").on(table.ownerKey),
    index("long_lived_tokens_expires").on(table.expiresAtMs).where(sql`expires_at_ms IS NOT NULL`),
  ],
);

/** Streamed requests for tokens that may be repeated, by the SHA-256 of their key. */
export const tokenRuns = sqliteTable("token_runs", {
  hash: blob("hash", { mode: "buffer" }).primaryKey(),
  /** Half of what the tokens are derived from; the other half is the backend key, which is not here. */
  salt: blob("salt", { mode: "buffer" }).notNull(),
  createdAtMs: integer("created_at_ms").$type<SteadyMs>().notNull(),
});
/** Invitations to register where registration is closed, by the SHA-256 of what the link holds. */
export const invites = sqliteTable(
  "invites",
  {
    hash: blob("hash", { mode: "buffer" }).primaryKey(),
    usesLeft: integer("uses_left").notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
    expiresAtMs: integer("expires_at_ms").$type<SteadyMs>().notNull(),
    /** Who made it; null: the operator. */
    userId: integer("user_id").references(() => users.userId, { onDelete: "cascade" }),
  },
  (table) => [
    index("invites_expires").on(table.expiresAtMs),
    index("invites_user").on(table.userId).where(sql`user_id IS NOT NULL`),
  ],
);

/** Codes on their way to a phone. Several sessions may wait for one; it is gone once one of them showed it. */
export const phoneCodes = sqliteTable(
  "phone_codes",
  {
    codeId: integer("code_id").primaryKey({ autoIncrement: true }),
    salt: blob("salt", { mode: "buffer" }).notNull(),
    /** SHA-256 of salt and code. */
    hash: blob("hash", { mode: "buffer" }).notNull(),
    /** Null where it could not be sent. */
    sentAtMs: integer("sent_at_ms").$type<SteadyMs>(),
    expiresAtMs: integer("expires_at_ms").$type<SteadyMs>().notNull(),
  },
  (table) => [index("phone_codes_expires").on(table.expiresAtMs)],
);

/** Log-ins by phone, by the SHA-256 of the token their client holds. They do not expire once a code was confirmed. */
export const phoneSessions = sqliteTable(
  "phone_sessions",
  {
    sessionId: integer("session_id").primaryKey({ autoIncrement: true }),
    hash: blob("hash", { mode: "buffer" }).notNull(),
    phone: text("phone").notNull(),
    devKey: text("dev_key").notNull(),
    /** 1: the client brought the token. Where that was not recorded, it is taken to have. */
    tokenIsOwn: integer("token_is_own").notNull().default(1),
    clientId: text("client_id"),
    language: text("language"),
    /** Null until a code was confirmed. */
    userId: integer("user_id").references(() => users.userId, { onDelete: "cascade" }),
    codeId: integer("code_id").references(() => phoneCodes.codeId, { onDelete: "set null" }),
    attempts: integer("attempts").notNull().default(0),
    /** The profile it was to log in to was removed meanwhile. */
    orphaned: integer("orphaned", { mode: "boolean" }).notNull().default(false),
    createdAtMs: integer("created_at_ms").notNull(),
    lastOnlineAtMs: integer("last_online_at_ms").notNull(),
    /** Since when it waits for its code. */
    begunAtMs: integer("begun_at_ms")
      .$type<SteadyMs>()
      .notNull()
      .default(0 as SteadyMs),
    /** 1: its client has asked for more than friends and profiles, and hears of chats. */
    hearsChats: integer("hears_chats").notNull().default(0),
  },
  (table) => [
    uniqueIndex("phone_sessions_hash").on(table.hash),
    index("phone_sessions_device").on(table.devKey, table.phone),
    index("phone_sessions_phone").on(table.phone),
    index("phone_sessions_user").on(table.userId),
    index("phone_sessions_code").on(table.codeId),
    index("phone_sessions_pending").on(table.begunAtMs).where(sql`user_id is null`),
  ],
);

/** What is counted within an hour, by what it is counted for: mails of a profile. */
export const hourlyCounts = sqliteTable(
  "hourly_counts",
  {
    subject: text("subject").primaryKey(),
    startedAtMs: integer("started_at_ms").$type<SteadyMs>().notNull(),
    count: integer("count").notNull(),
  },
  (table) => [index("hourly_counts_started").on(table.startedAtMs)],
);

/** Messages that cost money, of the last day: the recipient, who asked (an address or an IPv6 /64), and the country code. */
export const paidMessages = sqliteTable(
  "paid_messages",
  {
    paidId: integer("paid_id").primaryKey({ autoIncrement: true }),
    number: text("number").notNull(),
    network: text("network").notNull(),
    prefix: text("prefix").notNull(),
    paidAtMs: integer("paid_at_ms").$type<SteadyMs>().notNull(),
  },
  (table) => [index("paid_messages_paid_at").on(table.paidAtMs)],
);

/** From which networks accounts logged in within 30 days: an IPv4 address, or an IPv6 /64. */
export const logInNetworks = sqliteTable(
  "log_in_networks",
  {
    pairId: integer("pair_id").primaryKey({ autoIncrement: true }),
    /** `user:<userId>` or `device:<name>`. */
    account: text("account").notNull(),
    network: text("network").notNull(),
    lastAtMs: integer("last_at_ms").$type<SteadyMs>().notNull(),
  },
  (table) => [
    uniqueIndex("log_in_networks_pair").on(table.account, table.network),
    index("log_in_networks_last").on(table.lastAtMs),
  ],
);

/** The server's own secrets, hashed: `backend_key`. */
export const serverKeys = sqliteTable("server_keys", {
  name: text("name").primaryKey(),
  hash: blob("hash", { mode: "buffer" }).notNull(),
  createdAtMs: integer("created_at_ms").notNull(),
});

/** MQTT sessions that outlive their connection, by who owns them and the client id. */
export const mqttSessions = sqliteTable(
  "mqtt_sessions",
  {
    sessionId: integer("session_id").primaryKey({ autoIncrement: true }),
    principalKey: text("principal_key").notNull(),
    clientId: text("client_id").notNull(),
    createdAtMs: integer("created_at_ms").$type<SteadyMs>().notNull(),
    lastConnectedAtMs: integer("last_connected_at_ms").$type<SteadyMs>().notNull(),
    /** How long after its connection the session ends; null: what the server's setting says then. */
    expirySeconds: integer("expiry_seconds"),
    /** Null while its client is connected. */
    disconnectedAtMs: integer("disconnected_at_ms").$type<SteadyMs>(),
  },
  (table) => [uniqueIndex("mqtt_sessions_owner").on(table.principalKey, table.clientId)],
);

export const mqttSubscriptions = sqliteTable(
  "mqtt_subscriptions",
  {
    sessionId: integer("session_id")
      .notNull()
      .references(() => mqttSessions.sessionId, { onDelete: "cascade" }),
    /** As subscribed to, `$share/…` included. */
    filter: text("filter").notNull(),
    qos: integer("qos").notNull(),
    /** The subscription options of MQTT 5 § 3.8.3.1 without the QoS. */
    options: integer("options").notNull().default(0),
    subscriptionId: integer("subscription_id"),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.filter] })],
);

/** The message each packet id of a persistent session last stood for, so that its DUP is answered and not stored again. */
export const mqttPublished = sqliteTable(
  "mqtt_published",
  {
    sessionId: integer("session_id")
      .notNull()
      .references(() => mqttSessions.sessionId, { onDelete: "cascade" }),
    packetId: integer("packet_id").notNull(),
    messageId: integer("message_id").notNull(),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.packetId] })],
);

/** The last message of each MQTT topic that was published to be retained. */
export const mqttRetained = sqliteTable("mqtt_retained", {
  topic: text("topic").primaryKey(),
  qos: integer("qos").notNull(),
  payload: blob("payload", { mode: "buffer" }).notNull(),
  /** MQTT 5 properties as they stand on the wire, without those that belong to one hop or to time. */
  properties: blob("properties", { mode: "buffer" }),
  /** Who published it, "user:<id>" or "device:<name>"; null: the server itself, or unknown. */
  publisherKey: text("publisher_key"),
  storedAtMs: integer("stored_at_ms").notNull(),
  expiresAtMs: integer("expires_at_ms").$type<SteadyMs>(),
});

/**
 * Messages on their way to persistent MQTT sessions, in the order of `queueId`. `packet` is the PUBLISH as the
 * broker writes it for the disk. While its client is connected a message is known to the broker by its number and is
 * not in the index.
 */
export const mqttQueue = sqliteTable(
  "mqtt_queue",
  {
    queueId: integer("queue_id").primaryKey(),
    sessionId: integer("session_id").notNull(),
    qos: integer("qos").notNull(),
    /** 0: not sent yet. */
    packetId: integer("packet_id").notNull(),
    /** 1: PUBREC arrived; only PUBREL and PUBCOMP are left, and `packet` is empty. */
    released: integer("released").notNull(),
    live: integer("live").notNull(),
    /** 0: never. */
    expiresAtMs: integer("expires_at_ms").$type<SteadyMs>().notNull(),
    /** The `$share/…` filter it was chosen by. */
    share: text("share"),
    packet: blob("packet", { mode: "buffer" }).notNull(),
  },
  (table) => [index("mqtt_queue_waiting").on(table.sessionId).where(sql`live = 0`)],
);

/**
 * Messages that a turn of the event loop brought for connected clients, until the last of them is acknowledged or, if that
 * takes long, gets a row of `mqtt_queue`. `mqtt/turns.ts` knows how to read it.
 */
export const mqttTurns = sqliteTable("mqtt_turns", {
  firstId: integer("first_id").primaryKey(),
  lastId: integer("last_id").notNull(),
  rows: blob("rows", { mode: "buffer" }).notNull(),
  packets: blob("packets", { mode: "buffer" }).notNull(),
});

/** Wills of clients that may be connected, and of those that are gone while the will's delay runs. */
export const mqttWills = sqliteTable(
  "mqtt_wills",
  {
    willId: integer("will_id").primaryKey({ autoIncrement: true }),
    principalKey: text("principal_key").notNull(),
    clientId: text("client_id").notNull(),
    /** PUBLISH as MQTT 5 writes it, with the will's QoS and RETAIN, packet id 0. */
    packet: blob("packet", { mode: "buffer" }).notNull(),
    delaySeconds: integer("delay_seconds").notNull(),
    /** Null while the client is connected. */
    publishAtMs: integer("publish_at_ms").$type<SteadyMs>(),
  },
  (table) => [index("mqtt_wills_owner").on(table.principalKey, table.clientId)],
);

/** MQTT devices with a name of their own, beside the users. */
export const mqttDevices = sqliteTable("mqtt_devices", {
  name: text("name").primaryKey(),
  passwordHash: text("password_hash"),
  /** The subject of a client certificate that stands for this device. */
  certificateSubject: text("certificate_subject").unique(),
  /** JSON arrays of topic filters with `%u` and `%c`; null: the default. */
  publish: text("publish"),
  subscribe: text("subscribe"),
  /** The user in whose name it writes to chats. */
  userId: integer("user_id").references(() => users.userId, { onDelete: "set null" }),
  /** The user that it is in chats of its own; goes with the device. */
  memberId: integer("member_id").references(() => users.userId, { onDelete: "set null" }),
  /** What it may do in these chats, as JSON: `TokenScopes` in `domain/people/scopes.ts`. */
  chats: text("chats"),
  createdAtMs: integer("created_at_ms").notNull(),
  /** When a client of it last came or went; null: never. */
  lastSeenAtMs: integer("last_seen_at_ms"),
});

/** The ordinary MQTT topics that the operator gave a user. JSON arrays of topic filters with `%u`. */
export const userTopics = sqliteTable("user_topics", {
  userId: integer("user_id")
    .primaryKey()
    .references(() => users.userId, { onDelete: "cascade" }),
  publish: text("publish").notNull(),
  subscribe: text("subscribe").notNull(),
});

/** Patterns for many users and devices, in the same form, with `%c` for devices. */
export const topicGroups = sqliteTable("topic_groups", {
  name: text("name").primaryKey(),
  publish: text("publish").notNull(),
  subscribe: text("subscribe").notNull(),
  createdAtMs: integer("created_at_ms").notNull(),
});

/** Members by "user:<id>" or "device:<name>"; removed with the user or the device. */
export const topicGroupMembers = sqliteTable(
  "topic_group_members",
  {
    ownerKey: text("owner_key").notNull(),
    groupName: text("group_name")
      .notNull()
      .references(() => topicGroups.name, { onDelete: "cascade" }),
  },
  (table) => [
    primaryKey({ columns: [table.ownerKey, table.groupName] }),
    index("topic_group_members_group").on(table.groupName),
  ],
);

/** What SCRAM-SHA-256 (RFC 5802) needs to check a password it is never shown; by "user:<id>" or "device:<name>". */
export const scramKeys = sqliteTable("scram_keys", {
  ownerKey: text("owner_key").primaryKey(),
  salt: blob("salt", { mode: "buffer" }).notNull(),
  iterations: integer("iterations").notNull(),
  storedKey: blob("stored_key", { mode: "buffer" }).notNull(),
  serverKey: blob("server_key", { mode: "buffer" }).notNull(),
});

/** Which packet ids of a persistent session hold a QoS 2 PUBLISH that was taken over and not yet released. */
export const mqttReceived = sqliteTable(
  "mqtt_received",
  {
    sessionId: integer("session_id")
      .notNull()
      .references(() => mqttSessions.sessionId, { onDelete: "cascade" }),
    packetId: integer("packet_id").notNull(),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.packetId] })],
);

/** Answers given to requests with an idempotency key, for a day. */
export const keptAnswers = sqliteTable(
  "kept_answers",
  {
    answerId: integer("answer_id").primaryKey({ autoIncrement: true }),
    /** SHA-256 of caller and key. */
    hash: blob("hash", { mode: "buffer" }).notNull(),
    caller: text("caller").notNull(),
    /** SHA-256 of the request. */
    fingerprint: blob("fingerprint", { mode: "buffer" }).notNull(),
    status: integer("status").notNull(),
    contentType: text("content_type").notNull(),
    /** Sealed with what the caller showed. */
    body: blob("body", { mode: "buffer" }).notNull(),
    bytes: integer("bytes").notNull(),
    createdAtMs: integer("created_at_ms").$type<SteadyMs>().notNull(),
  },
  (table) => [
    uniqueIndex("kept_answers_hash").on(table.hash),
    index("kept_answers_caller").on(table.caller, table.answerId),
    index("kept_answers_created").on(table.createdAtMs, table.bytes),
  ],
);

/** Called for every message and event. `message_id` and `event_id` say how far each has got. */
export const webhooks = sqliteTable("webhooks", {
  name: text("name").primaryKey(),
  url: text("url").notNull(),
  /** Signs; so it cannot be a hash. */
  secret: text("secret").notNull(),
  /** A JSON array. */
  kinds: text("kinds").notNull(),
  messageId: integer("message_id").notNull(),
  eventId: integer("event_id").notNull(),
  createdAtMs: integer("created_at_ms").notNull(),
});

/** Chats whose delivery to a webhook fails just now, and where each goes on. */
export const webhookPlaces = sqliteTable(
  "webhook_places",
  {
    webhook: text("webhook")
      .notNull()
      .references(() => webhooks.name, { onDelete: "cascade" }),
    chatId: integer("chat_id").notNull(),
    messageId: integer("message_id").notNull(),
    eventId: integer("event_id").notNull(),
    attempts: integer("attempts").notNull(),
    failingSinceMs: integer("failing_since_ms").$type<SteadyMs>().notNull(),
    nextAtMs: integer("next_at_ms").$type<SteadyMs>().notNull(),
    problem: text("problem").notNull(),
  },
  (table) => [primaryKey({ columns: [table.webhook, table.chatId] })],
);

/** What a webhook was not given, after all tries. */
export const webhookDeadLetters = sqliteTable(
  "webhook_dead_letters",
  {
    letterId: integer("letter_id").primaryKey({ autoIncrement: true }),
    webhook: text("webhook")
      .notNull()
      .references(() => webhooks.name, { onDelete: "cascade" }),
    chatId: integer("chat_id").notNull(),
    kind: text("kind", { enum: ["message", "event", "change"] }).notNull(),
    messageId: integer("message_id").notNull(),
    eventId: integer("event_id").notNull(),
    problem: text("problem").notNull(),
    givenUpAtMs: integer("given_up_at_ms").notNull(),
  },
  (table) => [index("webhook_dead_letters_webhook").on(table.webhook, table.letterId)],
);

/** What happened in chats besides messages, a row each, while there are webhooks. */
export const webhookEvents = sqliteTable(
  "webhook_events",
  {
    eventId: integer("event_id").primaryKey({ autoIncrement: true }),
    type: text("type", { enum: ["entered", "left", "edited", "deleted", "reacted"] }).notNull(),
    chatId: integer("chat_id").notNull(),
    /** As in `events`; of a change, a `LoggedChange`. */
    body: text("body").notNull(),
    /** The newest message then. */
    afterMessageId: integer("after_message_id").notNull(),
    createdAtMs: integer("created_at_ms").notNull(),
    keptSinceMs: integer("kept_since_ms")
      .$type<SteadyMs>()
      .notNull()
      .default(0 as SteadyMs),
  },
  (table) => [
    index("webhook_events_chat").on(table.chatId, table.eventId),
    index("webhook_events_kept").on(table.keptSinceMs),
  ],
);

/** Which migrations this file has seen. */
export const migrations = sqliteTable("migrations", {
  name: text("name").primaryKey(),
  /** SHA-256 of the SQL, hex. */
  checksum: text("checksum").notNull(),
  appliedAtMs: integer("applied_at_ms").notNull(),
});

/**
 * What the index of search must look at again, in this order: a message that was deleted or changed, or, without one, the
 * messages of a chat that are gone. Nothing is kept here while search is off.
 */
export const searchMarks = sqliteTable("search_marks", {
  markId: integer("mark_id").primaryKey({ autoIncrement: true }),
  chatId: integer("chat_id").notNull(),
  messageId: integer("message_id"),
});

/** Chats that are gone and whose messages are still being removed, slice by slice. */
export const sweeps = sqliteTable("sweeps", { chatId: integer("chat_id").primaryKey() });
