/**
 * One item that a webhook is sent: a message, an event or a change, in the shapes of the simple form, with its position in the
 * log.
 */
import { eventShape, messageShape, placeShape } from "../delivery/shapes.ts";
import { isHidden } from "../domain/messages/addressed.ts";
import type { ChatId, Message, MessageId } from "../domain/model.ts";
import {
  isLoggedChange,
  type LoggedChange,
  type LoggedEvent,
  type WebhookKind,
  type WebhookOffset,
} from "../domain/webhooks/webhook-store.ts";

export interface Item {
  readonly kind: WebhookKind;
  readonly chatId: ChatId;
  /** The webhook's position in this chat once the item is delivered. */
  readonly offset: WebhookOffset;
  /** Of a change, with the message as it is by now. */
  body(webhook: string, find: FindMessage): Uint8Array | Promise<Uint8Array>;
}

/** Large content may be left out. */
export type FindMessage = (messageId: MessageId) => Promise<Message | undefined>;

/** What one read of the log gave, in one chat or in all chats. */
export interface Slice {
  /** The read did not look at ids above this. */
  readonly newest: number;
  readonly messages: readonly Message[];
  readonly events: readonly LoggedEvent[];
  readonly eventsMax: number;
}

/**
 * Gives messages and events after `from` in the order in which they happened. An event comes after the message that was
 * the newest at that time.
 */
export function inOrder(from: WebhookOffset, slice: Slice): Item[] {
  const messages = slice.messages.filter(({ messageId }) => messageId <= slice.newest);
  const events = slice.events.filter(({ afterMessageId }) => afterMessageId <= slice.newest);
  // Items of the other kind may come before the next item that was not read yet.
  const moreMessages = messages.length > 0 && (messages.at(-1)?.messageId ?? 0) < slice.newest;
  const moreEvents = slice.events.length === slice.eventsMax;
  const items: Item[] = [];
  let { messageId, eventId } = from;
  let [messageIndex, eventIndex] = [0, 0];
  for (;;) {
    const message = messages[messageIndex];
    const event = events[eventIndex];
    if (event !== undefined && comesFirst(event, message, { messageId, moreMessages })) {
      eventId = event.event.eventId;
      eventIndex += 1;
      items.push(itemOfEvent(event, { messageId, eventId }));
    } else if (message !== undefined && (event !== undefined || !moreEvents)) {
      messageId = message.messageId;
      messageIndex += 1;
      items.push(itemOfMessage(message, { messageId, eventId }));
    } else {
      return items;
    }
  }
}

function comesFirst(
  { afterMessageId }: LoggedEvent,
  message: Message | undefined,
  read: { messageId: number; moreMessages: boolean },
): boolean {
  if (message !== undefined) return afterMessageId < message.messageId;
  return !read.moreMessages || afterMessageId <= read.messageId;
}

const itemOfMessage = (message: Message, offset: WebhookOffset): Item => ({
  kind: "message",
  chatId: message.chatId,
  offset,
  body: (webhook) => encode({ webhook, offset: offsetText(offset), type: "message", message: shapeOf(message) }),
});

/**
 * For a message with a text for each recipient the webhook learns only that it was sent: the texts are for the
 * recipients alone.
 */
const shapeOf = (message: Message) =>
  isHidden(message) ? { ...messageShape(message), type: "text", addressed: true } : messageShape(message);

function itemOfEvent({ event }: LoggedEvent, offset: WebhookOffset): Item {
  if (isLoggedChange(event)) return itemOfChange(event, offset);
  const { event_id: _unconfirmed, ...shape } = eventShape(event);
  return {
    kind: "event",
    chatId: event.chatId,
    offset,
    body: (webhook) => encode({ webhook, offset: offsetText(offset), type: "event", event: shape }),
  };
}

const itemOfChange = (change: LoggedChange, offset: WebhookOffset): Item => ({
  kind: "change",
  chatId: change.chatId,
  offset,
  async body(webhook, find) {
    const message = change.type === "deleted" ? undefined : await find(change.messageId);
    return encode({ webhook, offset: offsetText(offset), type: "change", change: shapeOfChange(change, message) });
  },
});

/** A message that was deleted since, or whose chat is gone, is not shown. */
function shapeOfChange({ type, revision, reaction, ...place }: LoggedChange, message: Message | undefined) {
  const shown = message === undefined || message.kind === "deleted" ? {} : { message: messageShape(message) };
  const done =
    reaction === undefined ? {} : { user_id: String(reaction.by), reaction: reaction.reaction, added: reaction.added };
  return { change: type, revision, ...placeShape(place), ...done, ...shown };
}

const encode = (body: object): Uint8Array => Buffer.from(JSON.stringify(body));

export const offsetText = ({ messageId, eventId }: WebhookOffset): string => `${messageId}.${eventId}`;
