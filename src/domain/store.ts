/**
 * What the product must store. Every method that changes something is one atomic change: it checks, then writes, and
 * resolves once the change is on disk. It throws a `DomainError` when the product says no, and `storage_full` when the
 * disk is full. Changes settle in the order in which they were submitted. Reads see every change that has settled. All
 * methods are async.
 */
import type { Range } from "../lib/ranges.ts";
import type { AnswerReads, AnswerStore } from "./answer-store.ts";
import type { GroupStore } from "./chats/group-store.ts";
import type { HookReads, HookStore } from "./chats/hook-store.ts";
import type { ContactReads, ContactStore } from "./contacts/contact-store.ts";
import type { ReceiptReads, ReceiptStore } from "./deliveries/receipt-store.ts";
import type { DomainEvent, EventOf, EventType } from "./events.ts";
import type { EditReads, EditStore } from "./messages/edit-store.ts";
import type { ExchangeReads, ExchangeStore } from "./messages/exchange-store.ts";
import type { HistoryReads } from "./messages/history-store.ts";
import type { SearchReads } from "./messages/search-store.ts";
import type { UploadReads, UploadStore } from "./messages/upload-store.ts";
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
  MadeBy,
  MemberChat,
  Message,
  MessageFile,
  MessageId,
  MessageReader,
  MqttDevice,
  Mute,
  OwnedChat,
  Position,
  PresenceRule,
  Sent,
  StoredEvent,
  User,
  UserId,
} from "./model.ts";
import type { AccountCodeStore } from "./people/account-code-store.ts";
import type { DiskShareReads, DiskShareStore } from "./people/disk-share-store.ts";
import type { LinkReads, LinkStore } from "./people/link-store.ts";
import type { LogInReads, LogInStore, LogInsToEnd } from "./people/log-in-store.ts";
import type { LongTokenReads, LongTokenStore } from "./people/long-token-store.ts";
import type { ScramKeys } from "./people/scram-keys.ts";
import type { TokenReads, TokenStore } from "./people/token-store.ts";
import type { TopicPatterns, TopicReads, TopicStore } from "./people/topic-store.ts";
import type { PhoneReads, PhoneStore } from "./phones/phone-store.ts";
import type { ProfileReads, ProfileStore } from "./profiles/profile-store.ts";
import type { WebhookReads, WebhookStore } from "./webhooks/webhook-store.ts";

export interface NewUser {
  readonly nick: string;
  readonly username?: string | undefined;
  readonly loginName?: string | undefined;
  /** Without it `registered`, or `invited` where an invitation is used up. */
  readonly madeBy?: MadeBy | undefined;
  readonly passwordHash?: string | undefined;
  readonly scramKeys?: ScramKeys | undefined;
  /** SHA-256 of the invitation that the registration uses up. */
  readonly invite?: Uint8Array | undefined;
}

/** A chat that a device is to be a member of. Without `allow` it may send there and reads it. */
export interface NewDeviceChat {
  readonly chat: ChatRef;
  readonly allow: "send" | "read" | undefined;
}

export interface NewMqttDevice extends Omit<MqttDevice, "member" | "createdAtMs" | "lastSeenAtMs"> {
  /** With these it gets a user of its own, which is gone with it. */
  readonly chats?: readonly NewDeviceChat[] | undefined;
  readonly passwordHash: string | undefined;
  readonly scramKeys: ScramKeys | undefined;
}

/** In one chat, the start of an unbroken run of messages that a user has not received. */
export interface Head {
  readonly chatId: ChatId;
  readonly seq: number;
  readonly messageId: MessageId;
  /** Of the chat's last message. */
  readonly lastSeq: number;
  /** Messages further on that were confirmed out of order. */
  readonly confirmed?: readonly Range[];
}

export interface Advance {
  readonly userId: UserId;
  /**
   * The device whose position moves. The messages also count as delivered to the user, unless the device only passed over
   * them.
   */
  readonly deviceId: DeviceId | undefined;
  /** The device skips this chat: its position moves over the messages, and they are not delivered to the user. */
  readonly passedOver?: boolean | undefined;
  /** The messages were read too. */
  readonly read?: boolean | undefined;
  readonly chatId: ChatId;
  /** The first message that was delivered; without it, every message up to `deliveredSeq` was. */
  readonly fromSeq?: number | undefined;
  /** Every message from `fromSeq` up to here was delivered. A position never moves back. */
  readonly deliveredSeq: number;
}

