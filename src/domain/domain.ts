/** The use cases that every door calls, made once from the store and the clock. */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { type Chats, createChats } from "./chats/chats.ts";
import { type Contacts, createContacts } from "./contacts/contacts.ts";
import { createDeliveries, type Deliveries } from "./deliveries/deliveries.ts";
import { createExchanges, type Exchanges } from "./messages/exchanges.ts";
import { createMessages, type MessageLimits, type Messages } from "./messages/messages.ts";
import type { UserId } from "./model.ts";
import { type AccountRemoval, createAccountRemoval } from "./people/account-removal.ts";
import { type Accounts, createAccounts, type Registration } from "./people/accounts.ts";
import { type Avatars, createAvatars } from "./people/avatars.ts";
import { createDevices, type Devices } from "./people/devices.ts";
import { type ConnectedClient, createLogIns, type LogIns } from "./people/log-ins.ts";
import { createLoginGuard, type LoginLimits } from "./people/login-guard.ts";
import { createPasswords, type PasswordCost } from "./people/passwords.ts";
import { createPresence, type PresenceKeeper } from "./people/presence.ts";
import { createTokens, type TokenLifetimes, type Tokens } from "./people/tokens.ts";
import { createPhoneSessions, type PhoneSessions, type SendCode } from "./phones/phone-sessions.ts";
import { createProfiles, type Profiles, type SendMail } from "./profiles/profiles.ts";
import type { DoorStore, Store } from "./store.ts";

export interface Domain {
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly accountRemoval: AccountRemoval;
  readonly logIns: LogIns;
  readonly avatars: Avatars;
  readonly devices: Devices;
  readonly chats: Chats;
  readonly contacts: Contacts;
  readonly phoneSessions: PhoneSessions;
  readonly profiles: Profiles;
  readonly messages: Messages;
  readonly exchanges: Exchanges;
  readonly deliveries: Deliveries;
  readonly presence: PresenceKeeper;
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
  directory: "all" | "contacts";
  registration: Registration;
  loginLimits: LoginLimits;
  passwordCost: PasswordCost | undefined;
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
  const guard = createLoginGuard({ clock, limits: parts.loginLimits });
  const passwords = createPasswords(undefined, parts.passwordCost);
  const tokens = createTokens({ store, clock, guard, lifetimes: parts.tokenLifetimes });
  const accounts = createAccounts({ store, clock, guard, passwords, log, registration, tokens, accountRemoval });
  const phoneSessions = createPhoneSessions({ store, clock, log, guard, ...forPhones });
  return {
    accounts,
    tokens,
    accountRemoval,
    logIns: createLogIns({ store, clock, log, accounts, phoneSessions, clientsOf: parts.clientsOf }),
    devices: createDevices({ store, guard, passwords }),
    avatars: createAvatars({ store }),
    chats: createChats({ store }),
    contacts: createContacts({ store }),
    phoneSessions,
    profiles: createProfiles({
      store,
      clock,
      log,
      sendMail,
      sendCode,
      fixedCodeOf,
      migrationCode,
    }),
    messages: createMessages({ store, limits: parts.messageLimits }),
    exchanges: createExchanges({ store, limits: parts.messageLimits }),
    deliveries: createDeliveries({ store, clock, log }),
    presence: createPresence({ store, clock, log, isOnline: parts.isOnline }),
    directory: parts.directory,
    store,
  };
}
