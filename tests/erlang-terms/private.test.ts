/** PRIVATE between people: at once, away, without a phone, and what friends have of it elsewhere. */
import { expect, test } from "bun:test";
import { decodePayload } from "../../src/etf/dialects.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { Phones, phoneNumbers, tuple } from "./phones.ts";
import { confirm, friend, heard, long, pair, parted, revoke, sent, short } from "./private-stage.ts";

test("both sides hear the same time of one change", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  await a.ask(friend(bId));
  await b.client.heard();
  const times = [...(await b.client.ask(confirm(aId))), ...(await a.client.heard())].flatMap(({ payload }) => {
    const { term } = decodePayload(payload, () => true);
    return term instanceof Tuple ? term.items.filter((item) => typeof item === "number" && item > 1e12) : [];
  });
  expect(times).toHaveLength(4);
  expect(new Set(times).size).toBe(1);
});

test("V8: a client that has not logged in by phone is told so, on its own topic only", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  const nobody = await phones.connect("nobody");
  const [anna] = await phones.server.domain.accounts.provision([{ username: "anna" }]);
  const fields = { username: "anna", password: Buffer.from(anna?.accessToken ?? "") };
  const account = await phones.connect("account", fields);
  expect(await account.raw.subscribe("actions/api/account", 2)).toBe(2);
  const requests = [
    friend(bId, { roster: aId }),
    friend([bId], { status: "list" }),
    confirm(bId),
    revoke(bId),
    tuple("Friend", aId, bId, atom("request")),
  ];
  for (const request of requests) {
    expect(phones.show(await nobody.ask(request))).toEqual(["own {io,{error,not_authorized},<<>>}"]);
    expect(phones.show(await account.ask(request))).toEqual(["own {io,{error,not_authorized},<<>>}"]);
  }
  expect([await a.heard(), await b.heard()]).toEqual([[], []]);
});

test("a confirmed token as a level of the topic is a log-in; an unconfirmed one is none", async () => {
  await using phones = await Phones.start();
  const { a, b, bId } = await pair(phones);
  const nobody = await phones.connect("emqttd_late");
  const auth = tuple("Auth", binary("late"), [], binary(phoneNumbers.C), [], [], [], [], [], []);
  const [issued] = phones.show(await nobody.ask(auth));
  const pending = /sms_send,<<(\w+)>>\}/.exec(issued ?? "")?.[1];
  expect(pending).toMatch(/^[0-9a-f]{64}$/);
  for (const token of ["", "anon", "no such token", String(pending), `${a.token}0`]) {
    const topic = `events/1//api/anon/emqttd_late/${token}`;
    const answers = phones.show(await nobody.ask(friend(bId), { topic }));
    expect([token, answers]).toEqual([token, ["own {io,{error,not_authorized},<<>>}"]]);
  }
  expect([await a.heard(), await b.heard()]).toEqual([[], []]);
  const topic = `events/1//api/anon/emqttd_late/${a.token}`;
  expect(phones.show(await nobody.ask(friend(bId), { topic }))).toEqual([sent, ...heard.request]);
  expect(await a.heard()).toEqual([sent, ...heard.request]);
  expect(await b.heard()).toEqual(heard.authorization);
});

test("two who ask each other at once become friends, and each hears it once", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  for (let round = 0; round < 10; round++) {
    const [fromA, fromB] = await Promise.all([a.ask(friend(bId)), b.ask(friend(aId))]);
    const [toA, toB] = [
      [...fromA, ...(await a.heard())],
      [...fromB, ...(await b.heard())],
    ];
    const count = (list: string[], what: string): number => list.filter((one) => one === what).length;
    for (const what of heard.friendOfB) expect(count(toA, what)).toBe(1);
    for (const what of heard.friendOfA) expect(count(toB, what)).toBe(1);
    expect([count(toA, sent), count(toB, "phone/B <<>>")]).toEqual([1, 1]);
    expect([toA.at(-1)?.endsWith("friend}"), toB.at(-1)?.endsWith("friend}")]).toEqual([true, true]);
    await parted({ a, b, bId });
  }
});

test("what is heard last of another user is what the list says of them", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  const { contacts } = phones.server.domain;
  const [a2, b2] = [await phones.device("A", "emqttd_A2"), await phones.device("B", "emqttd_B2")];
  for (let round = 0; round < 20; round++) {
    const asks = [a.ask(friend(bId)), b.ask(confirm(aId)), a2.ask(revoke(bId)), b2.ask(friend(aId))];
    const [fromA = [], fromB = []] = await Promise.all(asks);
    const toA = [...fromA, ...(await a.heard())];
    const toB = [...fromB, ...(await b.heard())];
    await Promise.all([a2.heard(), b2.heard()]);
    const last = (list: string[]): string =>
      list.findLast((one) => one.startsWith("ses/"))?.match(/,(\w+)\}$/)?.[1] ?? "revoke";
    const listed = await contacts.find(await phones.userId("A"), await phones.userId("B"));
    const reversed = await contacts.find(await phones.userId("B"), await phones.userId("A"));
    expect([last(toA), last(toB)]).toEqual([listed?.status ?? "revoke", reversed?.status ?? "revoke"]);
    await parted({ a, b, bId });
  }
});

