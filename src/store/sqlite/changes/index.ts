/** Every change the writer knows, by name: a closure cannot cross to a Worker, a name can. */
import type { Tx } from "../tx.ts";
import { createAnswerChanges } from "./answers.ts";
import { createAvatarChanges } from "./avatars.ts";
import { createBlockChanges } from "./blocks.ts";
import { createChatEnds } from "./chat-ends.ts";
import { createChatChanges, createChatParts } from "./chats.ts";
import { createConfirmationParts } from "./confirmations.ts";
import { createConfirmedChanges } from "./confirmed.ts";
import { createContactChanges, createContactParts } from "./contacts.ts";
import { createDeliveryChanges } from "./deliveries.ts";
import { createDeviceChatChanges } from "./device-chats.ts";
import { createDirectory } from "./directory.ts";
import { createExchangeChanges } from "./exchanges.ts";
import { createGroupChanges } from "./groups.ts";
import { createHourlyCounts } from "./hourly-counts.ts";
import { createInviteChanges, createInviteParts } from "./invites.ts";
import { createLogInChanges, createLogInParts } from "./log-ins.ts";
import { createMessageEnds } from "./message-ends.ts";
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
import { createUserEnds } from "./user-ends.ts";
import { createUserParts } from "./user-parts.ts";
import { createUserChanges } from "./users.ts";
import { createWebhookChanges } from "./webhooks.ts";

export function createChanges(tx: Tx) {
  const credentials = createCredentialParts(tx);
  const people = createUserParts(tx, credentials);
  const chatParts = createChatParts(tx, people);
  const chatEnds = createChatEnds(tx, chatParts);
  const contacts = createContactParts(tx, chatParts);
  const profiles = createProfileParts(tx, people);
  const logIns = createLogInParts(tx);
  const counts = createHourlyCounts(tx);
  const directory = createDirectory(tx);
  const files = createMessageFiles(tx);
  const tokens = createTokenParts(tx);
  const messages = createMessageChanges(tx, { chats: chatParts, directory, files });
  return {
    ...createUserChanges(tx, { people, credentials, tokens, invites: createInviteParts(tx) }),
    ...createTokenChanges(tx, tokens),
    ...createMqttDeviceChanges(tx, credentials),
    ...createChatChanges(tx, { chats: chatParts, ends: chatEnds, people, directory, files }),
    ...createGroupChanges(tx, { chats: chatParts, ends: chatEnds, directory }),
    ...messages,
    ...createMessageEnds(tx, chatParts, files),
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
    ...createContactChanges(tx, { contacts, people, profiles, directory }),
    ...createBlockChanges(tx, { contacts, people, directory }),
    ...createProfileChanges(tx, profiles, counts),
    ...createProfileEndChanges(tx, { profiles, chatEnds, credentials, counts }),
    ...createInviteChanges(tx),
    ...createAvatarChanges(tx),
    ...createLogInChanges(tx, logIns, credentials),
    ...createUserEnds(tx, { people, chatEnds, credentials, logIns }),
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
  "deleteMessage",
  "dequeue",
  "endDevice",
  "endPhoneSession",
  "endSession",
  "endTokens",
  "endToken",
  "leaveChat",
  "release",
  "released",
  "removeFromChat",
  "removeMembers",
  "removeProfile",
  "removeUser",
  "removeWill",
  "revokeContact",
  "restart",
  "scheduleWill",
  "send",
  "setUserDisabled",
  "suspendSession",
  "removeMqttDevice",
  "sweepChat",
  "touchPhoneSession",
  "touchUsers",
  "unsubscribe",
  "wait",
]);
