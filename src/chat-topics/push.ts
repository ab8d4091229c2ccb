/** What is told of chats as PUBLISH, in JSON. A message is encoded once per topic, and all its recipients share the bytes. */

import type { ChatForm } from "../access/chat-form.ts";
import { messageJson } from "../delivery/message-json.ts";
import {
  changeShape,
  liveChangeShape,
  messageShape,
  presenceShape,
  receiptShape,
  typingStateShape,
} from "../delivery/shapes.ts";
import type { Message } from "../domain/model.ts";
import { deviceNameOf } from "../domain/people/long-tokens.ts";
import { type PreparedPublish, preparePublish } from "../mqtt/publish/prepared-publish.ts";
import { chatTopic } from "./topic-names.ts";

/** A message's packet for one name of its chat. Few chats are heard by several names, so this is a list and not a Map. */
interface Prepared {
  readonly name: string;
  readonly packet: PreparedPublish;
  readonly next: Prepared | undefined;
}

const prepared = new WeakMap<Message, Prepared>();

/** The form of `chat/…` and `user/…`. */
export const jsonForm: ChatForm = {
  sign: 1,
  deviceNameOf: ({ principal, clientId }) => deviceNameOf(principal.scoped, clientId),
  message: (_, message, name, waiting) =>
    waiting === undefined ? publishOf(message, name) : firstPublishOf(message, name, waiting),
  change: (_, change, name) =>
    preparePublish(
      chatTopic(name, "changes"),
      JSON.stringify("messageId" in change ? changeShape(change) : liveChangeShape(change)),
    ),
  receipts: (_, receipts, chat, name) => [
    preparePublish(chatTopic(name, "receipts"), JSON.stringify(receipts.map((receipt) => receiptShape(receipt, chat)))),
  ],
  typing: (_, typing, name) => preparePublish(chatTopic(name, "typing"), JSON.stringify(typingStateShape(typing))),
  showsPresence: true,
  presence: (_, shown, retained) =>
    preparePublish(`user/${shown.userId}/presence`, JSON.stringify(presenceShape(shown)), { retain: retained }),
};

/** The first message to a new session: its JSON also says how many messages wait, this one included. */
const firstPublishOf = (message: Message, name: string, waiting: number): PreparedPublish =>
  preparePublish(chatTopic(name, "messages"), JSON.stringify({ ...messageShape(message), waiting }));

/** `name` is the chat's name as the subscriber writes it. */
function publishOf(message: Message, name: string): PreparedPublish {
  const first = prepared.get(message);
  for (let made = first; made !== undefined; made = made.next) if (made.name === name) return made.packet;
  const packet = preparePublish(chatTopic(name, "messages"), messageJson(message));
  prepared.set(message, { name, packet, next: first });
  return packet;
}