/** Messages that a client confirmed one by one. The position moves over those that it reaches without a gap. */
export interface Confirmed {
  readonly userId: UserId;
  /** The device whose position it is. The messages count as delivered to the user too. */
  readonly deviceId: DeviceId | undefined;
  readonly chatId: ChatId;
  readonly ranges: readonly Range[];
}

/** A device by the name that its client gives it. */
export interface DeviceName {
  readonly userId: UserId;
  readonly door: "mqtt" | "minioicq" | "rest";
  readonly name: string;
}

export interface OpenedDevice {
  readonly deviceId: DeviceId;
  readonly isNew: boolean;
}

/** A user with those of their devices that have a key of their own. */
export interface ParticipantView {
  readonly user: User;
  readonly devices: readonly { readonly guid: string; readonly publicKey: Uint8Array }[];
}

/** What others know a user by. */
export interface NamedUser {
  readonly userId: UserId;
  readonly nick: string;
  readonly userKey: string;
}

export interface UserReads {
  findUser(userId: number): Promise<User | undefined>;
  /** By exact username, else by `user.<userId>`. */
  findUserByKey(key: string): Promise<User | undefined>;
  /** Also where a username or a device goes before the log-in name: see `typed-names.ts`. */
  findUserByLoginName(loginName: string): Promise<User | undefined>;
  findPasswordHash(userId: UserId): Promise<string | undefined>;
  /** By rising id; without `disabledToo` only enabled users. */
  listUsers(page: { after: number; limit: number; disabledToo?: boolean }): Promise<User[]>;
  /** Counts enabled users, up to `atMost`. */
  countUsers(atMost?: number): Promise<number>;
  /** Changes whenever a user is added, removed or shown differently. */
  userListVersion(): Promise<number>;
  /**
   * Gives `userId`, their contacts other than those they only requested, and the users who share a chat with them,
   * starting with their most active chats; by rising id.
   */
  listAcquaintances(userId: UserId, limit: number): Promise<User[]>;
  /** The names of these users, enabled people alone; by rising id. */
  namesOfAcquaintances(userId: UserId, limit: number): Promise<NamedUser[]>;
  /** Enabled people whose nick begins so, by nick. ASCII letters may be small or capital. */
  usersNamed(beginning: string, limit: number): Promise<UserId[]>;
  /** The user's chats, the one with the newest message first. Members are not counted past `membersMax + 1`. */
  recentChats(
    userId: UserId,
    bounds: { limit: number; membersMax: number },
  ): Promise<{ chatId: ChatId; members: number }[]>;
  /** By the GUID of the user or of one of their devices. */
  findParticipant(guid: string): Promise<ParticipantView | undefined>;
  /** Whether both users are in some chat. */
  shareChat(userId: UserId, other: UserId): Promise<boolean>;
}

export interface UserStore extends UserReads {
  /** Throws `username_taken`, `invite_invalid`. */
  createUser(user: NewUser): Promise<User>;
  /** Without `scramKeys` the keys of the old password are removed too; without `end` all log-ins stay. */
  setPassword(
    userId: UserId,
    passwordHash: string,
    more?: { readonly scramKeys?: ScramKeys | undefined; readonly end?: LogInsToEnd | undefined },
  ): Promise<void>;
  /** Undefined removes it. Throws `username_taken` where another user or a device has the name, `user_not_found`. */
  setLoginName(userId: UserId, loginName: string | undefined): Promise<void>;
  /** Whom others see from now on. Throws `user_disabled`. */
  setNick(userId: UserId, nick: string): Promise<void>;
  /** Who sees whether the user is online. Throws `user_disabled`. */
  setPresenceRule(userId: UserId, rule: PresenceRule): Promise<void>;
  /**
   * Sets the picture; without one the stored picture is removed. Gives the time of the change. Throws `user_disabled`.
   */
  setAvatar(userId: UserId, picture: Uint8Array | undefined): Promise<{ updatedAtMs: number }>;
  /** Unknown users are skipped. */
  touchUsers(seen: readonly { userId: UserId; lastSeenAtMs: number }[]): Promise<void>;
}

