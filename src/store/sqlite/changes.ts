/** Every change the writer knows, by name: a closure cannot cross to a Worker, a name can. */

import { createAnswerChanges } from "./answers/answer-changes.ts";
import { createChatChanges, createChatParts } from "./chats/chat-changes.ts";
import { createChatReferences } from "./chats/chat-references.ts";
import { createChatEnds } from "./chats/chat-removal.ts";
import { createGroupChanges } from "./chats/group-changes.ts";
import { createBlockChanges } from "./contacts/block-changes.ts";
import { createContactChanges, createContactParts } from "./contacts/contact-changes.ts";
import { createDeviceChatChanges } from "./deliveries/device-chats.ts";
import { createDeliveryChanges } from "./deliveries/position-changes.ts";
import { createPositions } from "./deliveries/positions.ts";
import { createConfirmationParts } from "./deliveries/statuses.ts";
import type { Tx } from "./engine/tx.ts";
import { createExchangeChanges } from "./messages/exchange-changes.ts";
import { createMessageChanges } from "./messages/message-changes.ts";
import { createMessageFiles } from "./messages/message-files.ts";
import { createMessageEnds } from "./messages/message-removal.ts";
import { createMqttChanges } from "./mqtt/changes.ts";
import { createAvatarChanges } from "./people/avatar-changes.ts";
import { createCredentialParts, createMqttDeviceChanges } from "./people/device-changes.ts";
import { createDirectory } from "./people/directory.ts";
import { createInviteChanges, createInviteParts } from "./people/invite-changes.ts";
import { createLogInChanges, createLogInParts } from "./people/log-in-changes.ts";
import { createTokenChanges, createTokenParts } from "./people/token-changes.ts";
import { createUserChanges } from "./people/user-changes.ts";
import { createUserParts } from "./people/user-parts.ts";
import { createUserEnds } from "./people/user-removal.ts";
import { createHourlyCounts } from "./phones/hourly-counts.ts";
import { createPaidMessageChanges } from "./phones/paid-message-changes.ts";
import { createPhoneSessionChanges } from "./phones/phone-session-changes.ts";
import { createProfileChanges } from "./profiles/profile-changes.ts";
import { createProfileParts } from "./profiles/profile-parts.ts";
import { createProfileEndChanges } from "./profiles/profile-removal.ts";
import { createWebhookChanges } from "./webhooks/webhook-changes.ts";

export function createChanges(tx: Tx) {
  const credentials = createCredentialParts(tx);
  const people = createUserParts(tx, credentials);
  const directory = createDirectory(tx);
  const references = createChatReferences(tx, directory);
  const chatParts = createChatParts(tx, people);
  const chatEnds = createChatEnds(tx, chatParts);
  const contacts = createContactParts(tx, chatParts, references);
  const profiles = createProfileParts(tx, people);
  const logIns = createLogInParts(tx);
  const counts = createHourlyCounts(tx);
  const files = createMessageFiles(tx);
  const positions = createPositions(tx);
  const tokens = createTokenParts(tx);
  const messages = createMessageChanges(tx, { chats: chatParts, references, files });
  return {
    ...createUserChanges(tx, { people, credentials, tokens, invites: createInviteParts(tx) }),
    ...createTokenChanges(tx, tokens),
    ...createMqttDeviceChanges(tx, credentials),
    ...createChatChanges(tx, { chats: chatParts, references, ends: chatEnds, people, directory, files }),
    ...createGroupChanges(tx, { chats: chatParts, references, ends: chatEnds, directory }),
    ...messages,
    ...createMessageEnds(tx, chatParts, files),
    ...createExchangeChanges(tx, {
      chats: chatParts,
      references,
      people,
      messages,
      confirmations: createConfirmationParts(tx, positions),
    }),
    ...createDeliveryChanges(tx, positions),
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
