/** What a filter asks for of the chats, and which topics belong to services. */
import { expect, test } from "bun:test";
import { isReserved } from "../../../src/access/reserved-topics.ts";
import { chatKeyOfSend, parseChatFilter } from "../../../src/chat-topics/topic-names.ts";

test.each([
  ["chat/team/messages", { wants: "one", chatKey: "team" }],
  ["chat/user.10001/messages", { wants: "one", chatKey: "user.10001" }],
  ["chat/team/+", { wants: "one", chatKey: "team" }],
  ["chat/team/#", { wants: "one", chatKey: "team" }],
  ["chat/team/messages/#", { wants: "one", chatKey: "team" }],
  ["chat/+/messages", { wants: "every", ordinaryToo: false }],
  ["chat/+/+", { wants: "every", ordinaryToo: false }],
  ["chat/+/#", { wants: "every", ordinaryToo: false }],
  ["chat/#", { wants: "every", ordinaryToo: false }],
  ["#", { wants: "every", ordinaryToo: true }],
  ["+/#", { wants: "every", ordinaryToo: true }],
  ["+/+/messages", { wants: "every", ordinaryToo: true }],
  ["+/+/+", { wants: "every", ordinaryToo: true }],
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
  ["chat/team/send", "team"],
  ["chat/user.10001/send", "user.10001"],
  ["chat//send", undefined],
  ["chat/a/b/send", undefined],
  ["chat/send", undefined],
  ["chat/team/messages", undefined],
  ["chat/te%20am/send", undefined],
] as const)("%s is said to %s", (topic, key) => {
  expect(chatKeyOfSend(topic)).toBe(key);
});
