/** A message with a text per recipient (REST `messageBlock`) through every door: each recipient gets their own and no other. */
import { expect, test } from "bun:test";
import mqtt, { type MqttClient } from "mqtt";
import { MiniClient, messagesOf } from "../minioicq/client.ts";
import { asBackend, call, inboxOf, say } from "../rest/client.ts";
import { confirm, fetchSigned, type Signer, send, signers, textsOf } from "../rest/signing.ts";
import { until } from "../support/deadline.ts";
import { openStopped } from "../support/open-stopped.ts";
import { startTestServer } from "../support/server.ts";

type Server = Awaited<ReturnType<typeof startTestServer>>;

/** An MQTT session that outlives its connection. */
async function listen(server: Server, { userID, token }: Signer): Promise<{ client: MqttClient; heard: string[] }> {
  const client = mqtt.connect(`mqtt://${server.mqtt}`, {
    username: userID,
    password: token,
    clientId: `phone-of-${userID}`,
    clean: false,
    reconnectPeriod: 0,
  });
  const heard: string[] = [];
  client.on("message", (_, payload) => heard.push(JSON.parse(String(payload)).content));
  await new Promise<void>((resolve, reject) => client.once("connect", () => resolve()).once("error", reject));
  await client.subscribeAsync("chat/+/messages", { qos: 1 });
  return { client, heard };
}

/** A MiniOICQ client of somebody with a password; gives what was pushed since the last look. */
async function pushed(client: MiniClient): Promise<string[]> {
  const frames = await client.fence();
  return frames.flatMap((frame) =>
    frame.action === "message.push" ? messagesOf(frame).map(({ content }) => content) : [],
  );
}

async function logIn(server: Server, user: Signer): Promise<MiniClient> {
  const { domain } = server;
  const found = await domain.store.findUserByKey(user.userID);
  if (found === undefined) throw new Error("no such user");
  await domain.accounts.setPassword(found.userId, "secret");
  const client = await MiniClient.connect(server.http);
  expect((await client.login(found.userId)).action).toBe("auth.login.success");
  return client;
}

test("live and after being away, in history and in the log: the reader's own text, or nothing at all", async () => {
  await using server = await startTestServer();
  const [anna, ben, carl, dora] = await signers(server, "team", "anna", "ben", "carl", "dora");
  if (anna === undefined || ben === undefined || carl === undefined || dora === undefined) throw new Error("signers");
  const everybody = [anna, ben, carl, dora];
  const phones = await Promise.all(everybody.map((one) => listen(server, one)));
  const desks = await Promise.all(everybody.map((one) => logIn(server, one)));
  for (const desk of desks) await desk.fence();

  const say1 = { [ben.guid]: "for ben", [carl.guid]: "for carl", [anna.guid]: "for myself" };
  const id = await send(server, anna, { chatID: "team", clientHash: "h1", to: say1 });
  await send(server, anna, { chatID: "team", clientHash: "h2", to: { [carl.guid]: "for carl alone" } });
  await say(server, anna.token, "team", "for all");
  const expected = new Map([
    [anna, ["for all"]],
    [ben, ["for ben", "for all"]],
    [carl, ["for carl", "for carl alone", "for all"]],
    [dora, ["for all"]],
  ]);

  // Live.
  for (const [at, one] of everybody.entries()) {
    const { heard = [] } = phones[at] ?? {};
    await until(`${one.userID} hears`, () => heard.length >= (expected.get(one)?.length ?? 0));
    expect([one.userID, heard]).toEqual([one.userID, expected.get(one) ?? []]);
    const desk = desks[at];
    expect([one.userID, desk === undefined ? [] : await pushed(desk)]).toEqual([one.userID, expected.get(one) ?? []]);
  }
  for (const { client } of phones) await client.endAsync();
  for (const desk of desks) await desk.bye();

  // Away, and back after a restart. Nothing of the above comes again; the positions moved over what was for others.
  await send(server, ben, { chatID: "team", clientHash: "h3", to: { [dora.guid]: "for dora" } });
  await send(server, ben, { chatID: "team", clientHash: "h4", to: { [anna.guid]: "for anna" } });
  await send(server, ben, { chatID: "team", clientHash: "h5", to: { [carl.guid]: "for carl" } });
  await using after = await server.restart();
  const news = new Map([
    [anna, ["for anna"]],
    [ben, []],
    [carl, ["for carl"]],
    [dora, ["for dora"]],
  ]);
  for (const one of everybody) {
    const desk = await logIn(after, one);
    // Own messages of the simple form are pushed to the sender's own clients too, those of a block have no text for the sender.
    expect([one.userID, await pushed(desk)]).toEqual([one.userID, news.get(one) ?? []]);
    const found = await desk.ask({ action: "message.get", chat_id: Number(await chatIdOf(after)) });
    expect([one.userID, (found["messages"] as { content: string }[]).map(({ content }) => content)]).toEqual([
      one.userID,
      [...(expected.get(one) ?? []), ...(news.get(one) ?? [])],
    ]);
    await desk.bye();
  }
  for (const one of everybody) {
    const { client, heard } = await listen(after, one);
    const wanted = news.get(one) ?? [];
    await say(after, one.token, "team", `fence of ${one.userID}`);
    await until(`${one.userID} hears the fence`, () => heard.includes(`fence of ${one.userID}`));
    const own = heard.filter((content) => !content.startsWith("fence of"));
    expect([one.userID, own]).toEqual([one.userID, wanted]);
    await client.endAsync();
  }

  // REST: fetched, waited for, in history; nobody's text in anybody else's answer.
  for (const one of everybody) {
    const history = await call(after, "GET /chats/team/messages?limit=100", { as: one.token });
    const contents = JSON.parse(history.text).messages.map(({ content }: { content: string }) => content);
    expect([one.userID, contents.filter((content: string) => !content.startsWith("fence of"))]).toEqual([
      one.userID,
      [...(expected.get(one) ?? []), ...(news.get(one) ?? [])],
    ]);
    for (const text of Object.values(say1)) {
      expect([one.userID, text, history.text.includes(text)]).toEqual([one.userID, text, contents.includes(text)]);
    }
  }
  const placeOf = await after.domain.store.findMessage(Number(id) as never);
  expect(placeOf).toMatchObject({ content: "", kind: "deleted" });
});

