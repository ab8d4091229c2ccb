/**
 * PROFILE: a phone's account, its linked services, and its removal or move to another phone
 * (docs/protocols/erlang-terms.md § PROFILE). A client acts only for the phone it has logged in by.
 */
import type { ContactChange } from "../../domain/contacts/contact-store.ts";
import type { UserId } from "../../domain/model.ts";
import type { ProfileRemoved, RosterChange } from "../../domain/profiles/profile-store.ts";
import type { ProfileRequest as ProfileChangeRequest, Profiles, ProfileView } from "../../domain/profiles/profiles.ts";
import { addressOf, languageIn } from "../../domain/profiles/services.ts";
import type { Reads } from "../../domain/store.ts";
import type { WireTerm } from "../../etf/encode.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Farewells } from "../farewells.ts";
import type { Tell } from "../phone-devices.ts";
import { error, ok, okWith } from "../records/answers.ts";
import { asStranger, contact15 } from "../records/contact-records.ts";
import {
  credentialsRecord,
  type IsOnline,
  profileRecord,
  removedProfileRecord,
  rosterRecord,
} from "../records/profile-answer.ts";
import {
  codeIn,
  type ProfileRecord,
  readCode,
  readProfile,
  readRosters,
  readServices,
  readSettings,
} from "../records/profile-request.ts";
import type { TermRequest } from "../request.ts";

/** Gives temporary credentials for a user; rejects with a text that is safe to log. */
export type MintCredentials = (user: {
  phone: string;
  userId: number;
}) => Promise<Parameters<typeof credentialsRecord>[0]>;

export interface ProfileParts {
  readonly profiles: Profiles;
  readonly store: Pick<Reads, "findUser" | "findProfile">;
  readonly tell: Tell;
  readonly isOnline: IsOnline;
  readonly hidesStrangers: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined where the operator configured none. */
  readonly mint: MintCredentials | undefined;
  /** A phone was replaced by another one: its devices now belong to the new phone. */
  moved(move: { fromPhone: string; toPhone: string; userIds: readonly UserId[] }): Promise<void>;
  readonly farewells: Farewells;
}

/** The client that asks: its phone, the first user of it, and the language of its log-in. */
interface Asker {
  readonly phone: string;
  readonly userId: UserId;
  readonly language: string | undefined;
}

/** Gives the answer for the client's own topic; undefined where it was sent already. */
export async function handleProfile(parts: ProfileParts, request: TermRequest): Promise<WireTerm | undefined> {
  const record = readProfile(request.fields);
  if (record === undefined) return error("invalid_data");
  const asker = request.client.phoneSession;
  if (asker === undefined) return error("not_authorized");
  const { phone } = record;
  if (record.request === "migrate" || record.request === "phone") {
    if (phone === undefined || phone === null) return error("not_authorized");
    const { address } = request;
    return record.request === "migrate"
      ? startMigration(parts, { asker, newPhone: phone, address })
      : finishMigration(parts, { asker, newPhone: phone, record, address });
  }
  if (record.request === "remove") {
    // Only with the phone's number: an empty field does not ask for what cannot be undone.
    return phone === asker.phone ? remove(parts, asker, request) : error("not_found");
  }
  if (phone !== undefined && phone !== asker.phone) return error("not_authorized");
  switch (record.request) {
    case "get":
      return get(parts, asker);
    case "set":
    case "update":
      return change(parts, asker, record);
    case "link":
      return link(parts, asker, record);
    case "email":
      return verifyEmail(parts, { asker, record, clientAddress: request.address });
    case "aws":
      return mint(parts, asker);
  }
}

async function get(parts: ProfileParts, { phone }: Asker): Promise<WireTerm> {
  const view = await parts.profiles.get(phone);
  return view === undefined ? error("not_authorized") : viewRecord(parts, view, { status: "get" });
}

/** The user who receives it is online, since one of the user's devices asked. */
function viewRecord(
  shown: ProfileParts,
  view: ProfileView,
  {
    status,
    updatedAtMs = view.updatedAtMs,
    sinceMs,
  }: { status: string; updatedAtMs?: number; sinceMs?: number | undefined },
): WireTerm {
  const email = view.services.find((service) => service.type === "email" && service.status === "verified")?.login;
  const rosters = view.rosters.map((roster) => rosterRecord(roster, { email, shown, sinceMs }));
  return profileRecord(view, { rosters, updatedAtMs, presence: "online", status });
}

