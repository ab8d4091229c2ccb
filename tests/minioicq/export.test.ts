/** `account.export`: all of an account and nothing of others, in pages that are bounded. */
import { describe, expect, test } from "bun:test";
import type { UserId } from "../../src/domain/model.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Action, encodings, MiniClient } from "./client.ts";
import { groupOf, person } from "./stage.ts";

type Page = Action & { readonly part: string; readonly next?: string };

/** All pages, to the end. */
async function exported(client: MiniClient, proof: object = { password: "secret" }): Promise<Page[]> {
  const pages: Page[] = [];
  let next: string | undefined;
  do {
    client.say({ action: "account.export", ...proof, next });
    const answers = (await client.fence()).filter(({ action }) => action.startsWith("account.export"));
    const [page] = answers as Page[];
    if (page?.action !== "account.export.success") throw new Error(JSON.stringify(answers));
    pages.push(page);
    next = page.next;
  } while (next !== undefined);
  return pages;
}

const of = (pages: readonly Page[], key: string): unknown[] => pages.flatMap((page) => page[key] ?? []);

async function fill(server: TestServer, chatId: string, from: string, count: number): Promise<void> {
  const drafts = Array.from({ length: count }, (_, n) => ({
    chat: { id: Number(chatId) },
    from: Number(from) as UserId,
    type: "text",
    content: `message ${n}`,
  }));
  await Promise.all(drafts.map((draft) => server.store.appendMessage(draft)));
}

describe.each([...encodings])("in %s", (encoding) => {
  test("a user is given what they are, have and may read", async () => {
    await using server = await startTestServer();
    const [ann, bob] = [await person(server.http, "Ann", encoding), await person(server.http, "Bob", encoding)];
    using _ann = ann.client;
    using _bob = bob.client;
    const team = await groupOf(ann, bob);
    const others = await bob.client.ask({ action: "chat.create", members: [], name: "Secret" });
    ann.client.send(team, "hello", { client_id: "c1" });
    await ann.client.fence();
    bob.client.send(others["chat_id"], "of Bob alone");
    bob.client.send(team, "and back");
    await bob.client.fence();
    await ann.client.ask({ action: "contact.request", user_id: bob.id });
    const pages = await exported(ann.client);
    expect(pages.map(({ part }) => part)).toEqual(["account", "contacts", "chats", "chats"]);
    expect(pages[0]?.["account"]).toMatchObject({
      user_id: ann.id,
      user_name: "Ann",
      credentials: ["password"],
      receipts: "all",
      presence: "friends",
    });
    expect(of(pages, "sessions")).toMatchObject([{ kind: "connection", door: "minioicq", own: true }]);
    expect(of(pages, "contacts")).toMatchObject([{ user_id: bob.id, status: "request" }]);
    expect(of(pages, "chat")).toMatchObject([{ chat_id: team, name: "Team", members: [ann.id, bob.id], last_seq: 2 }]);
    expect(of(pages, "messages")).toMatchObject([
      { seq: 1, sender: ann.id, content: "hello", client_id: "c1" },
      { seq: 2, sender: bob.id, content: "and back" },
    ]);
    expect(JSON.stringify(pages)).not.toContain("of Bob alone");
  });
});

test("a long chat comes in pages, each message once, and one that was left comes no more", async () => {
  await using server = await startTestServer();
  const [ann, bob] = [await person(server.http, "Ann", "json"), await person(server.http, "Bob", "json")];
  using _ann = ann.client;
  using _bob = bob.client;
  const first = await groupOf(ann, bob);
  const second = await groupOf(bob, ann);
  await fill(server, first, bob.id, 2500);
  await fill(server, second, bob.id, 3);
  const seqs = (pages: readonly Page[]) => (of(pages, "messages") as { seq: number }[]).map(({ seq }) => seq);
  const ascending = (count: number) => Array.from({ length: count }, (_, n) => n + 1);
  const pages = await exported(ann.client);
  expect(seqs(pages)).toEqual([...ascending(2500), ...ascending(3)]);
  expect(pages.map((page) => (page["messages"] as unknown[] | undefined)?.length ?? 0)).toEqual([
    0, 0, 1000, 1000, 500, 3, 0,
  ]);
  await bob.client.ask({ action: "chat.remove", chat_id: second, members: [ann.id] });
  const [place] = pages.filter(({ part }) => part === "messages");
  await ann.client.ask({ action: "chat.leave", chat_id: first });
  await ann.client.fence();
  const page = await ann.client.ask({ action: "account.export", password: "secret", next: pages[2]?.next });
  expect(page).toEqual({
    action: "account.export.success",
    part: "messages",
    chat_id: String(place?.["chat_id"]),
    messages: [],
    next: `chats:${first}`,
  });
  expect(of(await exported(ann.client), "chat")).toEqual([]);
});

test("large content is named by its file, and what others were sent is not there", async () => {
  await using server = await startTestServer();
  const [ann, bob] = [await person(server.http, "Ann", "json"), await person(server.http, "Bob", "json")];
  using _ann = ann.client;
  using _bob = bob.client;
  const chat = await groupOf(ann, bob);
  ann.client.send(chat, Buffer.alloc(100_000, 7).toString("base64"), { type: "file" });
  await ann.client.fence();
  const [message] = of(await exported(bob.client), "messages") as { content?: string; file?: { bytes: number } }[];
  expect([message?.content, message?.file?.bytes]).toEqual([undefined, 100_000]);
});

test("a user without a password shows a code with each page, and a long-lived token exports nothing", async () => {
  await using server = await startTestServer({ env: { ROOST_SMS_TEST_NUMBERS: "447400123456=123456" } });
  const address = "127.0.0.1";
  const phone = { devKey: "k", phone: "447400123456", clientId: undefined, language: undefined };
  const { token } = await server.domain.phoneSessions.issue({ ...phone, address, token: undefined });
  await server.domain.phoneSessions.verify({ address, token, code: "123456" });
  const [userId] = await server.store.listUserIdsOfPhone("447400123456");
  const user = userId === undefined ? undefined : await server.store.findUser(userId);
  if (user === undefined) throw new Error("the phone has no user");
  const { link } = await server.domain.accountCodes.link(user);
  using client = await MiniClient.connect(server.http, "json");
  await client.ask({ action: "auth.login", link });
  const ask = () => client.ask({ action: "account.export", code: "123456" });
  expect(await ask()).toEqual({ action: "account.export.fail", reason: "Invalid code" });
  await client.ask({ action: "password.forgot", user_id: String(userId) });
  // The answer does not wait until the code is made.
  for (let n = 0; n < 3 && (await ask()).action !== "account.export.success"; n += 1);
  const pages = await exported(client, { code: "123456" });
  expect(pages[0]?.["account"]).toMatchObject({ phone: "447400123456", credentials: ["phone"], services: [] });
  const { secret } = await server.domain.longTokens.add({
    ownerKey: `user:${userId}`,
    name: undefined,
    scopes: undefined,
    lifetimeMs: undefined,
    madeBy: "operator",
  });
  using script = await MiniClient.connect(server.http, "json");
  await script.ask({ action: "auth.login", token: secret });
  expect(await script.ask({ action: "account.export", code: "123456" })).toMatchObject({ reason: "Out of scope" });
});