async function chatIdOf(server: Server): Promise<number> {
  return (await server.domain.store.findChat({ key: "team" }))?.chatId ?? 0;
}

test("the position of who is not addressed moves over it, and what is deleted takes its texts along", async () => {
  await using server = await startTestServer();
  const [anna, ben, carl] = await signers(server, "team", "anna", "ben", "carl");
  if (anna === undefined || ben === undefined || carl === undefined) throw new Error("signers");
  for (let at = 0; at < 3; at += 1) {
    await send(server, anna, { chatID: "team", clientHash: `h${at}`, to: { [carl.guid]: `for carl ${at}` } });
  }
  const { domain } = server;
  const userId = (await domain.store.findUserByKey("ben"))?.userId;
  if (userId === undefined) throw new Error("ben is there");
  expect(await domain.store.undelivered(userId, undefined)).toHaveLength(1);
  expect((await inboxOf(server, ben.token)).messages).toEqual([]);
  await domain.deliveries.flush();
  expect(await domain.store.undelivered(userId, undefined)).toEqual([]);
  expect(await domain.store.positions(userId)).toMatchObject([{ deliveredSeq: 3 }]);
  expect(textsOf(await fetchSigned(server, carl))).toEqual(["for carl 0", "for carl 1", "for carl 2"]);
  // In between others', one of the reader's own: confirming it moves on over theirs.
  const id = await send(server, anna, { chatID: "team", clientHash: "ben", to: { [ben.guid]: "for ben" } });
  await send(server, anna, { chatID: "team", clientHash: "carl", to: { [carl.guid]: "for carl 3" } });
  await confirm(server, ben, "delivered", id);
  expect(await domain.store.positions(userId)).toMatchObject([{ deliveredSeq: 4 }]);
  expect(textsOf(await fetchSigned(server, ben))).toEqual([]);

  await asBackend(server, "DELETE /chats/team");
  await server.stop();

  await using after = await server.restart();
  await until("the chat's messages are gone", () => {
    using db = openStopped(`${after.dataDir}/roost.db`, { readonly: true });
    const count = (table: string) => db.query<{ n: number }, []>(`SELECT count(*) n FROM ${table}`).get()?.n;
    return count("messages") === 0 && count("message_texts") === 0;
  });
});

test("the sender of the signed form is told of each recipient, whichever door the recipient confirmed at", async () => {
  await using server = await startTestServer();
  const [anna, ben, carl, dora] = await signers(server, "team", "anna", "ben", "carl", "dora");
  if (anna === undefined || ben === undefined || carl === undefined || dora === undefined) throw new Error("signers");
  const phone = await listen(server, ben);
  const desk = await logIn(server, carl);
  await desk.fence();
  const to = { [ben.guid]: "for ben", [carl.guid]: "for carl", [dora.guid]: "for dora" };
  const id = await send(server, anna, { chatID: "team", clientHash: "h1", to });
  await until("ben's PUBACK", () => phone.heard.length === 1);
  await phone.client.publishAsync("chat/team/receipts", JSON.stringify({ message_id: id }), { qos: 1 });
  await pushed(desk);
  const body = { statuses: [{ messageID: id, messageStatus: "delivered" }] };
  expect((await call(server, "POST /messages", { as: dora.token, body })).status).toBe(200);
  const expected = [
    `delivered ${ben.guid}`,
    `read ${ben.guid}`,
    `delivered ${carl.guid}`,
    `delivered ${dora.guid}`,
  ].toSorted();
  let told: string[] = [];
  const end = performance.now() + 15_000;
  while (told.length < expected.length && performance.now() < end) {
    const { statuses = [] } = await fetchSigned(server, anna, "&wait=1");
    for (const status of statuses) expect(status.messageIDStatus).toBe(id);
    told = statuses.map(({ type, recipient }) => `${type} ${recipient}`).toSorted();
  }
  expect(told).toEqual(expected);
  await phone.client.endAsync();
  await desk.bye();
});
