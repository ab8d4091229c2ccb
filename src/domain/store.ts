/**
 * What the product must remember. Every method that changes something is one whole, atomic change: it checks, then
 * writes, and resolves once the change is on disk. It throws a `DomainError` when the product says no, and
 * `storage_full` when the disk does. Changes settle in the order they were submitted. Reads see every change that has
 * settled. All of it is async, so that a server database can stand behind it.
 */
import type { Range } from "../lib/ranges.ts";
import type { AnswerReads, AnswerStore } from "./answer-store.ts";
import type { GroupStore } from "./chats/group-store.ts";
import type { ContactReads, ContactStore } from "./contacts/contact-store.ts";
import type { DomainEvent, EventType } from "./events.ts";
import type { ExchangeReads, ExchangeStore } from "./messages/exchange-store.ts";
import type { HistoryReads } from "./messages/history-store.ts";
import type {
  Chat,
  ChatId,
  ChatRef,
  ChatView,
  DeletedMessage,
  DeviceId,
  Door,
  Draft,
  Entered,
  EventId,
  Left,
  MemberChat,
  Message,
  MessageFile,
  MessageId,
  MessageReader,
  Position,
  Sent,
  StoredEvent,
  User,
  UserId,
} from "./model.ts";
import type { LogInReads, LogInStore } from "./people/log-in-store.ts";
import type { ScramKeys } from "./people/scram-keys.ts";
import type { TokenReads, TokenStore } from "./people/token-store.ts";
import type { PhoneReads, PhoneStore } from "./phones/phone-store.ts";
import type { ProfileReads, ProfileStore } from "./profiles/profile-store.ts";
import type { WebhookReads, WebhookStore } from "./webhooks/webhook-store.ts";

