/** One user more of a phone, and one less, in terms: `Roster` create and remove. */
import { describe, expect, test } from "bun:test";
import { decode, encode } from "@msgpack/msgpack";
import type { IPublishPacket, Packet } from "mqtt-packet";
import { encodeTerm, type WireTerm } from "../../src/etf/encode.ts";
import { RosterClient } from "./client.ts";
import { atom, binary, Conversation, tuple } from "./conversation-stage.ts";
import { phoneNumbers } from "./phones.ts";

const blanks = (count: number): WireTerm[] => Array.from({ length: count }, () => []);
interface Look {
  readonly id?: WireTerm;
  readonly names?: WireTerm;
  readonly surnames?: WireTerm;
  readonly nick?: WireTerm;
  readonly avatar?: WireTerm;
}
const roster = (status: string, { id = [], names = [], surnames = [], nick = [], avatar = [] }: Look = {}): WireTerm =>
  tuple("Roster", id, names, surnames, [], nick, ...blanks(5), avatar, [], atom(status));
const invalid = ["own {io,{error,invalid_data},<<>>}"];
const notFound = ["own {io,{error,roster_not_found},<<>>}"];
const denied = ["own {io,{error,permission_denied},<<>>}"];
const notAuthorized = ["own {io,{error,not_authorized},<<>>}"];
const removed = (id: number): string => `{Roster,${id},[],[],[],[],[],[],[],[],phoneA,[],0,remove}`;

async function stageOf(options: Parameters<typeof Conversation.start>[0] = {}) {
  const stage = await Conversation.start(options);
  const a = await stage.phone("A");
  for (const name of ["A", "B"] as const) stage.name(phoneNumbers[name], `phone${name}`);
  const aId = await stage.phones.userId("A");
  const idsOfA = () => stage.server.store.listUserIdsOfPhone(phoneNumbers.A);
  return { stage, a, aId, idsOfA, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() };
}

test("a user is made, has friends and chats of their own, and goes with them; all who knew them are told", async () => {
  await using all = await stageOf();
  const { stage, a, aId, idsOfA } = all;
  const b = await stage.phone("B");
  // It speaks of friends and profiles alone.
  const a2 = await stage.phone("A", "emqttd_A2");
  const link = "https://pictures.example.org/a.png";
  const made = await a.ask(
    roster("create", { names: binary("Ann"), surnames: binary("Work"), nick: binary("annw"), avatar: binary(link) }),
  );
  const [, second = 0] = await idsOfA();
  stage.name(`${phoneNumbers.A}_${second}`, "A'");
  const look = `<<Ann>>,<<Work>>`;
  const shown = (status: string): string =>
    `{Roster,${second},${look},[],<<annw>>,[{Contact,A',<<${link}>>,${look},<<annw>>,[],[],0,0,[],Time,[],online,friend}],[],[],[],phoneA,<<${link}>>,Time,${status}}`;
  expect(stage.show(made).toSorted()).toEqual([`own ${shown("create")}`, `ses/phoneA@2 ${shown("create")}`]);
  const [listed = ""] = await stage.ask(a, roster("list"));
  expect(listed).toStartWith(`own [{Roster,${aId},`);
  expect(listed).toEndWith(`,${shown("list")}]`);
  expect(stage.show(await a2.heard())).toEqual([]);

  const befriend = tuple("Friend", [], second, stage.id("B"), atom("simple"));
  await stage.ask(a, befriend);
  await stage.server.domain.contacts.confirm(await stage.phones.userId("B"), second);
  for (const client of [a, a2, b]) await client.heard();
  const [whole] = await stage.ask(a, roster("get", { id: second }));
  expect(whole).toContain("{Contact,B,");

  const going = await stage.ask(a, roster("remove", { id: second }));
  expect(going.toSorted()).toEqual([`own ${removed(second)}`, `ses/phoneA@2 ${removed(second)}`]);
  const [gone, ...more] = await stage.hears(b, 1);
  expect([gone, more]).toEqual([
    `ses/phoneB@2 {Contact,A',<<${link}>>,${look},<<annw>>,[],[],0,0,[],Time,[],[],deleted}`,
    [],
  ]);
  expect(stage.show(await a2.heard())).toEqual([]);
  expect(await idsOfA()).toEqual([aId]);
  expect(await stage.server.store.findUser(second as never)).toBeUndefined();
  // The log-in is another user's, and stays.
  expect(await stage.ask(a, roster("list"))).toHaveLength(1);
});

