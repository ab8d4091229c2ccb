/** A message of the domain as a PUBLISH. It is encoded once per topic, and all its recipients share the bytes. */

import { messageShape } from "../delivery/shapes.ts";
import type { Message } from "../domain/model.ts";
import { type PreparedPublish, preparePublish } from "../mqtt/publish/prepared-publish.ts";
import { messagesTopic } from "./topic-names.ts";

const prepared = new WeakMap<Message, Map<string, PreparedPublish>>();

/** `name` is the chat's name as the subscriber writes it. */
export function publishOf(message: Message, name: string): PreparedPublish {
  let byName = prepared.get(message);
  if (byName === undefined) {
    byName = new Map();
    prepared.set(message, byName);
  }
  let packet = byName.get(name);
  if (packet === undefined) {
    packet = preparePublish(messagesTopic(name), Buffer.from(JSON.stringify(messageShape(message))));
    byName.set(name, packet);
  }
  return packet;
}
