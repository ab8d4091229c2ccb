/**
 * Profiles: a phone, the users it owns, and its linked services (docs/protocols/erlang-terms.md § PROFILE). The acting
 * phone is that of the session; the door checks whether it may act. Every answer says which users the door has to tell
 * of what; events say the same.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { nickCharactersMax, rostersMax } from "../bounds.ts";
import type { Contact, ContactChange } from "../contacts/contact-store.ts";
import { DomainError } from "../errors.ts";
import type { User, UserId } from "../model.ts";
import type { Registration } from "../people/accounts.ts";
import type { LoginGuard } from "../people/login-guard.ts";
import { typedCode } from "../phones/codes.ts";
import { hashNewCode, newCode } from "../phones/new-codes.ts";
import { type PhoneSession, type SendCode, toPhoneSession } from "../phones/phone-sessions.ts";
import { phoneIdOf, phoneOf } from "../phones/phones.ts";
import type { Store } from "../store.ts";
import type {
  Feature,
  NewRoster,
  Profile,
  ProfileChange,
  ProfileChanged,
  ProfileLimits,
  ProfileRemoved,
  RosterChange,
} from "./profile-store.ts";
import { addressOf, checkServices, checkSettings, isAddress, type ServiceInput } from "./services.ts";

export const defaultProfileLimits: ProfileLimits = {
  codeLifetimeMs: 600_000,
  attemptsMax: 5,
  mailsPerHour: 10,
};

const linkBytesMax = 2048;

/** One user of a profile, with their contacts. */
export interface Roster {
  readonly user: User;
  readonly phoneId: string;
  readonly contacts: readonly Contact[];
  /** The contacts who are friends on both sides. */
  readonly friendIds: ReadonlySet<UserId>;
}

export interface ProfileView extends Profile {
  readonly rosters: readonly Roster[];
}

/** An undefined field stays unchanged. */
export interface ProfileRequest {
  readonly phone: string;
  readonly services?: readonly ServiceInput[] | undefined;
  readonly settings?: readonly Feature[] | undefined;
  readonly rosters?: readonly RosterChange[] | undefined;
}

/**
 * `invalid_data`: a value is too large, there are too many, or one comes twice. `not_authorized`: no such profile, or a
 * user of another profile.
 */
export type ProfileRefusal = { readonly result: "not_authorized" | "invalid_data" };

export interface Migrated {
  readonly result: "migrated";
  readonly view: ProfileView;
  readonly fromPhone: string;
  /** These sessions keep their tokens. */
  readonly sessions: readonly PhoneSession[];
  /** The friends of `userId` learn that the old PhoneId is gone and the new one is a friend. */
  readonly users: readonly {
    readonly userId: UserId;
    readonly fromPhoneId: string;
    readonly toPhoneId: string;
    readonly friendIds: readonly UserId[];
  }[];
}

export interface Removed extends Omit<ProfileRemoved, "sessions"> {
  readonly sessions: readonly PhoneSession[];
}

/** False where the mail could not be sent. */
export type SendMail = (mail: { to: string; code: string; language: string | undefined }) => Promise<boolean>;

export type Profiles = ReturnType<typeof createProfiles>;

