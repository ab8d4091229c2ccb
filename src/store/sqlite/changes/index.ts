/** Every change the writer knows, by name: a closure cannot cross to a Worker, a name can. */
import type { Tx } from "../tx.ts";
import { createAnswerChanges } from "./answers.ts";
import { createChatEnds } from "./chat-ends.ts";
import { createChatChanges, createChatParts } from "./chats.ts";
import { createConfirmationParts } from "./confirmations.ts";
import { createContactChanges } from "./contacts.ts";
import { createDeliveryChanges } from "./deliveries.ts";
import { createExchangeChanges } from "./exchanges.ts";
import { createHourlyCounts } from "./hourly-counts.ts";
import { createMessageChanges } from "./messages.ts";
import { createMqttChanges } from "./mqtt.ts";
import { createCredentialParts, createMqttDeviceChanges } from "./mqtt-devices.ts";
import { createPhoneSessionChanges } from "./phone-sessions.ts";
import { createProfileEndChanges } from "./profile-ends.ts";
import { createProfileParts } from "./profile-parts.ts";
import { createProfileChanges } from "./profiles.ts";
import { createTokenChanges, createTokenParts } from "./tokens.ts";
import { createUserEndChanges } from "./user-ends.ts";
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
  const tokens = createTokenParts(tx);
  const messages = createMessageChanges(tx, chatParts);
  return {
    ...createUserChanges(tx, { people, credentials, tokens }),
    ...createTokenChanges(tx, tokens),
    ...createUserEndChanges(tx, tokens),
    ...createMqttDeviceChanges(tx, credentials),
    ...createChatChanges(tx, chatParts, chatEnds, people),
    ...messages,
    ...createExchangeChanges(tx, {
      chats: chatParts,
      people,
      messages,
      confirmations: createConfirmationParts(tx),
    }),
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
  "confirmStatuses",
  "deleteChat",
  "disableUser",
  "dequeue",
  "endDevice",
  "endPhoneSession",
  "endSession",
  "endTokens",
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