describe.each([
  {
    encoding: "JSON",
    pack: (term: unknown): Buffer => Buffer.from(JSON.stringify(term)),
    unpack: (bytes: Uint8Array): unknown => JSON.parse(String(Buffer.from(bytes))),
  },
  {
    encoding: "MessagePack",
    pack: (term: unknown): Buffer => Buffer.from(encode(term)),
    unpack: (bytes: Uint8Array): unknown => decode(bytes),
  },
])("in $encoding", ({ pack, unpack }) => {
  test("a user is made and removed, and what may not be is refused", async () => {
    await using all = await stageOf();
    const { a, aId, idsOfA } = all;
    const ask = async (...fields: unknown[]) => {
      const answers = await a.ask(pack(["Roster", ...fields]));
      return answers.filter(({ topic }) => topic.startsWith("actions/")).map(({ payload }) => unpack(payload));
    };
    const empty = (count: number): string[] => Array.from({ length: count }, () => "");
    const [made] = (await ask("", "Ann", "", "", "annw", ...empty(7), "create")) as unknown[][];
    const [, second = 0] = await idsOfA();
    expect([made?.slice(0, 6), made?.slice(11)]).toEqual([
      ["Roster", second, "Ann", [], [], "annw"],
      [[], expect.any(Number), "create"],
    ]);
    const [list] = (await ask(...empty(12), "list")) as unknown[][][];
    expect(list?.map(([, id]) => id)).toEqual([aId, second]);
    const refused = (word: string) => [["io", ["error", word], ""]];
    expect(await ask(...empty(12), "remove")).toEqual(refused("invalid_data"));
    expect(await ask(99_999, ...empty(11), "remove")).toEqual(refused("roster_not_found"));
    expect(await ask(String(second), ...empty(11), "remove")).toEqual([
      ["Roster", second, ...Array.from({ length: 8 }, () => []), phoneNumbers.A, [], 0, "remove"],
    ]);
    expect(await ask(aId, ...empty(11), "remove")).toEqual(refused("permission_denied"));
    expect(await ask("", ...empty(10), "create")).toEqual(refused("invalid_data"));
  });
});

test("what may not be made or removed is said in this door's words, and nothing is learned of others' users", async () => {
  await using all = await stageOf();
  const { stage, a, aId, idsOfA } = all;
  await stage.phone("B");
  const bId = await stage.phones.userId("B");
  for (const bad of [
    roster("create", { id: aId }),
    roster("create", { nick: binary("n".repeat(200)) }),
    roster("create", { names: binary("n".repeat(200)) }),
    roster("create", { avatar: binary("a".repeat(3000)) }),
    roster("remove"),
    tuple("Roster", ...blanks(11), atom("create")),
    tuple("Roster", ...blanks(13), atom("create")),
    tuple("Roster", aId, ...blanks(10), atom("remove")),
  ]) {
    expect(await stage.ask(a, bad)).toEqual(invalid);
  }
  await a.ask(roster("create"));
  const [, second = 0] = await idsOfA();
  await stage.ask(a, roster("remove", { id: binary(`${phoneNumbers.A}_${second}`) }));
  await a.ask(roster("create"));
  // Of someone else, of no one, gone, and the phone alone, which names no one.
  for (const id of [bId, stage.id("B"), 99_999, binary(`${phoneNumbers.A}_${bId}`), second, binary(phoneNumbers.A)]) {
    expect(await stage.ask(a, roster("remove", { id }))).toEqual(notFound);
  }
  const [, third = 0] = await idsOfA();
  expect(await idsOfA()).toEqual([aId, third as never]);
  await stage.ask(a, roster("remove", { id: third }));
  expect(await stage.ask(a, roster("remove", { id: aId }))).toEqual(denied);

  // An account has no phone to act for, and a client without a log-in nothing.
  const { userId } = await stage.server.domain.accounts.register({
    nick: "Carl",
    password: "a password",
    address: "127.0.0.1",
  });
  const carl = await stage.phones.connect("carl", { username: String(userId), password: Buffer.from("a password") });
  await carl.subscribe("actions/api/carl", 1);
  const stranger = await stage.phones.connect("emqttd_X");
  for (const client of [carl, stranger]) {
    for (const asked of [roster("create"), roster("remove", { id: userId })]) {
      expect(await stage.ask(client, asked)).toEqual(notAuthorized);
    }
  }
});