/**
 * `update` tells friends and gives what is new since the client's time; `set` does neither. Both are sent to the other
 * devices.
 */
async function change(parts: ProfileParts, asker: Asker, record: ProfileRecord): Promise<WireTerm> {
  const { profiles, tell, clock } = parts;
  const given = changeIn(asker, record);
  if (given === undefined) return error("invalid_data");
  const { phone } = asker;
  if (record.request === "set") {
    const outcome = await profiles.set(given);
    if (outcome.result !== "done") return error(outcome.result);
    const answer = viewRecord(parts, outcome.view, { status: "set" });
    await tell.sessions(phone, answer);
    return answer;
  }
  const nowMs = clock.nowMs();
  const outcome = await profiles.update({ ...given, sinceMs: record.timeMs });
  if (outcome.result !== "done") return error(outcome.result);
  const { view } = outcome;
  const { services, rosters, settings } = given;
  if (services !== undefined || rosters !== undefined || settings !== undefined) {
    const whole = record.timeMs === undefined ? view : await profiles.get(phone);
    if (whole !== undefined) await tell.sessions(phone, viewRecord(parts, whole, { status: "update" }));
  }
  // The time that the client sends with its next request.
  const updatedAtMs = Math.max(nowMs, view.updatedAtMs);
  return viewRecord(parts, view, { status: "update", updatedAtMs, sinceMs: record.timeMs });
}

/** Undefined where a field cannot be read. */
function changeIn({ phone, userId }: Asker, record: ProfileRecord): ProfileChangeRequest | undefined {
  const services = readServices(record.services);
  const settings = readSettings(record.settings);
  const rosters = readRosters(record.rosters);
  if (services === null || settings === null || rosters === null) return undefined;
  return {
    phone,
    services,
    settings,
    rosters: rosters?.map((roster): RosterChange => ({ ...roster, userId: (roster.userId as UserId) ?? userId })),
  };
}

/**
 * Tells friends of users whom others see differently now, whichever door changed them. Friends without a phone are told
 * at their own door.
 */
export async function tellFriends(
  { store, tell, isOnline }: Pick<ProfileParts, "store" | "tell" | "isOnline">,
  changes: readonly ContactChange[],
): Promise<void> {
  await Promise.all(
    changes.map(async ({ userId, contactId, status, updatedAtMs }) => {
      const [friend, user] = await Promise.all([store.findUser(userId), store.findUser(contactId)]);
      if (friend?.phone === undefined || user === undefined) return;
      const presence = isOnline(user) ? "online" : "offline";
      await tell.sessions(friend.phone, contact15({ user, updatedAtMs, presence, status }));
    }),
  );
}

/** The language of a code's text: that of the profile's settings before that of the log-in. */
async function languageOf({ store }: ProfileParts, { phone, language }: Asker): Promise<string | undefined> {
  return languageIn((await store.findProfile(phone))?.settings ?? []) ?? language;
}

async function link(parts: ProfileParts, asker: Asker, record: ProfileRecord): Promise<WireTerm> {
  const services = readServices(record.services);
  if (services === undefined || services === null) return error("invalid_data");
  const language = await languageOf(parts, asker);
  const result = await parts.profiles.linkEmail({ phone: asker.phone, services, language });
  return result === "email_sent" ? ok(result) : error(result);
}

async function verifyEmail(
  { profiles }: ProfileParts,
  { asker, record, clientAddress }: { asker: Asker; record: ProfileRecord; clientAddress: string },
): Promise<WireTerm> {
  const { phone } = asker;
  const services = readServices(record.services) ?? [];
  const address = services.map(addressOf).find((found) => found !== undefined);
  const result = await profiles.verifyEmail({ phone, address, code: codeIn(services), clientAddress });
  return result === "verified" ? ok(result) : error(result);
}