export interface MqttDeviceReads {
  /** By rising name, from the first one after `after`. */
  listMqttDevices(page: { after: string; limit: number }): Promise<MqttDevice[]>;
  findMqttDevicePassword(name: string): Promise<string | undefined>;
  /** By "user:<id>" or "device:<name>". */
  findScramKeys(ownerKey: string): Promise<ScramKeys | undefined>;
  /** A secret of the server itself. */
  findSecret(name: string): Promise<Uint8Array | undefined>;
}

export interface MqttDeviceStore extends MqttDeviceReads {
  /**
   * Throws `username_taken` where a user or a device has the name, `invalid_device` where a device has the certificate,
   * or is to be a member and to write for a user, `user_not_found`, and of its chats `chat_not_found`, `chat_is_direct`,
   * `too_many_members`.
   */
  addMqttDevice(device: NewMqttDevice): Promise<MqttDevice>;
  /**
   * What is undefined stays; null means the default patterns, or no user. Undefined where there is no such device. Throws
   * `user_not_found`, and `invalid_device` where a device that is a member itself is to write for a user.
   */
  setMqttDevice(change: {
    name: string;
    patterns: TopicPatterns | null | undefined;
    userId: UserId | null | undefined;
  }): Promise<MqttDevice | undefined>;
  /** False where there is no such device. */
  setMqttDevicePassword(change: {
    name: string;
    passwordHash: string | undefined;
    scramKeys: ScramKeys | undefined;
  }): Promise<boolean>;
  /** Records when clients of devices were last there. Devices that do not exist are passed over. */
  touchMqttDevices(seen: readonly { name: string; lastSeenAtMs: number }[]): Promise<void>;
  /** Removes a device with its password and keys, and with what it retained where that is asked for; false where there was none. */
  removeMqttDevice(name: string, how?: { readonly retainedToo?: boolean }): Promise<boolean>;
  /** Adds keys made from a user's existing password. Does nothing if the password changed meanwhile or keys exist. */
  addScramKeys(keys: { userId: UserId; passwordHash: string; scramKeys: ScramKeys }): Promise<void>;
  /** As `findSecret`; stores and gives `fresh` where there is no secret of that name. */
  keepSecret(name: string, fresh: Uint8Array): Promise<Uint8Array>;
}

export interface CredentialReads {
  /** SHA-256 of the current backend key, with the time it was made. */
  findBackendKey(): Promise<{ hash: Uint8Array; createdAtMs: number } | undefined>;
}

export interface CredentialStore extends CredentialReads {
  /**
   * Gives the device of this user at this door by the name that its client gives it; created when new. A new device has got
   * what its user has got.
   */
  openDevice(device: DeviceName): Promise<OpenedDevice>;
  /** Removes a device and its positions, if it exists. */
  endDevice(device: DeviceName): Promise<void>;
  setBackendKey(hash: Uint8Array): Promise<void>;
}

/** Where a chat stands among a user's chats by their newest messages. */
export interface RecentPlace {
  readonly messageId: number;
  readonly chatId: number;
}

export interface ChatReads {
  findChat(ref: ChatRef, asSeenBy?: UserId): Promise<Chat | undefined>;
  /** The chat, if the user is a member of it. */
  findChatOf(userId: UserId, ref: ChatRef): Promise<Chat | undefined>;
  findChatView(ref: ChatRef, asSeenBy?: UserId): Promise<ChatView | undefined>;
  isMember(chatId: ChatId, userId: UserId): Promise<boolean>;
  chatsOf(userId: UserId): Promise<Chat[]>;
  /** The user's chats by rising id, from the first one after `after`, with the user's position in each. */
  chatPage(userId: UserId, page: { after: number; limit: number }): Promise<MemberChat[]>;
  /** The picture that a group was given. */
  findChatAvatar(chatId: number): Promise<Uint8Array | undefined>;
  /** The user's chats, the one with the newest message first, from the first one behind `before`; with the user's position. */
  recentChatPage(
    userId: UserId,
    page: { before: RecentPlace | undefined; limit: number },
  ): Promise<(MemberChat & { readonly place: RecentPlace })[]>;
  /** All chats by rising id, from the first one after `after`, with the GUIDs of their owners. */
  listChats(page: { after: number; limit: number }): Promise<OwnedChat[]>;
  /** The chats that the user muted, also where the time is over, with the end of each. */
  mutes(userId: UserId): Promise<ReadonlyMap<ChatId, number>>;
  /** The first `limit` members, by id. */
  memberIds(chatId: ChatId, limit: number): Promise<UserId[]>;
}

