/** What a row of `answers.test.ts` says, and the words rows share. */
import { expect } from "bun:test";
import type { Stage } from "../catalog.ts";

/** Exactly these frames, or the end with this code. */
export type Outcome = readonly unknown[] | { readonly closes: number };

export interface Row {
  readonly what: string;
  readonly ask: (stage: Stage) => Readonly<Record<string, unknown>>;
  /** On a connection without a login. */
  readonly nobody: Outcome | ((stage: Stage) => Outcome);
  /** By Ann, who owns the chat Bob is in. */
  readonly ann: Outcome | ((stage: Stage) => Outcome);
  /** By Eve, who is in no chat; where she is told the same, nothing is written here. */
  readonly eve?: Outcome | ((stage: Stage) => Outcome);
}

export const id = expect.stringMatching(/^[1-9]\d*$/);
export const avatar = expect.stringMatching(/^iVBORw0KGgo[A-Za-z0-9+/]{40,330}={0,2}$/);
export const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
export const epoch = expect.stringMatching(/^[0-9a-f]{16}$/);
export const person = (user_id: string, user_name: string) => ({ user_id, user_name, avatar });
export const fail = (action: string, reason: string, extra: object = {}): readonly unknown[] => [
  { action: `${action}.fail`, reason, ...extra },
];
export const notLoggedIn = (action: string, extra: object = {}) => fail(action, "Not logged in", extra);
/** Told to everybody alike, logged in or not. */
export const toAll = (outcome: Row["ann"]): Pick<Row, "nobody" | "ann"> => ({ nobody: outcome, ann: outcome });
export const refused = (action: string, what: string, fields: object, reason: string): Row => ({
  what,
  ask: () => ({ action, ...fields }),
  nobody: notLoggedIn(action),
  ann: fail(action, reason),
});
export const always = (action: string, what: string, fields: (stage: Stage) => object, reason: string): Row => ({
  what,
  ask: (stage) => ({ action, ...fields(stage) }),
  ...toAll(fail(action, reason)),
});

export const message = { type: "text", content: "hello", time: "2026-01-02T03:04:05Z", client_id: "c" };
export const chatOf = (owner: string, name: string, chat_id: unknown) => ({
  chat_id,
  name,
  chat_name: name,
  avatar,
  owner_id: owner,
  created: iso,
});
export const spawn = (owner: string, name: string, members: readonly object[]) => ({
  action: "chat.spawn",
  ...chatOf(owner, name, id),
  members,
});
export const pushed = (sender: string, more: object) => ({
  message_id: id,
  sender,
  sender_id: sender,
  time: "2026-01-02T03:04:05.000Z",
  type: "text",
  content: "hello",
  client_id: "c",
  ...more,
});
export const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const malformed = (what: string, frame: Readonly<Record<string, unknown>>): Row => ({
  what,
  ask: () => frame,
  ...toAll([{ action: "error", reason: typeof frame["action"] === "string" ? "Unknown action" : "Malformed action" }]),
});

/** Eve's id; the others' are in the stage. */
export const eve = "10003";
export const send = (fields: (stage: Stage) => object) => (stage: Stage) => ({
  action: "message.send",
  message: { ...message, ...fields(stage) },
});
export const sendRefused = (what: string, fields: object, reason: string): Row => ({
  what,
  ask: (stage) => send(() => ({ chat_id: stage.chat, ...fields }))(stage),
  nobody: notLoggedIn("message.send", { client_id: "c" }),
  ann: fail("message.send", reason, { client_id: "c" }),
});
