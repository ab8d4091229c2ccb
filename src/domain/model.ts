/**
 * The people, chats and messages that every door uses. One word per thing, whatever a wire calls it (ARCHITECTURE.md,
 * Words). Times are UTC epoch milliseconds; each door writes its own form.
 */
import type { SteadyMs } from "../lib/clock.ts";

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Users and chats take their ids from one sequence, so an id names a user or a chat, never both. */
export type UserId = Branded<number, "UserId">;
export type ChatId = Branded<number, "ChatId">;
/** Only chat messages have one. It grows with every commit, across all chats. */
export type MessageId = Branded<number, "MessageId">;
export type EventId = Branded<number, "EventId">;
export type DeviceId = Branded<number, "DeviceId">;

/** The id of no user: the sender of messages of the server itself (`user.0`), for its backend. */
export const systemUserId = 0 as UserId;

/** How a user came to be. Users whom the operator made may use all ordinary MQTT topics unless patterns say otherwise. */
export type MadeBy = "operator" | "registered" | "invited" | "backend";

/** Of a hook: see `hooks.ts`; of a device that is a member of chats: `people/devices.ts`. What each may do: `people/kinds.ts`. */
export type UserKind = "person" | "hook" | "device";

export interface User {
  readonly userId: UserId;
  readonly guid: string;
  /** The name that a backend gave (REST `userID`), if any. */
  readonly username: string | undefined;
  /**
   * What the user chose to log in by. It means the user unless a user or a device has the same name (`typed-names.ts`),
   * and only in a log-in: no other place knows it.
   */
  readonly loginName: string | undefined;
  /** The string id that clients use: the username, else `user.<userId>`. */
  readonly userKey: string;
  readonly nick: string;
  readonly names: string;
  readonly surnames: string;
  /** Digits; of the profile that owns the user, if one does. */
  readonly phone: string | undefined;
  /** The picture that the user uploaded (`pictures.ts`); undefined means the generated one. */
  readonly avatar: Uint8Array | undefined;
  /** The link to the user's picture that a client of PROFILE set; empty where none did. */
  readonly avatarLink: string;
  /** SPKI, DER. */
  readonly publicKey: Uint8Array | undefined;
  readonly disabled: boolean;
  readonly kind: UserKind;
  readonly madeBy: MadeBy;
  readonly presenceRule: PresenceRule;
  readonly createdAtMs: number;
  readonly lastSeenAtMs: number | undefined;
  /** Changes when what others see of the user changes. */
  readonly updatedAtMs: number;
}

export type ChatKind = "direct" | "group";

export interface Chat {
  readonly chatId: ChatId;
  readonly kind: ChatKind;
  /** The string id that clients use: the one a backend gave, else `chat.<chatId>`, or `direct.<low>.<high>`. */
  readonly chatKey: string;
  readonly name: string;
  readonly ownerId: UserId;
  /** `seq` of the newest message; 0 in an empty chat. */
  readonly lastSeq: number;
  readonly createdAtMs: number;
  /** Changes with membership and name. */
  readonly updatedAtMs: number;
  /** Grows with every edit, deletion and reaction in the chat; 0 while there was none. */
  readonly revision: number;
}

/** A chat as a backend lists it. */
export interface OwnedChat {
  readonly chat: Chat;
  /** Undefined where the owner is gone. */
  readonly ownerGuid: string | undefined;
}

/** A chat as one member sees it. */
export interface MemberChat {
  readonly chat: Chat;
  readonly deliveredSeq: number;
  /** Up to here the member has read everything that was for them to read. */
  readonly readSeq: number;
  /** Messages of others after it; past 256 places it counts places. */
  readonly unread: number;
  /** See `Mute`. */
  readonly mutedUntilMs: number | undefined;
}

/**
 * Until then a member wants no notices of a chat, but for messages that name them (`Message.mentions`). Nothing else
 * changes: messages are delivered and counted as before. Clients keep it; a time that is over mutes nothing.
 */
export interface Mute {
  readonly chatId: ChatId;
  readonly chatKey: string;
  /** Undefined: notices are wanted. */
  readonly mutedUntilMs: number | undefined;
}

/** A chat with its members, in joining order. */
export interface ChatView {
  /** The picture that the owner of a group uploaded; undefined means the generated one. */
  readonly avatar?: Uint8Array | undefined;
  readonly chat: Chat;
  readonly members: readonly User[];
}

export const messageKinds = ["text", "image", "file", "video", "audio", "system", "deleted"] as const;
export type MessageKind = (typeof messageKinds)[number];

/** How the bytes of a file become a message's content: unchanged, as UTF-8, or as the base64 text the sender wrote. */
export const contentForms = ["bytes", "text", "base64"] as const;
export type ContentForm = (typeof contentForms)[number];

/** Large content, stored once for all messages with the same content. */
export interface MessageFile {
  /** SHA-256 of the bytes, lower-case hex. */
  readonly hash: string;
  readonly bytes: number;
  readonly form: ContentForm;
  /** One of the list in `media-types.ts`. */
  readonly mediaType: string;
  /** The file's name, where its sender gave one. */
  readonly name?: string | undefined;
}

