/** Every change the writer knows, by name: a closure cannot cross to a Worker, a name can. */

import { lazily } from "../../lib/lazily.ts";
import { createAnswerChanges } from "./answers/answer-changes.ts";
import { createChatChanges } from "./chats/chat-changes.ts";
import { createChatParts } from "./chats/chat-parts.ts";
import { createChatReferences } from "./chats/chat-references.ts";
import { createChatEnds } from "./chats/chat-removal.ts";
import { createGroupChanges } from "./chats/group-changes.ts";
import { createBlockChanges, createContactChanges, createContactParts } from "./contacts/contact-changes.ts";
import { createDeviceChatChanges } from "./deliveries/device-chats.ts";
import { createDeliveryChanges } from "./deliveries/position-changes.ts";
import { createPositions } from "./deliveries/positions.ts";
import { createConfirmationParts } from "./deliveries/statuses.ts";
import { createUserEvents } from "./deliveries/user-events.ts";
import type { Change } from "./engine/change.ts";
import type { Tx } from "./engine/tx.ts";
import { createExchangeChanges } from "./messages/exchange-changes.ts";
import { type Appended, createMessageChanges } from "./messages/message-changes.ts";
import { createMessageFiles } from "./messages/message-files.ts";
import { createMessageEnds } from "./messages/message-removal.ts";
import type { EncodedAppend } from "./messages/stored-message.ts";
import { createQueueChanges } from "./mqtt/queue-changes.ts";
import { createRestartChange } from "./mqtt/restart-change.ts";
import { createRetainedChanges } from "./mqtt/retained-changes.ts";
import { createSessionChanges } from "./mqtt/session-changes.ts";
import { createWillChanges } from "./mqtt/will-changes.ts";
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

/**
 * What makes the changes, each when one of its changes is first asked for: preparing some two hundred statements would
 * take longer than the rest of a start.
 */
function createGroups(tx: Tx) {
  const credentials = lazily(() => createCredentialParts(tx));
  const people = lazily(() => createUserParts(tx, credentials()));
  const directory = lazily(() => createDirectory(tx));
  const events = lazily(() => createUserEvents(tx));
  const references = lazily(() => createChatReferences(tx, directory()));
  const chatParts = lazily(() => createChatParts(tx, people(), events()));
  const chatEnds = lazily(() => createChatEnds(tx, chatParts()));
  const contactParts = lazily(() => createContactParts(tx, chatParts(), references()));
  const profileParts = lazily(() => createProfileParts(tx, people()));
  const logInParts = lazily(() => createLogInParts(tx));
  const counts = lazily(() => createHourlyCounts(tx));
  const files = lazily(() => createMessageFiles(tx));
  const positions = lazily(() => createPositions(tx));
  const tokenParts = lazily(() => createTokenParts(tx));
  const retained = lazily(() => createRetainedChanges(tx));
  const queue = lazily(() => createQueueChanges(tx, retained()));
  const messages = lazily(() =>
    createMessageChanges(tx, { chats: chatParts(), references: references(), files: files() }),
  );
  return {
    users: lazily(() =>
      createUserChanges(tx, {
        people: people(),
        credentials: credentials(),
        tokens: tokenParts(),
        invites: createInviteParts(tx),
      }),
    ),
    tokens: lazily(() => createTokenChanges(tx, tokenParts())),
    mqttDevices: lazily(() => createMqttDeviceChanges(tx, credentials())),
    chats: lazily(() =>
      createChatChanges(tx, {
        chats: chatParts(),
        references: references(),
        ends: chatEnds(),
        people: people(),
        directory: directory(),
        files: files(),
      }),
    ),
    members: lazily(() =>
      createGroupChanges(tx, {
        chats: chatParts(),
        references: references(),
        ends: chatEnds(),
        directory: directory(),
      }),
    ),
    messages,
    messageEnds: lazily(() => createMessageEnds(tx, chatParts(), files())),
    exchanges: lazily(() =>
      createExchangeChanges(tx, {
        chats: chatParts(),
        references: references(),
        people: people(),
        messages: messages(),
        confirmations: createConfirmationParts(tx, positions()),
        events: events(),
      }),
    ),
    deliveries: lazily(() => createDeliveryChanges(positions(), events())),
    deviceChats: lazily(() => createDeviceChatChanges(tx, events())),
    retained,
    queue: lazily(() => queue().changes),
    mqttSessions: lazily(() => createSessionChanges(tx, queue())),
    mqttRestart: lazily(() => createRestartChange(tx, queue())),
    wills: lazily(() => createWillChanges(tx)),
    contacts: lazily(() =>
      createContactChanges(tx, {
        contacts: contactParts(),
        people: people(),
        profiles: profileParts(),
        directory: directory(),
      }),
    ),
    blocks: lazily(() =>
      createBlockChanges(tx, { contacts: contactParts(), people: people(), directory: directory() }),
    ),
    profiles: lazily(() => createProfileChanges(tx, { profiles: profileParts(), people: people(), counts: counts() })),
    profileEnds: lazily(() =>
      createProfileEndChanges(tx, {
        profiles: profileParts(),
        chatEnds: chatEnds(),
        credentials: credentials(),
        counts: counts(),
      }),
    ),
    invites: lazily(() => createInviteChanges(tx)),
    avatars: lazily(() => createAvatarChanges(tx, people())),
    logIns: lazily(() => createLogInChanges(tx, logInParts(), credentials())),
    userEnds: lazily(() =>
      createUserEnds(tx, {
        people: people(),
        chatEnds: chatEnds(),
        credentials: credentials(),
        logIns: logInParts(),
      }),
    ),
    phoneSessions: lazily(() => createPhoneSessionChanges(tx, profileParts(), counts())),
    paidMessages: lazily(() => createPaidMessageChanges(tx)),
    answers: lazily(() => createAnswerChanges(tx)),
    webhooks: lazily(() => createWebhookChanges(tx)),
  };
}

