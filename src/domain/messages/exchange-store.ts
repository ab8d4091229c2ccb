/** What the store must do for batches of messages and statuses of one sender; see `store.ts` for what every method promises. */

import type { AddressedText, ClientStamp, DeviceId, EventId, Message, MessageId, UserId } from "../model.ts";

/** A message that addresses each recipient by himself. */
export interface AddressedDraft extends ClientStamp {
  readonly chatKey: string;
  readonly clientId: string;
  /** By the GUID of a user or of one of his devices. */
  readonly texts: readonly { readonly guid: string; readonly text: string }[];
  /** An earlier message of the sender's in the same chat that this one stands in for: nobody is given that one any more. */
  readonly oldMessageId: MessageId | undefined;
}

/** That a message, or an event, reached whoever says so, or that he read it. */
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
    /** It was stored by an earlier commit: nothing is to be published again. */
    readonly repeated: boolean;
  }[];
  /** Whom a durable event now tells of a status. */
  readonly told: readonly UserId[];
}

/** Whom a message was addressed to, and which one it stands in for. */
export interface Addressing {
  readonly recipients: readonly string[];
  readonly oldMessageId: MessageId | undefined;
}

export interface ExchangeReads {
  /** At most `limit` GUIDs; of an ordinary message those of the chat's other members. */
  addressing(message: Message, limit: number): Promise<Addressing>;
}

export interface ExchangeStore extends ExchangeReads {
  /**
   * All or nothing. Confirmations of what is unknown, or was confirmed before, change nothing. Throws `chat_not_found`
   * (also where the sender or a recipient is no member, or the message to
   * stand in for is unknown), `user_disabled`. `foreign`: that message is another sender's.
   */
  exchange(exchange: Exchange): Promise<Exchanged | "foreign">;
}
