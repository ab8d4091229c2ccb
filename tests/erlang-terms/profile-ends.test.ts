/** PROFILE's ends of a phone's hold on its users: removal, and the move to another phone. */
import { expect, test } from "bun:test";
import type { IPublishPacket, Packet } from "mqtt-packet";
import { encodeTerm, type WireTerm } from "../../src/etf/encode.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import { connectPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { RosterClient } from "./client.ts";
import {
  anna,
  befriend,
  bob,
  carl,
  code,
  contact,
  feature,
  free,
  heard,
  type LoggedIn,
  logInOn,
  no,
  only,
  profile,
  service,
  shortProfile,
  spare,
  start,
  yes,
} from "./profiles.ts";

const removed = [":Profile", anna, [], [], [], 0, 0, [], ":remove"];
const auth = (...fields: WireTerm[]): WireTerm => new Tuple([atom("Auth"), ...fields]);
const nickOf = ({ userId }: LoggedIn): string => `user.${userId}`;

test("P7: removal is told to each device of the phone and to each counterparty, once, and ends every log-in", async () => {
  await using stage = await start();
  const { contacts } = stage.server.domain;
  await using owner = await stage.logIn(anna, "one");
  await using tablet = await stage.logIn(anna, "two");
  await using friend = await stage.logIn(bob);
  await using asked = await stage.logIn(carl);
  await using stranger = await stage.logIn(free);
  await befriend(stage.server, owner, friend);
  await contacts.requestFriend(owner.userId as never, asked.userId);
  // Somebody is in the middle of a log-in by the phone.
  await using late = await RosterClient.connect(stage.server, "late");
  const [, [, , pending]] = only(await late.ask(auth([], binary("d"), [], binary(anna), [], [], [], [], []))) as [
    string,
    [string, string, string],
  ];
  for (const one of [owner, tablet, friend, asked]) await one.client.heard();

  expect(heard(await owner.client.ask(shortProfile("remove", { phone: binary(`+${anna}`) })))).toEqual([
    ["actions/api/one", removed],
  ]);
  expect(heard(await tablet.client.heard())).toEqual([["actions/1/api/two", removed]]);
  const gone = contact(owner, { nick: nickOf(owner), status: "deleted" });
  expect(heard(await friend.client.heard())).toEqual([[`ses/${bob}`, gone]]);
  expect(heard(await asked.client.heard())).toEqual([[`ses/${carl}`, gone]]);
  expect(await stranger.client.heard()).toEqual([]);
  expect(await late.heard()).toEqual([]);

  // Nobody is logged in by it any more, and no token does so again.
  for (const one of [owner, tablet]) {
    for (const status of ["remove", "get", "set"]) {
      expect(await one.ask(profile(status, { phone: binary(anna) }))).toEqual(no("not_authorized"));
    }
    const again = await one.ask(auth([], [], [], binary(one.token), [], [], [], [], []));
    expect(again).toEqual([":io", [":error", ":session_not_found", []], ""]);
  }
  const confirmed = await late.ask(auth(binary(pending), [], [], [], [], atom("verify"), binary(code), [], []));
  expect(only(confirmed)).toEqual([":io", [":error", ":roster_not_found", []], ""]);
  const left = (await friend.ask(profile("get"))) as unknown[];
  expect(left[3]).toMatchObject([
    { 6: [contact(friend, { nick: nickOf(friend), presence: "online", status: "friend" })] },
  ]);
  // On the same connection it may be registered anew, as somebody else.
  await logInOn(owner.client, anna);
  const fresh = (await owner.ask(profile("get"))) as unknown[];
  expect(fresh).toMatchObject({ 1: anna, 2: [] });
  const [userId] = await stage.server.domain.store.listUserIdsOfPhone(anna);
  expect(userId).not.toBe(owner.userId as never);
});

test("a device that came with its token hears of the removal, and is logged out from then on", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna, "one");
  const fields = { password: Buffer.from(owner.token) };
  await using other = await RosterClient.connect(stage.server, "other", fields);
  await owner.client.ask(profile("remove", { phone: binary(anna) }));
  expect(heard(await other.heard())).toEqual([["actions/1/api/other", removed]]);
  expect(only(await other.ask(profile("get")))).toEqual(no("not_authorized"));
  expect(await other.raw.subscribe("chat/+/messages", 0)).toBe(0x80);
});