export function createProfiles(parts: {
  store: Store;
  clock: Clock;
  log: Log;
  guard: LoginGuard;
  sendMail: SendMail;
  sendCode: SendCode;
  fixedCodeOf: (phone: string) => string | undefined;
  /** Unless it is `open`, no user is made for a phone that has some. */
  registration?: Registration;
  limits?: Partial<ProfileLimits>;
  /**
   * Whether a migration needs the code that was sent to the new phone. A code that is given must be right either way.
   */
  migrationCode?: "required" | "optional";
}) {
  const { store, clock, log, guard } = parts;
  const limits: ProfileLimits = { ...defaultProfileLimits, ...parts.limits };

  /** PROFILE § Profile/get. Undefined where there is no such profile. */
  async function get(phone: string): Promise<ProfileView | undefined> {
    const profile = await store.findProfile(phone);
    return profile === undefined ? undefined : viewOf(profile);
  }

  /** With `changedAfterMs` only the users and contacts that changed since. */
  async function viewOf(profile: Profile, changedAfterMs?: number): Promise<ProfileView> {
    const users = await store.listUsersOfPhone(profile.phone);
    const rosters = await Promise.all(
      users.map(async (user) => ({
        user,
        phoneId: phoneIdOf(user),
        contacts: await store.listContacts({ userId: user.userId, changedAfterMs }),
        friendIds: new Set(await store.listFriendIds(user.userId)),
      })),
    );
    if (changedAfterMs === undefined) return { ...profile, rosters };
    const changed = rosters.filter(({ user, contacts }) => user.updatedAtMs > changedAfterMs || contacts.length > 0);
    return { ...profile, rosters: changed };
  }

  /** PROFILE § Profile/set: replaces what is given; its time moves. Friends are not told. */
  async function set(request: ProfileRequest): Promise<{ result: "done"; view: ProfileView } | ProfileRefusal> {
    const changed = await change(request, { touch: true });
    if ("result" in changed) return changed;
    return { result: "done", view: await viewOf(changed.profile) };
  }

  /**
   * PROFILE § Profile/update: as `set`, with three differences. The time moves only where something changed. Friends
   * are told of users whom others see differently now. The view holds what changed after `sinceMs`, or everything
   * without it.
   */
  async function update(
    request: ProfileRequest & { readonly sinceMs?: number | undefined },
  ): Promise<{ result: "done"; view: ProfileView; friendChanges: readonly ContactChange[] } | ProfileRefusal> {
    const { sinceMs, ...given } = request;
    const changed = await change(given, { touch: false });
    if ("result" in changed) return changed;
    const { profile, friendChanges } = changed;
    const afterMs = sinceMs === undefined || !(sinceMs > 0) ? undefined : Math.min(sinceMs, clock.nowMs());
    return { result: "done", view: await viewOf(profile, afterMs), friendChanges };
  }

  async function change(
    request: ProfileRequest,
    { touch }: { touch: boolean },
  ): Promise<ProfileChanged | ProfileRefusal> {
    const checked = check(request);
    if (checked === undefined) return { result: "invalid_data" };
    try {
      return (await store.changeProfile({ ...checked, touch })) ?? { result: "not_authorized" };
    } catch (error) {
      if (error instanceof DomainError && error.code === "not_authorized") return { result: "not_authorized" };
      throw error;
    }
  }

  /** PROFILE § Profile/link: all services are stored, and each one with an address is sent a code. */
  async function linkEmail(request: {
    phone: string;
    services: readonly ServiceInput[];
    language?: string | undefined;
  }): Promise<"email_sent" | "invalid_data" | "not_authorized"> {
    const services = checkServices(request.services);
    const addresses = new Set(
      services?.flatMap((service) => (service.type === "email" ? (addressOf(service) ?? []) : [])),
    );
    if (services === undefined || addresses.size === 0) return "invalid_data";
    const codes = new Map([...addresses].map((address) => [address, newCode()]));
    const added = await store
      .addEmailCodes({
        phone: request.phone,
        services,
        codes: [...codes].map(([address, code]) => ({ address, code: hashNewCode(code) })),
        limits,
      })
      .catch((error: unknown) => {
        if (error instanceof DomainError && error.code === "too_many_members") return "invalid_data" as const;
        throw error;
      });
    if (added === "invalid_data") return added;
    if (added === undefined) return "not_authorized";
    if (added.addresses.length < codes.size) log.warn("a profile reached its limit of mails");
    const { language } = request;
    await Promise.all(added.addresses.map((to) => mail({ to, code: codes.get(to) ?? "", language })));
    return "email_sent";
  }

  /** The document has no answer for a mail that failed; the client asks again. */
  async function mail(message: Parameters<SendMail>[0]): Promise<void> {
    const sent = await parts.sendMail(message).catch((error: unknown) => {
      log.error("a mail failed", { error: error instanceof Error ? error.name : "unknown" });
      return false;
    });
    if (!sent) log.warn("a code could not be mailed");
  }

  /**
   * PROFILE § Profile/email: a wrong code, an expired code, no pending code and too many tries give the same answer.
   */
  async function verifyEmail(request: {
    phone: string;
    /** Undefined: the code of any pending address. */
    address: string | undefined;
    code: string | undefined;
    clientAddress: string;
  }): Promise<"verified" | "wrong_code"> {
    const address = request.address?.trim().toLowerCase();
    if (address !== undefined && !isAddress(address)) return "wrong_code";
    const { phone, clientAddress } = request;
    const code = typedCode(request.code);
    const profile = await counted({ subject: `email:${phone}`, address: clientAddress }, () =>
      store.verifyEmailCode({ phone, address, code, limits }),
    );
    return profile === undefined ? "wrong_code" : "verified";
  }

  /**
   * A try of a code for what the profile does not have yet: all networks count as strangers', since it is the profile's
   * own client that may guess. Undefined where the code is wrong, or must not be tried now.
   */
  async function counted<Done>(
    { subject, address }: { subject: string; address: string },
    work: () => Promise<Done | undefined>,
  ): Promise<Done | undefined> {
    const claim = await guard.claim({ kind: "code", subject, account: undefined, address });
    try {
      claim.begin();
    } catch (error) {
      if (error instanceof DomainError && error.code === "try_later") return undefined;
      throw error;
    }
    const done = await work().catch((error: unknown) => {
      claim.untried();
      throw error;
    });
    if (done === undefined) claim.wrong();
    else claim.right();
    return done;
  }

  /**
   * PROFILE § Profile/remove: the users are removed with their contacts, chats and log-ins. Users who have a username
   * or a password stay and lose only the phone and their contacts. Undefined where there is no such profile.
   */
  async function remove(phone: string): Promise<Removed | undefined> {
    const removed = await store.removeProfile(phone);
    return removed === undefined ? undefined : withSessions(removed);
  }

  /**
   * Makes one more user of the phone. Throws `registration_closed`, `too_many_members`. `not_authorized`: there is no such
   * profile.
   */
  async function addRoster(request: {
    phone: string;
    roster: NewRoster;
  }): Promise<{ result: "done"; user: User } | ProfileRefusal> {
    const { phone, roster } = request;
    if (!isRoster(roster)) return { result: "invalid_data" };
    if ((parts.registration ?? "open") !== "open") throw new DomainError("registration_closed");
    const user = await store.addRoster({ phone, roster, rostersMax });
    return user === undefined ? { result: "not_authorized" } : { result: "done", user };
  }

  /**
   * Removes one user of the phone, with the log-ins that act as that user. Who has a username or a password stays at the other
   * doors, without the phone. See `ProfileStore.removeRoster`.
   */
  async function removeRoster(request: { phone: string; userId: UserId }): Promise<Removed | "last" | "not_found"> {
    const removed = await store.removeRoster(request);
    return typeof removed === "string" ? removed : withSessions(removed);
  }

  /** PROFILE § Profile/migrate: a code is sent to the new phone; nothing changes yet. */
  async function startMigration(request: {
    phone: string;
    newPhone: string;
    language?: string | undefined;
    address: string;
  }): Promise<"migration" | "not_authorized"> {
    const newPhone = phoneOf(request.newPhone);
    if (newPhone === undefined) return "not_authorized";
    const fixed = parts.fixedCodeOf(newPhone);
    const code = fixed ?? newCode();
    const { phone, language, address } = request;
    const lifetimeMs = limits.codeLifetimeMs;
    const begun = await store.beginMigration({ phone, newPhone, code: hashNewCode(code), lifetimeMs });
    if (!begun) return "not_authorized";
    if (fixed !== undefined) return "migration";
    const outcome = await parts.sendCode({ phone: newPhone, code, language, address }).catch((error: unknown) => {
      log.error("a gateway failed", { error: error instanceof Error ? error.name : "unknown" });
      return "failed" as const;
    });
    if (outcome !== "sent") log.warn("a code for a migration could not be sent", { outcome });
    return "migration";
  }

  /** PROFILE § Profile/phone: from the commit on, the profile and its users have the new phone. */
  async function finishMigration(request: {
    phone: string;
    newPhone: string;
    code?: string | undefined;
    address: string;
  }): Promise<Migrated | { readonly result: "not_authorized" }> {
    const newPhone = phoneOf(request.newPhone);
    if (newPhone === undefined) return { result: "not_authorized" };
    const code = request.code === undefined || request.code === "" ? undefined : typedCode(request.code);
    const codeRequired = parts.migrationCode === "required";
    const { phone, address } = request;
    const finish = () => store.finishMigration({ phone, newPhone, code, codeRequired, limits });
    const migrated =
      code === undefined ? await finish() : await counted({ subject: `migration:${phone}`, address }, finish);
    if (migrated === undefined) return { result: "not_authorized" };
    const { fromPhone } = migrated;
    return {
      result: "migrated",
      fromPhone,
      view: await viewOf(migrated.profile),
      sessions: migrated.sessions.map(toPhoneSession),
      users: migrated.users.map(({ userId, friendIds }) => ({
        userId,
        fromPhoneId: phoneIdOf({ phone: fromPhone, userId }),
        toPhoneId: phoneIdOf({ phone: newPhone, userId }),
        friendIds,
      })),
    };
  }

  return {
    get,
    set,
    update,
    addRoster,
    removeRoster,
    linkEmail,
    verifyEmail,
    remove,
    startMigration,
    finishMigration,
  };
}

