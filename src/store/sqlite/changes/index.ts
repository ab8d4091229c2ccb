/** Every change the writer knows, by name: a closure cannot cross to a Worker, a name can. */
import type { Tx } from "../tx.ts";
import { createChatChanges, createChatParts } from "./chats.ts";
import { createDeliveryChanges } from "./deliveries.ts";
import { createMessageChanges } from "./messages.ts";
import { createMqttChanges } from "./mqtt.ts";
import { createCredentialParts, createMqttDeviceChanges } from "./mqtt-devices.ts";
import { createUserParts } from "./user-parts.ts";
import { createUserChanges } from "./users.ts";

export function createChanges(tx: Tx) {
  const credentials = createCredentialParts(tx);
  const people = createUserParts(tx, credentials);
  const chatParts = createChatParts(tx, people);
  return {
    ...createUserChanges(tx, people, credentials),
    ...createMqttDeviceChanges(tx, credentials),
    ...createChatChanges(tx, chatParts, people),
    ...createMessageChanges(tx, chatParts),
    ...createDeliveryChanges(tx),
    ...createMqttChanges(tx),
  };
}

export type Changes = ReturnType<typeof createChanges>;
export type ChangeName = keyof Changes;

/** Changes that give space back or must go on when the disk is full; all others are refused then. */
export const freeingChanges: ReadonlySet<ChangeName> = new Set<ChangeName>([
  "advance",
  "confirmEvents",
  "deleteChat",
  "dequeue",
  "endDevice",
  "endSession",
  "release",
  "released",
  "removeMembers",
  "removeWill",
  "restart",
  "scheduleWill",
  "send",
  "suspendSession",
  "removeMqttDevice",
  "sweepChat",
  "touchUsers",
  "unsubscribe",
  "wait",
]);
