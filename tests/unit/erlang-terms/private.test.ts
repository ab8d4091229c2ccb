/** PRIVATE without a server: what no request over a socket brings about, or not soon. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { FriendResult } from "../../../src/domain/contacts/contact-store.ts";
import { DomainError, type DomainErrorCode } from "../../../src/domain/errors.ts";
import type { User, UserId } from "../../../src/domain/model.ts";
import { createFriendNews } from "../../../src/erlang-terms/friend-news.ts";
import { handlePrivate, type PrivateParts } from "../../../src/erlang-terms/handlers/private.ts";
import type { Tell } from "../../../src/erlang-terms/phone-devices.ts";
import { ownRoster, type PrivateName, readPrivate } from "../../../src/erlang-terms/records/private-record.ts";
import type { WireTerm } from "../../../src/etf/encode.ts";
import { atom, binary, type Term, tuple } from "../../../src/etf/term.ts";
import { arbitraryTerm } from "../../etf/arbitrary-terms.ts";

const phone = "15550001001";
const user = (userId: number, of: string | undefined): User => ({
  userId: userId as UserId,
  guid: `guid-${userId}`,
  username: undefined,
  loginName: undefined,
  userKey: `user.${userId}`,
  nick: "",
  names: "",
  surnames: "",
  phone: of,
  avatar: undefined,
  avatarLink: "",
  publicKey: undefined,
  disabled: false,
  kind: "person",
  madeBy: "registered",
  presenceRule: "friends",
  createdAtMs: 0,
  lastSeenAtMs: undefined,
  updatedAtMs: 0,
});
const [first, second, other] = [user(10001, phone), user(10002, phone), user(10003, "15550001003")];

/** A phone with two users; `answer` is what the domain says to each call, which is noted. */
function stage(answer: (call: string) => FriendResult<string>[]) {
  const calls: string[] = [];
  const told: string[] = [];
  const note = async (name: string, userId: UserId): Promise<FriendResult<string>[]> => {
    calls.push(`${name} by ${userId}`);
    const results = answer(`${name} by ${userId}`);
    // Events are passed on before the caller has its answer.
    for (const { changes } of results) await friendNews.changed(changes);
    return results;
  };
  const contacts = {
    requestFriends: async (userId: UserId) => note("request", userId),
    confirm: async (userId: UserId) => (await note("confirm", userId))[0],
    revoke: async (userId: UserId) => (await note("revoke", userId))[0],
  };
  const store = { listUserIdsOfPhone: async () => [first.userId, second.userId] };
  const tell: Tell = {
    phone: async (to) => void told.push(`phone ${to}`),
    sessions: async (to) => void told.push(`ses ${to}`),
    hearing: async (phones) => void told.push(`hearing ${[...phones]}`),
    clients: async (to) => void told.push(`clients ${to}`),
  };
  const findUserNow = (userId: number) => [first, second, other].find((one) => one.userId === userId);
  const friendNews = createFriendNews({ tell, findUserNow, hidesStrangers: false });
  const parts = { domain: { contacts, store }, tell, friendNews } as unknown as PrivateParts;
  const client = { phoneSession: { phone, userId: first.userId, phoneId: "" } };
  const ask = (name: PrivateName, ...fields: Term[]): Promise<WireTerm | undefined> =>
    handlePrivate(parts, { client, name, fields } as unknown as Parameters<typeof handlePrivate>[1]);
  return { ask, calls, told, friendNews };
}

const result = (outcome: string, changes: FriendResult<string>["changes"] = []): FriendResult<string> => ({
  outcome,
  friend: other,
  changes,
  entered: undefined,
});
const friendId = binary("15550001003_10003");

test("of a phone's users the first acts, or the one that is named", async () => {
  const { ask, calls } = stage(() => [result("already")]);
  const rosters: Term[] = [[], 10001, 10002, binary("15550001001_10002"), binary(phone), 10003];
  for (const roster of rosters) await ask("Friend", [], roster, friendId, atom("simple"));
  expect(calls).toEqual([10001, 10001, 10002, 10002, 10001].map((userId) => `request by ${userId}`));
});

