/** All changes an MQTT broker asks for; retained messages, the queue, sessions and wills have a file each. */
import type { Tx } from "../tx.ts";
import { createQueueChanges } from "./mqtt-queue.ts";
import { createRetainedChanges } from "./mqtt-retained.ts";
import { createSessionChanges } from "./mqtt-sessions.ts";
import { createWillChanges } from "./mqtt-wills.ts";

export function createMqttChanges(tx: Tx) {
  const retained = createRetainedChanges(tx);
  const queue = createQueueChanges(tx, retained);
  return { ...retained, ...queue.changes, ...createSessionChanges(tx, queue), ...createWillChanges(tx) };
}
