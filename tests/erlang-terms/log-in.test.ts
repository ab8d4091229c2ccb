/** A client that logs in by AUTH on a connection that was nobody's is its user's from then on (T8). */
import { expect, test } from "bun:test";
import type { IPublishPacket } from "mqtt-packet";
import { encodeTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { type Device, Phones, phoneNumbers, tuple } from "./phones.ts";
import { friend } from "./private-stage.ts";

const clientId = "emqttd_A";
const lasting = { clean: false };
const issue = (token: string) => tuple("Auth", binary(token), [], [], [], [], [], [], [], []);
const loggedIn = (token: string) => `own {io,{ok,login,<<${token}>>},<<>>}`;

/** What A hears of it when B asks. */
const asked = [
  "phone/A {Contact,B,[],[],[],[],Time,authorization}",
  "ses/A {Contact,B,[],[],[],nick/B,[],[],0,0,[],Time,[],[],authorization}",
];

/** A's device has a stored session, and is away; B has asked A to be friends meanwhile. */
async function away(phones: Phones): Promise<{ token: string; b: Device; asks(): Promise<void> }> {
  const first = await phones.device("A", "elsewhere");
  const { token } = first;
  await first.client.raw.drop();
  const a = await phones.device("A", clientId, { ...lasting, password: Buffer.from(token) });
  await a.client.raw.drop();
  const b = await phones.device("B");
  const asks = async (): Promise<void> => {
    await b.ask(friend(binary(await phones.phoneId("A"))));
  };
  return { token, b, asks };
}

test.each([false, true])(
  "T8: a log-in by AUTH attaches the stored session, and its queue is delivered then (clean %p)",
  async (clean) => {
    await using phones = await Phones.start();
    const { token, asks } = await away(phones);
    await asks();
    const client = await phones.connect(clientId, { clean });
    const came = phones.show(await client.ask(issue(token)));
    while (came.length < 3) came.push(...phones.show(await client.heard()));
    expect(came).toEqual([loggedIn(token), ...asked]);
    expect(await client.heard()).toEqual([]);
    // From here on it is the session of (user, client id), whatever connection it has.
    await client.raw.drop();
    await using again = await RawMqtt.open(phones.server.mqttPort);
    again.send({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clientId,
      clean: false,
      username: "api",
      password: Buffer.from(token),
      keepalive: 0,
    });
    expect(await again.expect("connack")).toMatchObject({ returnCode: 0, sessionPresent: true });
    expect((await again.fence()).filter(({ cmd }) => cmd === "publish")).toEqual([]);
  },
);

test("T8: a client that wants a lasting session has one from its first log-in on", async () => {
  await using phones = await Phones.start();
  const a = await phones.device("A", clientId, lasting);
  await a.client.raw.drop();
  const b = await phones.device("B");
  await b.ask(friend(binary(await phones.phoneId("A"))));
  const back = await phones.device("A", clientId, { ...lasting, password: Buffer.from(a.token) });
  expect(await back.hears(2)).toEqual([...asked]);
});

test("T8: a live session of the same user and client id is taken over, one of another user is not", async () => {
  await using phones = await Phones.start();
  const a = await phones.device("A", "elsewhere");
  const live = await phones.connect(clientId, { password: Buffer.from(a.token) });
  const b = await phones.device("B", "other");
  const stranger = await phones.connect(clientId, { password: Buffer.from(b.token) });
  const client = await phones.connect(clientId);
  expect(phones.show(await client.ask(issue(a.token)))).toEqual([loggedIn(a.token)]);
  await live.raw.whenClosed();
  expect(await stranger.heard()).toEqual([]);
  await b.ask(friend(binary(await phones.phoneId("A"))));
  expect(phones.show(await client.heard())).toEqual([...asked]);
  expect(await a.heard()).toEqual([...asked]);
});

test("who has logged in may use the chats' topics, and what was subscribed to before still is", async () => {
  await using phones = await Phones.start();
  const a = await phones.device("A", "elsewhere");
  const client = await phones.connect(clientId, lasting);
  expect(await client.raw.subscribe("chat/+/messages", 1)).toBe(0x80);
  expect(await client.raw.subscribe(`actions/1/api/${clientId}`, 1)).toBe(1);
  await client.ask(issue(a.token), { topic: "events/1//api/anon//" });
  expect(await client.raw.subscribe("chat/+/messages", 1)).toBe(1);
  const [answer] = await client.ask(tuple("init", binary("t")), { topic: "events/1//api/anon//" });
  expect(answer).toMatchObject({ topic: `actions/1/api/${clientId}`, qos: 1 });
  await client.raw.drop();
  const back = await phones.connect(clientId, { ...lasting, password: Buffer.from(a.token) });
  const [later] = await back.ask(tuple("init", binary("t")), { topic: "events/1//api/anon//" });
  expect(later).toMatchObject({ topic: `actions/1/api/${clientId}`, qos: 1 });
});

test("requests sent ahead of the log-in's answer are answered in their turn, with the queue between", async () => {
  await using phones = await Phones.start();
  const { token, asks } = await away(phones);
  await asks();
  const client = await phones.connect(clientId, lasting);
  const publish = (term: ReturnType<typeof tuple>, messageId: number): IPublishPacket =>
    publishPacket("events//api/anon//", Buffer.from(encodeTerm(term)), { qos: 1, messageId });
  client.raw.send(
    publish(issue(token), 1),
    publish(tuple("init", binary("t")), 2),
    publish(tuple("init", binary("u")), 3),
  );
  const came = phones.show(await client.heard());
  while (came.length < 5) came.push(...phones.show(await client.heard()));
  expect(came.toSorted()).toEqual(
    [loggedIn(token), "own {io,<<>>,{Token,<<t>>}}", "own {io,<<>>,{Token,<<u>>}}", ...asked].toSorted(),
  );
  expect(came[0]).toBe(loggedIn(token));
});

test("packet ids of the one session mean nothing to the other", async () => {
  await using phones = await Phones.start();
  const { token, asks } = await away(phones);
  // The stored session took a message over under packet id 7 that was never released, and sent one that was never acknowledged.
  const before = await phones.connect(clientId, { ...lasting, password: Buffer.from(token) });
  const payload = Buffer.from(encodeTerm(tuple("init", binary("old"))));
  before.raw.send(publishPacket("events//api/anon//", payload, { qos: 2, messageId: 7 }));
  while ((await before.raw.next()).cmd !== "pubrec");
  await asks();
  await before.raw.expect("publish");
  await before.raw.drop();

  const client = await phones.connect(clientId, lasting);
  const request = publishPacket("events//api/anon//", Buffer.from(encodeTerm(issue(token))), { qos: 2, messageId: 7 });
  client.raw.send(request);
  const ids: (number | undefined)[] = [];
  // Nothing is acknowledged yet: under one packet id is one message.
  for (;;) {
    const packet = await client.raw.next();
    if (packet.cmd === "pubrec") break;
    if (packet.cmd === "publish") ids.push(packet.messageId);
  }
  for (const packet of await client.raw.fence()) if (packet.cmd === "publish") ids.push(packet.messageId);
  expect(new Set(ids).size).toBe(ids.length);
  // A repeat of what this connection sent is one still, and its packet id is free once released.
  client.raw.send({ ...request, dup: true });
  expect((await client.raw.fence()).map(({ cmd }) => cmd)).toEqual(["pubrec"]);
  client.raw.send({ cmd: "pubrel", messageId: 7 });
  expect(await client.raw.expect("pubcomp")).toMatchObject({ messageId: 7 });
  for (const messageId of ids) client.raw.send({ cmd: "pubrec", messageId: messageId ?? 0 });
  await client.heard();
  const said = phones.show(await client.ask(tuple("init", binary("new")), { topic: "events//api/anon//", qos: 2 }));
  expect(said).toContain("own {io,<<>>,{Token,<<new>>}}");
});

test("a user's log-in that ended leaves the connection logged out", async () => {
  await using phones = await Phones.start();
  const a = await phones.device("A", "elsewhere");
  for (const clean of [true, false]) {
    const client = await phones.connect(clientId, { clean });
    await client.ask(issue(a.token));
    expect(await client.raw.subscribe("chat/+/messages", 1)).toBe(1);
    await client.raw.drop();
  }
  const client = await phones.connect(clientId, lasting);
  await client.ask(issue(a.token));
  const userId = await phones.userId("A");
  await a.ask(tuple("Profile", binary(phoneNumbers.A), [], [], [], 0, 0, [], atom("remove")));
  const [told] = phones.show(await client.heard());
  expect(told).toBe(`own {Profile,<<${phoneNumbers.A}>>,[],[],[],0,0,[],remove}`);
  expect(await client.raw.subscribe("chat/+/messages", 1)).toBe(0x80);
  expect(await client.raw.subscribe(`ses/${phoneNumbers.A}`, 1)).toBe(0x80);
  expect(await phones.server.domain.store.findUser(userId)).toBeUndefined();
});

test("a user with a phone and a password comes in by +<phone> too", async () => {
  await using phones = await Phones.start();
  const a = await phones.device("A");
  const userId = await phones.userId("A");
  await phones.server.domain.accounts.setPassword(userId, "correct horse");
  const connect = (username: string, password: string) =>
    phones.connect("desk", { username, password: Buffer.from(password), clean: true });
  const desk = await connect(`+${phoneNumbers.A}`, "correct horse");
  expect(await desk.raw.subscribe(`ses/${phoneNumbers.A}`, 1)).toBe(1);
  await expect(connect(`+${phoneNumbers.A}`, "wrong")).rejects.toThrow("refused: 4");
  await expect(connect(`+${phoneNumbers.B}`, "correct horse")).rejects.toThrow("refused: 4");
  expect(await a.heard()).toEqual([]);
});
