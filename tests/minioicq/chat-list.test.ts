/** docs/protocols/minioicq.md § chat.list, with the liveliest first; and what a server says of itself. */
import { describe, expect, test } from "bun:test";
import type { UserId } from "../../src/domain/model.ts";
import { send, signers } from "../rest/signing.ts";
import { startTestServer } from "../support/server.ts";
import { encodings, MiniClient } from "./client.ts";
import { groupOf, person } from "./stage.ts";

interface Listed {
  readonly chat_id: string;
  readonly name: string;
  readonly unread: number;
  readonly read_seq: number;
  readonly last_seq: number;
  readonly muted: boolean;
  readonly muted_until?: string;
  readonly revision: number;
  readonly last_message?: Readonly<Record<string, unknown>>;
}

async function listed(client: MiniClient, fields: object = {}): Promise<{ chats: Listed[]; next?: string }> {
  client.say({ action: "chat.list", order: "recent", ...fields });
  const answers = (await client.fence()).filter(({ action }) => action.startsWith("chat.list"));
  expect(answers).toMatchObject([{ action: "chat.list.success" }]);
  return answers[0] as unknown as { chats: Listed[]; next?: string };
}

describe.each([...encodings])("in %s", (encoding) => {
  test("the chat with the newest message comes first, with what is unread, and what was said last", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const [quiet, lively] = [await groupOf(ann, bob), await groupOf(ann, bob)];
    for (const [one, chat, text] of [
      [ann, lively, "first"],
      [bob, quiet, "x".repeat(300)],
      [bob, lively, "second"],
      [ann, lively, "my own"],
      [bob, lively, "third"],
    ] as const) {
      one.client.send(chat, text);
      await one.client.fence();
    }
    const { chats, next } = await listed(ann.client);
    expect(next).toBeUndefined();
    expect(chats).toMatchObject([
      { chat_id: lively, unread: 2, read_seq: 1, last_seq: 4, muted: false, revision: 0 },
      { chat_id: quiet, unread: 1, read_seq: 0, last_seq: 1, muted: false, revision: 0 },
    ]);
    expect(chats[0]?.last_message).toMatchObject({
      sender: bob.id,
      type: "text",
      content: "third",
      seq: 4,
      chat_id: lively,
    });
    expect(chats[1]?.last_message).toMatchObject({ content: "x".repeat(256), cut: true });
    expect(chats[0]?.last_message).not.toHaveProperty("cut");
    // One's own messages are not counted.
    expect((await listed(bob.client)).chats.map(({ unread }) => unread)).toEqual([2, 0]);

    await ann.client.ask({ action: "message.read", chat_id: lively, seq: 4 });
    await ann.client.fence();
    await ann.client.ask({ action: "chat.mute", chat_id: quiet, until: "2100-01-01T00:00:00Z" });
    await ann.client.fence();
    const third = String(chats[0]?.last_message?.["message_id"]);
    bob.client.say({ action: "message.delete", message_id: third });
    await bob.client.fence();
    expect((await listed(ann.client)).chats).toMatchObject([
      { chat_id: lively, unread: 0, read_seq: 4, revision: 1, last_message: { content: "my own", seq: 3 } },
      { chat_id: quiet, muted: true, muted_until: expect.stringMatching(/Z$/) as unknown as string },
    ]);
  });

  test("a text is cut between characters, and other content is left out of an overview", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const chat = await groupOf(ann, bob);
    const last = async () => (await listed(bob.client)).chats[0]?.last_message;
    ann.client.send(chat, `x${"🦆".repeat(200)}`);
    await ann.client.fence();
    expect(await last()).toMatchObject({ content: `x${"🦆".repeat(127)}`, cut: true });
    ann.client.send(chat, "iVBORw0KGgo=", { type: "image" });
    await ann.client.fence();
    const picture = await last();
    expect([picture?.["type"], picture?.["content"], picture?.["cut"]]).toEqual(["image", undefined, undefined]);
    ann.client.send(chat, "y ".repeat(50_000));
    await ann.client.fence();
    const long = await last();
    expect(long).toMatchObject({ type: "text", file: { bytes: 100_000 } });
    expect(long).not.toHaveProperty("content");
  });

  test("pages follow each other while nothing is said, each chat once", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const ids: string[] = [];
    for (let at = 0; at < 7; at += 1) {
      const chat = await groupOf(ann);
      ann.client.send(chat, "hello");
      await ann.client.fence();
      ids.unshift(chat);
    }
    const seen: string[] = [];
    for (let after: string | undefined; ; ) {
      const { chats, next } = await listed(ann.client, { after, limit: 3 });
      seen.push(...chats.map(({ chat_id: id }) => String(id)));
      if (next === undefined) break;
      after = next;
    }
    expect(seen).toEqual(ids);
    for (const [fields, reason] of [
      [{ after: "x" }, "Invalid after"],
      [{ after: "1" }, "Invalid after"],
      [{ after: 5 }, "Invalid after"],
      [{ after: ["1.2"] }, "Invalid after"],
      [{ after: `${"9".repeat(16)}.1` }, "Invalid after"],
      [{ limit: 0 }, "Invalid limit"],
      [{ limit: "3" }, "Invalid limit"],
      [{ order: "id" }, "Invalid order"],
      [{ order: 1 }, "Invalid order"],
    ] as const) {
      const refused = await ann.client.ask({ action: "chat.list", order: "recent", ...fields });
      expect<unknown>({ fields, ...refused }).toEqual({ fields, action: "chat.list.fail", reason });
    }
    expect((await ann.client.ask({ action: "chat.list", limit: 2 }))["chats"]).toHaveLength(2);
  });

  test("a message with a text for each recipient shows its reader's own, and nothing to others", async () => {
    await using server = await startTestServer();
    const [ann, bob, eve] = await signers(server, "team", "ann", "bob", "eve");
    if (ann === undefined || bob === undefined || eve === undefined) throw new Error("no people");
    await send(server, ann, { chatID: "team", clientHash: "h1", to: { [bob.guid]: "for Bob" } });
    const shown = await Promise.all(
      [bob, eve].map(async ({ token }) => {
        using client = await MiniClient.connect(server.http, encoding);
        await client.ask({ action: "auth.login", token });
        const { chats } = await listed(client);
        return [chats[0]?.unread, chats[0]?.last_message?.["content"]];
      }),
    );
    expect(shown).toEqual([
      [1, "for Bob"],
      [0, undefined],
    ]);
  });

  test("a server says of itself what a client needs before it logs in", async () => {
    const env = { ROOST_NAME: "Our café", ROOST_REGISTRATION: "invite", ROOST_LIMITS_MESSAGE_BYTES: "50000" };
    await using server = await startTestServer({ env });
    using client = await MiniClient.connect(server.http, encoding);
    expect(await client.ask({ action: "server.info" })).toMatchObject({
      name: "Our café",
      registration: "invite",
      directory: "all",
      epoch: server.domain.epoch,
      limits: { message_bytes: 50_000, frame_bytes: 2_097_152, chat_members: 10_000 },
    });
  });
});

test("an overview of ten thousand chats is read in a moment", async () => {
  await using server = await startTestServer();
  const ann = await person(server.http, "Ann", "json");
  const userId = Number(ann.id) as UserId;
  const made = Array.from({ length: 10_000 }, () =>
    server.store.createChat({ ownerId: userId, members: [], name: "one" }),
  );
  await Promise.all(made);
  const began = performance.now();
  const rows = await server.store.recentChatPage(userId, { before: undefined, limit: 50 });
  expect([rows.length, performance.now() - began < 1000]).toEqual([50, true]);
}, 120_000);
