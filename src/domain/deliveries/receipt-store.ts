/** What receipts need of the store: how far a member has read, said by the member, and who may be told of it. */
import type { ChatId, ChatKind, ChatRef, DeviceId, ReceiptRule, UserId } from "../model.ts";

/** A place in a chat, or one of the chat's messages. */
export type ReadPlace = { readonly seq: number } | { readonly messageId: number };

/** "I have read everything up to here." */
export interface ReadThrough {
  readonly userId: UserId;
  /** Where the user reads. What was read counts as delivered to this device; the user's other devices keep their places. */
  readonly deviceId: DeviceId | undefined;
  readonly chat: ChatRef;
  readonly place: ReadPlace;
}

/** The members of a chat as receipts see them. */
export interface ReceiptChat {
  readonly chatId: ChatId;
  readonly chatKey: string;
  readonly kind: ChatKind;
  /** With what each lets others know. Undefined where there are more than were asked for. */
  readonly members: ReadonlyMap<UserId, ReceiptRule> | undefined;
  /** Of a direct chat: one of the two blocks the other. */
  readonly blocked: boolean;
}

/** How far one member has got. */
export interface MemberPlace {
  readonly userId: UserId;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

/** Positions in the order in which they moved: by the number of the commit that moved them, then by chat and user. */
export interface MovePlace {
  readonly move: number;
  readonly chatId: number;
  readonly userId: number;
}

/** A member whose position moved, and by which moves the two got where they are. */
export interface MovedMember extends MemberPlace {
  readonly guid: string;
  readonly userKey: string;
  readonly deliveredMove: number;
  readonly readMove: number;
}

/** How many members of a chat have got so far, of those who let others know; the members all count. */
export interface PlaceCounts {
  readonly members: number;
  readonly delivered: number;
  readonly read: number;
}

export interface ReceiptReads {
  /** Undefined where there is no such chat. */
  receiptChat(chatId: ChatId, membersMax: number): Promise<ReceiptChat | undefined>;
  /** In the order of joining. */
  places(chatId: ChatId): Promise<readonly MemberPlace[]>;
  /** The number of the last move; 0: none yet. */
  lastMove(): Promise<number>;
  /** The chats of a user with an id above `after`, ascending, at most `limit` of them. */
  chatIds(userId: UserId, page: { after: number; limit: number }): Promise<readonly ChatId[]>;
  /** The members of whom one of the two moved by a move from `from` through `through`. */
  movedMembers(chatId: ChatId, moves: { from: number; through: number }): Promise<readonly MovedMember[]>;
  /** The place of the user's newest message after `after` up to `through`; 0: there is none. */
  newestOwn(range: { chatId: ChatId; userId: UserId; after: number; through: number }): Promise<number>;
  placeCounts(chatId: ChatId, seq: number): Promise<PlaceCounts>;
  /** What the user lets others know. */
  receiptRule(userId: UserId): Promise<ReceiptRule>;
  /** Who sent the messages after `after` up to `through`, ascending, at most `limit` of them. */
  senders(range: {
    chatId: ChatId;
    after: number;
    through: number;
    limit: number;
  }): Promise<readonly { readonly seq: number; readonly senderId: UserId }[]>;
}

export interface ReceiptStore extends ReceiptReads {
  /**
   * Gives the place as it is in the chat. Throws `chat_not_found` and `not_a_member` as for a message that is sent there,
   * `message_not_found` where the chat has no such place.
   */
  readThrough(read: ReadThrough): Promise<{ readonly chatId: ChatId; readonly seq: number }>;
  /** Throws `user_disabled`. */
  setReceiptRule(userId: UserId, rule: ReceiptRule): Promise<void>;
}
