/** What is told of chats as PUBLISH, in JSON. A message is encoded once per topic, and all its recipients share the bytes. */

import type { ChatForm } from "../access/chat-form.ts";
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

const prepared = new WeakMap<Message, Map<string, PreparedPublish>>();

const json = (shape: unknown): Buffer => Buffer.from(JSON.stringify(shape));

/** The form of `chat/…` and `user/…`. */
export const jsonForm: ChatForm = {
  sign: 1,
  deviceNameOf: ({ principal, clientId }) => deviceNameOf(principal.scoped, clientId),
  message: (_, message, name, waiting) =>
    waiting === undefined ? publishOf(message, name) : firstPublishOf(message, name, waiting),
  change: (_, change, name) =>
    preparePublish(
      chatTopic(name, "changes"),
      json("messageId" in change ? changeShape(change) : liveChangeShape(change)),
    ),
  receipts: (_, receipts, chat, name) => [
    preparePublish(chatTopic(name, "receipts"), json(receipts.map((receipt) => receiptShape(receipt, chat)))),
  ],
  typing: (_, typing, name) => preparePublish(chatTopic(name, "typing"), json(typingStateShape(typing))),
  showsPresence: true,
  presence: (_, shown, retained) =>
    preparePublish(`user/${shown.userId}/presence`, json(presenceShape(shown)), { retain: retained }),
};

/** The first message to a new session: its JSON also says how many messages wait, this one included. */
const firstPublishOf = (message: Message, name: string, waiting: number): PreparedPublish =>
  preparePublish(chatTopic(name, "messages"), json({ ...messageShape(message), waiting }));

/** `name` is the chat's name as the subscriber writes it. */
function publishOf(message: Message, name: string): PreparedPublish {
  let byName = prepared.get(message);
  if (byName === undefined) {
    byName = new Map();
    prepared.set(message, byName);
  }
  let packet = byName.get(name);
  if (packet === undefined) {
    packet = preparePublish(chatTopic(name, "messages"), json(messageShape(message)));
    byName.set(name, packet);
  }
  return packet;
}
