/**
 * What the product must remember. Every method that changes something is one whole, atomic change: it checks, then
 * writes, and resolves once the change is on disk. It throws a `DomainError` when the product says no, and
 * `storage_full` when the disk does. Changes settle in the order they were submitted. Reads see every change that has
 * settled. All of it is async, so that a server database can stand behind it.
 */
import type { AnswerStore } from "./answer-store.ts";
import type { ContactStore } from "./contact-store.ts";
import type {
  Chat,
  ChatId,
  ChatRef,
  ChatView,
  DeviceId,
  Door,
  Draft,
  Entered,
  EventId,
  Left,
  MemberChat,
  Message,
  MessageId,
  Position,
  Sent,
  StoredEvent,
  TokenOwner,
  User,
  UserId,
} from "./model.ts";
import type { PhoneStore } from "./phone-store.ts";
import type { ProfileStore } from "./profile-store.ts";
import type { WebhookStore } from "./webhook-store.ts";

/** What SCRAM-SHA-256 needs to check a password it is never shown (RFC 5802 § 3). */
export interface ScramKeys {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface NewUser {
  readonly nick: string;
  readonly username?: string | undefined;
  readonly passwordHash?: string | undefined;
  readonly scramKeys?: ScramKeys | undefined;
}

/** A thing that speaks MQTT with a name of its own, which no user has. */
export interface MqttDevice {
  readonly name: string;
  /** Canonical (`lib/distinguished-name.ts`). */
  readonly certificateSubject: string | undefined;
  /** Topic filters with `%u` and `%c`; undefined: the default. */
  readonly publish: readonly string[] | undefined;
  readonly subscribe: readonly string[] | undefined;
  readonly createdAtMs: number;
}

export interface NewMqttDevice extends Omit<MqttDevice, "createdAtMs"> {
  readonly passwordHash: string | undefined;
  readonly scramKeys: ScramKeys | undefined;
}

export type TokenKind = "access" | "refresh";

export interface NewToken {
  readonly kind: TokenKind;
  /** SHA-256 of the secret; the secret itself never reaches the store. */
  readonly hash: Uint8Array;
  readonly expiresAtMs: number | undefined;
}

/** A participant a backend asks tokens for; made when new. */
export interface Participant {
  readonly username: string;
  readonly displayName?: string | undefined;
  readonly publicKey?: Uint8Array | undefined;
  /** REST `clientID`: makes a device with a position of its own. */
  readonly clientId?: string | undefined;
  readonly tokens: readonly NewToken[];
}

/** Where an unbroken run of messages a user has not got begins, in one chat. */
export interface Head {
  readonly chatId: ChatId;
  readonly seq: number;
  readonly messageId: MessageId;
}

export interface Advance {
  readonly userId: UserId;
  /** The device whose position moves; the user's own moves with it unless the device only passed over. */
  readonly deviceId: DeviceId | undefined;
  /** The device does not want this chat: its position moves over it, and nothing was delivered to the user. */
  readonly passedOver?: boolean | undefined;
  readonly chatId: ChatId;
  /** Everything up to here was delivered. A position never moves back. */
  readonly deliveredSeq: number;
}

/** A device by its client's own name for it. */
export interface DeviceName {
  readonly userId: UserId;
  readonly door: "mqtt" | "minioicq" | "rest";
  readonly name: string;
}

export interface UserStore {
  createUser(user: NewUser): Promise<User>;
  /** Without `scramKeys` those of the old password go all the same. */
  setPassword(userId: UserId, passwordHash: string, scramKeys?: ScramKeys): Promise<void>;
  /** Somebody unknown is passed over. */
  touchUsers(seen: readonly { userId: UserId; lastSeenAtMs: number }[]): Promise<void>;
  findUser(userId: number): Promise<User | undefined>;
  /** An exact username, else `user.<userId>`. */
  findUserByKey(key: string): Promise<User | undefined>;
  findPasswordHash(userId: UserId): Promise<string | undefined>;
  /** Enabled users by rising id. */
  listUsers(page: { after: number; limit: number }): Promise<User[]>;
  countUsers(): Promise<number>;
  /** Enabled users who share a chat with `userId`, and `userId` itself, by rising id. */
  listAcquaintances(userId: UserId, limit: number): Promise<User[]>;
}

export interface MqttDeviceStore {
  /** Throws `username_taken` where a user or a device has the name, `invalid_device` where one has the certificate. */
  addMqttDevice(device: NewMqttDevice): Promise<MqttDevice>;
  /** With its password and keys; false where there was none. */
  removeMqttDevice(name: string): Promise<boolean>;
  /** By rising name, from the first one after `after`. */
  listMqttDevices(page: { after: string; limit: number }): Promise<MqttDevice[]>;
  findMqttDevicePassword(name: string): Promise<string | undefined>;
  /** By "user:<id>" or "device:<name>". */
  findScramKeys(ownerKey: string): Promise<ScramKeys | undefined>;
  /** Keys made from the password a user has had all along; nothing happens if it changed meanwhile, or keys are there. */
  addScramKeys(keys: { userId: UserId; passwordHash: string; scramKeys: ScramKeys }): Promise<void>;
  /** A secret of the server's own: `fresh` where there is none of that name yet. */
  keepSecret(name: string, fresh: Uint8Array): Promise<Uint8Array>;
}

export interface TokenStore {
  /** Makes users that do not exist, stores keys and tokens; all or nothing. One answer per entry, in order. */
  provision(participants: readonly Participant[]): Promise<{ user: User; deviceId: DeviceId | undefined }[]>;
  findToken(hash: Uint8Array, kind: TokenKind): Promise<TokenOwner | undefined>;
  /** A device of this user at this door by its client's own name; made when new. */
  openDevice(device: DeviceName): Promise<DeviceId>;
  /** Forgets a device and its positions, if there is one. */
  endDevice(device: DeviceName): Promise<void>;
  /** SHA-256 of the current backend key, with the time it was made. */
  findBackendKey(): Promise<{ hash: Uint8Array; createdAtMs: number } | undefined>;
  setBackendKey(hash: Uint8Array): Promise<void>;
}

export interface ChatStore {
  /** A new group. Throws `user_not_found`, `too_many_members`. */
  createChat(chat: { ownerId: UserId; members: readonly number[]; name: string | undefined }): Promise<Entered>;
  /**
   * REST's PUT: makes the chat when needed (the first user owns it), makes unknown users, adds, renames. Repeating it
   * changes nothing. `users` answers `people` entry by entry.
   */
  putMembers(put: {
    chatKey: string;
    people: readonly { username: string; displayName?: string | undefined }[];
    chatName: string | undefined;
  }): Promise<{ view: ChatView; users: User[]; entered: Entered | undefined }>;
  /** `people` are string ids or GUIDs; strangers are ignored. Removing the owner or the last member deletes the chat. Throws `chat_not_found`. */
  removeMembers(removal: { chatKey: string; people: readonly string[] }): Promise<Left | undefined>;
  deleteChat(chatKey: string): Promise<Left>;
  findChat(ref: ChatRef, asSeenBy?: UserId): Promise<Chat | undefined>;
  /** The chat, if the user is a member of it. */
  findChatOf(userId: UserId, ref: ChatRef): Promise<Chat | undefined>;
  findChatView(ref: ChatRef, asSeenBy?: UserId): Promise<ChatView | undefined>;
  isMember(chatId: ChatId, userId: UserId): Promise<boolean>;
  chatsOf(userId: UserId): Promise<Chat[]>;
  /** The user's chats by rising id, from the first one after `after`, with how far he has got in each. */
  chatPage(userId: UserId, page: { after: number; limit: number }): Promise<MemberChat[]>;
  /** The first `limit` members, by id. */
  memberIds(chatId: ChatId, limit: number): Promise<UserId[]>;
}

export interface MessageStore {
  /** Throws `chat_not_found`, `not_a_member`, `user_disabled`. */
  appendMessage(draft: Draft): Promise<Sent>;
  /** All or nothing, in order. */
  appendMessages(drafts: readonly Draft[]): Promise<Sent[]>;
  findMessage(messageId: MessageId): Promise<Message | undefined>;
  /**
   * One page of a chat, ascending. With `afterSeq` the oldest after it, otherwise the newest (before `beforeSeq`).
   * With `bytesMax` it stops behind the message that brings its content to so much.
   */
  messages(page: {
    chatId: ChatId;
    afterSeq?: number | undefined;
    beforeSeq?: number | undefined;
    limit: number;
    bytesMax?: number;
  }): Promise<Message[]>;
}

export interface DeliveryStore {
  advance(moves: readonly Advance[]): Promise<void>;
  /** The listener is called when a commit is about to be made; what it submits at once becomes part of it. */
  beforeCommit(listener: () => void): void;
  positions(userId: UserId): Promise<Position[]>;
  /** The newest message id any settled change gave. */
  lastMessageId(): Promise<MessageId>;
  /** The first message past the position in every chat of the user that has one. */
  undelivered(userId: UserId, deviceId: DeviceId | undefined): Promise<Head[]>;
  /** The first message with an id above `after` in every chat of the user that has one. */
  newerThan(userId: UserId, after: MessageId): Promise<Head[]>;
  /** Messages of a chat from `seq` on, ascending, none with an id above `through`; fewer than `limit` where they are large. */
  run(from: { chatId: ChatId; seq: number; through: MessageId; limit: number }): Promise<Message[]>;
  /** Messages of the user's chats with an id from `from` to `to`, ascending, and how far up to `to` that was. */
  scan(range: {
    userId: UserId;
    from: number;
    to: number;
    limit: number;
  }): Promise<{ messages: Message[]; through: number }>;
  /** Events this door of the user has not confirmed, oldest first, above `after`. */
  events(userId: UserId, door: Door, page: { after: number; limit: number }): Promise<StoredEvent[]>;
  confirmEvents(userId: UserId, door: Door, eventIds: readonly EventId[]): Promise<void>;
}

export interface Store
  extends UserStore,
    MqttDeviceStore,
    TokenStore,
    PhoneStore,
    ProfileStore,
    ContactStore,
    ChatStore,
    MessageStore,
    DeliveryStore,
    AnswerStore,
    WebhookStore {}
