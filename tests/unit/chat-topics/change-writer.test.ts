/** A session without room is given later, from the store, what changed meanwhile. */
import { expect, test } from "bun:test";
import type { FormSession } from "../../../src/access/chat-form.ts";
import { ChangeWriter } from "../../../src/chat-topics/change-writer.ts";
import { jsonForm } from "../../../src/chat-topics/push.ts";
import { DomainError } from "../../../src/domain/errors.ts";
import type { Changes } from "../../../src/domain/messages/edits.ts";
import type { ChatId, Message, MessageId, UserId } from "../../../src/domain/model.ts";
import type { PreparedPublish } from "../../../src/mqtt/publish/prepared-publish.ts";
import { until } from "../../support/deadline.ts";

const chatId = 1 as ChatId;

const message = (messageId: number, revision: number): Message => ({
  messageId: messageId as MessageId,
  chatId,
  chatKey: "team",
  seq: messageId,
  senderId: 2 as UserId,
  senderKey: "bob",
  kind: "text",
  type: "text",
  content: `as of ${revision}`,
  clientId: undefined,
  clientTimeMs: undefined,
  sentAtMs: 0,
  revision,
});

/** The store knows each message by the revision of its last change; the session takes `room` packets. */
function open() {
  const stored = new Map<number, number>();
  const told: string[] = [];
  const state = { room: 0, isMember: true };
  const writer = new ChangeWriter({
    reader: () => ({ userId: 1 as UserId }),
    session: {
      deliver({ payload }: PreparedPublish) {
        if (state.room === 0) return "full";
        state.room -= 1;
        const { change, revision } = JSON.parse(String(payload));
        told.push(`${change} ${revision}`);
        return "queued";
      },
    },
    nameOf: ({ chatKey }) => chatKey,
    packetOf: (change, name) => jsonForm.change({} as FormSession, change, name),
    async changesAfter(_, after): Promise<Changes> {
      if (!state.isMember) throw new DomainError("chat_not_found");
      const later = [...stored].filter(([, revision]) => revision > after).toSorted(([, a], [, b]) => a - b);
      const [first] = later;
      const messages = first === undefined ? [] : [message(...first)];
      const through = first?.[1] ?? after;
      const place = { through, more: later.length > 1, revision: through, reset: false };
      return { chat: {} as Changes["chat"], messages, ...place };
    },
    failed(error) {
      throw error;
    },
  });
  const edit = (id: number, revision: number): void => {
    stored.set(id, revision);
    writer.tell({ type: "message.edited", message: message(id, revision) });
  };
  return { writer, edit, told, state };
}

test("each change once while there is room, and the last state of each message after there was none", async () => {
  const { writer, edit, told, state } = open();
  state.room = 1;
  for (const [id, revision] of [
    [1, 1],
    [1, 2],
    [2, 3],
    [1, 4],
  ] as const) {
    edit(id, revision);
  }
  expect(told).toEqual(["edited 1"]);
  state.room = 1;
  writer.writable();
  await until("the first", () => told.length === 2);
  state.room = 9;
  writer.writable();
  await until("the rest", () => told.length === 3);
  expect(told.slice(1)).toEqual(["changed 3", "changed 4"]);
  await until("it is no longer behind", () => {
    edit(3, 5 + told.length);
    return told.at(-1)?.startsWith("edited") === true;
  });
});

test("a user who left meanwhile is told nothing", async () => {
  const { writer, edit, told, state } = open();
  edit(1, 1);
  state.isMember = false;
  state.room = 9;
  writer.writable();
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(told).toEqual([]);
});