test("a user without a phone is a friend like any other, and is told nothing here", async () => {
  await using phones = await Phones.start();
  const a = await phones.device("A");
  const { domain } = phones.server;
  await domain.accounts.provision([{ username: "anna" }]);
  const anna = await domain.store.findUserByKey("anna");
  if (anna === undefined) throw new Error("anna is gone");
  phones.name("Anna", `_${anna.userId}`);
  phones.name("nick/Anna", "anna");
  expect(await a.ask(friend(anna.userId))).toEqual([sent, `ses/A ${long("Anna", "request")}`]);
  expect((await domain.contacts.confirm(anna.userId, await phones.userId("A"))).outcome).toBe("confirmed");
  // Who agreed at another door is told of as here.
  expect(await a.heard()).toEqual([`phone/A ${short("Anna", "friend")}`, `ses/A ${long("Anna", "friend")}`]);
  const byId = confirm(binary(`_${anna.userId}`));
  expect(await a.ask(byId)).toEqual(["phone/A {io,{ok,{already_present,Anna}},<<>>}"]);
  expect(await a.ask(revoke(anna.userId))).toEqual([
    `phone/A {Revoke,[],${anna.userId},revoke}`,
    `ses/A ${long("Anna", "revoke")}`,
  ]);
});

test("the names and pictures that users have are told", async () => {
  await using phones = await Phones.start();
  const { a, b, aId } = await pair(phones);
  const rosters = [{ userId: await phones.userId("B"), names: "Борис", surnames: "B.", avatarLink: "https://b" }];
  await phones.server.store.changeProfile({ phone: phoneNumbers.B, rosters, touch: false });
  await b.ask(friend(aId));
  expect(await a.heard()).toEqual([
    "phone/A {Contact,B,<<https://b>>,<<Борис>>,<<B.>>,[],Time,authorization}",
    "ses/A {Contact,B,<<https://b>>,<<Борис>>,<<B.>>,<<Борис B.>>,[],[],0,0,[],Time,[],[],authorization}",
  ]);
});

test("a client that is away hears it when it is back, once and in order", async () => {
  await using phones = await Phones.start();
  const { token } = await phones.device("B", "reg_B");
  const password = { password: Buffer.from(token), clean: false };
  const away = await phones.device("B", "emqttd_B", password);
  const a = await phones.device("A");
  const bId = binary(await phones.phoneId("B"));
  await away.client[Symbol.asyncDispose]();
  await a.ask(friend(bId));
  await a.ask(revoke(bId));
  await a.ask(friend(bId));
  const back = await phones.device("B", "emqttd_B", password);
  const all = [...heard.authorization, ...heard.revokeOfA, ...heard.authorization];
  expect(await back.hears(all.length)).toEqual(all);
  await back.client[Symbol.asyncDispose]();
  const again = await phones.device("B", "emqttd_B", password);
  expect(await again.heard()).toEqual([]);
});

test("two friends have a chat of their own, and strangers none", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  const sides = await Promise.all(
    [a, b].map(async ({ token }) => {
      const raw = await RawMqtt.connect(phones.server.mqttPort, { username: "api", password: Buffer.from(token) });
      expect(await raw.subscribe("chat/+/messages", 1)).toBe(1);
      return raw;
    }),
  );
  const [rawA, rawB] = sides as [RawMqtt, RawMqtt];
  await a.ask(friend(bId));
  await b.ask(confirm(aId));
  const direct = `direct.${await phones.userId("A")}.${await phones.userId("B")}`;
  const talks: [RawMqtt, "A" | "B", string][] = [
    [rawA, "B", "hello"],
    [rawB, "A", "hello yourself"],
  ];
  for (const [from, to, content] of talks) {
    from.send(publishPacket(`chat/user.${await phones.userId(to)}/send`, content, { qos: 1, messageId: 7 }));
    const received = await Promise.all(
      [rawA, rawB].map(async (raw) => {
        for (;;) {
          const packet = await raw.next("a message");
          if (packet.cmd === "publish" && packet.topic.startsWith("chat/")) return JSON.parse(String(packet.payload));
        }
      }),
    );
    for (const message of received) expect(message).toMatchObject({ chatID: direct, content });
  }
  for (const raw of sides) await raw[Symbol.asyncDispose]();
});