const withSessions = (removed: ProfileRemoved): Removed => ({
  ...removed,
  sessions: removed.sessions.map(toPhoneSession),
});

/** Undefined where a given value cannot be stored. */
function check(request: ProfileRequest): Omit<ProfileChange, "touch"> | undefined {
  const { phone, rosters } = request;
  const services = request.services === undefined ? undefined : checkServices(request.services);
  if (request.services !== undefined && services === undefined) return undefined;
  const settings = request.settings === undefined ? undefined : checkSettings(request.settings);
  if (request.settings !== undefined && settings === undefined) return undefined;
  if (rosters !== undefined) {
    if (rosters.length > rostersMax || new Set(rosters.map((one) => one.userId)).size < rosters.length)
      return undefined;
    if (!rosters.every(isRoster)) return undefined;
  }
  return { phone, services, settings, rosters };
}

function isRoster({ names, surnames, nick, avatarLink }: NewRoster): boolean {
  if (avatarLink !== undefined && !isLink(avatarLink)) return false;
  return [names, surnames, nick].every((name) => name === undefined || isName(name)) && nick !== "";
}

const isLink = (text: string): boolean =>
  text.isWellFormed() && Buffer.byteLength(text) <= linkBytesMax && !/\p{Cc}/u.test(text);

const isName = (text: string): boolean =>
  text.length <= 2 * nickCharactersMax && [...text].length <= nickCharactersMax && text.isWellFormed();
