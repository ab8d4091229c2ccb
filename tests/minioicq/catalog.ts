/**
 * Every action with its fields, for the tests that go through all of them. A new action needs an entry here, and
 * `enumeration.test.ts` fails until it has one.
 */
import type { MiniClient } from "./client.ts";

/** What a field may hold on the wire. */
export const values = {
  nil: null,
  true: true,
  zero: 0,
  integer: 5,
  negative: -1,
  fraction: 1.5,
  huge: 2 ** 60,
  empty: "",
  text: "x",
  number: "10001",
  list: [],
  "list of maps": [{}],
  map: {},
  bytes: new Uint8Array([0xff, 0x00]),
} as const;
export type Value = keyof typeof values;

/** What comes without being asked for; of these the first two answer requests as well. */
export const unasked: ReadonlySet<string> = new Set([
  "chat.spawn",
  "message.push",
  "chat.joined",
  "chat.left",
  "chat.renamed",
  "message.deleted",
  "contact.blocked",
  "contact.unblocked",
]);

/** Two people and a chat of theirs. */
export interface Stage {
  readonly me: string;
  readonly other: string;
  readonly chat: string;
  /** What `prepare` made. */
  readonly message?: string;
  readonly session?: string;
}

export interface Entry {
  /** The fields of a request that is served. */
  readonly good: (stage: Stage) => Readonly<Record<string, unknown>>;
  /** Makes what a request uses up by being served, or takes back what it changed. */
  readonly prepare?: (client: MiniClient, stage: Stage) => Promise<Stage>;
  /** By path (`message.chat_id`). */
  readonly fields: Readonly<Record<string, Field>>;
  /** What a request that is served is answered with; none: nothing, or the connection's end. */
  readonly answer: string | undefined;
  readonly beforeLogin: "served" | "refused";
  /** The server closes with this code instead of answering. */
  readonly closes?: number;
}

export interface Field {
  /** Left out, the request fails. */
  readonly needed: boolean;
  /** Values it may hold without the request failing for its form; it may still fail for what it says. */
  readonly takes: readonly Value[];
}

const needed = (...takes: Value[]): Field => ({ needed: true, takes });
/** Nil and "" say nothing. */
const optional = (...takes: Value[]): Field => ({ needed: false, takes: ["nil", "empty", ...takes] });
const ids = ["zero", "integer", "negative", "fraction", "huge", "text", "number"] as const;
const texts = ["text", "number"] as const;
const everything = Object.keys(values) as Value[];

async function withGroup(client: MiniClient, stage: Stage): Promise<Stage> {
  const { chat_id: chat } = await client.ask({ action: "chat.create", members: [stage.other] });
  return { ...stage, chat: String(chat) };
}

async function withMessage(client: MiniClient, stage: Stage): Promise<Stage> {
  client.send(stage.chat, "hello");
  const [message] = await client.pushes(1);
  return { ...stage, message: String(message?.message_id) };
}

/** A token, given to a client that logged in by its password again since. */
async function withSession(client: MiniClient, stage: Stage): Promise<Stage> {
  await client.login(stage.me, "secret", { remember: true });
  const { sessions } = (await client.ask({ action: "session.list" })) as unknown as { sessions: Session[] };
  await client.login(stage.me);
  const session = sessions.find(({ kind, own }) => kind === "token" && own)?.session_id;
  return session === undefined ? stage : { ...stage, session };
}

interface Session {
  readonly session_id: string;
  readonly kind: string;
  readonly own: boolean;
}

async function withOldPassword(client: MiniClient, stage: Stage): Promise<Stage> {
  for (const set of [values.text, values.number]) {
    await client.ask({ action: "password.set", old_password: set, password: "secret" });
  }
  return stage;
}

const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** Of whoever registers or logs in. */
const client = {
  remember: optional("true"),
  client_name: optional(...texts),
  // Anything but true says no.
  extensions: optional(...everything),
};