export interface ChatStore extends ChatReads {
  /** Creates a group. Throws `user_not_found`, `too_many_members`. */
  createChat(chat: { ownerId: UserId; members: readonly number[]; name: string | undefined }): Promise<Entered>;
  /**
   * REST's PUT: creates the chat when needed (the first user owns it), creates unknown users, adds, renames. A repeat
   * changes nothing. `users` answers `people` entry by entry; `renamed` are the users who had another name before.
   */
  putMembers(put: {
    chatKey: string;
    people: readonly { username: string; displayName?: string | undefined }[];
    chatName: string | undefined;
  }): Promise<{ view: ChatView; users: User[]; renamed: User[]; entered: Entered | undefined }>;
  /**
   * `people` are string ids or GUIDs; users who are not members are ignored. When the owner or the last member is
   * removed the chat is deleted. Throws `chat_not_found`.
   */
  removeMembers(removal: { chatKey: string; people: readonly string[] }): Promise<Left | undefined>;
  deleteChat(chatKey: string): Promise<Left>;
  /**
   * Until a time of the wall clock, at most ten years from now; undefined, or a time that is over, ends it. Throws
   * `chat_not_found`.
   */
  muteChat(request: { userId: UserId; chat: ChatRef; untilMs: number | undefined }): Promise<Mute>;
}

/** A file as the door that serves it needs it. */
export interface ServedFile extends Pick<MessageFile, "bytes" | "mediaType" | "name"> {
  /** The bytes of the file, read piece by piece on demand. */
  readonly content: Blob;
}

export interface MessageReads {
  findMessage(messageId: MessageId, inlineBytesMax?: number): Promise<Message | undefined>;
  /** Gives the file, if a message of one of the user's chats refers to it. */
  findFile(userId: UserId, hash: string): Promise<ServedFile | undefined>;
  /** The user's chats with a message that refers to the file, at most `limit`. */
  chatsOfFile(userId: UserId, hash: string, limit: number): Promise<{ readonly chatId: ChatId }[]>;
  /**
   * Gives the same messages with the content that was left out of them; with `inlineBytesMax` only that of files up to
   * this size.
   */
  withContent(messages: readonly Message[], inlineBytesMax?: number): Promise<Message[]>;
  /**
   * One page of a chat, ascending. With `afterSeq` the oldest messages after it, otherwise the newest (before
   * `beforeSeq`). With `bytesMax` it stops after the message with which the content, that in files included, reaches
   * this size.
   */
  messages(page: {
    chatId: ChatId;
    afterSeq?: number | undefined;
    beforeSeq?: number | undefined;
    limit: number;
    /**
     * The reader whose texts are given for messages that address each recipient separately; without a reader all of
     * those are hidden.
     */
    reader?: MessageReader | undefined;
    inlineBytesMax?: number | undefined;
    bytesMax?: number | undefined;
  }): Promise<Message[]>;
}

export interface MessageStore extends MessageReads {
  /**
   * Throws `chat_not_found`, `not_a_member`, `user_disabled`, `message_not_found` for what it answers, `file_not_found` for a
   * file that it names, `share_full`.
   */
  appendMessage(draft: Draft): Promise<Sent>;
  /** All or nothing, in order. */
  appendMessages(drafts: readonly Draft[]): Promise<Sent[]>;
  /**
   * Deletes a message; only its position remains. Gives also whom it was for: as a rule the chat's members. Throws
   * `message_not_found` also where `userId` is not in its chat, `not_authorized`. Without a user any message goes.
   */
  deleteMessage(request: {
    userId?: UserId | undefined;
    messageId: MessageId;
  }): Promise<{ message: DeletedMessage; members: readonly UserId[] }>;
}

