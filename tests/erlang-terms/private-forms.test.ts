/** PRIVATE's fields in every form a client may write them in (V1 to V16). */
import { expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { Phones, tuple } from "./phones.ts";
import { confirm, echo, friend, heard, notFound, pair, parted, revoke, sent } from "./private-stage.ts";

test("what is none of the tuples is told so, on the client's own topic", async () => {
  await using phones = await Phones.start();
  const { a, b, bId } = await pair(phones);
  const none: WireTerm[] = [
    tuple("Friend"),
    tuple("Friend", bId),
    tuple("Friend", [], [], bId, atom("simple"), []),
    friend(bId, { status: "friend" }),
    friend(bId, { status: "ban" }),
    friend(bId, { status: "constructor" }),
    tuple("Friend", [], [], bId, 7),
    friend(Array<WireTerm>(1001).fill(bId), { status: "list" }),
    confirm(bId, { status: "list" }),
    tuple("Confirm", [], bId),
    tuple("Revoke", [], bId),
    tuple("Revoke", [], [], bId, atom("revoke")),
    tuple("Revoke", [], bId, atom("friend")),
  ];
  for (const request of none) expect(await a.ask(request)).toEqual(["own {io,{error,invalid_data},<<>>}"]);
  expect(await b.heard()).toEqual([]);
});

test("V1: the sender's own user is a number, its digits, a PhoneId, or unset; no other user's", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  const userId = await phones.userId("A");
  const own: WireTerm[] = [
    [],
    atom("undefined"),
    atom(""),
    binary(""),
    userId,
    binary(String(userId)),
    [...Buffer.from(String(userId))],
    aId,
    binary("+1 555 000-1001"),
  ];
  for (const roster of own) {
    expect([roster, await a.ask(friend(bId, { roster }))]).toEqual([roster, [sent, ...heard.request]]);
    expect(await b.heard()).toEqual(heard.authorization);
    await parted({ a, b, bId });
  }
  const foreign: WireTerm[] = [
    await phones.userId("B"),
    bId,
    0,
    -userId,
    2n ** 70n,
    binary("15550001002"),
    binary(`15550001001_${await phones.userId("B")}`),
    binary(`_${userId}`),
    binary("me"),
    atom("me"),
    tuple("Roster", userId),
    [aId, aId],
  ];
  for (const roster of foreign) {
    expect([roster, await a.ask(friend(bId, { roster }))]).toEqual([roster, [notFound]]);
    expect([roster, await a.ask(confirm(bId, { roster }))]).toEqual([roster, [notFound]]);
  }
  expect(await b.heard()).toEqual([]);
});

test("V3: a friend is a PhoneId, a phone, or a number; anything else is not found", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  const userId = await phones.userId("B");
  const self = await phones.userId("A");
  const characters = [...Buffer.from(await phones.phoneId("B"))];
  const forms: WireTerm[] = [
    bId,
    binary("15550001002"),
    binary("+1 (555) 000-1002"),
    userId,
    characters,
    [bId],
    [userId],
    [characters],
  ];
  for (const form of forms) {
    for (const status of ["simple", "list", ""]) {
      expect([form, status, await a.ask(friend(form, { status }))]).toEqual([form, status, [sent, ...heard.request]]);
      expect(await b.heard()).toEqual(heard.authorization);
      await parted({ a, b, bId });
    }
    await b.ask(friend(aId));
    await a.heard();
    expect([form, await a.ask(confirm(form))]).toEqual([form, [sent, ...heard.friendOfB]]);
    expect(await b.heard()).toEqual(heard.friendOfA);
    expect([form, (await a.ask(revoke(form))).slice(1)]).toEqual([form, heard.revokeOfB]);
    expect(await b.heard()).toEqual(heard.revokeOfA);
  }
  const nobody: WireTerm[] = [
    [],
    atom("undefined"),
    binary(""),
    binary("15559999999"),
    binary("15550001002_1"),
    binary(`15550001001_${userId}`),
    binary(`_${userId}`),
    binary(String(userId)), // digits in a text are a phone's
    binary("_"),
    binary("B"),
    binary("9".repeat(100_000)),
    atom("bob"),
    0,
    999_999,
    -1,
    2n ** 64n,
    tuple("Contact", bId),
    // Oneself.
    aId,
    self,
    binary("15550001001"),
  ];
  for (const form of nobody) {
    for (const status of ["simple", "list", ""]) {
      expect([form, status, await a.ask(friend(form, { status }))]).toEqual([form, status, [notFound]]);
    }
    expect([form, await a.ask(confirm(form))]).toEqual([form, [notFound]]);
    const [answer, ...more] = await a.ask(revoke(form));
    expect([form, answer?.startsWith("phone/A {Revoke,[],"), more]).toEqual([form, true, []]);
  }
  // `Confirm` is for one.
  expect(await a.ask(confirm([bId, bId]))).toEqual([notFound]);
  expect(await b.heard()).toEqual([]);
});

