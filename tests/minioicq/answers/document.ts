/** The answers to the actions of the document. */
import {
  always,
  eve,
  fail,
  id,
  malformed,
  notLoggedIn,
  person,
  pixel,
  pushed,
  type Row,
  refused,
  send,
  sendRefused,
  spawn,
  toAll,
} from "./row.ts";

export const documentRows: Readonly<Record<string, readonly Row[]>> = {
  "auth.register": [
    {
      what: "a new name",
      ask: () => ({ action: "auth.register", user_name: " Joe ", password: "pä55 " }),
      ...toAll([{ action: "auth.register.success", ...person(id, "Joe"), password: "pä55 " }]),
    },
    {
      what: "a log-in name",
      ask: () => ({ action: "auth.register", user_name: "Joe", password: "secret", login_name: "joe" }),
      nobody: [{ action: "auth.register.success", ...person(id, "Joe"), password: "secret", login_name: "joe" }],
      ann: fail("auth.register", "Login name taken"),
    },
    ...["Joe", "jo", "1oe", "j".repeat(33), 10_001, ["joe"]].map((login_name) =>
      always(
        "auth.register",
        `the log-in name ${login_name}`,
        () => ({ user_name: "Joe", password: "secret", login_name }),
        "Invalid login_name",
      ),
    ),
    ...["api", "user.10001", "chat.1", "direct.1.2"].map((login_name) =>
      always(
        "auth.register",
        `the log-in name ${login_name}`,
        () => ({ user_name: "Joe", password: "secret", login_name }),
        "Reserved name",
      ),
    ),
    always("auth.register", "no name", () => ({ password: "x" }), "Empty user name or password"),
    always("auth.register", "no password", () => ({ user_name: "x" }), "Empty user name or password"),
    always("auth.register", "a name of another type", () => ({ user_name: 1, password: "x" }), "Invalid user name"),
    always("auth.register", "such a password", () => ({ user_name: "x", password: 1 }), "Invalid password"),
    always("auth.register", "a long name", () => ({ user_name: "x".repeat(129), password: "x" }), "User name too long"),
    always(
      "auth.register",
      "a long password",
      () => ({ user_name: "x", password: "x".repeat(1025) }),
      "Password too long",
    ),
  ],
  "auth.login": [
    {
      what: "the right password",
      ask: ({ me }) => ({ action: "auth.login", user_id: me, password: "secret" }),
      ...toAll(({ me }) => [{ action: "auth.login.success", ...person(me, "Ann"), password: "secret" }]),
    },
    {
      what: "the right password, with a number for an id",
      ask: ({ me }) => ({ action: "auth.login", user_id: Number(me), password: "secret" }),
      ...toAll(({ me }) => [
        { action: "auth.login.success", ...person(me, "Ann"), user_id: Number(me), password: "secret" },
      ]),
    },
    always("auth.login", "a wrong one", ({ me }) => ({ user_id: me, password: "x" }), "Incorrect password"),
    always("auth.login", "nobody's id", () => ({ user_id: "9", password: "secret" }), "User not found"),
    always("auth.login", "a chat's id", ({ chat }) => ({ user_id: chat, password: "secret" }), "User not found"),
    always("auth.login", "a name", () => ({ user_id: "Ann", password: "secret" }), "User not found"),
    always("auth.login", "no id", () => ({ password: "secret" }), "Empty user_id or password"),
    always("auth.login", "no password", ({ me }) => ({ user_id: me }), "Empty user_id or password"),
    always("auth.login", "a list for an id", () => ({ user_id: [], password: "secret" }), "Invalid user_id"),
    always("auth.login", "a number for a password", ({ me }) => ({ user_id: me, password: 1 }), "Invalid password"),
    always("auth.login", "nobody's token", () => ({ token: "x" }), "Invalid token"),
    always(
      "auth.login",
      "a list for a device",
      ({ me }) => ({ user_id: me, password: "secret", device_id: [] }),
      "Invalid device_id",
    ),
  ],
  "auth.logout": [{ what: "", ask: () => ({ action: "auth.logout" }), ...toAll({ closes: 1000 }) }],
  "user.sync": [
    {
      what: "",
      ask: () => ({ action: "user.sync" }),
      nobody: notLoggedIn("user.sync"),
      ann: ({ me, other }) => [
        { action: "user.sync", users: [person(me, "Ann"), person(other, "Bob"), person(eve, "Eve")] },
      ],
    },
  ],
  "user.get": [
    {
      what: "somebody",
      ask: ({ other }) => ({ action: "user.get", user_id: other }),
      nobody: notLoggedIn("user.get"),
      ann: ({ other }) => [{ action: "user.push", ...person(other, "Bob"), nick: "Bob" }],
    },
    refused("user.get", "nobody", { user_id: "9" }, "User not found"),
    refused("user.get", "no id", {}, "User not found"),
  ],
  "avatar.set": [
    {
      what: "to a picture",
      ask: () => ({ action: "avatar.set", avatar: pixel }),
      nobody: notLoggedIn("avatar.set"),
      ann: [{ action: "avatar.set.ack" }],
    },
    {
      what: "back",
      ask: () => ({ action: "avatar.set", avatar: "" }),
      nobody: notLoggedIn("avatar.set"),
      ann: [{ action: "avatar.set.ack" }],
    },
    refused("avatar.set", "to a number", { avatar: 1 }, "Invalid avatar"),
    refused("avatar.set", "to some text", { avatar: "aGVsbG8=" }, "Not a PNG, JPEG, GIF or WebP picture"),
  ],
  "chat.create": [
    {
      what: "with Bob",
      ask: ({ other }) => ({ action: "chat.create", members: [other, other], name: "Team" }),
      nobody: notLoggedIn("chat.create"),
      ann: ({ me, other }) => [spawn(me, "Team", [person(me, "Ann"), person(other, "Bob")])],
      eve: ({ other }) => [spawn(eve, "Team", [person(eve, "Eve"), person(other, "Bob")])],
    },
    refused("chat.create", "with nobody there is", { members: ["9"] }, "User not found"),
    refused("chat.create", "without a list", { members: "9" }, "Invalid members"),
    refused("chat.create", "with too many", { members: Array(10_001).fill(1) }, "Too many members"),
    refused("chat.create", "with a number for a name", { members: [], name: 1 }, "Invalid chat name"),
  ],
  "message.send": [
    {
      what: "to a chat",
      ask: send(({ chat }) => ({ chat_id: chat })),
      nobody: notLoggedIn("message.send", { client_id: "c" }),
      ann: ({ me, chat }) => [{ action: "message.push", messages: [pushed(me, { chat_id: chat, seq: 2 })] }],
      eve: fail("message.send", "Chat not found", { client_id: "c" }),
    },
    {
      what: "to a person",
      ask: send(({ other }) => ({ chat_id: other })),
      nobody: notLoggedIn("message.send", { client_id: "c" }),
      ann: ({ me, other }) => [
        spawn(me, "Bob", [person(me, "Ann"), person(other, "Bob")]),
        { action: "message.push", messages: [pushed(me, { chat_id: id, seq: 1 })] },
      ],
      eve: ({ other }) => [
        spawn(eve, "Bob", [person(eve, "Eve"), person(other, "Bob")]),
        { action: "message.push", messages: [pushed(eve, { chat_id: id, seq: 1 })] },
      ],
    },
    sendRefused("to no chat there is", { chat_id: "9" }, "Chat not found"),
    sendRefused("without a chat", { chat_id: "" }, "Chat not found"),
    sendRefused("with a list for a chat", { chat_id: [] }, "Invalid message"),
    sendRefused("without a type", { type: "" }, "Invalid message"),
    sendRefused("with a long type", { type: "x".repeat(129) }, "Invalid message"),
    sendRefused("with a number for content", { content: 1 }, "Invalid message"),
    sendRefused("with too much content", { content: "x".repeat(60_000) }, "Message too large"),
    refused("message.send", "without a message", {}, "Invalid message"),
    refused("message.send", "with an empty list", { messages: [] }, "Invalid message"),
    refused("message.send", "with a long list", { messages: Array(257).fill({}) }, "Too many messages"),
  ],
  "message.push.ack": [{ what: "", ask: () => ({ action: "message.push.ack" }), ...toAll([]) }],
  "message.get": [
    {
      what: "of a chat",
      ask: ({ chat }) => ({ action: "message.get", chat_id: chat }),
      nobody: notLoggedIn("message.get"),
      ann: ({ me, chat }) => [
        { action: "message.retrieve", messages: [pushed(me, { chat_id: chat, seq: 1, client_id: "before" })] },
      ],
      eve: fail("message.get", "Chat not found"),
    },
    {
      what: "with a person",
      ask: ({ other }) => ({
        action: "message.get",
        user_id: other,
        start: "2026-01-02T03:04:05Z",
        end: 1_767_323_045,
      }),
      nobody: notLoggedIn("message.get"),
      ann: ({ me, chat }) => [
        { action: "message.retrieve", messages: [pushed(me, { chat_id: chat, seq: 1, client_id: "before" })] },
      ],
      eve: [{ action: "message.retrieve", messages: [] }],
    },
    refused("message.get", "of no chat there is", { chat_id: "9" }, "Chat not found"),
    refused("message.get", "with nobody there is", { user_id: "9" }, "User not found"),
    refused("message.get", "with nobody named", {}, "User not found"),
    refused("message.get", "from a word on", { user_id: "10001", start: "now" }, "Invalid range"),
  ],
  heartbeat: [{ what: "", ask: () => ({ action: "heartbeat" }), ...toAll([{ action: "heartbeat.ack" }]) }],
  error: [
    malformed("an action nobody knows", { action: "auth.sing" }),
    malformed("a word of the server's", { action: "message.push" }),
    malformed("a number for an action", { action: 5 }),
  ],
};
