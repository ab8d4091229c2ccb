/** What a filter asks for of the chats, and which topics belong to services. */
import { expect, test } from "bun:test";
import { isReserved } from "../../../src/access/reserved-topics.ts";
import { parseChatFilter, parseChatTopic, parsePresenceFilter } from "../../../src/chat-topics/topic-names.ts";

test.each([
  ["chat/team/messages", { wants: "one", chatKey: "team", hears: ["messages"] }],
  ["chat/user.10001/messages", { wants: "one", chatKey: "user.10001", hears: ["messages"] }],
  ["chat/team/+", { wants: "one", chatKey: "team", hears: ["messages", "receipts", "changes", "typing", "history"] }],
  ["chat/team/#", { wants: "one", chatKey: "team", hears: ["messages", "receipts", "changes", "typing", "history"] }],
  ["chat/team/messages/#", { wants: "one", chatKey: "team", hears: ["messages"] }],
  ["chat/+/messages", { wants: "every", ordinaryToo: false, hears: ["messages"] }],
  ["chat/+/+", { wants: "every", ordinaryToo: false, hears: ["messages", "receipts", "changes", "typing", "history"] }],
  ["chat/+/#", { wants: "every", ordinaryToo: false, hears: ["messages", "receipts", "changes", "typing", "history"] }],
  ["chat/#", { wants: "every", ordinaryToo: false, hears: ["messages", "receipts", "changes", "typing", "history"] }],
  ["#", { wants: "every", ordinaryToo: true, hears: ["messages", "receipts", "changes", "typing", "history"] }],
  ["+/#", { wants: "every", ordinaryToo: true, hears: ["messages", "receipts", "changes", "typing", "history"] }],
  ["+/+/messages", { wants: "every", ordinaryToo: true, hears: ["messages"] }],
  ["+/+/+", { wants: "every", ordinaryToo: true, hears: ["messages", "receipts", "changes", "typing", "history"] }],
  ["chat/team/receipts", { wants: "one", chatKey: "team", hears: ["receipts"] }],
  ["chat/+/receipts/#", { wants: "every", ordinaryToo: false, hears: ["receipts"] }],
  ["chat/team/changes", { wants: "one", chatKey: "team", hears: ["changes"] }],
  ["chat/+/changes", { wants: "every", ordinaryToo: false, hears: ["changes"] }],
  ["chat/+/typing", { wants: "every", ordinaryToo: false, hears: ["typing"] }],
  ["chat/team/history", { wants: "one", chatKey: "team", hears: ["history"] }],
  ["chat/+/history", { wants: "every", ordinaryToo: false, hears: ["history"] }],
  ["chat/team/history/get", { wants: "nothing" }],
  ["chat/team/receipts/x", { wants: "nothing" }],
  ["chat/team/send", { wants: "nothing" }],
  ["chat/team", { wants: "nothing" }],
  ["chat/+", { wants: "nothing" }],
  ["chat/te am/messages", { wants: "nothing" }],
  ["chat//messages", { wants: "nothing" }],
  ["chat/team/messages/x", { wants: "nothing" }],
  ["+/team/send", { wants: "nothing" }],
  ["sensors/+/temperature", { wants: "nothing" }],
  ["$SYS/#", { wants: "nothing" }],
  ["/chat/team/messages", { wants: "nothing" }],
] as const)("%s", (filter, wanted) => {
  expect(parseChatFilter(filter)).toEqual(wanted);
});

test.each([
  ["user/10001/presence", { wants: "one", userId: 10_001 }],
  ["user/10001/+", { wants: "one", userId: 10_001 }],
  ["user/10001/#", { wants: "one", userId: 10_001 }],
  ["user/10001/presence/#", { wants: "one", userId: 10_001 }],
  ["user/+/presence", { wants: "every" }],
  ["user/+/#", { wants: "every" }],
  ["user/#", { wants: "every" }],
  ["#", { wants: "nothing" }],
  ["+/#", { wants: "nothing" }],
  ["+/+/presence", { wants: "nothing" }],
  ["+/10001/presence", { wants: "nothing" }],
  ["user/anna/presence", { wants: "nothing" }],
  ["user/10001", { wants: "nothing" }],
  ["user//presence", { wants: "nothing" }],
  ["user/10001/presence/x", { wants: "nothing" }],
  ["user/10001/phone", { wants: "nothing" }],
  ["user", { wants: "nothing" }],
  ["chat/team/presence", { wants: "nothing" }],
  ["home/+/presence", { wants: "nothing" }],
] as const)("of presence: %s", (filter, wanted) => {
  expect<unknown>(parsePresenceFilter(filter)).toEqual(wanted);
});

test.each([
  "chat/x",
  "chat",
  "user/1/presence",
  "events/1//api",
  "actions/x",
  "ses/1",
  "p2p/a/b",
  "room/1",
  "$SYS/x",
  "$share/g/x",
])("%s is a service's", (topic) => expect(isReserved(topic)).toBe(true));

test.each(["chats/x", "sensors/1", "/chat/x", "a", "Chat/x", "users"])("any client may use %s", (topic) =>
  expect(isReserved(topic)).toBe(false),
);

test.each([
  ["chat/team/send", { chatKey: "team", says: "send" }],
  ["chat/user.10001/send", { chatKey: "user.10001", says: "send" }],
  ["chat/team/receipts", { chatKey: "team", says: "receipts" }],
  ["chat/team/changes", { chatKey: "team", says: "changes" }],
  ["chat/team/typing", { chatKey: "team", says: "typing" }],
  ["chat/team/history", { chatKey: "team", says: "history" }],
  ["chat/team/history/get", { chatKey: "team", says: "history" }],
  ["chat/history/get", undefined],
  ["chat/a/b/history/get", undefined],
  ["chat/team/history/get/", undefined],
  ["chat/team/receipts/get", undefined],
  ["chat//send", undefined],
  ["chat/a/b/send", undefined],
  ["chat/send", undefined],
  ["chat/team/messages", undefined],
  ["chat/te%20am/send", undefined],
] as const)("what is said on %s", (topic, said) => {
  expect(parseChatTopic(topic)).toEqual(said);
});