test("V2: a list may be of one, or one without a list; for one, a list of one may stand; characters are no list", async () => {
  await using phones = await Phones.start();
  const { a, b, bId } = await pair(phones);
  const characters = [...Buffer.from(await phones.phoneId("B"))];
  for (const form of [bId, [bId], characters, [characters], [bId, bId]]) {
    expect([form, await a.ask(friend(form, { status: "list" }))]).toEqual([form, [sent, ...heard.request]]);
    expect(await b.heard()).toEqual(heard.authorization);
    await parted({ a, b, bId });
  }
  for (const form of [bId, [bId], characters, [characters]]) {
    expect([form, await a.ask(friend(form, { status: "simple" }))]).toEqual([form, [sent, ...heard.request]]);
    expect(await b.heard()).toEqual(heard.authorization);
    await parted({ a, b, bId });
  }
  expect(await a.ask(friend([bId, bId]))).toEqual([notFound]);
  expect(await b.heard()).toEqual([]);
});

const settings = [tuple("Feature", [], binary("k"), binary("v"), binary("G"))];

test("V15: tuples of the later generations are read, and answered as the document prints it", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  const asks: WireTerm[] = [
    tuple("Friend", aId, bId, atom("request")),
    tuple("Friend", [], bId, []),
    tuple("Friend", aId, bId, [], atom("request")),
    tuple("Friend", aId, bId, settings, atom("request")),
    tuple("Friend", aId, [], bId, atom("simple")), // the id is free to be a PhoneId
    tuple("Friend", binary("my-id"), [], bId, atom("simple")),
    [atom("Friend"), [], [], bId, atom("simple")], // a list for a tuple
  ];
  for (const request of asks) {
    expect([request, await a.ask(request)]).toEqual([request, [sent, ...heard.request]]);
    expect(await b.heard()).toEqual(heard.authorization);
    await parted({ a, b, bId });
  }
  const confirms: WireTerm[] = [
    tuple("Confirm", aId, bId, atom("friend")),
    tuple("Friend", aId, bId, atom("confirm")),
    tuple("Friend", aId, bId, settings, atom("confirm")),
  ];
  for (const request of confirms) {
    await b.ask(friend(aId));
    await a.heard();
    expect([request, await a.ask(request)]).toEqual([request, [sent, ...heard.friendOfB]]);
    expect(await b.heard()).toEqual(heard.friendOfA);
    await parted({ a, b, bId });
  }
  const revokes: [WireTerm, string][] = [
    [tuple("Friend", aId, bId, atom("revoke")), echo],
    [tuple("Friend", aId, bId, settings, atom("revoke")), echo],
  ];
  for (const [request, answer] of revokes) {
    await a.ask(friend(bId));
    await b.heard();
    expect([request, await a.ask(request)]).toEqual([request, [answer, ...heard.revokeOfB]]);
    expect(await b.heard()).toEqual(heard.revokeOfA);
  }
  // With somebody else's PhoneId nothing is taken back.
  await a.ask(friend(bId));
  await b.heard();
  expect(await a.ask(tuple("Friend", bId, bId, atom("revoke")))).toEqual([echo]);
  expect(await b.heard()).toEqual([]);
});

