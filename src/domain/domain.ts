/** The use cases that every door calls, made once from the store and the clock. */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { type Chats, createChats } from "./chats/chats.ts";
import { createHooks, type Hooks } from "./chats/hooks.ts";
import { type Contacts, createContacts } from "./contacts/contacts.ts";
import { createDeliveries, type Deliveries } from "./deliveries/deliveries.ts";
import { createEdits, type Edits } from "./messages/edits.ts";
import { createExchanges, type Exchanges } from "./messages/exchanges.ts";
import { createMessages, type MessageLimits, type Messages } from "./messages/messages.ts";
import { createSearch, type Search } from "./messages/search.ts";
import { createUploads, type Uploads } from "./messages/uploads.ts";
import type { UserId } from "./model.ts";
import { type AccountCodes, createAccountCodes } from "./people/account-codes.ts";
import { type AccountProof, createAccountProof } from "./people/account-proof.ts";
import { type AccountRemoval, createAccountRemoval } from "./people/account-removal.ts";
import { type Accounts, createAccounts, type Invites, type Registration } from "./people/accounts.ts";
import { createAdmins } from "./people/admins.ts";
import { type Avatars, createAvatars } from "./people/avatars.ts";
import { createDevices, type Device, type Devices } from "./people/devices.ts";
import { createKnownNetworks } from "./people/known-networks.ts";
import { createLinks, type Links } from "./people/links.ts";
import { type ConnectedClient, createLogIns, type LogIns } from "./people/log-ins.ts";
import { createLoginGuard, type LoginLimits } from "./people/login-guard.ts";
import { createLoginNameCheck } from "./people/login-name-check.ts";
import { createLoginNames, type LoginNames } from "./people/login-names.ts";
import { createLongTokens, type LongTokens } from "./people/long-tokens.ts";
import { createNicks, type Nicks } from "./people/nicks.ts";
import { createNumberSearch, type NumberSearch } from "./people/number-search.ts";
import { createOwnTokens, type OwnTokens } from "./people/own-tokens.ts";
import { createPasswordCheck } from "./people/password-check.ts";
import { createPasswords, type PasswordCost } from "./people/passwords.ts";
import { createPeopleSearch, type PeopleSearch } from "./people/people-search.ts";
import { createPresence, type PresenceKeeper } from "./people/presence.ts";
import { createRefusals, type Refusals } from "./people/refusals.ts";
import { createTokens, type TokenLifetimes, type Tokens } from "./people/tokens.ts";
import { createTopics, type Topics } from "./people/topics.ts";
import { createTypedNames, type TypedNames } from "./people/typed-names.ts";
import { createPhoneSessions, type PhoneSessions, type SendCode } from "./phones/phone-sessions.ts";
import { createProfiles, type Profiles, type SendMail } from "./profiles/profiles.ts";
import type { DoorStore, Store } from "./store.ts";

export interface Domain {
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly longTokens: LongTokens;
  readonly ownTokens: OwnTokens;
  readonly accountCodes: AccountCodes;
  /** What a user shows who is logged in, before what concerns all of the account. */
  readonly prove: AccountProof;
  readonly links: Links;
  readonly accountRemoval: AccountRemoval;
  readonly logIns: LogIns;
  readonly loginNames: LoginNames;
  /** Whom a typed name means. */
  readonly names: TypedNames<Device>;
  readonly avatars: Avatars;
  readonly devices: Devices;
  readonly topics: Topics;
  readonly chats: Chats;
  readonly hooks: Hooks;
  readonly contacts: Contacts;
  readonly nicks: Nicks;
  readonly people: PeopleSearch;
  readonly findNumbers: NumberSearch;
  readonly phoneSessions: PhoneSessions;
  readonly profiles: Profiles;
  readonly messages: Messages;
  readonly edits: Edits;
  readonly search: Search;
  readonly uploads: Uploads;
  readonly exchanges: Exchanges;
  readonly deliveries: Deliveries;
  readonly presence: PresenceKeeper;
  readonly refusals: Refusals;
  /**
   * Made with the data folder, at random. Revisions and places of another epoch say nothing here: the client must read
   * everything anew.
   */
  readonly epoch: string;
  /** `contacts`: users find only users whom they know. */
  readonly directory: "all" | "contacts";
  readonly store: DoorStore;
}