test("a device that came with its token and removes the profile stays connected, logged out", async () => {
  for (const qos of [1, 2] as const) {
    for (const clean of [true, false]) {
      await using stage = await start();
      await using owner = await stage.logIn(anna, "one");
      const fields = { password: Buffer.from(owner.token), clean };
      await using device = await RosterClient.connect(stage.server, "device", fields);
      const payload = Buffer.from(encodeTerm(profile("remove", { phone: binary(anna) })));
      const topic = "events/1//api/anon//";
      expect(heard(await device.ask(payload, { topic, qos }))).toEqual([["actions/1/api/device", removed]]);
      expect(only(await device.ask(profile("get")))).toEqual(no("not_authorized"));
      // On the same connection it may be registered anew, as somebody else.
      await logInOn(device, anna);
      expect(only(await device.ask(profile("get")))).toMatchObject({ 1: anna, 2: [] });
      expect(heard(await owner.client.heard())).toEqual([["actions/1/api/one", removed]]);
    }
  }
});

/** What becomes of a connection whose user a removal ended, as docs/protocols/erlang-terms.md § What others hear says. */
test("a removal closes no connection that came by the phone's log-in, whether by AUTH or with the token as password", async () => {
  await using stage = await start();
  await using asking = await stage.logIn(anna, "asking");
  await using byAuth = await stage.logIn(anna, "by-auth");
  const password = Buffer.from(byAuth.token);
  await using byToken = await RosterClient.connect(stage.server, "by-token", { password });
  await using kept = await RosterClient.connect(stage.server, "kept", { password, clean: false });
  const others = [byAuth.client, byToken, kept];
  await asking.client.ask(profile("remove", { phone: binary(anna) }));
  for (const client of others) {
    expect(heard(await client.heard())).toEqual([[`actions/1/api/${client.clientId}`, removed]]);
    expect(only(await client.ask(profile("get")))).toEqual(no("not_authorized"));
    expect([client.clientId, client.raw.closed]).toEqual([client.clientId, false]);
  }
  // The token logs in no more, and the session of the user is gone.
  const client = await RawMqtt.open(stage.server.mqttPort);
  await using _ = client;
  client.send(connectPacket({ clientId: "kept", username: "api", password, clean: false }));
  expect(await client.expect("connack")).toMatchObject({ returnCode: 0, sessionPresent: false });
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "chat/+/messages", qos: 0 }] });
  expect((await client.expect("suback")).granted).toEqual([0x80]);
});

test("without anonymous clients a removal closes the connections of its phone, once they were told", async () => {
  await using first = await start();
  const owner = await first.logIn(anna, "one");
  await owner[Symbol.asyncDispose]();
  await using server = await first.server.restart({ ROOST_MQTT_ANONYMOUS: "off" });
  const password = Buffer.from(owner.token);
  await using asking = await RosterClient.connect(server, "asking", { password });
  await using other = await RosterClient.connect(server, "other", { password });
  const payload = Buffer.from(encodeTerm(profile("remove", { phone: binary(anna) })));
  asking.raw.send({
    cmd: "publish",
    topic: "events/1//api///",
    payload,
    qos: 1,
    dup: false,
    retain: false,
    messageId: 1,
  });
  for (const { raw, clientId } of [asking, other]) {
    const packets: Packet[] = [];
    while (!packets.some(({ cmd }) => cmd === "publish")) packets.push(await raw.next("the farewell"));
    const farewell = packets.find((packet): packet is IPublishPacket => packet.cmd === "publish");
    expect(farewell?.topic).toBe(`actions/1/api/${clientId}`);
    await raw.whenClosed();
  }
});

test("the answer to a removal is followed by PUBREL, although the device's session ends meanwhile", async () => {
  for (let round = 0; round < 4; round++) {
    await using stage = await start();
    await using owner = await stage.logIn(anna, "one");
    await using friend = await stage.logIn(bob);
    await befriend(stage.server, owner, friend);
    const kept = { password: Buffer.from(friend.token), clean: false };
    await using tablet = await RosterClient.connect(stage.server, "tablet", kept);
    await tablet.heard();
    const fields = { password: Buffer.from(owner.token), clean: false };
    await using device = await RosterClient.connect(stage.server, "device", fields);
    const payload = Buffer.from(encodeTerm(profile("remove", { phone: binary(anna) })));
    const answers = await device.ask(payload, { topic: "events/1//api/device//", qos: 2 });
    expect(heard(answers)).toEqual([["actions/1/api/device", removed]]);
  }
});