test("V14: a confirmation is called friend, confirm, roster, or nothing", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  const confirms = ["friend", "confirm", "roster", ""].map((status) => confirm(bId, { status }));
  for (const request of confirms) {
    await b.ask(friend(aId));
    await a.heard();
    expect([request, await a.ask(request)]).toEqual([request, [sent, ...heard.friendOfB]]);
    expect(await b.heard()).toEqual(heard.friendOfA);
    await parted({ a, b, bId });
  }
  expect(await a.ask(confirm(bId, { status: "confirmed" }))).toEqual(["own {io,{error,invalid_data},<<>>}"]);
});

test("V10: a revocation comes back as it was, also where there was nothing, with what has no tag of the wire unset", async () => {
  await using phones = await Phones.start();
  const { a, b, bId } = await pair(phones);
  const revokes: [WireTerm, string][] = [
    [tuple("Revoke", [], bId, atom("revoke")), echo],
    [tuple("Revoke", [], bId, []), echo],
    [tuple("Revoke", binary("id-7"), bId, atom("revoke")), "phone/A {Revoke,<<id-7>>,B,revoke}"],
    [tuple("Revoke", 7, binary("15550001002"), atom("revoke")), "phone/A {Revoke,7,<<15550001002>>,revoke}"],
    [tuple("Revoke", [1, atom("x")], [bId], atom("revoke")), "phone/A {Revoke,[1,x],[B],revoke}"],
  ];
  for (const [request, answer] of revokes) {
    await a.ask(friend(bId));
    await b.heard();
    expect([request, await a.ask(request)]).toEqual([request, [answer, ...heard.revokeOfB]]);
    expect(await b.heard()).toEqual(heard.revokeOfA);
  }
  for (const [request, answer] of revokes) {
    expect([request, await a.ask(request)]).toEqual([request, [answer]]);
    expect(await b.heard()).toEqual([]);
  }
  // A field that has no tag of the wire comes back unset.
  const float = Buffer.from([
    131,
    104,
    4,
    100,
    0,
    6,
    ...Buffer.from("Revoke"),
    70,
    63,
    248,
    0,
    0,
    0,
    0,
    0,
    0,
    106,
    106,
  ]);
  expect(await a.ask(float)).toEqual(["phone/A {Revoke,[],[],revoke}"]);
  const nobody = await phones.connect("nobody");
  expect(phones.show(await nobody.ask(revoke(bId)))).toEqual(["own {io,{error,not_authorized},<<>>}"]);
});

test("each device is answered in what it writes", async () => {
  await using phones = await Phones.start();
  const { a, b } = await pair(phones);
  const phoneId = await phones.phoneId("B");
  const first = (answers: readonly { payload: Buffer }[]) => answers.map(({ payload }) => payload[0]);
  const packed = Buffer.from(encode(["Friend", null, "", [phoneId], "list"]));
  const answers = await a.client.ask(packed);
  expect(answers.map(({ payload }) => payload.toString("hex")).at(0)).toBe("a0"); // ""
  expect(phones.show(await b.client.heard())).toEqual(heard.authorization);
  const text = await a.client.ask(Buffer.from(JSON.stringify(["Revoke", "", phoneId, "revoke"])));
  expect(JSON.parse(String(text[0]?.payload))).toEqual(["Revoke", "", phoneId, "revoke"]);
  expect(JSON.parse(String(text[1]?.payload)).slice(0, 2)).toEqual(["Contact", phoneId]);
  expect(first(await b.client.heard())).toEqual([131]);
});

test("V16: requests are taken on every spelling of the topic, at every QoS", async () => {
  await using phones = await Phones.start();
  const { a, b, bId } = await pair(phones);
  for (const topic of [
    "events/1//api/anon/emqttd_A/",
    "events/1//api/anon//",
    "events/1/3/api/anon/:client/:token",
    "events//api/anon/emqttd_B/x",
    "/events//api/anon",
  ]) {
    for (const qos of [0, 1, 2] as const) {
      expect([topic, await a.ask(friend(bId), { topic, qos })]).toEqual([topic, [sent, ...heard.request]]);
      expect(await b.heard()).toEqual(heard.authorization);
      await parted({ a, b, bId });
    }
  }
});
