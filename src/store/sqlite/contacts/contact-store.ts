/** Contacts in the store: reads of this thread's connection, and changes sent to the writer. */

import type { Database } from "bun:sqlite";
import type {
  BlockResult,
  Contact,
  ContactChange,
  ContactStore,
  FriendResult,
} from "../../../domain/contacts/contact-store.ts";
import type { User, UserId } from "../../../domain/model.ts";
import { lazily } from "../../../lib/lazily.ts";
import { toEntered } from "../chats/entered.ts";
import { lateStatements } from "../engine/late-drizzle.ts";
import type { DirectoryRule } from "../people/directory.ts";
import { toUser } from "../people/user-row.ts";
import type { contacts, users } from "../schema.ts";
import type { Submit } from "../submit.ts";
import type { WireBlocked, WireFriendResult } from "./contact-changes.ts";
import { acquaintanceQuery, blockQuery, friendIdsQuery } from "./friends.ts";

export function createContactStore(
  db: Database,
  { submit, findUser, rule }: { submit: Submit; findUser(userId: number): User | undefined; rule: DirectoryRule },
): ContactStore {
  const late = lateStatements(db);
  const changed = late(({ orm, p, and, asc, eq, gt, or, contacts, users }) =>
    orm
      .select({ contact: contacts, user: users })
      .from(contacts)
      .innerJoin(users, eq(users.userId, contacts.contactId))
      .where(
        and(
          eq(contacts.userId, p("userId")),
          or(gt(contacts.updatedAtMs, p("afterMs")), gt(users.updatedAtMs, p("afterMs"))),
        ),
      )
      .orderBy(asc(contacts.contactId))
      .prepare(),
  );
  const page = late(({ orm, p, and, asc, eq, gt, contacts, users }) =>
    orm
      .select({ contact: contacts, user: users })
      .from(contacts)
      .innerJoin(users, eq(users.userId, contacts.contactId))
      .where(and(eq(contacts.userId, p("userId")), gt(contacts.contactId, p("after")), eq(users.disabled, false)))
      .orderBy(asc(contacts.contactId))
      .limit(p("limit"))
      .prepare(),
  );
  const one = late(({ orm, p, and, eq, contacts, users }) =>
    orm
      .select({ contact: contacts, user: users })
      .from(contacts)
      .innerJoin(users, eq(users.userId, contacts.contactId))
      .where(and(eq(contacts.userId, p("userId")), eq(contacts.contactId, p("contactId"))))
      .prepare(),
  );
  const block = lazily(() => db.prepare<{ one: 1 }, [number, number]>(blockQuery));
  const acquaintance = lazily(() => db.prepare<{ found: number }, [number, number]>(acquaintanceQuery));
  const friends = lazily(() => db.prepare<{ friendId: UserId }, [number]>(friendIdsQuery));

  const toBlockResult = (wire: WireBlocked): BlockResult => ({ ...wire, contactId: wire.contactId as UserId });

  const toResult = <Outcome extends string>(wire: WireFriendResult<Outcome>): FriendResult<Outcome> => ({
    outcome: wire.outcome,
    friend: wire.friendId === undefined ? undefined : findUser(wire.friendId),
    changes: toContactChanges(wire),
    entered: wire.entered === undefined ? undefined : toEntered(wire.entered),
  });

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    requestContacts: (request) =>
      submit("requestContacts", { ...request, ...rule }).then((wires) => wires.map(toResult)),
    confirmContact: (confirmation) => submit("confirmContact", confirmation).then(toResult),
    revokeContact: (revocation) => submit("revokeContact", revocation).then(toResult),
    blockContact: (request) => submit("blockContact", { ...request, ...rule }).then(toBlockResult),
    unblockContact: (request) => submit("unblockContact", { ...request, ...rule }).then(toBlockResult),
    isBlocked: async ({ by, contactId }) => block().get(by, contactId) !== null,
    listContacts: async ({ userId, changedAfterMs }) =>
      changed()
        .all({ userId, afterMs: changedAfterMs ?? -1 })
        .flatMap((row) => toContact(row) ?? []),
    contactPage: async (of) =>
      page()
        .all(of)
        .flatMap((row) => toContact(row) ?? []),
    findContact: async (userId, contactId) => toContact(one().get({ userId, contactId })),
    isAcquaintance: async (userId, otherId) => userId === otherId || acquaintance().get(userId, otherId)?.found === 1,
    listFriendIds: async (userId) =>
      friends()
        .all(userId)
        .map((row) => row.friendId),
  };
}

export const toContactChanges = (wire: Pick<WireFriendResult<string>, "changes" | "updatedAtMs">): ContactChange[] =>
  wire.changes.map(([userId, contactId, status, wereFriends]) => ({
    userId: userId as UserId,
    contactId: contactId as UserId,
    status,
    updatedAtMs: wire.updatedAtMs,
    ...(wereFriends === true ? { wereFriends } : {}),
  }));

function toContact(
  row: { contact: typeof contacts.$inferSelect; user: typeof users.$inferSelect } | undefined,
): Contact | undefined {
  const user = toUser(row?.user);
  if (row === undefined || user === undefined) return undefined;
  return { user, status: row.contact.status, updatedAtMs: row.contact.updatedAtMs };
}