test("P8: after a move every device is the new phone's, tokens stay, and friends learn both PhoneIds", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna, "one");
  await using tablet = await stage.logIn(anna, "two");
  await using friend = await stage.logIn(bob);
  await using asked = await stage.logIn(carl);
  await befriend(stage.server, owner, friend);
  await stage.server.domain.contacts.requestFriend(owner.userId as never, asked.userId);
  const kept = { password: Buffer.from(tablet.token), clean: false };
  {
    await using away = await RosterClient.connect(stage.server, "away", kept);
    await away.heard();
  }
  for (const one of [owner, tablet, friend, asked]) await one.client.heard();
  await owner.ask(profile("migrate", { phone: binary(free) }));
  const answers = heard(
    await owner.client.ask(
      shortProfile("phone", { phone: binary(free), services: [binary(code)], update: Date.now() }),
    ),
  );
  expect(answers).toEqual([["actions/api/one", expect.any(Array)]]);
  const [[, answer]] = answers as [[string, unknown[]]];
  expect(answer).toMatchObject({
    0: ":Profile",
    1: free,
    3: [{ 1: owner.userId, 10: free }],
    7: ":online",
    8: ":phone",
  });

  const moved = { phone: free, userId: owner.userId };
  expect(heard(await friend.client.heard())).toEqual([
    [`ses/${bob}`, contact(moved, { nick: nickOf(owner), presence: "online", status: "friend" })],
    [`ses/${bob}`, contact(owner, { nick: nickOf(owner), status: "deleted" })],
  ]);
  expect(await asked.client.heard()).toEqual([]);

  // What is said to the phone is heard under its new number, there or away.
  await owner.client.ask(profile("set", { rosters: [owner.userId] }));
  expect(heard(await tablet.client.heard()).map(([topic]) => topic)).toEqual([`ses/${free}`]);
  await using back = await RosterClient.connect(stage.server, "away", kept);
  let waited = await back.heard();
  while (waited.length === 0) waited = await back.heard(); // what waited is read from the disk
  expect(heard(waited).map(([topic]) => topic)).toEqual([`ses/${free}`]);
  expect(await tablet.client.raw.subscribe(`ses/${free}`, 1)).toBe(1);
  expect(await tablet.client.raw.subscribe(`ses/${anna}`, 1)).toBe(0x80);
  expect(await tablet.ask(profile("get", { phone: binary(anna) }))).toEqual(no("not_authorized"));
  expect(await tablet.ask(profile("get", { phone: binary(free) }))).toMatchObject({ 1: free });

  // Who gets the old number is somebody else, whom the devices do not hear.
  await using newcomer = await stage.logIn(anna, "newcomer");
  expect(newcomer.userId).not.toBe(owner.userId);
  await newcomer.client.ask(profile("set"));
  for (const one of [owner.client, tablet.client, back]) expect(await one.heard()).toEqual([]);
});

test("a move needs the code that was sent to the new number", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  const places: Parameters<typeof profile>[1][] = [
    { services: [service([], [], [], [], binary(code))] },
    { services: [service([], [], binary(code))] },
    { services: [binary(code)] },
    { services: Number(code) },
    { settings: [binary(code)] },
    { settings: binary(code) },
    { settings: [feature("1", "sms_code", binary(code), "G")] },
  ];
  for (const [at, place] of places.entries()) {
    const phone = binary([free, spare][at % 2] ?? free);
    expect(await owner.ask(profile("migrate", { phone }))).toEqual(yes("migration"));
    const others = [{}, { services: [binary("111111")] }, { settings: [feature("1", "colour", binary(code), "G")] }];
    for (const other of others) {
      expect(await owner.ask(profile("phone", { phone, ...other }))).toEqual(no("not_authorized"));
    }
    expect([place, await owner.ask(profile("phone", { phone, ...place }))]).toMatchObject([place, { 8: ":phone" }]);
  }
});
