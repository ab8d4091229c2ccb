/** All changes an MQTT broker asks for; retained messages, the queue, sessions and wills have a file each. */
import type { Tx } from "../engine/tx.ts";
import { createQueueChanges } from "./queue-changes.ts";
import { createRetainedChanges } from "./retained-changes.ts";
import { createSessionChanges } from "./session-changes.ts";
import { createWillChanges } from "./will-changes.ts";

export function createMqttChanges(tx: Tx) {
  const retained = createRetainedChanges(tx);
  const queue = createQueueChanges(tx, retained);
  return { ...retained, ...queue.changes, ...createSessionChanges(tx, queue), ...createWillChanges(tx) };
}