test("a contact is taken back by whichever of the phone's users has it", async () => {
  const { ask, calls, told } = stage((call) => [
    call === "revoke by 10002"
      ? result("revoked", [
          { userId: other.userId, contactId: second.userId, status: "revoke", updatedAtMs: 1 },
          { userId: second.userId, contactId: other.userId, status: "revoke", updatedAtMs: 1 },
        ])
      : result("nothing_to_revoke"),
  ]);
  await ask("Revoke", [], friendId, atom("revoke"));
  expect(calls).toEqual(["revoke by 10001", "revoke by 10002"]);
  expect(told).toEqual([`phone ${phone}`, `ses ${other.phone}`, `ses ${phone}`]);
});

test("what another door changed is told at once, and behind every answer to the same user that is on its way", async () => {
  const { told, friendNews } = stage(() => []);
  const change = { userId: other.userId, contactId: first.userId, status: "request", updatedAtMs: 1 } as const;
  await friendNews.changed([change]);
  expect(told.splice(0)).toEqual([`ses ${other.phone}`]);
  const releases = [friendNews.hold([first.userId, second.userId]), friendNews.hold([first.userId])];
  await friendNews.changed([change]);
  await friendNews.changed([{ ...change, contactId: second.userId }]);
  expect(told).toEqual([]);
  await releases[0]?.();
  expect(told.splice(0)).toEqual([`ses ${other.phone}`]);
  await releases[0]?.();
  expect(told).toEqual([]);
  await releases[1]?.();
  expect(told).toEqual([`ses ${other.phone}`]);
});

test("a list that is full is told in the family's general word, on the phone's topic", async () => {
  const { ask, told } = stage(() => [result("too_many"), result("not_found")]);
  expect(await ask("Friend", [], [], [friendId, 7], atom("list"))).toBeUndefined();
  expect(told).toEqual([`phone ${phone}`]);
});

test("a disabled user is told so on their own topic; what else goes wrong is the door's to say", async () => {
  for (const name of ["Friend", "Confirm"] as const) {
    const refusing = (code: DomainErrorCode) =>
      stage(() => {
        throw new DomainError(code);
      });
    const gone = refusing("not_authorized");
    expect(await gone.ask(name, [], [], friendId, [])).toEqual(
      tuple(atom("io"), tuple(atom("error"), atom("not_authorized")), new Uint8Array(0)) as WireTerm,
    );
    const full = refusing("storage_full");
    await expect(full.ask(name, [], [], friendId, [])).rejects.toThrow("storage_full");
    expect([gone.told, full.told]).toEqual([[], []]);
  }
});

test("whatever stands in the fields, they are one of the records or none", () => {
  const names = fc.constantFrom<PrivateName>("Friend", "Confirm", "Revoke");
  const statuses = fc.constantFrom<Term>([], ...["simple", "list", "friend", "request", "revoke"].map(atom));
  fc.assert(
    fc.property(names, fc.array(arbitraryTerm, { maxLength: 5 }), statuses, (name, fields, status) => {
      const record = readPrivate(name, [...fields, status]);
      if (record === undefined) return;
      expect(fields.length).toBeWithin(2, 4);
      const friends = record.action === "request" ? record.friends : [record.friend ?? []].flat();
      for (const friend of friends) {
        if (typeof friend === "number") expect(Number.isSafeInteger(friend)).toBe(true);
        else expect(friend.phone !== "" || friend.userId !== undefined).toBe(true);
      }
    }),
  );
});

test("whatever stands for the sender's user, it is one of their own or none", () => {
  const userIds = [first.userId, second.userId];
  fc.assert(
    fc.property(arbitraryTerm, (term) => {
      expect([...userIds, undefined]).toContain(ownRoster(term, { phone, userIds }));
    }),
  );
});

test("a user without a phone names themselves by their PhoneId, and no other user does", () => {
  const own = { phone: "", userIds: [first.userId] };
  expect(ownRoster(binary("_10001") as Term, own)).toBe(first.userId);
  for (const other of ["_10002", "15550001001_10001", "15550001001", ""]) {
    expect(ownRoster(binary(other) as Term, own)).toBe(other === "" ? first.userId : undefined);
  }
  expect(ownRoster(binary("_10001") as Term, { phone, userIds: [first.userId] })).toBeUndefined();
});