test("a phone has a hundred users at most", async () => {
  await using all = await stageOf();
  const { stage, a, idsOfA } = all;
  for (let made = 1; made < 100; made += 1) await stage.phones.secondUser("A", `user ${made}`);
  expect(await stage.ask(a, roster("create"))).toEqual(["own {io,{error,limit},<<>>}"]);
  expect(await idsOfA()).toHaveLength(100);
});

test("where registration is not open, a phone that has a user gets no other one", async () => {
  await using first = await stageOf();
  const { token } = await first.stage.phones.device("A", "emqttd_A3");
  await using server = await first.stage.server.restart({ ROOST_REGISTRATION: "invite" });
  await using client = await RosterClient.connect(server, "emqttd_A3", { password: Buffer.from(token) });
  expect(first.stage.show(await client.ask(roster("create")))).toEqual(notAuthorized);
  expect(await first.stage.ask(client, roster("list"))).toHaveLength(1);
});

test("log-ins that act as the removed user end behind the answer; the phone logs in again, as the next", async () => {
  await using all = await stageOf();
  const { stage, a, aId } = all;
  await stage.phone("A", "emqttd_A2");
  const { client: byToken, token } = await stage.phones.device("A", "emqttd_A3");
  await byToken[Symbol.asyncDispose]();
  const again = await stage.phones.connect("emqttd_A3", { password: Buffer.from(token) });
  await stage.ask(again, roster("list"));
  const second = await stage.phones.secondUser("A", "work");
  await again.heard();
  const [answer] = await stage.ask(again, roster("remove", { id: aId }));
  expect(answer).toBe(`own ${removed(aId)}`);
  // The connections stay, and have no user.
  for (const client of [a, again]) expect(await stage.ask(client, roster("list"))).toEqual(notAuthorized);
  expect(await stage.server.store.findUser(aId)).toBeUndefined();
  const b = await stage.phone("A", "emqttd_A4");
  const [listed] = await stage.ask(b, roster("list"));
  expect(listed).toStartWith(`own [{Roster,${second},`);
});

test("without anonymous clients the connection that asked is answered before it is closed", async () => {
  await using all = await stageOf();
  const { stage, aId } = all;
  const { token } = await stage.phones.device("A", "emqttd_A3");
  await stage.phones.secondUser("A", "work");
  await using server = await stage.server.restart({ ROOST_MQTT_ANONYMOUS: "off" });
  await using client = await RosterClient.connect(server, "emqttd_A3", { password: Buffer.from(token) });
  const payload = Buffer.from(encodeTerm(roster("remove", { id: aId })));
  const topic = "events/1//api///";
  client.raw.send({ cmd: "publish", topic, payload, qos: 1, dup: false, retain: false, messageId: 1 });
  const packets: Packet[] = [];
  while (!packets.some(({ cmd }) => cmd === "publish")) packets.push(await client.raw.next("the answer"));
  const answer = packets.find((packet): packet is IPublishPacket => packet.cmd === "publish");
  expect(answer?.topic).toBe("actions/1/api/emqttd_A3");
  await client.raw.whenClosed();
  expect(await server.store.listUserIdsOfPhone(phoneNumbers.A)).toHaveLength(1);
});
