/**
 * What the store must do for one sender's batch of messages and statuses; see `store.ts` for the promises of every
 * method.
 */

import type {
  AddressedText,
  ClientStamp,
  DeletedMessage,
  DeviceId,
  EventId,
  Message,
  MessageId,
  UserId,
} from "../model.ts";

/** A message that addresses each recipient separately. */
export interface AddressedDraft extends ClientStamp {
  readonly chatKey: string;
  readonly clientId: string;
  /** By the GUID of a user or of one of their devices. */
  readonly texts: readonly { readonly guid: string; readonly text: string }[];
  /**
   * An earlier message of the sender in the same chat that this one replaces: no recipient gets the earlier one any
   * more.
   */
  readonly oldMessageId: MessageId | undefined;
}

/** Says that a message or an event reached the user, or that they read it. */
export interface Confirmation {
  readonly of: { readonly messageId: MessageId } | { readonly eventId: EventId };
  readonly status: "delivered" | "read";
}

export interface Exchange {
  readonly from: { readonly userId: UserId; readonly deviceId: DeviceId | undefined };
  readonly messages: readonly AddressedDraft[];
  readonly confirmations: readonly Confirmation[];
}

export interface Exchanged {
  /** One per draft, in order. */
  readonly messages: readonly {
    readonly message: Message & { readonly texts: readonly AddressedText[] };
    /** An earlier commit stored it: nothing is published again. */
    readonly repeated: boolean;
    /** The message that it stands in for, and the members whom that one was for. */
    readonly replaced?: { readonly message: DeletedMessage; readonly members: readonly UserId[] };
  }[];
  /** The users who now get a durable event about a status. */
  readonly notified: readonly UserId[];
}

/** The recipients of a message, and the message that it replaces. */
export interface Addressing {
  readonly recipients: readonly string[];
  readonly oldMessageId: MessageId | undefined;
}

export interface ExchangeReads {
  /** At most `limit` GUIDs. For an ordinary message they are those of the chat's other members. */
  addressing(message: Message, limit: number): Promise<Addressing>;
}

export interface ExchangeStore extends ExchangeReads {
  /**
   * All or nothing. Confirmations of unknown items and repeated confirmations change nothing. Throws `chat_not_found`
   * (also where the sender or a recipient is no member, or the message to replace is unknown), `user_disabled`, `share_full`.
   * `foreign`: the message to replace is another sender's.
   */
  exchange(exchange: Exchange): Promise<Exchanged | "foreign">;
}
