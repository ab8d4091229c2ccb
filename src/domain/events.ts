import type { ContactChange } from "./contacts/contact-store.ts";
import type { Chat, ChatId, DeletedMessage, Entered, Left, Message, Typing, UserId } from "./model.ts";
import type { ProfileRemoved } from "./profiles/profile-store.ts";

/**
 * What follows from a committed change, or from a client's action without one (`chat.typing`). `to` are the recipients.
 * Events come in the order of the commits, so the ids of `message.sent` only grow.
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
  /** For the other members who are connected now. */
  | { readonly type: "chat.typing"; readonly typing: Typing; readonly to: readonly UserId[] }
  /** A message was deleted; only its position remains. Clients that have it should drop it. */
  | { readonly type: "message.deleted"; readonly message: DeletedMessage; readonly to: readonly UserId[] }
  /** A group has a new name. */
  | { readonly type: "chat.renamed"; readonly chat: Chat; readonly to: readonly UserId[] }
  /** The account may no longer be used; its connections are closed. */
  | { readonly type: "user.revoked"; readonly to: readonly UserId[] }
  /** The account may be used again. */
  | { readonly type: "user.enabled"; readonly to: readonly UserId[] }
  /**
   * Others see the user differently from now on: the entry in each friend's list. Each of them is a `contact.changed`
   * too.
   */
  | { readonly type: "user.changed"; readonly changes: readonly ContactChange[]; readonly to: readonly UserId[] }
  /** A user's own list of contacts has a new entry for another user. */
  | { readonly type: "contact.changed"; readonly change: ContactChange; readonly to: readonly UserId[] }
  /** A user blocked or unblocked another user. Only the acting user is told. */
  | {
      readonly type: "contact.blocked";
      readonly userId: UserId;
      readonly contactId: UserId;
      readonly blocked: boolean;
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
