/** Profiles in the store: reads of this thread's connection, and changes sent to the writer. */

import type { Database } from "bun:sqlite";
import type { ChatId, UserId } from "../../../domain/model.ts";
import { phoneIdOf } from "../../../domain/phones/phones.ts";
import type {
  Feature,
  Profile,
  ProfileRemoved,
  ProfileStore,
  Service,
} from "../../../domain/profiles/profile-store.ts";
import { toLeft } from "../chats/entered.ts";
import { lateStatements } from "../engine/late-drizzle.ts";
import { friendsTold } from "../people/looks.ts";
import { toUser } from "../people/user-row.ts";
import { toSession, toWireCode } from "../phones/phone-store.ts";
import type { Submit } from "../submit.ts";
import type { ProfileRow } from "./profile-parts.ts";
import type { WireRemoved } from "./profile-removal.ts";

export function createProfileStore(db: Database, parts: { submit: Submit; sweep(chatId: ChatId): void }): ProfileStore {
  const { submit } = parts;
  const late = lateStatements(db);
  const byPhone = late(({ orm, p, eq, profiles }) =>
    orm
      .select()
      .from(profiles)
      .where(eq(profiles.phone, p("phone")))
      .prepare(),
  );
  const usersOf = late(({ orm, p, asc, eq, users }) =>
    orm
      .select()
      .from(users)
      .where(eq(users.phone, p("phone")))
      .orderBy(asc(users.userId))
      .prepare(),
  );

  const byId = late(({ orm, p, eq, users }) =>
    orm
      .select()
      .from(users)
      .where(eq(users.userId, p("userId")))
      .prepare(),
  );

  function removed(phone: string, wire: WireRemoved): ProfileRemoved {
    for (const { chat, deleted } of wire.left) if (deleted) parts.sweep(chat.chatId);
    return toRemoved(phone, wire);
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    findProfile: async (phone) => toProfile(byPhone().get({ phone })),
    listUsersOfPhone: async (phone) =>
      usersOf()
        .all({ phone })
        .flatMap((row) => toUser(row) ?? []),
    changeProfile: (change) =>
      submit("changeProfile", change).then((wire) =>
        wire
          ? {
              profile: getProfile(wire.profile),
              userIds: wire.userIds as UserId[],
              changed: wire.changed,
              friendChanges: wire.looks.flatMap(friendsTold),
            }
          : undefined,
      ),
    addEmailCodes: (request) =>
      submit("addEmailCodes", {
        ...request,
        codes: request.codes.map(({ address, code }) => ({ address, code: toWireCode(code) })),
      }).then((wire) => wire ?? undefined),
    verifyEmailCode: (request) => submit("verifyEmailCode", request).then((wire) => toProfile(wire?.profile)),
    beginMigration: (request) =>
      submit("beginMigration", { ...request, code: toWireCode(request.code) }).then((begun) => begun),
    finishMigration: (request) =>
      submit("finishMigration", request).then((wire) =>
        wire
          ? {
              fromPhone: request.phone,
              profile: getProfile(wire.profile),
              sessions: wire.sessions.map(toSession),
              users: wire.users as { userId: UserId; friendIds: UserId[] }[],
            }
          : undefined,
      ),
    addRoster: (request) =>
      submit("addRoster", request).then((userId) => (userId === null ? undefined : toUser(byId().get({ userId })))),
    removeRoster: ({ phone, userId }) =>
      submit("removeRoster", { phone, userId }).then((wire) =>
        typeof wire === "string" ? wire : removed(phone, wire),
      ),
    removeProfile: (phone) =>
      submit("removeProfile", { phone }).then((wire) => (wire ? removed(phone, wire) : undefined)),
  };
}

export function toRemoved(phone: string, wire: WireRemoved): ProfileRemoved {
  return {
    phone,
    sessions: wire.sessions.map(toSession),
    users: wire.users.flatMap((row) => toUser({ ...row, avatar: null, passwordHash: null, publicKey: null }) ?? []),
    changes: wire.told.map(([userId, contactId]) => ({
      userId: userId as UserId,
      contactId: contactId as UserId,
      status: "deleted",
      updatedAtMs: wire.updatedAtMs,
      formerPhoneId: phoneIdOf({ phone, userId: contactId }),
    })),
    left: wire.left.map(toLeft),
    kept: wire.kept as UserId[],
  };
}

function getProfile(row: ProfileRow): Profile {
  const profile = toProfile(row);
  if (profile === undefined) throw new Error("a profile cannot be read back");
  return profile;
}

function toProfile(row: ProfileRow | undefined): Profile | undefined {
  if (row === undefined) return undefined;
  return {
    phone: row.phone,
    services: row.services as Service[],
    settings: row.settings as Feature[],
    balance: row.balance,
    updatedAtMs: row.updatedAtMs,
  };
}
