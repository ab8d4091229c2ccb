/** `message.search` (docs/protocols/minioicq.md): through the door, in both encodings. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startTestServer } from "../support/server.ts";
import { type Action, encodings, type MiniClient, newUser } from "./client.ts";

interface Found extends Action {
  readonly messages: readonly { readonly message_id: unknown; readonly content: string }[];
  readonly next?: string;
}

async function search(client: MiniClient, fields: object): Promise<Found> {
  const answer = await client.ask({ action: "message.search", ...fields });
  expect(answer.action).toBe("message.search.success");
  return answer as unknown as Found;
}

describe.each([...encodings])("in %s", (encoding) => {
  test("page after page, the newest first, without doubles or gaps", async () => {
    await using server = await startTestServer();
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    const { chat_id: chat } = await ann.client.ask({ action: "chat.create", members: [bob.id] });
    for (let count = 1; count <= 7; count += 1) ann.client.send(chat, `Zwölf Äpfel ${count}`);
    ann.client.send(chat, "Birnen");
    await ann.client.fence();
    await bob.client.fence();
    const texts: string[] = [];
    let pages = 0;
    for (let next: string | undefined; pages === 0 || next !== undefined; pages += 1) {
      const page: Found = await search(bob.client, { query: "apfel zwo", limit: 3, next });
      texts.push(...page.messages.map(({ content }) => content));
      next = page.next;
    }
    expect(texts).toEqual([7, 6, 5, 4, 3, 2, 1].map((count) => `Zwölf Äpfel ${count}`));
    expect(pages).toBe(3);
    // More than a page may hold is asked for.
    expect((await search(bob.client, { query: "apfel", limit: 1_000_000_000 })).messages).toHaveLength(7);
    for (const chat_id of [ann.id, "999"]) {
      const refused = { action: "message.search.fail", reason: "Chat not found" };
      expect(await bob.client.ask({ action: "message.search", query: "apfel", chat_id })).toEqual(refused);
    }
    const refused = { action: "message.search.fail", reason: "Invalid query" };
    expect(await bob.client.ask({ action: "message.search", query: "x".repeat(1_000_000) })).toEqual(refused);
  });

  test("a client that reads numbers gets numbers, and goes on with what it was given", async () => {
    await using server = await startTestServer({ env: { ROOST_WS_INTEGER_IDS: "always" } });
    const { client, id } = await newUser(server.http, "Ann", encoding);
    for (const content of ["tulip one", "tulip two"]) client.send(Number(id), content);
    await client.fence();
    const first = await search(client, { query: "tulip", limit: 1 });
    expect(first.messages).toMatchObject([{ message_id: 2, content: "tulip two" }]);
    expect(first.next).toBe("2");
    const second = await search(client, { query: "tulip", limit: 1, next: first.next });
    expect(second.messages).toMatchObject([{ message_id: 1, content: "tulip one" }]);
    expect(second.next).toBeUndefined();
  });

  test("where search is off, the client is told so", async () => {
    await using server = await startTestServer({ env: { ROOST_SEARCH: "off" } });
    const { client } = await newUser(server.http, "Ann", encoding);
    expect(await client.ask({ action: "message.search", query: "tulip" })).toEqual({
      action: "message.search.fail",
      reason: "Search is off",
    });
  });
});

test("the frames that the page prints", async () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/protocols/minioicq.md"), "utf8");
  const section = page.split("### `message.search`")[1]?.split("\n### ")[0] ?? "";
  const [, printed = ""] = /```json\n([\s\S]*?)```/.exec(section) ?? [];
  const [asked, answered] = printed
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  const { chat_id: chat } = await ann.client.ask({ action: "chat.create", members: [bob.id] });
  expect({ ids: [ann.id, bob.id, chat] }).toEqual({ ids: ["10001", "10002", asked.chat_id] });
  for (const content of ["The café is closed on Monday", "Coffee at the cafeteria?", answered.messages[0].content]) {
    bob.client.send(chat, content, { type: "text", time: "2026-01-02T03:04:05.678Z" });
  }
  await bob.client.fence();
  await ann.client.fence();
  const answer = await ann.client.ask(asked);
  expect(answer).toEqual(answered);
});
