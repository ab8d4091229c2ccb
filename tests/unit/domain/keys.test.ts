/** String ids across doors: what a backend may give, and what is ours alone. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  chatKeyOf,
  isKey,
  isLoginName,
  isReservedChatKey,
  isReservedLoginName,
  isReservedUserKey,
  isUserKey,
  parseChatKey,
  reservedNameOf,
  safeInteger,
  userIdOfKey,
  userKeyOf,
} from "../../../src/domain/keys.ts";

test.each([
  ["a", true],
  ["John.Doe-mobile1", true],
  ["0", true],
  ["-.-", true],
  ["x".repeat(256), true],
  ["", false],
  ["x".repeat(257), false],
  ["a b", false],
  ["a/b", false],
  ["a+", false],
  ["#", false],
  ["ä", false],
  ["a\n", false],
  ["a_b", false],
])("%p may be a key: %p", (text, expected) => {
  expect(isKey(text)).toBe(expected);
});

test.each([
  ["anna", undefined],
  ["anna@example.org", undefined],
  ["urn:uuid:4", undefined],
  ["a_1", undefined],
  ["_a", undefined],
  ["1_a", undefined],
  ["10001", "a plain number"],
  ["35799000001_10001", "a PhoneId"],
  ["_10001", "a PhoneId"],
  ["user.1", "reserved form"],
  ["chat.1", "reserved form"],
  ["direct.1.2", "reserved form"],
])("R7: %p is no userID for a new user because it is %p", (name, why) => {
  expect(isUserKey(name)).toBe(true);
  const reserved = reservedNameOf(name);
  expect(reserved ?? "").toContain(why ?? "");
  expect(reserved === undefined).toBe(why === undefined);
});

test.each(["", "x".repeat(257), "a b", "a/b", "a+b", "#", "ä", "a\n", "a,b", "a%b", "$a", "a*"])(
  "R7: %p is no userID",
  (name) => {
    expect(isUserKey(name)).toBe(false);
  },
);

test.each([
  ["anna", true, false],
  ["a.b_c-d", true, false],
  ["abc", true, false],
  ["x".repeat(32), true, false],
  ["x".repeat(33), false, false],
  ["ab", false, false],
  ["Anna", false, false],
  ["1st", false, false],
  [".ann", false, false],
  ["an na", false, false],
  ["ann@home", false, false],
  ["ann\n", false, false],
  ["api", true, true],
  ["user.1", true, true],
  ["user.1a", true, false],
  ["chat.7", true, true],
  ["direct.1.2", true, true],
])("%p has the form of a log-in name: %p; reserved: %p", (name, form, reserved) => {
  expect([isLoginName(name), isReservedLoginName(name)]).toEqual([form, reserved]);
});

test.each([
  ["user.10001", true, true],
  ["chat.10001", false, true],
  ["direct.1.2", false, true],
  ["user.", false, false],
  ["user.1x", false, false],
  ["User.1", false, false],
  ["user.1.2", false, false],
  ["direct.1", false, false],
  ["direct.1.2.3", false, false],
  ["chat.-1", false, false],
  ["xuser.1", false, false],
  ["user.1\n", false, false],
])("%p is reserved among users: %p, among chats: %p", (key, amongUsers, amongChats) => {
  expect(isReservedUserKey(key)).toBe(amongUsers);
  expect(isReservedChatKey(key)).toBe(amongChats);
});

test.each([
  ["chat.10005", { chatId: 10_005 }],
  ["user.10001", { userId: 10_001 }],
  ["direct.10001.10002", { low: 10_001, high: 10_002 }],
  ["direct.10001.10001", { low: 10_001, high: 10_001 }],
  ["direct.10002.10001", undefined], // A chat has one key, the lower number first.
  ["direct.1.99999999999999999", undefined],
  ["chat.9007199254740991", { chatId: 9_007_199_254_740_991 }],
  ["chat.9007199254740992", undefined], // Past 2^53 a number is no longer exact.
  ["user.99999999999999999999", undefined],
  ["team", undefined],
  ["", undefined],
] as const)("%p names %p", (key, expected) => {
  expect(parseChatKey(key)).toEqual(expected as ReturnType<typeof parseChatKey>);
});

test("a user's key is the username, else one that leads back to the id", () => {
  expect(userKeyOf({ userId: 10_001, username: "ann" })).toBe("ann");
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.constantFrom(null, undefined), (userId, username) => {
      const key = userKeyOf({ userId, username });
      expect(userIdOfKey(key)).toBe(userId);
      expect(isKey(key) && isReservedUserKey(key)).toBe(true);
    }),
  );
  expect(userIdOfKey("ann")).toBeUndefined();
  expect(userIdOfKey("chat.10001")).toBeUndefined();
});

test("a chat's key is the backend's, else one that names the chat", () => {
  const none = { chatKey: null, directLow: null, directHigh: null } as const;
  expect(chatKeyOf({ ...none, chatId: 1, kind: "group", chatKey: "team" })).toBe("team");
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.maxSafeNat(), (chatId, a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      expect(parseChatKey(chatKeyOf({ ...none, chatId, kind: "group" }))).toEqual({ chatId });
      const direct = chatKeyOf({ ...none, chatId, kind: "direct", directLow: low, directHigh: high });
      expect(parseChatKey(direct)).toEqual({ low, high });
      expect(isKey(direct) && isReservedChatKey(direct)).toBe(true);
    }),
  );
});

test.each([
  ["0", 0],
  ["0012", 12],
  ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ["9007199254740992", undefined],
  ["12345678901234567", undefined],
  ["-1", undefined],
  ["+1", undefined],
  ["1.0", undefined],
  ["1e3", undefined],
  ["0x10", undefined],
  [" 1", undefined],
  ["١", undefined],
  ["", undefined],
  [undefined, undefined],
])("%p is the number %p", (text, expected) => {
  expect(safeInteger(text)).toBe(expected);
});
