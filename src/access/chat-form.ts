/**
 * In which form an MQTT session hears of its user's chats: the filters, topics and payloads. There are two: the JSON of
 * `chat/…` and `user/…`, and the Erlang terms of `p2p/…`, `room/…` and `ac/…`. Both are delivered alike.
 */
import type { ShownPresence } from "../delivery/presence.ts";
import type { MessageChange } from "../delivery/shapes.ts";
import { otherInDirect } from "../domain/keys.ts";
import type { ChatId, ChatKind, Message, Receipt, Typing, UserId } from "../domain/model.ts";
import type { PreparedPublish } from "../mqtt/publish/prepared-publish.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import type { Account } from "./accounts.ts";

/** What a client may subscribe to, of a chat. `history`: answers to its own requests, which come without a subscription too. */
export const heard = ["messages", "receipts", "changes", "typing", "history"] as const;
export type Heard = (typeof heard)[number];

export type ChatPlace = Pick<Message, "chatId" | "chatKey">;

/**
 * What a filter asks for of chats: of one chat by its string id or by its number, of every chat (of one kind, or of both), or
 * nothing. `ordinaryToo`: it covers more than the server's own topics, so it is an ordinary subscription as well.
 */
export type ChatFilter =
  | { readonly wants: "one"; readonly chatKey: string; readonly hears: readonly Heard[] }
  | { readonly wants: "numbered"; readonly chatId: ChatId; readonly hears: readonly Heard[] }
  | {
      readonly wants: "every";
      readonly of?: ChatKind;
      readonly ordinaryToo: boolean;
      readonly hears: readonly Heard[];
    }
  | { readonly wants: "nothing" };

/** What a filter asks for of users' presence: of one user, of every friend, or nothing. */
export type PresenceFilter =
  | { readonly wants: "one"; readonly userId: UserId }
  | { readonly wants: "every" }
  | { readonly wants: "nothing" };

export type FormSession = ServiceSession<Account>;

export interface ChatForm {
  /** Tells the refs of the forms' deliveries apart; message ids are positive. */
  readonly sign: 1 | -1;
  /** The name under which the position of a session is kept that hears chats in this form. */
  deviceNameOf(session: FormSession): string;
  /** `name` is the chat's name as the subscriber writes it. `waiting`: set with the first of the messages that wait. */
  message(session: FormSession, message: Message, name: string, waiting: number | undefined): PreparedPublish;
  /** What was done to a message just now, or a message that changed as it is now; undefined where the form has no word for it. */
  change(session: FormSession, change: MessageChange | Message, name: string): PreparedPublish | undefined;
  receipts(
    session: FormSession,
    receipts: readonly Receipt[],
    chat: ChatPlace,
    name: string,
  ): readonly PreparedPublish[];
  typing(session: FormSession, typing: Typing, name: string): PreparedPublish;
  /** Whether a subscription to presence is answered with how it is now, as with a retained message. */
  readonly showsPresence: boolean;
  presence(session: FormSession, shown: ShownPresence, retained: boolean): PreparedPublish | undefined;
}

/** The name under which a filter of the user asks for a chat; undefined where it does not. */
export function nameAsked(filter: ChatFilter, { chatId, chatKey }: ChatPlace, userId: UserId): string | undefined {
  switch (filter.wants) {
    case "one":
      return filter.chatKey === chatKey || filter.chatKey === aliasOf(chatKey, userId) ? filter.chatKey : undefined;
    case "numbered":
      return filter.chatId === chatId ? chatKey : undefined;
    case "every":
      return filter.of === undefined || filter.of === kindOfKey(chatKey, userId) ? chatKey : undefined;
    case "nothing":
      return undefined;
  }
}

const kindOfKey = (chatKey: string, userId: UserId): ChatKind =>
  otherInDirect(chatKey, userId) === undefined ? "group" : "direct";

/** A user's direct chat with another user is also `user.<userId>`. */
function aliasOf(chatKey: string, userId: UserId): string | undefined {
  const other = otherInDirect(chatKey, userId);
  return other === undefined ? undefined : `user.${other}`;
}

/** What a door asks to be delivered to a session, in its form. */
export interface ChatHearing {
  subscribe(filter: string, asked: { readonly chat: ChatFilter; readonly presence: PresenceFilter }, qos: 0 | 1): void;
  unsubscribe(filter: string): void;
  /** Resolves when what was subscribed to is heard from then on. */
  started(): Promise<void>;
  open(): void;
  close(): void;
  endDevice(): Promise<void>;
}

/** Gives the hearing of a user's session in a form, the same one until the session ends. */
export type HearingOf = (session: ServiceSession<Account>, userId: UserId, form: ChatForm) => ChatHearing;