export const catalog: Readonly<Record<string, Entry>> = {
  "auth.register": {
    good: () => ({ user_name: "Joe", password: "secret" }),
    fields: { user_name: needed(...texts), password: needed(...texts), invite: optional(...texts), ...client },
    answer: "auth.register.success",
    beforeLogin: "served",
  },
  "auth.login": {
    good: ({ me }) => ({ user_id: me, password: "secret" }),
    fields: {
      user_id: needed(...ids),
      password: needed(...texts),
      token: optional(...texts),
      device_id: optional(...texts),
      // Anything but true says no.
      ack: optional(...everything),
      ...client,
    },
    answer: "auth.login.success",
    beforeLogin: "served",
  },
  "auth.logout": { good: () => ({}), fields: {}, answer: undefined, beforeLogin: "served", closes: 1000 },
  "user.sync": { good: () => ({}), fields: {}, answer: "user.sync", beforeLogin: "refused" },
  "user.get": {
    good: ({ other }) => ({ user_id: other }),
    fields: { user_id: needed(...ids) },
    answer: "user.push",
    beforeLogin: "refused",
  },
  "avatar.set": {
    good: () => ({ avatar: pixel }),
    fields: { avatar: optional("bytes") },
    answer: "avatar.set.ack",
    beforeLogin: "refused",
  },
  "chat.create": {
    good: ({ other }) => ({ members: [other] }),
    fields: { members: needed("list"), name: optional(...texts), chat_name: optional(...texts) },
    answer: "chat.spawn",
    beforeLogin: "refused",
  },
  "message.send": {
    good: ({ chat }) => ({ message: { chat_id: chat, type: "text", content: "hello" } }),
    fields: {
      message: needed(),
      messages: { needed: false, takes: ["list of maps"] },
      "message.chat_id": needed(...ids),
      "message.type": needed(...texts),
      "message.content": needed("empty", "bytes", ...texts),
      // What is no time is as good as none (O12).
      "message.time": optional(...everything),
      "message.client_id": optional("zero", "integer", "negative", ...texts),
      client_id: optional("zero", "integer", "negative", ...texts),
    },
    answer: "message.push",
    beforeLogin: "refused",
  },
  "message.push.ack": {
    good: () => ({}),
    fields: { message_ids: optional("list"), chat_ids: optional("list") },
    answer: undefined,
    beforeLogin: "served",
  },
  "message.get": {
    good: ({ other }) => ({ user_id: other }),
    fields: {
      user_id: needed(...ids),
      chat_id: optional(...ids),
      start: optional("zero", "integer", "fraction", "number"),
      end: optional("zero", "integer", "fraction", "number"),
      limit: optional("zero", "integer", "number"),
      after: optional("zero", "integer", "number"),
      before: optional("zero", "integer", "number"),
      next: optional(),
    },
    answer: "message.retrieve",
    beforeLogin: "refused",
  },
  "chat.list": {
    good: () => ({}),
    fields: { after: optional("zero", "integer", "number") },
    answer: "chat.list.success",
    beforeLogin: "refused",
  },
  "chat.get": {
    good: ({ chat }) => ({ chat_id: chat }),
    fields: { chat_id: needed(...ids) },
    answer: "chat.get.success",
    beforeLogin: "refused",
  },
  "chat.leave": {
    prepare: withGroup,
    good: ({ chat }) => ({ chat_id: chat }),
    fields: { chat_id: needed(...ids) },
    answer: "chat.leave.success",
    beforeLogin: "refused",
  },
  "chat.add": {
    good: ({ chat, other }) => ({ chat_id: chat, members: [other] }),
    fields: { chat_id: needed(...ids), members: needed() },
    answer: "chat.add.success",
    beforeLogin: "refused",
  },
  "chat.remove": {
    prepare: withGroup,
    good: ({ chat, other }) => ({ chat_id: chat, members: [other] }),
    fields: { chat_id: needed(...ids), members: needed() },
    answer: "chat.remove.success",
    beforeLogin: "refused",
  },
  "chat.rename": {
    good: ({ chat }) => ({ chat_id: chat, name: "Team" }),
    // The second name is not looked at beside the first.
    fields: { chat_id: needed(...ids), name: needed(...texts), chat_name: optional(...everything) },
    answer: "chat.rename.success",
    beforeLogin: "refused",
  },
  "message.delete": {
    prepare: withMessage,
    good: ({ message = "1" }) => ({ message_id: message }),
    fields: { message_id: needed(...ids) },
    answer: "message.delete.success",
    beforeLogin: "refused",
  },
  "contact.block": {
    good: ({ other }) => ({ user_id: other }),
    fields: { user_id: needed(...ids) },
    answer: "contact.block.success",
    beforeLogin: "refused",
  },
  "contact.unblock": {
    good: ({ other }) => ({ user_id: other }),
    fields: { user_id: needed(...ids) },
    answer: "contact.unblock.success",
    beforeLogin: "refused",
  },
  "password.set": {
    prepare: withOldPassword,
    good: () => ({ password: "secret", old_password: "secret" }),
    fields: { password: needed(...texts), old_password: needed(...texts), end_sessions: optional("true") },
    answer: "password.set.success",
    beforeLogin: "refused",
  },
  "session.list": { good: () => ({}), fields: {}, answer: "session.list.success", beforeLogin: "refused" },
  "session.end": {
    prepare: withSession,
    good: ({ session = "t1" }) => ({ session_id: session }),
    fields: { session_id: needed(...texts) },
    answer: "session.end.success",
    beforeLogin: "refused",
  },
  heartbeat: { good: () => ({}), fields: {}, answer: "heartbeat.ack", beforeLogin: "served" },
};
