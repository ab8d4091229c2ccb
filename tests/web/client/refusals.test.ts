/** What the server does not take stands in the queue with its reason until the user decides; what it may take later is sent later. */
import { expect, test } from "bun:test";
import { createActions } from "../../../src/web/client/actions.ts";
import { until } from "../../support/deadline.ts";
import { startTestServer } from "../../support/server.ts";
import { again, chatWith, type Member, member, online, openClient, settled, shows, write } from "./stage.ts";

const refusalsOf = ({ client }: Member) =>
  client.queue.waiting.map(({ text, refusal }) => [text?.slice(0, 10), refusal]);

test("a refused message keeps the server's words, also over a restart, and goes when the user says so", async () => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_MESSAGE_BYTES: "100" } });
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  await write(ann, bob.id, "x".repeat(101));
  await write(ann, bob.id, "short");
  await write(ann, "9999999", "to no one");
  await settled(ann);
  await until("the short one", () => bob.arrived.length === 1);
  const refused = [
    ["xxxxxxxxxx", "Message too large"],
    ["to no one", "Chat not found"],
  ];
  expect(refusalsOf(ann)).toEqual(refused);
  ann.client.stop();
  using later = await again(server.http, ann);
  await online(later);
  expect(refusalsOf(later)).toEqual(refused);
  for (const { clientId } of later.client.queue.waiting) await later.client.queue.drop(clientId);
  expect(await later.storage.all("queue")).toEqual([]);
});

test("a message to a user who blocks is refused, and sent again once they do not", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  await bob.client.ask("contact.block", { user_id: ann.id });
  const clientId = await write(ann, bob.id, "are you there?");
  await settled(ann);
  expect(refusalsOf(ann)).toEqual([["are you th", "Chat not found"]]);
  await bob.client.ask("contact.unblock", { user_id: ann.id });
  await ann.client.queue.again(clientId);
  await settled(ann);
  expect(refusalsOf(ann)).toEqual([]);
  await until("Bob to have it", () => bob.arrived.length === 1);
});

test("what is too fast is sent later, each once", async () => {
  const env = {
    ROOST_LIMITS_WEBSOCKET_REQUESTS_PER_SECOND: "20",
    ROOST_LIMITS_WEBSOCKET_ACCOUNT_REQUESTS_PER_SECOND: "100",
  };
  await using server = await startTestServer({ env });
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  const texts = Array.from({ length: 260 }, (_, n) => String(n));
  await Promise.all(texts.map((text) => write(ann, bob.id, text)));
  await settled(ann);
  await until("Bob to have all", () => bob.arrived.length === texts.length);
  expect(bob.arrived.map(({ content }) => content).toSorted()).toEqual(texts.toSorted());
  expect(chatWith(bob, ann)?.lastSeq).toBe(texts.length);
});

test("who is logged out elsewhere is told why, and what they wrote waits for their return", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using desk = await member(server.http, "Bob");
  const name = desk.id;
  ann.client.openChat(desk.id);
  using other = await member(server.http, "Eve");
  await other.client.logOut();
  await other.client.logIn("auth.login", { user_id: name, password: "correct horse" });
  await online(other);
  desk.client.line.close();
  await write(desk, ann.id, "later");
  const answer = await other.client.ask("session.list");
  const sessions = answer.ok ? (answer.fields["sessions"] as { session_id: string; own: boolean }[]) : [];
  for (const { session_id, own } of sessions) if (!own) await other.client.ask("session.end", { session_id });
  desk.client.line.open();
  await until("the desk to be logged out", () => desk.client.stage === "out");
  expect(desk.client.why).toBe("Invalid token");
  expect(desk.client.queue.waiting).toEqual([]);
  const again = await desk.client.logIn("auth.login", { user_id: name, password: "correct horse" });
  expect(again.ok).toBe(true);
  await until("Ann to have it", () => ann.arrived.length === 1);
  await desk.client.logOut();
  expect(desk.client.stage).toBe("out");
  expect(await desk.storage.identity()).toBeUndefined();
  expect(await desk.storage.all("chats")).toEqual([]);
});

test("a wrong password, a closed registration and a wrong invitation are answered in the server's words", async () => {
  await using server = await startTestServer({ env: { ROOST_REGISTRATION: "invite" } });
  await server.domain.accounts.provision([{ username: "ann" }]);
  using someone = openClient(server.http);
  await someone.client.start();
  await until("what the server says of itself", () => someone.client.server !== undefined);
  expect(someone.client.server).toMatchObject({ registration: "invite" });
  const { client } = someone;
  const wrong = { user_name: "Eve", password: "correct horse", invite: "ri_wrong" };
  expect(await client.logIn("auth.register", wrong)).toEqual({ ok: false, reason: "Invalid invite" });
  const unknown = { user_id: "ann", password: "correct horse" };
  expect(await client.logIn("auth.login", unknown)).toEqual({ ok: false, reason: "User not found" });
  await server.stop();
  expect(await client.logIn("auth.login", unknown)).toEqual({ ok: false, reason: "No line" });
});

test("a chat that one is removed from is gone, and its window with it", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  const actions = createActions(ann.client);
  const made = await actions.createGroup("Team", [bob.id]);
  const chatId = (made.ok && made.chatId) || "";
  await until("Bob's chat", () => bob.client.cache.chats.get(chatId)?.kind === "group");
  await write(ann, chatId, "welcome");
  bob.client.openChat(chatId);
  await shows(bob, ["welcome"]);
  expect(await actions.removeMember(chatId, bob.id)).toEqual({ ok: true });
  await until("the window to close", () => bob.client.window === undefined);
  expect(bob.client.cache.chats.has(chatId)).toBe(false);
});

test("logging out ends the token too", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  const token = ann.client.cache.identity?.token;
  const watching = openClient(server.http);
  await ann.client.logOut();
  const isOver = async () => {
    const answer = await watching.client.askOnce("auth.login", { token });
    return !answer.ok && answer.reason === "Invalid token";
  };
  let over = false;
  while (!over) over = await isOver();
  expect(await ann.storage.identity()).toBeUndefined();
});