export function createDomain(parts: {
  store: Store;
  isOnline(userId: UserId): boolean;
  /** The clients that are connected as this user. */
  clientsOf(userId: UserId): readonly ConnectedClient[];
  clock: Clock;
  log: Log;
  epoch: string;
  directory: "all" | "contacts";
  registration: Registration;
  invites: Invites;
  /** No account may choose one of these names to log in by. */
  admins: readonly string[];
  loginLimits: LoginLimits;
  passwordCost: PasswordCost | undefined;
  /** Of a password that is set from now on. */
  passwordCharactersMin: number;
  tokenLifetimes: TokenLifetimes;
  messageLimits: MessageLimits;
  sendCode: SendCode;
  sendMail: SendMail;
  /** The code of a test number; nothing is sent to such a number. */
  fixedCodeOf(phone: string): string | undefined;
  /** Whether a profile moves to another phone only with the code that was sent to that phone. */
  migrationCode: "required" | "optional";
  /** Whether a client may use a token of its own. */
  clientTokens: boolean;
}): Domain {
  const { store, clock, log, registration, sendCode, sendMail, fixedCodeOf, migrationCode } = parts;
  const accountRemoval = createAccountRemoval({ store });
  const forPhones = { registration, sendCode, fixedCodeOf, clientTokens: parts.clientTokens };
  const networks = createKnownNetworks({ store, clock, log });
  const guard = createLoginGuard({ clock, limits: parts.loginLimits, networks });
  const passwords = createPasswords({ cost: parts.passwordCost, charactersMin: parts.passwordCharactersMin });
  const passwordCheck = createPasswordCheck({ guard, passwords, clock });
  const deliveries = createDeliveries({ store, clock, log });
  const tokens = createTokens({ store, guard, lifetimes: parts.tokenLifetimes, deliveries });
  const longTokens = createLongTokens({ store, clock, log, guard });
  const devices = createDevices({ store, guard, passwords, passwordCheck });
  const names = createTypedNames<Device>({
    findDevice: devices.find,
    findUserByKey: (key) => store.findUserByKey(key),
    findUser: (userId) => store.findUser(userId),
    listUserIdsOfPhone: (phone) => store.listUserIdsOfPhone(phone),
    findUserByLoginName: (loginName) => store.findUserByLoginName(loginName),
  });
  const checkLoginName = createLoginNameCheck(parts.admins);
  const accounts = createAccounts({
    store,
    clock,
    guard,
    passwords,
    passwordCheck,
    log,
    registration,
    invites: parts.invites,
    tokens,
    longTokens,
    accountRemoval,
    names,
    checkLoginName,
  });
  const phoneSessions = createPhoneSessions({ store, clock, log, guard, ...forPhones });
  const accountCodes = createAccountCodes({
    store,
    clock,
    log,
    guard,
    passwords,
    isAdmin: createAdmins(parts.admins),
    sendCode,
    sendMail,
    fixedCodeOf,
  });
  const prove = createAccountProof({ accounts, accountCodes });
  const people = createPeopleSearch({ store, directory: parts.directory });
  const messages = createMessages({ store, limits: parts.messageLimits });
  return {
    accounts,
    tokens,
    longTokens,
    ownTokens: createOwnTokens({ accounts, longTokens, names, store }),
    accountCodes,
    prove,
    links: createLinks({ store, log, guard, passwords, accounts, accountCodes, prove, sendCode, fixedCodeOf }),
    accountRemoval,
    logIns: createLogIns({ store, clock, log, accounts, phoneSessions, longTokens, clientsOf: parts.clientsOf }),
    loginNames: createLoginNames({ store, guard, accounts, names, check: checkLoginName, log }),
    names,
    devices,
    topics: createTopics({ store }),
    avatars: createAvatars({ store }),
    chats: createChats({ store }),
    hooks: createHooks({ store, messages }),
    contacts: createContacts({ store, directory: parts.directory }),
    nicks: createNicks({ store }),
    people,
    findNumbers: createNumberSearch({ store, people, clock }),
    phoneSessions,
    profiles: createProfiles({
      store,
      clock,
      log,
      guard,
      sendMail,
      sendCode,
      fixedCodeOf,
      registration,
      migrationCode,
    }),
    messages,
    edits: createEdits({ store, limits: parts.messageLimits }),
    search: createSearch({ store }),
    uploads: createUploads({ store, clock, log, bytesMax: parts.messageLimits.fileBytesMax }),
    exchanges: createExchanges({ store, limits: parts.messageLimits }),
    deliveries,
    presence: createPresence({ store, clock, log, isOnline: parts.isOnline }),
    refusals: createRefusals({ log }),
    epoch: parts.epoch,
    directory: parts.directory,
    store,
  };
}
