/**
 * The people, chats and messages every door meets. One word per thing, whatever a wire calls it (ARCHITECTURE.md, Words).
 * Times are UTC epoch milliseconds; each door prints its own form.
 */

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Users and chats take their ids from one sequence, so an id names a user or a chat, never both. */
export type UserId = Branded<number, "UserId">;
export type ChatId = Branded<number, "ChatId">;
/** Only chat messages take one; it grows with every commit, across all chats. */
export type MessageId = Branded<number, "MessageId">;
export type EventId = Branded<number, "EventId">;
export type DeviceId = Branded<number, "DeviceId">;

/** Nobody's: what the server says by its own name (`user.0`), for its backend. */
export const systemUserId = 0 as UserId;

export interface User {
  readonly userId: UserId;
  readonly guid: string;
  /** The name a backend gave (REST `userID`), if any. */
  readonly username: string | undefined;
  /** The string id outsiders use: the username, else `user.<userId>`. */
  readonly userKey: string;
  readonly nick: string;
  readonly names: string;
  readonly surnames: string;
  /** Digits; of the profile that owns the user, if one does. */
  readonly phone: string | undefined;
  /** The picture he uploaded (`pictures.ts`); undefined means the generated one. */
  readonly avatar: Uint8Array | undefined;
  /** Where a client of PROFILE says that his picture is; empty where none did. */
  readonly avatarLink: string;
  /** SPKI, DER. */
  readonly publicKey: Uint8Array | undefined;
  readonly disabled: boolean;
  readonly createdAtMs: number;
  readonly lastSeenAtMs: number | undefined;
  /** Moves when what others see of the user changes. */
  readonly updatedAtMs: number;
}

export type ChatKind = "direct" | "group";

export interface Chat {
  readonly chatId: ChatId;
  readonly kind: ChatKind;
  /** The string id outsiders use: the one a backend gave, else `chat.<chatId>`, or `direct.<low>.<high>`. */
  readonly chatKey: string;
  readonly name: string;
  readonly ownerId: UserId;
  /** `seq` of the newest message; 0 in an empty chat. */
  readonly lastSeq: number;
  readonly createdAtMs: number;
  /** Moves when membership or name change. */
  readonly updatedAtMs: number;
}

/** A chat as one member sees it. */
export interface MemberChat {
  readonly chat: Chat;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

/** A chat with the people in it, in joining order. */
export interface ChatView {
  readonly chat: Chat;
  readonly members: readonly User[];
}

export const messageKinds = ["text", "image", "file", "video", "audio", "system", "deleted"] as const;
export type MessageKind = (typeof messageKinds)[number];

/** How a file's bytes become a message's content: as they are, as UTF-8, or as the base64 text the sender wrote. */
export const contentForms = ["bytes", "text", "base64"] as const;
export type ContentForm = (typeof contentForms)[number];

/** Large content, kept once for all messages that say the same. */
export interface MessageFile {
  /** SHA-256 of the bytes, lower-case hex. */
  readonly hash: string;
  readonly bytes: number;
  readonly form: ContentForm;
  /** From the list of `media-types.ts`. */
  readonly mediaType: string;
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
  /** The type as the sender spelled it (`text`, `image/png`, …); given back unchanged. */
  readonly type: string;
  /** Empty where the reader asked to leave large content in its `file`; see `isLeftOut`. */
  readonly content: string | Uint8Array;
  /** Where large content stands. */
  readonly file?: MessageFile;
  /** The sender's own id for this message. */
  readonly clientId: string | undefined;
  /** When the client says it was written. */
  readonly clientTimeMs: number | undefined;
  /** When it was stored. */
  readonly sentAtMs: number;
  /** Set where every recipient has a text of his own: whether `content` is this reader's, or he has none. See `addressed.ts`. */
  readonly addressed?: "to_reader" | "to_others";
  /** Whose text is which, of such a message that was just sent; `content` is empty then. */
  readonly texts?: readonly AddressedText[];
}

/** What is left of a message that was deleted. */
export type DeletedMessage = Pick<Message, "messageId" | "chatId" | "chatKey" | "seq" | "senderId">;

/** How a door names a chat: by our number (a user's number means the direct chat with that user) or by its string id. */
export type ChatRef = { readonly id: number } | { readonly key: string };

/** What a client says of a message beside what is said in it. */
export interface ClientStamp {
  /** The same sender, chat and client id again is the same message: the repeat gets the first one's answer. */
  readonly clientId?: string | undefined;
  readonly clientTimeMs?: number | undefined;
}

/** A message on its way in. */
export interface Draft extends ClientStamp {
  readonly chat: ChatRef;
  readonly from: UserId;
  readonly type: string;
  readonly content: string | Uint8Array;
  /** `content` is bytes that stand for their base64 text, which need not be made where a file keeps them. */
  readonly asBase64?: boolean | undefined;
  /** A PUBLISH of a persistent MQTT session, so that its repeat is recognised after a reconnect. */
  readonly publish?: DraftPublish | undefined;
}

export interface DraftPublish {
  readonly sessionId: number;
  readonly packetId: number;
  readonly dup: boolean;
  /** QoS 2: the packet id is taken in the same change; telling repeats by it is the broker's business. */
  readonly exactlyOnce?: boolean;
}

/** A message that is on disk, with who it is for. */
export interface Sent {
  readonly message: Message;
  /** The chat's members at the moment of the commit, the sender included. */
  readonly members: readonly UserId[];
  /** True where this only repeats the answer of an earlier commit: nothing is to be published again. */
  readonly repeated: boolean;
  /** Set when the message made its chat: the direct chat with a user met for the first time. */
  readonly entered: Entered | undefined;
}

/** The doors that keep a user's durable events until they confirmed them; a bit each. */
export const doors = { minioicq: 1, rest: 2 } as const;
export type Door = keyof typeof doors;

/** Somebody entered (or left) a chat; each of `rows` is one user's durable copy. */
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
  /** The whole chat is gone. */
  readonly deleted: boolean;
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

/** Somebody began or stopped writing in a chat: told to who is connected, and kept nowhere. */
export interface Typing {
  readonly chatId: ChatId;
  readonly chatKey: string;
  readonly user: UserSummary;
  readonly typing: boolean;
  readonly atMs: number;
}

/** One user's durable event as read back from the store. */
export interface StoredEvent {
  readonly eventId: EventId;
  readonly userId: UserId;
  readonly type: "entered" | "left" | "delivered" | "read";
  readonly chatId: ChatId;
  readonly chatKey: string;
  /** Who entered or left; who got or read the message. */
  readonly users: readonly UserSummary[];
  readonly deleted: boolean;
  /** Of `delivered` and `read`: a message of the user's, and the GUID it was for. */
  readonly about?: { readonly messageId: MessageId; readonly guid: string };
  readonly createdAtMs: number;
}

/** How far a member has got in a chat. */
export interface Position {
  readonly chatId: ChatId;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

/** What a bearer token stands for. */
export interface TokenOwner {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  /** SPKI, DER: what its holder signs with; the device's key, else the user's. */
  readonly signingKey: Uint8Array | undefined;
  readonly expiresAtMs: number | undefined;
  /** It was given to a client, in place of the password. */
  readonly remembered: boolean;
}

/** Who reads: a user, at one of his devices or at none in particular. */
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