/** Requests credentials and answers with them; they are not stored. */
async function mint({ mint: mintCredentials, log }: ProfileParts, asker: Asker): Promise<WireTerm> {
  if (mintCredentials === undefined) return error("aws");
  const { phone, userId } = asker;
  try {
    return okWith("aws", credentialsRecord(await mintCredentials({ phone, userId })));
  } catch (failure) {
    log.error("AWS credentials could not be obtained", {
      userId,
      why: failure instanceof Error ? failure.message : "unknown",
    });
    return error("aws");
  }
}

/** The answer is sent with the farewell to the phone's devices, before its log-ins end: see `profileRemoved`. */
async function remove(
  { profiles, farewells }: ProfileParts,
  { phone }: Asker,
  request: TermRequest,
): Promise<WireTerm | undefined> {
  const answer = removedProfileRecord(phone);
  const outcome = await farewells.during(request, { key: phone, answer, remove: () => profiles.remove(phone) });
  return outcome === undefined ? error("not_found") : undefined;
}

/**
 * Runs when a profile was removed and its log-ins are about to end. Every device of the phone is told on its own topic,
 * the asking one where it asked; then the users who knew the profile's users.
 */
export async function profileRemoved(parts: ProfileParts, removed: ProfileRemoved): Promise<void> {
  const { tell, farewells, log } = parts;
  const { phone } = removed;
  const farewell = farewells.first(phone);
  try {
    const answer = removedProfileRecord(phone);
    await Promise.all([farewell?.answer(), tell.clients(phone, answer, { except: farewell?.session })]);
    await tellCounterparties(parts, removed);
    await farewell?.finished();
  } catch (failure) {
    log.error("users who knew a removed profile were not told", { error: failure });
  }
}

/** The users who knew who is gone. */
export async function tellCounterparties(
  {
    store,
    tell,
    hidesStrangers,
  }: { store: Pick<Reads, "findUser">; tell: Pick<Tell, "sessions">; hidesStrangers: boolean },
  removed: ProfileRemoved,
): Promise<void> {
  // Some recipients may have sent a friend request that was never confirmed.
  const users = new Map(removed.users.map((user) => [user.userId, hidesStrangers ? asStranger(user) : user]));
  await Promise.all(
    removed.changes.map(async ({ userId, contactId, status, updatedAtMs }) => {
      const [counterparty, user] = [await store.findUser(userId), users.get(contactId)];
      if (counterparty?.phone === undefined || user === undefined) return;
      await tell.sessions(counterparty.phone, contact15({ user, updatedAtMs, status }));
    }),
  );
}

async function startMigration(
  parts: ProfileParts,
  { asker, newPhone, address }: { asker: Asker; newPhone: string; address: string },
): Promise<WireTerm> {
  const language = await languageOf(parts, asker);
  const result = await parts.profiles.startMigration({ phone: asker.phone, newPhone, address, language });
  return result === "migration" ? ok(result) : error(result);
}

async function finishMigration(
  parts: ProfileParts,
  { asker, newPhone, record, address }: { asker: Asker; newPhone: string; record: ProfileRecord; address: string },
): Promise<WireTerm> {
  const { profiles, store, tell } = parts;
  const code = readCode(record);
  const migrated = await profiles.finishMigration({ phone: asker.phone, newPhone, code, address });
  if (migrated.result !== "migrated") return error(migrated.result);
  const { view, fromPhone } = migrated;
  await parts.moved({ fromPhone, toPhone: view.phone, userIds: migrated.users.map((user) => user.userId) });
  const users = new Map(view.rosters.map(({ user }) => [user.userId, user]));
  const { updatedAtMs } = view;
  const sending = migrated.users.flatMap(({ userId, friendIds }) =>
    friendIds.map(async (friendId) => {
      const [friend, user] = [await store.findUser(friendId), users.get(userId)];
      if (friend?.phone === undefined || user === undefined) return;
      const former = { ...user, phone: fromPhone };
      const presence = user.presenceRule === "none" ? "offline" : "online";
      await tell.sessions(friend.phone, contact15({ user, updatedAtMs, presence, status: "friend" }));
      await tell.sessions(friend.phone, contact15({ user: former, updatedAtMs, status: "deleted" }));
    }),
  );
  await Promise.all(sending);
  return viewRecord(parts, view, { status: "phone" });
}