export interface DeliveryReads {
  positions(userId: UserId): Promise<Position[]>;
  /** The newest message id that any settled change gave. */
  lastMessageId(): Promise<MessageId>;
  /** The first message past the position in every chat of the user that has one. */
  undelivered(userId: UserId, deviceId: DeviceId | undefined): Promise<Head[]>;
  /** The first message with an id above `after` in every chat of the user that has one. */
  newerThan(userId: UserId, after: MessageId): Promise<Head[]>;
  /**
   * Messages of a chat from `seq` on, ascending, none with an id above `through`; fewer than `limit` where they are
   * large. Content of files beyond `inlineBytesMax` bytes is left out, here and elsewhere; without it no content is
   * left out.
   */
  run(from: {
    chatId: ChatId;
    seq: number;
    through: MessageId;
    limit: number;
    reader?: MessageReader | undefined;
    inlineBytesMax?: number | undefined;
  }): Promise<Message[]>;
  /** Messages of the user's chats with an id from `from` to `to`, ascending, and the id up to which the read got. */
  scan(range: {
    userId: UserId;
    deviceId?: DeviceId | undefined;
    from: number;
    to: number;
    limit: number;
    inlineBytesMax?: number | undefined;
  }): Promise<{ messages: Message[]; through: number }>;
  /** Events that this door of the user has not confirmed, oldest first, above `after`. */
  events(userId: UserId, door: Door, page: { after: number; limit: number }): Promise<StoredEvent[]>;
  /**
   * Chats of the user that the device was not told of, in the order in which the user joined them. Pass `next` to
   * continue.
   */
  unannouncedChats(device: {
    userId: UserId;
    deviceId: DeviceId;
    after: number;
    limit: number;
  }): Promise<{ chatIds: ChatId[]; next: number | undefined }>;
}

export interface DeliveryStore extends DeliveryReads {
  advance(moves: readonly Advance[]): Promise<void>;
  /**
   * A position keeps 256 ranges beyond its first gap. Past that the oldest range is dropped, and its messages are sent
   * again with the gap.
   */
  confirmMessages(moves: readonly Confirmed[]): Promise<void>;
  /**
   * The listener is called when a commit is about to be made. Changes that it submits at once become part of that
   * commit.
   */
  beforeCommit(listener: () => void): void;
  confirmEvents(userId: UserId, door: Door, eventIds: readonly EventId[]): Promise<void>;
  /** The device, and with it the user, was told of these chats. `eventIds` are the user's copies of that event. */
  announceChats(announced: {
    userId: UserId;
    deviceId: DeviceId;
    chatIds: readonly ChatId[];
    eventIds: readonly EventId[];
  }): Promise<void>;
}

/** All reads: doors may use any of them. */
export interface Reads
  extends UserReads,
    MqttDeviceReads,
    TopicReads,
    TokenReads,
    LongTokenReads,
    CredentialReads,
    LogInReads,
    LinkReads,
    PhoneReads,
    ProfileReads,
    ContactReads,
    ChatReads,
    HookReads,
    MessageReads,
    EditReads,
    ExchangeReads,
    HistoryReads,
    SearchReads,
    DeliveryReads,
    ReceiptReads,
    AnswerReads,
    UploadReads,
    DiskShareReads,
    WebhookReads {}

/** Receives the events of commits. Neither method may throw. */
export interface CommitListener {
  /**
   * The events of one change, in the order in which they must be passed on. The caller of the change gets its answer
   * after that.
   */
  committed(events: readonly DomainEvent[]): Promise<void> | undefined;
  /** Whether any listener takes events of this type. Very frequent events are made only where one does. */
  hears(type: EventType): boolean;
}

export interface CommitStore {
  /**
   * The listener gets every change that concerns more than its caller, in the order of the commits, before the caller's
   * promise resolves. Gives a function that removes the listener.
   */
  onCommitted(listener: CommitListener): () => void;
  /**
   * The listener gets the events of one type alone, before those who get every change, so that it costs other changes nothing.
   * It returns at once and may not throw.
   */
  onEvent<Type extends EventType>(type: Type, listener: (event: EventOf<Type>) => void): void;
}

export interface Store
  extends Reads,
    CommitStore,
    UserStore,
    MqttDeviceStore,
    TopicStore,
    TokenStore,
    LongTokenStore,
    CredentialStore,
    LogInStore,
    LinkStore,
    AccountCodeStore,
    PhoneStore,
    ProfileStore,
    ContactStore,
    ChatStore,
    GroupStore,
    HookStore,
    MessageStore,
    EditStore,
    ExchangeStore,
    DeliveryStore,
    ReceiptStore,
    AnswerStore,
    UploadStore,
    DiskShareStore,
    WebhookStore {}

/**
 * The part of the store that a door may use by itself: every read, and the changes that only record what the door
 * knows: its devices, what they confirmed or were told, and the door's own data. Every other change is a use case of
 * the domain.
 */
export type DoorStore = Reads &
  Pick<Store, "endDevice" | "advance" | "confirmEvents" | "announceChats" | "keepSecret" | "keepAnswer">;