export interface Message {
  readonly messageId: MessageId;
  readonly chatId: ChatId;
  readonly chatKey: string;
  /** 1, 2, 3… within the chat, without a gap. */
  readonly seq: number;
  readonly senderId: UserId;
  readonly senderKey: string;
  readonly kind: MessageKind;
  /** The type as the sender spelled it (`text`, `image/png`, …); returned unchanged. */
  readonly type: string;
  /** Empty where the reader asked to leave large content in its `file`; see `isLeftOut`. */
  readonly content: string | Uint8Array;
  /** Where large content is stored. */
  readonly file?: MessageFile;
  /** The sender's own id for this message. */
  readonly clientId: string | undefined;
  /** When the message was written, by the client's clock. */
  readonly clientTimeMs: number | undefined;
  /** When it was stored. */
  readonly sentAtMs: number;
  /**
   * Set where every recipient has a text of their own: `to_reader` where `content` is this reader's, `to_others` where
   * the reader has none. See `addressed.ts`.
   */
  readonly addressed?: "to_reader" | "to_others";
  /** The text of each recipient, for such a message that was just sent; `content` is empty then. */
  readonly texts?: readonly AddressedText[];
  /** The message of the same chat that this one answers. */
  readonly replyTo?: MessageId;
  /** Members whom the message names. */
  readonly mentions?: readonly UserId[];
  /** Of the last edit, deletion or reaction; unset where there was none. */
  readonly revision?: number;
  /** When its sender last edited it. */
  readonly editedAtMs?: number;
  readonly reactions?: readonly ReactionCount[];
}

/** One kind of reaction to a message. */
export interface ReactionCount {
  /** One grapheme. */
  readonly reaction: string;
  readonly count: number;
  /** The first of the users who reacted so. */
  readonly userIds: readonly UserId[];
}

type MessagePlace = Pick<Message, "messageId" | "chatId" | "chatKey" | "seq" | "senderId">;

/** Whom a message with a text for each recipient is for: a user, at one device or (undefined) at all of them. */
export type Addressee = Pick<AddressedText, "userId" | "deviceId">;

/** What remains of a deleted message. */
export interface DeletedMessage extends MessagePlace {
  readonly revision: number;
  /** For a message that was not for all members: whom it was for. */
  readonly addressees?: readonly Addressee[];
}

/** A user reacted to a message, or took a reaction back. */
export interface Reacted extends MessagePlace {
  readonly revision: number;
  readonly by: UserId;
  readonly reaction: string;
  /** False where it was taken back. */
  readonly added: boolean;
  /** All reactions to the message now. */
  readonly reactions: readonly ReactionCount[];
  /** As in `DeletedMessage`. */
  readonly addressees?: readonly Addressee[];
}

/** How a door names a chat: by our number (a user's number means the direct chat with that user) or by its string id. */
export type ChatRef = { readonly id: number } | { readonly key: string };

/** What a client gives with a message besides its content. */
export interface ClientStamp {
  /** The same sender, chat and client id again mean the same message: a repeat gets the answer of the first one. */
  readonly clientId?: string | undefined;
  readonly clientTimeMs?: number | undefined;
}

/** An incoming message. */
export interface Draft extends ClientStamp {
  readonly chat: ChatRef;
  readonly from: UserId;
  readonly type: string;
  readonly content: string | Uint8Array;
  /**
   * The content is this file, and `content` is empty: an upload of the sender, or a hash that the sender may fetch. An
   * empty `type` is then what the file's sender called it.
   */
  readonly file?: string | undefined;
  /** `content` is bytes that stand for their base64 text. Where a file keeps them, that text is not made. */
  readonly asBase64?: boolean | undefined;
  /** The message of the same chat that it answers. */
  readonly replyTo?: MessageId | undefined;
  /** Users whom it names; those who are no members are left out. Without it, a text is searched for `@username`. */
  readonly mentions?: readonly UserId[] | undefined;
  /** The PUBLISH of a persistent MQTT session, so that its repeat is recognised after a reconnect. */
  readonly publish?: DraftPublish | undefined;
}

export interface DraftPublish {
  readonly sessionId: number;
  readonly packetId: number;
  readonly dup: boolean;
  /** QoS 2: the same change takes the packet id; the broker recognises repeats by it. */
  readonly exactlyOnce?: boolean;
}

/** A message that is on disk, with its recipients. */
export interface Sent {
  readonly message: Message;
  /** The chat's members at the moment of the commit, the sender included. */
  readonly members: readonly UserId[];
  /** True where this only repeats the answer of an earlier commit: nothing is published again. */
  readonly repeated: boolean;
  /** Set where the message created its chat: the direct chat with a user who had none yet. */
  readonly entered: Entered | undefined;
}