export interface NewUser {
  readonly nick: string;
  readonly username?: string | undefined;
  readonly passwordHash?: string | undefined;
  readonly scramKeys?: ScramKeys | undefined;
  /** SHA-256 of the invitation that is used up by it. */
  readonly invite?: Uint8Array | undefined;
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

/** Where an unbroken run of messages a user has not got begins, in one chat. */
export interface Head {
  readonly chatId: ChatId;
  readonly seq: number;
  readonly messageId: MessageId;
  /** Further on, confirmed out of order. */
  readonly confirmed?: readonly Range[];
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

/** Messages a client confirmed one by one; the position moves over what it reaches without a gap. */
export interface Confirmed {
  readonly userId: UserId;
  /** The device whose position it is; where that moves ahead of the user's own, the user's moves along. */
  readonly deviceId: DeviceId | undefined;
  readonly chatId: ChatId;
  readonly ranges: readonly Range[];
}

/** A device by its client's own name for it. */
export interface DeviceName {
  readonly userId: UserId;
  readonly door: "mqtt" | "minioicq" | "rest";
  readonly name: string;
}

/** A user with those of his devices that have a key of their own. */
export interface ParticipantView {
  readonly user: User;
  readonly devices: readonly { readonly guid: string; readonly publicKey: Uint8Array }[];
}

export interface UserReads {
  findUser(userId: number): Promise<User | undefined>;
  /** An exact username, else `user.<userId>`. */
  findUserByKey(key: string): Promise<User | undefined>;
  findPasswordHash(userId: UserId): Promise<string | undefined>;
  /** By rising id; without `disabledToo` those who may be here. */
  listUsers(page: { after: number; limit: number; disabledToo?: boolean }): Promise<User[]>;
  /** Enabled ones; not counted past `atMost`. */
  countUsers(atMost?: number): Promise<number>;
  /** Moves whenever somebody comes or goes, or is shown otherwise. */
  userListVersion(): Promise<number>;
  /**
   * `userId` itself, his contacts but for those he only asked, and those who share a chat with him, those of his liveliest
   * chats first; by rising id.
   */
  listAcquaintances(userId: UserId, limit: number): Promise<User[]>;
  /** The user's chats, the one with the newest message first; their members are not counted past `membersMax + 1`. */
  recentChats(
    userId: UserId,
    bounds: { limit: number; membersMax: number },
  ): Promise<{ chatId: ChatId; members: number }[]>;
  /** By the GUID of the user or of one of his devices. */
  findParticipant(guid: string): Promise<ParticipantView | undefined>;
  /** Whether there is a chat both are in. */
  shareChat(userId: UserId, other: UserId): Promise<boolean>;
}

export interface UserStore extends UserReads {
  /** Throws `username_taken`, `invite_invalid`. */
  createUser(user: NewUser): Promise<User>;
  /** Without `scramKeys` those of the old password go all the same. */
  setPassword(userId: UserId, passwordHash: string, scramKeys?: ScramKeys): Promise<void>;
  /** Without a picture the one there was goes. Says when. Throws `user_disabled`. */
  setAvatar(userId: UserId, picture: Uint8Array | undefined): Promise<{ updatedAtMs: number }>;
  /** Somebody unknown is passed over. */
  touchUsers(seen: readonly { userId: UserId; lastSeenAtMs: number }[]): Promise<void>;
}

export interface MqttDeviceReads {
  /** By rising name, from the first one after `after`. */
  listMqttDevices(page: { after: string; limit: number }): Promise<MqttDevice[]>;
  findMqttDevicePassword(name: string): Promise<string | undefined>;
  /** By "user:<id>" or "device:<name>". */
  findScramKeys(ownerKey: string): Promise<ScramKeys | undefined>;
  /** A secret of the server's own. */
  findSecret(name: string): Promise<Uint8Array | undefined>;
}

export interface MqttDeviceStore extends MqttDeviceReads {
  /** Throws `username_taken` where a user or a device has the name, `invalid_device` where one has the certificate. */
  addMqttDevice(device: NewMqttDevice): Promise<MqttDevice>;
  /** With its password and keys; false where there was none. */
  removeMqttDevice(name: string): Promise<boolean>;
  /** Keys made from the password a user has had all along; nothing happens if it changed meanwhile, or keys are there. */
  addScramKeys(keys: { userId: UserId; passwordHash: string; scramKeys: ScramKeys }): Promise<void>;
  /** As `findSecret`; `fresh` is kept where there is none of that name yet. */
  keepSecret(name: string, fresh: Uint8Array): Promise<Uint8Array>;
}

export interface CredentialReads {
  /** SHA-256 of the current backend key, with the time it was made. */
  findBackendKey(): Promise<{ hash: Uint8Array; createdAtMs: number } | undefined>;
}

export interface CredentialStore extends CredentialReads {
  /** A device of this user at this door by its client's own name; made when new. */
  openDevice(device: DeviceName): Promise<DeviceId>;
  /** Forgets a device and its positions, if there is one. */
  endDevice(device: DeviceName): Promise<void>;
  setBackendKey(hash: Uint8Array): Promise<void>;
}

export interface ChatReads {
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

export interface ChatStore extends ChatReads {
  /** A new group. Throws `user_not_found`, `too_many_members`. */
  createChat(chat: { ownerId: UserId; members: readonly number[]; name: string | undefined }): Promise<Entered>;
  /**
   * REST's PUT: makes the chat when needed (the first user owns it), makes unknown users, adds, renames. Repeating it
   * changes nothing. `users` answers `people` entry by entry; `renamed` are those who had another name before.
   */
  putMembers(put: {
    chatKey: string;
    people: readonly { username: string; displayName?: string | undefined }[];
    chatName: string | undefined;
  }): Promise<{ view: ChatView; users: User[]; renamed: User[]; entered: Entered | undefined }>;
  /** `people` are string ids or GUIDs; strangers are ignored. Removing the owner or the last member deletes the chat. Throws `chat_not_found`. */
  removeMembers(removal: { chatKey: string; people: readonly string[] }): Promise<Left | undefined>;
  deleteChat(chatKey: string): Promise<Left>;
}

/** A file as the door that serves it needs it. */
export interface ServedFile extends Pick<MessageFile, "bytes" | "mediaType"> {
  /** Its bytes, read piece by piece as they are asked for. */
  readonly content: Blob;
}

export interface MessageReads {
  findMessage(messageId: MessageId, inlineBytesMax?: number): Promise<Message | undefined>;
  /** The file, if a message of one of the user's chats refers to it. */
  findFile(userId: UserId, hash: string): Promise<ServedFile | undefined>;
  /** The same messages, with the content that was left out of them; of files up to `inlineBytesMax`, where that is given. */
  withContent(messages: readonly Message[], inlineBytesMax?: number): Promise<Message[]>;
  /**
   * One page of a chat, ascending. With `afterSeq` the oldest after it, otherwise the newest (before `beforeSeq`).
   * With `bytesMax` it stops behind the message that brings its content, that in files left out, to so much.
   */
  messages(page: {
    chatId: ChatId;
    afterSeq?: number | undefined;
    beforeSeq?: number | undefined;
    limit: number;
    /** Whose texts are read of messages that address each recipient by himself; all of them are hidden without. */
    reader?: MessageReader | undefined;
    inlineBytesMax?: number | undefined;
    bytesMax?: number | undefined;
  }): Promise<Message[]>;
}

export interface MessageStore extends MessageReads {
  /** Throws `chat_not_found`, `not_a_member`, `user_disabled`. */
  appendMessage(draft: Draft): Promise<Sent>;
  /** All or nothing, in order. */
  appendMessages(drafts: readonly Draft[]): Promise<Sent[]>;
  /**
   * Of the message only its place remains. Gives the chat's members too. Throws `message_not_found` also where `userId` is
   * not in its chat, `not_authorized`.
   */
  deleteMessage(request: {
    userId: UserId;
    messageId: MessageId;
  }): Promise<{ message: DeletedMessage; members: readonly UserId[] }>;
}

export interface DeliveryReads {
  positions(userId: UserId): Promise<Position[]>;
  /** The newest message id any settled change gave. */
  lastMessageId(): Promise<MessageId>;
  /** The first message past the position in every chat of the user that has one. */
  undelivered(userId: UserId, deviceId: DeviceId | undefined): Promise<Head[]>;
  /** The first message with an id above `after` in every chat of the user that has one. */
  newerThan(userId: UserId, after: MessageId): Promise<Head[]>;
  /**
   * Messages of a chat from `seq` on, ascending, none with an id above `through`; fewer than `limit` where they are large.
   * Content of files beyond `inlineBytesMax` bytes is left out, here and elsewhere; without it, none is.
   */
  run(from: {
    chatId: ChatId;
    seq: number;
    through: MessageId;
    limit: number;
    reader?: MessageReader | undefined;
    inlineBytesMax?: number | undefined;
  }): Promise<Message[]>;
  /** Messages of the user's chats with an id from `from` to `to`, ascending, and how far up to `to` that was. */
  scan(range: {
    userId: UserId;
    deviceId?: DeviceId | undefined;
    from: number;
    to: number;
    limit: number;
    inlineBytesMax?: number | undefined;
  }): Promise<{ messages: Message[]; through: number }>;
  /** Events this door of the user has not confirmed, oldest first, above `after`. */
  events(userId: UserId, door: Door, page: { after: number; limit: number }): Promise<StoredEvent[]>;
  /** Chats of the user that the device was not told of, in the order he came into them; `next` goes on behind them. */
  unannouncedChats(device: {
    userId: UserId;
    deviceId: DeviceId;
    after: number;
    limit: number;
  }): Promise<{ chatIds: ChatId[]; next: number | undefined }>;
}

export interface DeliveryStore extends DeliveryReads {
  advance(moves: readonly Advance[]): Promise<void>;
  /** A position keeps 256 ranges beyond its first gap; past that the oldest is forgotten and sent again with the gap. */
  confirmMessages(moves: readonly Confirmed[]): Promise<void>;
  /** The listener is called when a commit is about to be made; what it submits at once becomes part of it. */
  beforeCommit(listener: () => void): void;
  confirmEvents(userId: UserId, door: Door, eventIds: readonly EventId[]): Promise<void>;
  /** The device was told of these chats, and with it the user: `eventIds` are his own copies of that. */
  announceChats(announced: {
    userId: UserId;
    deviceId: DeviceId;
    chatIds: readonly ChatId[];
    eventIds: readonly EventId[];
  }): Promise<void>;
}

/** What changes nothing: doors may ask for any of it. */
export interface Reads
  extends UserReads,
    MqttDeviceReads,
    TokenReads,
    CredentialReads,
    LogInReads,
    PhoneReads,
    ProfileReads,
    ContactReads,
    ChatReads,
    MessageReads,
    ExchangeReads,
    HistoryReads,
    DeliveryReads,
    AnswerReads,
    WebhookReads {}

/** What hears of commits. Neither of the two may throw. */
export interface CommitListener {
  /** Events of one change, in the order in which they are to be told. The change's caller is answered after it. */
  committed(events: readonly DomainEvent[]): Promise<void> | undefined;
  /** Whether it wants events of this type: of those that come by the thousand, none is made that no listener wants. */
  hears(type: EventType): boolean;
}

export interface CommitStore {
  /**
   * The listener hears of every change that concerns more than its caller, in the order of the commits, and before the
   * caller's promise resolves. Gives what ends it.
   */
  onCommitted(listener: CommitListener): () => void;
}

export interface Store
  extends Reads,
    CommitStore,
    UserStore,
    MqttDeviceStore,
    TokenStore,
    CredentialStore,
    LogInStore,
    PhoneStore,
    ProfileStore,
    ContactStore,
    ChatStore,
    GroupStore,
    MessageStore,
    ExchangeStore,
    DeliveryStore,
    AnswerStore,
    WebhookStore {}

/**
 * What a door may ask of the store by itself: every read, and the changes that only note what the door knows: its
 * devices, what they confirmed or were told, and what it keeps for itself. All else is a use case of the domain.
 */
export type DoorStore = Reads &
  Pick<Store, "openDevice" | "endDevice" | "advance" | "confirmEvents" | "announceChats" | "keepSecret" | "keepAnswer">;
