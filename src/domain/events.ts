import type { ContactChange } from "./contacts/contact-store.ts";
import type {
  Chat,
  ChatId,
  DeletedMessage,
  Entered,
  Left,
  Message,
  MqttDevice,
  Mute,
  PresenceRule,
  Reacted,
  Receipt,
  ReceiptRule,
  Typing,
  UserId,
} from "./model.ts";
import type { ProfileRemoved } from "./profiles/profile-store.ts";

/**
 * What follows from a committed change, from a client's action without one (`chat.typing`), or from several changes
 * (`receipts.told`). `to` are the recipients. Events come in the order of the commits, so the ids of `message.sent` only
 * grow.
 */
export type DomainEvent =
  | { readonly type: "message.sent"; readonly message: Message; readonly to: readonly UserId[] }
  /** A durable event for these users: a message of theirs was delivered or read. */
  | { readonly type: "status.stored"; readonly to: readonly UserId[] }
  | { readonly type: "chat.entered"; readonly entered: Entered; readonly to: readonly UserId[] }
  | { readonly type: "chat.left"; readonly left: Left; readonly to: readonly UserId[] }
  /**
   * A member of a chat has got further: every message up to `deliveredSeq` reached them, every message up to `readSeq`
   * was read. One event per member and chat, however often the commit moved the position; `to` is the member.
   */
  | {
      readonly type: "position.moved";
      readonly chatId: ChatId;
      readonly userId: UserId;
      readonly deliveredBefore: number;
      readonly deliveredSeq: number;
      readonly readBefore: number;
      readonly readSeq: number;
      readonly to: readonly UserId[];
    }
  /** What a user lets others know of how far they have got is otherwise from now on. No client is told. */
  | { readonly type: "receipts.allowed"; readonly rule: ReceiptRule; readonly to: readonly UserId[] }
  /** Who sees whether a user is online is otherwise from now on. No client is told of it as such. */
  | {
      readonly type: "presence.allowed";
      readonly userId: UserId;
      readonly rule: PresenceRule;
      readonly to: readonly UserId[];
    }
  /** Members have got further, of whom this user is told: those who got the user's messages, and the user's own devices. */
  | {
      readonly type: "receipts.told";
      readonly chatId: ChatId;
      readonly chatKey: string;
      readonly receipts: readonly Receipt[];
      readonly to: readonly UserId[];
    }
  /** For members who are connected now; `by` is the client that said so, which is not told. */
  | {
      readonly type: "chat.typing";
      readonly typing: Typing;
      readonly by: object | string | undefined;
      readonly to: readonly UserId[];
    }
  /** A message was deleted; only its position remains. Clients that have it should drop it. */
  | { readonly type: "message.deleted"; readonly message: DeletedMessage; readonly to: readonly UserId[] }
  /** A message has other content now; here it is as it stands. Clients that have the former content should replace it. */
  | { readonly type: "message.edited"; readonly message: Message; readonly to: readonly UserId[] }
  /** A user reacted to a message, or took the reaction back. */
  | { readonly type: "message.reacted"; readonly reacted: Reacted; readonly to: readonly UserId[] }
  /** A user muted a chat, or wants its notices again. Only the acting user is told. */
  | { readonly type: "chat.muted"; readonly mute: Mute; readonly to: readonly UserId[] }
  /** A group has another picture; undefined: the generated one. */
  | {
      readonly type: "chat.pictured";
      readonly chat: Chat;
      readonly avatar: Uint8Array | undefined;
      readonly to: readonly UserId[];
    }
  /** A group has a new name. */
  | { readonly type: "chat.renamed"; readonly chat: Chat; readonly to: readonly UserId[] }
  /** A device may do something else from now on, or has another password. No client is told. */
  | {
      readonly type: "device.changed";
      readonly device: MqttDevice;
      readonly newPassword: boolean;
      readonly to: readonly UserId[];
    }
  /** A user or a device ("user:<id>", "device:<name>") may use other topics from now on; undefined: any of them. */
  | { readonly type: "topics.changed"; readonly ownerKey: string | undefined; readonly to: readonly UserId[] }
  /** What a user or a device ("user:<id>", "device:<name>") retained on MQTT topics is removed. */
  | { readonly type: "retained.dropped"; readonly ownerKey: string; readonly to: readonly UserId[] }
  /** The account may no longer be used; its connections are closed. */
  | { readonly type: "user.revoked"; readonly to: readonly UserId[] }
  /**
   * Tokens of a user have ended, and with them the connections that came by them. `byPassword`: connections that came by
   * the password end too, since that is another one.
   */
  | {
      readonly type: "log-in.ended";
      readonly userId: UserId;
      readonly tokenIds: readonly string[];
      readonly byPassword: boolean;
      readonly to: readonly UserId[];
    }
  /** Long-lived tokens of a user or a device ("user:<id>", "device:<name>") have ended. */
  | {
      readonly type: "long-tokens.ended";
      readonly ownerKey: string;
      readonly tokenIds: readonly string[];
      readonly to: readonly UserId[];
    }
  /** A username, or a device, has the user's log-in name from now on, and goes before it. */
  | {
      readonly type: "login-name.taken";
      readonly userId: UserId;
      readonly loginName: string;
      readonly to: readonly UserId[];
    }
  /** A user has another `userID`, or none: whatever names them by it is void. No client is told. */
  | { readonly type: "user-key.changed"; readonly userId: UserId; readonly to: readonly UserId[] }
  /** The account may be used again. */
  | { readonly type: "user.enabled"; readonly to: readonly UserId[] }
  /**
   * Others see the user differently from now on: the entry in each friend's list. Each of them is a `contact.changed`
   * too.
   */
  | { readonly type: "user.changed"; readonly changes: readonly ContactChange[]; readonly to: readonly UserId[] }
  /**
   * Users became something else to each other: one asked, agreed or ended it, or is gone. The new entry in each list, in the order
   * in which they are told. Each of them is a `contact.changed` too.
   */
  | { readonly type: "friendship.changed"; readonly changes: readonly ContactChange[]; readonly to: readonly UserId[] }
  /** A user's own list of contacts has a new entry for another user. */
  | { readonly type: "contact.changed"; readonly change: ContactChange; readonly to: readonly UserId[] }
  /** A user blocked or unblocked another user. Only the acting user is told. */
  | {
      readonly type: "contact.blocked";
      readonly userId: UserId;
      readonly contactId: UserId;
      readonly blocked: boolean;
      /** They were friends until they were blocked. */
      readonly wereFriends: boolean;
      readonly updatedAtMs: number;
      readonly to: readonly UserId[];
    }
  /** A profile as its own clients see it; for all its users. */
  | {
      readonly type: "profile.changed";
      readonly operation: "set" | "update" | "email";
      readonly phone: string;
      readonly to: readonly UserId[];
    }
  /** A profile is gone, and all its log-ins are about to end. `to` were its users. */
  | { readonly type: "profile.removed"; readonly removed: ProfileRemoved; readonly to: readonly UserId[] }
  /** A phone has one more user. */
  | { readonly type: "roster.added"; readonly phone: string; readonly userId: UserId; readonly to: readonly UserId[] }
  /** A phone has one user less, and that user's log-ins by phone are about to end. `to` was that user. */
  | { readonly type: "roster.removed"; readonly removed: ProfileRemoved; readonly to: readonly UserId[] }
  /** A user has another phone, and so another PhoneId. For the user and their friends. */
  | {
      readonly type: "phone.changed";
      readonly userId: UserId;
      readonly fromPhone: string;
      readonly toPhone: string;
      readonly to: readonly UserId[];
    }
  /** These log-ins by phone are over: a client that is connected by one of them has no user from now on. */
  | { readonly type: "session.ended"; readonly sessionIds: readonly number[]; readonly to: readonly UserId[] };

export type EventType = DomainEvent["type"];
export type EventOf<Type extends EventType> = Extract<DomainEvent, { type: Type }>;
