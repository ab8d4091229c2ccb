/**
 * Every action as it is asked by nobody in particular, by a member and by somebody else, with each of its outcomes: the
 * exact fields of the answer, and no more of them. A new action's rows go into `rows`.
 */
import { describe, expect, test } from "bun:test";
import { actionNames } from "../../src/minioicq/actions.ts";
import { withDeadline } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";
import type { Stage } from "./catalog.ts";
import { type Action, encodings, MiniClient, newUser } from "./client.ts";

/** Exactly these frames, or the end with this code. */
type Outcome = readonly unknown[] | { readonly closes: number };

interface Row {
  readonly what: string;
  readonly ask: (stage: Stage) => Readonly<Record<string, unknown>>;
  /** On a connection without a login. */
  readonly nobody: Outcome | ((stage: Stage) => Outcome);
  /** By Ann, who owns the chat Bob is in. */
  readonly ann: Outcome | ((stage: Stage) => Outcome);
  /** By Eve, who is in no chat; where she is told the same, nothing is written here. */
  readonly eve?: Outcome | ((stage: Stage) => Outcome);
}

const id = expect.stringMatching(/^[1-9]\d*$/);
const avatar = expect.stringMatching(/^iVBORw0KGgo[A-Za-z0-9+/]{40,330}={0,2}$/);
const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const person = (user_id: string, user_name: string) => ({ user_id, user_name, avatar });
const fail = (action: string, reason: string, extra: object = {}): readonly unknown[] => [
  { action: `${action}.fail`, reason, ...extra },
];
const notLoggedIn = (action: string, extra: object = {}) => fail(action, "Not logged in", extra);
/** Told to everybody alike, logged in or not. */
const toAll = (outcome: Row["ann"]): Pick<Row, "nobody" | "ann"> => ({ nobody: outcome, ann: outcome });
const refused = (action: string, what: string, fields: object, reason: string): Row => ({
  what,
  ask: () => ({ action, ...fields }),
  nobody: notLoggedIn(action),
  ann: fail(action, reason),
});
const always = (action: string, what: string, fields: (stage: Stage) => object, reason: string): Row => ({
  what,
  ask: (stage) => ({ action, ...fields(stage) }),
  ...toAll(fail(action, reason)),
});

const message = { type: "text", content: "hello", time: "2026-01-02T03:04:05Z", client_id: "c" };
const spawn = (owner: string, name: string, members: readonly object[]) => ({
  action: "chat.spawn",
  chat_id: id,
  name,
  chat_name: name,
  avatar,
  owner_id: owner,
  created: iso,
  members,
});
const pushed = (sender: string, more: object) => ({
  message_id: id,
  sender,
  sender_id: sender,
  time: "2026-01-02T03:04:05.000Z",
  type: "text",
  content: "hello",
  client_id: "c",
  ...more,
});
const malformed = (what: string, frame: Readonly<Record<string, unknown>>): Row => ({
  what,
  ask: () => frame,
  ...toAll([{ action: "error", reason: typeof frame["action"] === "string" ? "Unknown action" : "Malformed action" }]),
});

/** Eve's id; the others' are in the stage. */
const eve = "10003";
const send = (fields: (stage: Stage) => object) => (stage: Stage) => ({
  action: "message.send",
  message: { ...message, ...fields(stage) },
});
const sendRefused = (what: string, fields: object, reason: string): Row => ({
  what,
  ask: (stage) => send(() => ({ chat_id: stage.chat, ...fields }))(stage),
  nobody: notLoggedIn("message.send", { client_id: "c" }),
  ann: fail("message.send", reason, { client_id: "c" }),
});

const rows: Readonly<Record<string, readonly Row[]>> = {
  "auth.register": [
    {
      what: "a new name",
      ask: () => ({ action: "auth.register", user_name: " Joe ", password: "pä55 " }),
      ...toAll([{ action: "auth.register.success", ...person(id, "Joe"), password: "pä55 " }]),
    },
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

test("there are rows for every action", () => {
  expect(
    Object.keys(rows)
      .filter((action) => action !== "error")
      .sort(),
  ).toEqual([...actionNames].sort());
});

describe.each([...encodings])("in %s", (encoding) => {
  async function open() {
    const server = await startTestServer({
      env: {
        ROOST_LIMITS_MESSAGE_BYTES: "50000",
        ROOST_LOGIN_FAILURES_PER_MINUTE: "1000",
        ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "1000",
      },
    });
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    const last = await newUser(server.http, "Eve", encoding);
    expect(last.id).toBe(eve);
    const { chat_id: chat } = await ann.client.ask({ action: "chat.create", members: [bob.id], name: "Ours" });
    ann.client.send(chat, "hello", { ...message, client_id: "before" });
    await ann.client.fence();
    const stage: Stage = { me: ann.id, other: bob.id, chat: String(chat) };
    const open: Readonly<Record<State, () => Promise<MiniClient>>> = {
      nobody: () => MiniClient.connect(server.http, encoding),
      ann: () => login(ann.id),
      eve: () => login(eve),
    };
    async function login(userId: string): Promise<MiniClient> {
      const client = await MiniClient.connect(server.http, encoding);
      await client.login(userId);
      return client;
    }
    const clients = { nobody: await open.nobody(), ann: ann.client, eve: last.client };
    return { server, stage, open, clients };
  }

  async function outcomeOf(client: MiniClient, request: Readonly<Record<string, unknown>>): Promise<Outcome> {
    client.say(request);
    if (request["action"] === "heartbeat") return [await client.next()];
    if (request["action"] !== "auth.logout") return (await client.fence()).map(withoutExtras);
    return { closes: (await withDeadline("the close", client.closed)).code };
  }

  test.each(Object.entries(rows))("%s", async (action, cases) => {
    const { server, stage, open: again, clients } = await open();
    await using _ = server;
    for (const { what, ask, nobody, ann, eve = ann } of cases) {
      for (const [state, outcome] of Object.entries({ nobody, ann, eve }) as [State, Row["ann"]][]) {
        // After a login the connection is somebody else's.
        const client = action.startsWith("auth.") ? await again[state]() : clients[state];
        const expected = typeof outcome === "function" ? outcome(stage) : outcome;
        const got = await outcomeOf(client, ask(stage));
        expect<unknown>({ what, state, got }).toEqual({ what, state, got: expected });
        if (client !== clients[state]) client[Symbol.dispose]();
      }
    }
  });
});

type State = "nobody" | "ann" | "eve";

/** Without what `user.sync` says to the desktop client alone (PROTOCOLS § 4.3). */
function withoutExtras(frame: Action): Action {
  if (frame.action !== "user.sync") return frame;
  const { chats: _chats, messages: _messages, ...rest } = frame;
  return rest;
}
