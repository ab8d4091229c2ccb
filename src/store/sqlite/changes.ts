/** Every change the writer knows, by name: a closure cannot cross to a Worker, a name can. */

import { lazily } from "../../lib/lazily.ts";
import { createAnswerChanges } from "./answers/answer-changes.ts";
import { createChatChanges } from "./chats/chat-changes.ts";
import { createChatParts } from "./chats/chat-parts.ts";
import { createChatReferences } from "./chats/chat-references.ts";
import { createChatRemoval } from "./chats/chat-removal.ts";
import { createGroupChanges } from "./chats/group-changes.ts";
import { createHookChanges } from "./chats/hook-changes.ts";
import { createBlockChanges, createContactChanges, createContactParts } from "./contacts/contact-changes.ts";
import { createDeviceChatChanges } from "./deliveries/device-chats.ts";
import { createMessageStatuses } from "./deliveries/message-statuses.ts";
import { createDeliveryChanges } from "./deliveries/position-changes.ts";
import { createPositions } from "./deliveries/positions.ts";
import { createReceiptChanges } from "./deliveries/receipt-changes.ts";
import { createConfirmationParts } from "./deliveries/statuses.ts";
import { createUserEvents } from "./deliveries/user-events.ts";
import type { Change } from "./engine/change.ts";
import { createDiskShareChanges } from "./engine/disk-share.ts";
import { createKeptTimeChanges } from "./engine/kept-time.ts";
import type { Tx } from "./engine/tx.ts";
import { createEditChanges } from "./messages/edit-changes.ts";
import { createExchangeChanges } from "./messages/exchange-changes.ts";
import { createMentions } from "./messages/mentions.ts";
import { type Appended, createMessageChanges } from "./messages/message-changes.ts";
import { createMessageFiles } from "./messages/message-files.ts";
import { createMessageRemoval, createMessageRemovalChanges } from "./messages/message-removal.ts";
import { createNamedFiles } from "./messages/named-files.ts";
import { createRevisions } from "./messages/revisions.ts";
import type { EncodedAppend } from "./messages/stored-message.ts";
import { createUploadChanges } from "./messages/upload-changes.ts";
import { createQueueChanges } from "./mqtt/queue-changes.ts";
import { createRestartChange } from "./mqtt/restart-change.ts";
import { createRetainedChanges } from "./mqtt/retained-changes.ts";
import { createSessionChanges } from "./mqtt/session-changes.ts";
import { createWillChanges } from "./mqtt/will-changes.ts";
import { createAccountCodeChanges, createAccountCodeParts } from "./people/account-code-changes.ts";
import { createAvatarChanges } from "./people/avatar-changes.ts";
import { createCredentialParts } from "./people/credential-parts.ts";
import { createMqttDeviceChanges } from "./people/device-changes.ts";
import { createDirectory } from "./people/directory.ts";
import { createInviteChanges, createInviteParts } from "./people/invite-changes.ts";
import { createLinkChanges } from "./people/link-changes.ts";
import { createLogInChanges, createLogInParts } from "./people/log-in-changes.ts";
import { createLongTokenChanges, createLongTokenParts } from "./people/long-token-changes.ts";
import { createTokenChanges, createTokenParts } from "./people/token-changes.ts";
import { createTopicChanges } from "./people/topic-changes.ts";
import { createUserChanges } from "./people/user-changes.ts";
import { createUserParts } from "./people/user-parts.ts";
import { createUserRemoval, createUserRemovalChanges } from "./people/user-removal.ts";
import { createHourlyCounts } from "./phones/hourly-counts.ts";
import { createPaidMessageChanges } from "./phones/paid-message-changes.ts";
import { createPhoneSessionChanges } from "./phones/phone-session-changes.ts";
import { createProfileChanges } from "./profiles/profile-changes.ts";
import { createProfileParts } from "./profiles/profile-parts.ts";
import { createProfileRemovalChanges } from "./profiles/profile-removal.ts";
import { createSearchChanges, createSearchMarks } from "./search/search-marks.ts";
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
  const chatRemoval = lazily(() => createChatRemoval(tx, chatParts()));
  const revisions = lazily(() => createRevisions(tx));
  const removal = lazily(() =>
    createMessageRemoval(tx, { files: files(), revisions: revisions(), searchMarks: searchMarks() }),
  );
  const mentions = lazily(() => createMentions(tx));
  const contactParts = lazily(() => createContactParts(tx, chatParts(), references(), revisions()));
  const profileParts = lazily(() => createProfileParts(tx, people()));
  const longTokenParts = lazily(() => createLongTokenParts(tx));
  const logInParts = lazily(() => createLogInParts(tx, longTokenParts()));
  const counts = lazily(() => createHourlyCounts(tx));
  const accountCodes = lazily(() => createAccountCodeParts(tx));
  const files = lazily(() => createMessageFiles(tx));
  const searchMarks = lazily(() => createSearchMarks(tx));
  const namedFiles = lazily(() => createNamedFiles(tx));
  const positions = lazily(() =>
    createPositions(tx, createMessageStatuses(tx, { chats: chatParts(), events: events() })),
  );
  const userRemoval = lazily(() =>
    createUserRemoval(tx, {
      people: people(),
      chatRemoval: chatRemoval(),
      credentials: credentials(),
      logIns: logInParts(),
      files,
    }),
  );
  const tokenParts = lazily(() => createTokenParts(tx));
  const retained = lazily(() => createRetainedChanges(tx));
  const queue = lazily(() => createQueueChanges(tx, retained()));
  const messages = lazily(() =>
    createMessageChanges(tx, { chats: chatParts(), references: references(), files: files(), mentions, namedFiles }),
  );
  return {
    users: lazily(() =>
      createUserChanges(tx, {
        people: people(),
        credentials: credentials(),
        tokens: tokenParts(),
        invites: createInviteParts(tx),
        logIns: logInParts(),
        codes: accountCodes(),
        positions,
      }),
    ),
    tokens: lazily(() => createTokenChanges(tx, tokenParts())),
    mqttDevices: lazily(() =>
      createMqttDeviceChanges(tx, {
        credentials: credentials(),
        people: people(),
        chats: chatParts(),
        references: references(),
        chatRemoval: chatRemoval(),
      }),
    ),
    chats: lazily(() =>
      createChatChanges(tx, {
        chats: chatParts(),
        references: references(),
        chatRemoval: chatRemoval(),
        people: people(),
        directory: directory(),
        files: files(),
        searchMarks: searchMarks(),
      }),
    ),
    members: lazily(() =>
      createGroupChanges(tx, {
        chats: chatParts(),
        references: references(),
        chatRemoval: chatRemoval(),
        directory: directory(),
      }),
    ),
    hooks: lazily(() =>
      createHookChanges(tx, {
        chats: chatParts(),
        references: references(),
        chatRemoval: chatRemoval(),
        people: people(),
      }),
    ),
    messages,
    messageRemoval: lazily(() => createMessageRemovalChanges(tx, chatParts(), removal())),
    edits: lazily(() =>
      createEditChanges(tx, { files: files(), revisions: revisions(), mentions, searchMarks: searchMarks() }),
    ),
    uploads: lazily(() => createUploadChanges(tx, files())),
    exchanges: lazily(() =>
      createExchangeChanges(tx, {
        chats: chatParts(),
        references: references(),
        people: people(),
        messages: messages(),
        removal: removal(),
        confirmations: createConfirmationParts(tx, positions()),
        events: events(),
      }),
    ),
    deliveries: lazily(() => createDeliveryChanges(positions(), events())),
    receipts: lazily(() => createReceiptChanges(tx, { references: references(), positions: positions() })),
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
    profileRemoval: lazily(() =>
      createProfileRemovalChanges(tx, {
        profiles: profileParts(),
        chatRemoval: chatRemoval(),
        credentials: credentials(),
        files,
      }),
    ),
    topics: lazily(() => createTopicChanges(tx, { people: people(), credentials: credentials() })),
    invites: lazily(() => createInviteChanges(tx)),
    avatars: lazily(() => createAvatarChanges(tx, people())),
    logIns: lazily(() =>
      createLogInChanges(tx, { logIns: logInParts(), credentials: credentials(), codes: accountCodes() }),
    ),
    accountCodes: lazily(() =>
      createAccountCodeChanges(tx, {
        codes: accountCodes(),
        people: people(),
        credentials: credentials(),
        logIns: logInParts(),
        counts: counts(),
      }),
    ),
    longTokens: lazily(() => createLongTokenChanges(tx, { parts: longTokenParts(), credentials: credentials() })),
    userRemoval: lazily(() =>
      createUserRemovalChanges(tx, { people: people(), logIns: logInParts(), removal: userRemoval() }),
    ),
    links: lazily(() =>
      createLinkChanges(tx, {
        people: people(),
        credentials: credentials(),
        profiles: profileParts(),
        codes: accountCodes(),
        logIns: logInParts(),
        removal: userRemoval(),
      }),
    ),
    phoneSessions: lazily(() => createPhoneSessionChanges(tx, profileParts(), counts())),
    paidMessages: lazily(() => createPaidMessageChanges(tx)),
    answers: lazily(() => createAnswerChanges(tx)),
    webhooks: lazily(() => createWebhookChanges(tx)),
    keptTime: lazily(() => createKeptTimeChanges(tx)),
    diskShare: lazily(() => createDiskShareChanges(tx)),
    search: lazily(() => createSearchChanges(tx)),
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
  setLoginName: "users",
  setNick: "users",
  setPresenceRule: "users",
  touchUsers: "users",
  provision: "users",
  openDevice: "users",
  endDevice: "users",
  setBackendKey: "users",
  rotateToken: "tokens",
  endTokens: "tokens",
  openTokenRun: "tokens",
  addMqttDevice: "mqttDevices",
  setMqttDevice: "mqttDevices",
  setMqttDevicePassword: "mqttDevices",
  touchMqttDevices: "mqttDevices",
  removeMqttDevice: "mqttDevices",
  addScramKeys: "mqttDevices",
  keepSecret: "mqttDevices",
  createChat: "chats",
  putMembers: "chats",
  removeMembers: "chats",
  deleteChat: "chats",
  sweepChat: "chats",
  muteChat: "chats",
  leaveChat: "members",
  addToChat: "members",
  removeFromChat: "members",
  renameChat: "members",
  setChatAvatar: "members",
  addHook: "hooks",
  removeHook: "hooks",
  appendMessage: "messages",
  appendMessages: "messages",
  deleteMessage: "messageRemoval",
  editMessage: "edits",
  reactToMessage: "edits",
  openUpload: "uploads",
  advanceUpload: "uploads",
  finishUpload: "uploads",
  endUpload: "uploads",
  endExpiredUploads: "uploads",
  exchange: "exchanges",
  confirmStatuses: "exchanges",
  advance: "deliveries",
  confirmMessages: "deliveries",
  confirmEvents: "deliveries",
  readThrough: "receipts",
  setReceiptRule: "receipts",
  announceChats: "deviceChats",
  retain: "retained",
  unretain: "retained",
  enqueue: "queue",
  wait: "queue",
  send: "queue",
  release: "queue",
  dequeue: "queue",
  leaveTurns: "queue",
  restart: "mqttRestart",
  openSession: "mqttSessions",
  resumeSession: "mqttSessions",
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
  addRoster: "profiles",
  addEmailCodes: "profiles",
  verifyEmailCode: "profiles",
  beginMigration: "profileRemoval",
  finishMigration: "profileRemoval",
  removeProfile: "profileRemoval",
  removeRoster: "profileRemoval",
  setUserTopics: "topics",
  trustUser: "topics",
  addTopicGroup: "topics",
  setTopicGroup: "topics",
  removeTopicGroup: "topics",
  changeTopicGroupMembers: "topics",
  addInvite: "invites",
  setAvatar: "avatars",
  addToken: "logIns",
  touchToken: "logIns",
  endToken: "logIns",
  keepLogInNetwork: "logIns",
  changePassword: "logIns",
  addAccountCode: "accountCodes",
  tryAccountCode: "accountCodes",
  resetPassword: "accountCodes",
  takeLogInLink: "accountCodes",
  addLongToken: "longTokens",
  endLongToken: "longTokens",
  touchLongToken: "longTokens",
  setUserDisabled: "userRemoval",
  removeUser: "userRemoval",
  linkPhone: "links",
  unlinkPhone: "links",
  linkPassword: "links",
  unlinkPassword: "links",
  linkUsername: "links",
  unlinkUsername: "links",
  beginPhoneSession: "phoneSessions",
  phoneCodeFailed: "phoneSessions",
  verifyPhoneSession: "phoneSessions",
  renewPhoneCode: "phoneSessions",
  endPhoneSession: "phoneSessions",
  touchPhoneSession: "phoneSessions",
  hearPhoneSession: "phoneSessions",
  keepPaidMessage: "paidMessages",
  keepAnswer: "answers",
  putWebhook: "webhooks",
  removeWebhook: "webhooks",
  saveWebhook: "webhooks",
  rewindWebhook: "webhooks",
  keepTime: "keptTime",
  setDiskShare: "diskShare",
  clearSearchMarks: "search",
  keepSearch: "search",
};

/** Gives a change by its name; undefined where there is none. */
export function createChanges(tx: Tx): (name: string) => Change | undefined {
  const made: Readonly<Record<string, () => Readonly<Record<string, Change>>>> = createGroups(tx);
  const found = new Map<string, Change>();
  const find = (name: string): Change | undefined => {
    if (!Object.hasOwn(groups, name)) return undefined;
    for (const [one, change] of Object.entries(made[groups[name as ChangeName]]?.() ?? {})) found.set(one, change);
    return found.get(name);
  };
  return (name) => found.get(name) ?? find(name);
}