type Groups = ReturnType<typeof createGroups>;
type ChangesOf<Group extends keyof Groups> = ReturnType<Groups[Group]>;
type NamesOf<Group extends keyof Groups> = keyof ChangesOf<Group>;
export type ChangeName = { [Group in keyof Groups]: NamesOf<Group> }[keyof Groups];
type GroupOf<Name extends ChangeName> = {
  [Group in keyof Groups]: Name extends NamesOf<Group> ? Group : never;
}[keyof Groups];
export type Changes = { [Name in ChangeName]: ChangesOf<GroupOf<Name>>[Name & NamesOf<GroupOf<Name>>] };

export type ArgumentsOf<Name extends ChangeName> = Parameters<Changes[Name]>[0];
/** What a change gives, as JSON carries it. */
export type OutcomeOf<Name extends ChangeName> = Carried<ReturnType<Changes[Name]>>;
type Carried<Value> = Value extends undefined
  ? null
  : Value extends Appended
    ? EncodedAppend
    : Value extends readonly Appended[]
      ? EncodedAppend[]
      : Value;

/** A change that stands with the wrong group, or with none, does not compile. */
const groups: { readonly [Name in ChangeName]: GroupOf<Name> } = {
  createUser: "users",
  setPassword: "users",
  touchUsers: "users",
  provision: "users",
  openDevice: "users",
  endDevice: "users",
  setBackendKey: "users",
  rotateToken: "tokens",
  endTokens: "tokens",
  openTokenRun: "tokens",
  addMqttDevice: "mqttDevices",
  removeMqttDevice: "mqttDevices",
  addScramKeys: "mqttDevices",
  keepSecret: "mqttDevices",
  createChat: "chats",
  putMembers: "chats",
  removeMembers: "chats",
  deleteChat: "chats",
  sweepChat: "chats",
  leaveChat: "members",
  addToChat: "members",
  removeFromChat: "members",
  renameChat: "members",
  appendMessage: "messages",
  appendMessages: "messages",
  deleteMessage: "messageEnds",
  exchange: "exchanges",
  confirmStatuses: "exchanges",
  advance: "deliveries",
  confirmMessages: "deliveries",
  confirmEvents: "deliveries",
  announceChats: "deviceChats",
  retain: "retained",
  enqueue: "queue",
  wait: "queue",
  send: "queue",
  release: "queue",
  dequeue: "queue",
  leaveTurns: "queue",
  restart: "mqttRestart",
  openSession: "mqttSessions",
  suspendSession: "mqttSessions",
  endSession: "mqttSessions",
  subscribe: "mqttSessions",
  unsubscribe: "mqttSessions",
  received: "mqttSessions",
  released: "mqttSessions",
  putWill: "wills",
  scheduleWill: "wills",
  removeWill: "wills",
  requestContacts: "contacts",
  confirmContact: "contacts",
  revokeContact: "contacts",
  blockContact: "blocks",
  unblockContact: "blocks",
  changeProfile: "profiles",
  addEmailCodes: "profiles",
  verifyEmailCode: "profiles",
  beginMigration: "profileEnds",
  finishMigration: "profileEnds",
  removeProfile: "profileEnds",
  addInvite: "invites",
  setAvatar: "avatars",
  addToken: "logIns",
  touchToken: "logIns",
  endToken: "logIns",
  changePassword: "logIns",
  setUserDisabled: "userEnds",
  removeUser: "userEnds",
  beginPhoneSession: "phoneSessions",
  phoneCodeFailed: "phoneSessions",
  verifyPhoneSession: "phoneSessions",
  renewPhoneCode: "phoneSessions",
  endPhoneSession: "phoneSessions",
  touchPhoneSession: "phoneSessions",
  keepPaidMessage: "paidMessages",
  keepAnswer: "answers",
  putWebhook: "webhooks",
  removeWebhook: "webhooks",
  saveWebhook: "webhooks",
  rewindWebhook: "webhooks",
};

/** Gives a change by its name; undefined where there is none. */
export function createChanges(tx: Tx): (name: string) => Change | undefined {
  const made: Readonly<Record<string, () => Readonly<Record<string, Change>>>> = createGroups(tx);
  const found: Record<string, Change | undefined> = Object.create(null);
  const find = (name: string): Change | undefined => {
    if (!Object.hasOwn(groups, name)) return undefined;
    Object.assign(found, made[groups[name as ChangeName]]?.());
    return found[name];
  };
  return (name) => found[name] ?? find(name);
}
