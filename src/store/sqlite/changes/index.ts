/** Every change the writer knows, by name: a closure cannot cross to a Worker, a name can. */
import type { Tx } from "../tx.ts";
import { createAnswerChanges } from "./answers.ts";
import { createChatEnds } from "./chat-ends.ts";
import { createChatChanges, createChatParts } from "./chats.ts";
import { createConfirmationParts } from "./confirmations.ts";
import { createConfirmedChanges } from "./confirmed.ts";
import { createContactChanges } from "./contacts.ts";
import { createDeliveryChanges } from "./deliveries.ts";
import { createDeviceChatChanges } from "./device-chats.ts";
import { createDirectory } from "./directory.ts";
import { createExchangeChanges } from "./exchanges.ts";
import { createHourlyCounts } from "./hourly-counts.ts";
import { createMessageFiles } from "./message-files.ts";
import { createMessageChanges } from "./messages.ts";
import { createMqttChanges } from "./mqtt.ts";
import { createCredentialParts, createMqttDeviceChanges } from "./mqtt-devices.ts";
import { createPaidMessageChanges } from "./paid-messages.ts";
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
  const directory = createDirectory(tx);
  const files = createMessageFiles(tx);
  const tokens = createTokenParts(tx);
  const messages = createMessageChanges(tx, { chats: chatParts, directory, files });
  return {
    ...createUserChanges(tx, { people, credentials, tokens }),
    ...createTokenChanges(tx, tokens),
    ...createUserEndChanges(tx, tokens),
    ...createMqttDeviceChanges(tx, credentials),
    ...createChatChanges(tx, { chats: chatParts, ends: chatEnds, people, directory, files }),
    ...messages,
    ...createExchangeChanges(tx, {
      chats: chatParts,
      people,
      messages,
      confirmations: createConfirmationParts(tx),
    }),
    ...createDeliveryChanges(tx),
    ...createConfirmedChanges(tx),
    ...createDeviceChatChanges(tx),
    ...createMqttChanges(tx),
    ...createContactChanges(tx, { chats: chatParts, people, profiles, directory }),
    ...createProfileChanges(tx, profiles, counts),
    ...createProfileEndChanges(tx, { profiles, chatEnds, credentials, counts }),
    ...createPhoneSessionChanges(tx, profiles, counts),
    ...createPaidMessageChanges(tx),
    ...createAnswerChanges(tx),
    ...createWebhookChanges(tx),
  };
}

export type Changes = ReturnType<typeof createChanges>;
export type ChangeName = keyof Changes;

/** Changes that give space back or must go on when the disk is full; all others are refused then. */
export const freeingChanges: ReadonlySet<ChangeName> = new Set<ChangeName>([
  "advance",
  "announceChats",
  "confirmEvents",
  "confirmMessages",
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
