/**
 * Every action with its fields, for the tests that go through all of them. A new action needs an entry here, and
 * `enumeration.test.ts` fails until it has one.
 */

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

/** Two people and a chat of theirs. */
export interface Stage {
  readonly me: string;
  readonly other: string;
  readonly chat: string;
}

export interface Entry {
  /** The fields of a request that is served. */
  readonly good: (stage: Stage) => Readonly<Record<string, unknown>>;
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

export const catalog: Readonly<Record<string, Entry>> = {
  "auth.register": {
    good: () => ({ user_name: "Joe", password: "secret" }),
    fields: { user_name: needed(...texts), password: needed(...texts) },
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
  heartbeat: { good: () => ({}), fields: {}, answer: "heartbeat.ack", beforeLogin: "served" },
};
