/**
 * Every action with its fields, for the tests that go through all of them. A new action needs an entry here, and
 * `enumeration.test.ts` fails until it has one.
 */
import { type MiniClient, messagesOf } from "./client.ts";

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
  "chat.avatar.changed",
  "chat.muted",
  "chat.typing",
  "message.deleted",
  "message.edited",
  "message.reacted",
  "receipt.push",
  "contact.blocked",
  "contact.unblocked",
  "contact.changed",
  "presence.push",
]);

/** Two people and a chat of theirs. */
export interface Stage {
  readonly me: string;
  readonly other: string;
  readonly chat: string;
  /** What `prepare` made. */
  readonly message?: string;
  readonly session?: string;
  readonly token?: string;
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

/** Its id stands where a message's would. */
async function withHook(client: MiniClient, stage: Stage): Promise<Stage> {
  const { chat } = await withGroup(client, stage);
  await client.fence();
  const made = await client.ask({ action: "hook.add", chat_id: chat });
  await client.fence();
  return { ...stage, message: String(made["hook_id"]) };
}

async function withGroup(client: MiniClient, stage: Stage): Promise<Stage> {
  const { chat_id: chat } = await client.ask({ action: "chat.create", members: [stage.other] });
  return { ...stage, chat: String(chat) };
}

async function withMessage(client: MiniClient, stage: Stage): Promise<Stage> {
  client.send(stage.chat, "hello");
  // Receipts of earlier messages may come before it.
  const pushes = (await client.fence()).filter(({ action }) => action === "message.push");
  const [message] = pushes.flatMap(messagesOf);
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

/** The other one asked, and the client is back as itself. */
async function withFriend(client: MiniClient, stage: Stage): Promise<Stage> {
  for (const [as, request] of [
    [stage.other, { action: "contact.request", user_id: stage.me }],
    [stage.me, undefined],
  ] as const) {
    await client.fence();
    await client.login(as);
    await client.fence();
    if (request !== undefined) client.say(request);
  }
  await client.fence();
  return stage;
}

async function withRequest(client: MiniClient, stage: Stage): Promise<Stage> {
  client.say({ action: "contact.request", user_id: stage.other });
  await client.fence();
  return stage;
}

async function withToken(client: MiniClient, stage: Stage): Promise<Stage> {
  const { token_id: token } = await client.ask({ action: "token.add", password: "secret" });
  return { ...stage, token: String(token) };
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
  avatars: optional(),
  // Anything but true says no.
  extensions: optional(...everything),
};

export const catalog: Readonly<Record<string, Entry>> = {
  "auth.register": {
    good: () => ({ user_name: "Joe", password: "secret" }),
    fields: {
      user_name: needed(...texts),
      password: needed(...texts),
      login_name: optional(),
      invite: optional(...texts),
      ...client,
    },
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
      // In place of the content; the map beside it is what a push says.
      "message.file": optional("map"),
      // What is no time is as good as none (O12).
      "message.time": optional(...everything),
      "message.reply_to": optional(...ids),
      "message.mentions": optional("list"),
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
    fields: { after: optional("zero", "integer", "number"), order: optional(), limit: optional("integer") },
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
  "hook.add": {
    prepare: withGroup,
    good: ({ chat }) => ({ chat_id: chat, name: "cron" }),
    fields: { chat_id: needed(...ids), name: optional(...texts) },
    answer: "hook.add.success",
    beforeLogin: "refused",
  },
  "hook.list": {
    good: ({ chat }) => ({ chat_id: chat }),
    fields: { chat_id: needed(...ids) },
    answer: "hook.list.success",
    beforeLogin: "refused",
  },
  "hook.remove": {
    prepare: withHook,
    good: ({ message = "1" }) => ({ hook_id: message }),
    fields: { hook_id: needed(...ids) },
    answer: "hook.remove.success",
    beforeLogin: "refused",
  },
  "chat.avatar.set": {
    prepare: withGroup,
    good: ({ chat }) => ({ chat_id: chat, avatar: pixel }),
    fields: { chat_id: needed(...ids), avatar: optional("bytes") },
    answer: "chat.avatar.set.success",
    beforeLogin: "refused",
  },
  "chat.rename": {
    good: ({ chat }) => ({ chat_id: chat, name: "Team" }),
    // The second name is not looked at beside the first.
    fields: { chat_id: needed(...ids), name: needed(...texts), chat_name: optional(...everything) },
    answer: "chat.rename.success",
    beforeLogin: "refused",
  },
  "chat.mute": {
    good: ({ chat }) => ({ chat_id: chat, until: "2030-01-02T03:04:05Z" }),
    fields: { chat_id: needed(...ids), until: optional("zero", "integer", "negative", "fraction", "number") },
    answer: "chat.mute.success",
    beforeLogin: "refused",
  },
  "chat.typing": {
    good: ({ chat }) => ({ chat_id: chat }),
    fields: { chat_id: needed(...ids), typing: optional("true") },
    answer: "chat.typing.success",
    beforeLogin: "refused",
  },
  "message.confirm": {
    prepare: withMessage,
    good: ({ chat }) => ({ chat_id: chat, through: 1 }),
    fields: { chat_id: needed(...ids), through: needed("integer"), read: optional("true") },
    answer: "message.confirm.success",
    beforeLogin: "refused",
  },
  "message.read": {
    prepare: withMessage,
    good: ({ chat }) => ({ chat_id: chat, seq: 1 }),
    fields: { chat_id: needed(...ids), seq: needed("integer"), message_id: optional(...ids) },
    answer: "message.read.success",
    beforeLogin: "refused",
  },
  "receipt.list": {
    good: ({ chat }) => ({ chat_id: chat }),
    fields: { chat_id: needed(...ids), seq: optional("integer") },
    answer: "receipt.list.success",
    beforeLogin: "refused",
  },
  "receipt.set": {
    good: () => ({ receipts: "all" }),
    fields: { receipts: needed() },
    answer: "receipt.set.success",
    beforeLogin: "refused",
  },
  "presence.watch": {
    good: () => ({}),
    fields: { watch: optional("true") },
    answer: "presence.watch.success",
    beforeLogin: "refused",
  },
  "presence.set": {
    good: () => ({ presence: "friends" }),
    fields: { presence: needed() },
    answer: "presence.set.success",
    beforeLogin: "refused",
  },
  "message.delete": {
    prepare: withMessage,
    good: ({ message = "1" }) => ({ message_id: message }),
    fields: { message_id: needed(...ids) },
    answer: "message.delete.success",
    beforeLogin: "refused",
  },
  "message.edit": {
    prepare: withMessage,
    good: ({ message = "1" }) => ({ message_id: message, content: "hello again" }),
    fields: { message_id: needed(...ids), content: needed("empty", "bytes", ...texts), mentions: optional("list") },
    answer: "message.edit.success",
    beforeLogin: "refused",
  },
  "message.react": {
    prepare: withMessage,
    good: ({ message = "1" }) => ({ message_id: message, reaction: "👍" }),
    fields: { message_id: needed(...ids), reaction: needed(...texts), remove: optional("true") },
    answer: "message.react.success",
    beforeLogin: "refused",
  },
  "changes.get": {
    good: ({ chat }) => ({ chat_id: chat }),
    fields: {
      chat_id: needed(...ids),
      after: optional("zero", "integer", "number"),
      limit: optional("zero", "integer", "number"),
      epoch: optional(...texts),
    },
    answer: "changes.get.success",
    beforeLogin: "refused",
  },
  "server.info": { good: () => ({}), fields: {}, answer: "server.info.success", beforeLogin: "served" },
  "message.search": {
    good: () => ({ query: "hello" }),
    fields: {
      query: needed(...texts),
      chat_id: optional(...ids),
      limit: optional("zero", "integer", "number"),
      next: optional("zero", "integer", "number"),
    },
    answer: "message.search.success",
    beforeLogin: "refused",
  },
  "user.search": {
    good: () => ({ query: "Bob" }),
    fields: { query: needed(...texts), limit: optional("integer") },
    answer: "user.search.success",
    beforeLogin: "refused",
  },
  "profile.set": {
    good: () => ({ nick: "Annie" }),
    fields: { nick: needed(...texts), user_name: optional(...everything) },
    answer: "profile.set.success",
    beforeLogin: "refused",
  },
  "contact.list": {
    good: () => ({}),
    fields: { after: optional(...ids) },
    answer: "contact.list.success",
    beforeLogin: "refused",
  },
  "contact.request": {
    good: ({ other }) => ({ user_id: other }),
    fields: { user_id: needed(...ids) },
    answer: "contact.request.success",
    beforeLogin: "refused",
  },
  "contact.confirm": {
    prepare: withFriend,
    good: ({ other }) => ({ user_id: other }),
    fields: { user_id: needed(...ids) },
    answer: "contact.confirm.success",
    beforeLogin: "refused",
  },
  "contact.revoke": {
    prepare: withRequest,
    good: ({ other }) => ({ user_id: other }),
    fields: { user_id: needed(...ids) },
    answer: "contact.revoke.success",
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
    fields: {
      password: needed(...texts),
      old_password: needed(...texts),
      code: optional(),
      end_sessions: optional("true"),
    },
    answer: "password.set.success",
    beforeLogin: "refused",
  },
  "account.export": {
    good: () => ({ password: "secret" }),
    fields: { password: needed(...texts), code: optional(...texts), next: optional() },
    answer: "account.export.success",
    beforeLogin: "refused",
  },
  // The operator makes invitations here.
  "invite.create": { good: () => ({}), fields: {}, answer: "invite.create.fail", beforeLogin: "refused" },
  // Nobody here has another way into their account.
  "password.unlink": {
    good: () => ({ password: "secret" }),
    fields: { password: needed(...texts) },
    answer: "password.unlink.fail",
    beforeLogin: "refused",
  },
  "phone.code": {
    good: () => ({ phone: "+44 7400 123456" }),
    fields: { phone: needed() },
    answer: "phone.code.success",
    beforeLogin: "refused",
  },
  // No client learns a right code.
  "phone.link": {
    good: () => ({ phone: "+44 7400 123456", code: "000000", password: "secret" }),
    fields: { phone: needed(), code: needed(...texts), password: needed(...texts) },
    answer: "phone.link.fail",
    beforeLogin: "refused",
  },
  "phone.unlink": {
    good: () => ({ password: "secret" }),
    fields: { password: needed(...texts), code: optional(...texts) },
    answer: "phone.unlink.fail",
    beforeLogin: "refused",
  },
  "auth.link": { good: () => ({}), fields: {}, answer: "auth.link.success", beforeLogin: "refused" },
  // A right one has no answer.
  "account.delete": {
    good: () => ({ code: "000000" }),
    fields: { password: optional(), code: needed(...texts) },
    answer: "account.delete.fail",
    beforeLogin: "refused",
  },
  "password.forgot": {
    good: ({ me }) => ({ user_id: me }),
    fields: { user_id: needed(...ids) },
    answer: "password.forgot.success",
    beforeLogin: "served",
  },
  // No client learns a right code.
  "password.reset": {
    good: ({ me }) => ({ user_id: me, code: "000000", password: "secret" }),
    fields: { user_id: needed(...ids), code: needed(...texts), password: needed(...texts) },
    answer: "password.reset.fail",
    beforeLogin: "served",
  },
  "login_name.set": {
    good: ({ me }) => ({ password: "secret", login_name: `ann-${me}` }),
    fields: { password: needed(...texts), login_name: optional() },
    answer: "login_name.set.success",
    beforeLogin: "refused",
  },
  "token.add": {
    good: () => ({ password: "secret", name: "alarm", expires_in: 3600, scopes: [{ allow: "send", chat: "team" }] }),
    fields: { password: needed(...texts), name: optional(...texts), expires_in: optional(), scopes: optional() },
    answer: "token.add.success",
    beforeLogin: "refused",
  },
  "token.list": {
    good: () => ({ password: "secret" }),
    fields: { password: needed(...texts) },
    answer: "token.list.success",
    beforeLogin: "refused",
  },
  "token.revoke": {
    prepare: withToken,
    good: ({ token = "t" }) => ({ password: "secret", token_id: token }),
    fields: { password: needed(...texts), token_id: needed(...texts) },
    answer: "token.revoke.success",
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
