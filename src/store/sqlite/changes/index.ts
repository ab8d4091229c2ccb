/** Every change the writer knows, by name: a closure cannot cross to a Worker, a name can. */
import type { Tx } from "../tx.ts";
import { createAnswerChanges } from "./answers.ts";
import { createChatEnds } from "./chat-ends.ts";
import { createChatChanges, createChatParts } from "./chats.ts";
import { createContactChanges } from "./contacts.ts";
import { createDeliveryChanges } from "./deliveries.ts";
import { createHourlyCounts } from "./hourly-counts.ts";
import { createMessageChanges } from "./messages.ts";
import { createMqttChanges } from "./mqtt.ts";
import { createCredentialParts, createMqttDeviceChanges } from "./mqtt-devices.ts";
import { createPhoneSessionChanges } from "./phone-sessions.ts";
import { createProfileEndChanges } from "./profile-ends.ts";
import { createProfileParts } from "./profile-parts.ts";
import { createProfileChanges } from "./profiles.ts";
import { createUserParts } from "./user-parts.ts";
import { createUserChanges } from "./users.ts";
import { createWebhookChanges } from "./webhooks.ts";

export function createChanges(tx: Tx) {
  const credentials = createCredentialParts(tx);
  const people = createUserParts(tx, credentials);
  const chatParts = createChatParts(tx, people);
  const chatEnds = createChatEnds(tx, chatParts);
  const profiles = createProfileParts(tx, people);
  const counts = createHourlyCounts(tx);
  return {
    ...createUserChanges(tx, people, credentials),
    ...createMqttDeviceChanges(tx, credentials),
    ...createChatChanges(tx, chatParts, chatEnds, people),
    ...createMessageChanges(tx, chatParts),
    ...createDeliveryChanges(tx),
    ...createMqttChanges(tx),
    ...createContactChanges(tx, { chats: chatParts, people, profiles }),
    ...createProfileChanges(tx, profiles, counts),
    ...createProfileEndChanges(tx, { profiles, chatEnds, credentials, counts }),
    ...createPhoneSessionChanges(tx, profiles, counts),
    ...createAnswerChanges(tx),
    ...createWebhookChanges(tx),
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
  "endPhoneSession",
  "endSession",
  "release",
  "released",
  "removeMembers",
  "removeProfile",
  "removeWill",
  "revokeContact",
  "restart",
  "scheduleWill",
  "send",
  "suspendSession",
  "removeMqttDevice",
  "sweepChat",
  "touchPhoneSession",
  "touchUsers",
  "unsubscribe",
  "wait",
]);
