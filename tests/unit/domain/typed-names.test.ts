/** Whom a typed name means, at every door that asks for a password: a table without sockets. */
import { expect, test } from "bun:test";
import { userIdOfKey, userKeyOf } from "../../../src/domain/keys.ts";
import type { User } from "../../../src/domain/model.ts";
import { createTypedNames } from "../../../src/domain/people/typed-names.ts";

const person = (userId: number, more: Partial<User> = {}): User =>
  ({ userId, userKey: userKeyOf({ userId, username: more.username }), ...more }) as User;

const everyone = [
  person(10_001, { phone: "35799000001", loginName: "anna" }),
  person(10_002, { phone: "35799000001" }),
  person(10_003, { username: "billing" }),
  person(10_004, { loginName: "billing" }), // chosen before the backend took it
  person(10_005, { username: "10001" }), // of a time when numbers were names
  person(10_006, { loginName: "lamp" }), // chosen before the operator made the device
  person(10_007, { username: "o.k@example.org" }),
];

const names = createTypedNames<string>({
  findDevice: (name) => (name === "lamp" || name === "10002" ? name : undefined),
  findUserByKey: async (key) =>
    everyone.find(({ username }) => username === key) ??
    everyone.find(({ userId }) => userId === (userIdOfKey(key) as unknown)),
  findUser: async (userId) => everyone.find((user) => (user.userId as number) === userId),
  listUserIdsOfPhone: async (phone) => everyone.filter((user) => user.phone === phone).map(({ userId }) => userId),
  findUserByLoginName: async (name) => everyone.find(({ loginName }) => loginName === name),
});

test.each([
  ["lamp", "lamp", "a device goes before a log-in name"],
  ["10002", "10002", "and before a number"],
  ["billing", 10_003, "a username goes before a log-in name"],
  ["10001", 10_005, "and before a number"],
  ["user.10001", 10_001, ""],
  ["user.10003", 10_003, ""],
  ["user.99999", undefined, ""],
  ["10003", 10_003, ""],
  ["010003", 10_003, "a number is a number"],
  ["99999", undefined, ""],
  ["9".repeat(40), undefined, ""],
  ["+35799000001", 10_001, "the first user of the phone"],
  ["+357 99 000-001", 10_001, ""],
  ["+35799000009", undefined, ""],
  ["+", undefined, ""],
  ["35799000001", undefined, "without a plus it is a number"],
  ["anna", 10_001, "a log-in name"],
  ["Anna", undefined, "as it was chosen"],
  [" anna", undefined, ""],
  ["o.k@example.org", 10_007, ""],
  ["", undefined, ""],
])("%p means %p", async (name, expected) => {
  const found = await names.find(name);
  const shown = found === undefined ? undefined : "device" in found ? found.device : Number(found.user.userId);
  expect(shown).toBe(expected as never);
});

test.each([
  [10_001, "anna", true],
  [10_001, "user.10001", true],
  [10_001, "10001", true],
  [10_001, "+35799000001", true],
  [10_002, "+35799000001", true],
  [10_002, "anna", false],
  [10_003, "billing", true],
  [10_004, "billing", false],
  [10_004, "10004", true],
  [10_006, "lamp", false],
  [10_006, "", false],
] as const)("who proved to be %i may be called %p: %p", async (userId, name, expected) => {
  const user = everyone.find((one) => (one.userId as number) === userId) ?? person(0);
  expect(await names.isNameOf(user, name)).toBe(expected);
});

test("it is known which log-in names mean another account", async () => {
  const taken = await Promise.all(["anna", "billing", "lamp", "new"].map(names.isTaken));
  expect(taken).toEqual([false, true, true, false]);
});