/** The doors that keep a user's durable events until they are confirmed; a bit each. */
export const doors = { minioicq: 1, rest: 2 } as const;
export type Door = keyof typeof doors;

/** Users entered (or left) a chat. Each of `rows` is one user's durable copy. */
export interface Entered {
  readonly type: "entered";
  readonly chat: Chat;
  readonly users: readonly UserSummary[];
  readonly rows: readonly EventRow[];
}

export interface Left {
  readonly type: "left";
  readonly chat: Chat;
  readonly users: readonly UserSummary[];
  /** The whole chat was deleted. */
  readonly deleted: boolean;
  /** Who owns the chat from now on, where its owner left. */
  readonly newOwner: UserSummary | undefined;
  readonly rows: readonly EventRow[];
}

export interface EventRow {
  readonly eventId: EventId;
  readonly userId: UserId;
}

export interface UserSummary {
  readonly userId: UserId;
  readonly guid: string;
  readonly userKey: string;
  readonly nick: string;
}

/** A user started or stopped writing in a chat. Connected members are told; nothing is stored. */
export interface Typing {
  readonly chatId: ChatId;
  readonly chatKey: string;
  readonly user: UserSummary;
  readonly typing: boolean;
  readonly atMs: number;
}

/** One user's durable event as read from the store. */
export interface StoredEvent {
  readonly eventId: EventId;
  readonly userId: UserId;
  readonly type: "entered" | "left" | "delivered" | "read";
  readonly chatId: ChatId;
  readonly chatKey: string;
  /** The users who entered or left, or who received or read the message. */
  readonly users: readonly UserSummary[];
  readonly deleted: boolean;
  /** Who owns the chat from now on, where its owner left. */
  readonly newOwner?: UserSummary | undefined;
  /** For `delivered` and `read`: a message of the user, and the GUID that it was for. */
  readonly about?: { readonly messageId: MessageId; readonly guid: string };
  readonly createdAtMs: number;
}

/** How far a member has got in a chat. */
export interface Position {
  readonly chatId: ChatId;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

/** What a user lets others know: how far messages reached them and what they read, the first alone, or nothing. */
export const receiptRules = ["all", "delivered", "none"] as const;
export type ReceiptRule = (typeof receiptRules)[number];

/** Who sees whether a user is online, and when they were last seen: their friends, or no one. */
export const presenceRules = ["friends", "none"] as const;
export type PresenceRule = (typeof presenceRules)[number];

/** How far a member of a chat has got, as others are told. */
export interface Receipt {
  readonly userId: UserId;
  readonly deliveredSeq: number;
  /** Undefined where the reader is not to know. */
  readonly readSeq: number | undefined;
  /** When the member got there, where that was seen. */
  readonly atMs: number | undefined;
}

/** A member of a chat got, or read, everything up to a place. */
export interface ReachedThrough {
  readonly chatId: ChatId;
  readonly chatKey: string;
  readonly user: Omit<UserSummary, "nick">;
  readonly status: "delivered" | "read";
  readonly seq: number;
}

/** The user that a bearer token stands for. */
export interface TokenOwner {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  /** SPKI, DER: the key that the token's holder signs with; the device's key, else the user's. */
  readonly signingKey: Uint8Array | undefined;
  readonly expiresAtMs: SteadyMs | undefined;
  /** The token was given to a client to use instead of the password. */
  readonly remembered: boolean;
}

/** The reader of a message: a user, at one of their devices or at no particular one. */
export interface MessageReader {
  readonly userId: UserId;
  readonly deviceId?: DeviceId | undefined;
}

export interface AddressedText {
  readonly userId: UserId;
  /** Undefined: for all of the user's devices that have no text of their own. */
  readonly deviceId: DeviceId | undefined;
  readonly text: string;
}

/** What opens some of what an account may do: see `people/scopes.ts`. */
export type TokenScope =
  /** Publishing to these ordinary topics; or subscribing to them and being delivered them. */
  | { readonly allow: "publish" | "read"; readonly topic: string }
  /** Sending to these chats; or the messages of these chats. */
  | { readonly allow: "send" | "read"; readonly chat: string };

export type TokenScopes = readonly TokenScope[];

export interface DeviceMember {
  readonly userId: UserId;
  readonly scopes: TokenScopes;
}

/** A thing that speaks MQTT under a name of its own, which no user has. */
export interface MqttDevice {
  readonly name: string;
  /** Canonical (`lib/distinguished-name.ts`). */
  readonly certificateSubject: string | undefined;
  /** Topic filters with `%u` and `%c`; undefined means the default. */
  readonly publish: readonly string[] | undefined;
  readonly subscribe: readonly string[] | undefined;
  /** The user in whose name the device writes to chats. */
  readonly userId: UserId | undefined;
  /** Set for a device that is itself a member of chats: its own user, and what it may do in them. */
  readonly member: DeviceMember | undefined;
  readonly createdAtMs: number;
  /** When a client of it came or went, to some minutes, as it was when this was read; undefined: never. */
  readonly lastSeenAtMs: number | undefined;
}
