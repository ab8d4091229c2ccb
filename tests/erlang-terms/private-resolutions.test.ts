/**
 * How PRIVATE is read where its document leaves something open: the lines of docs/protocols/resolutions.md § PRIVATE
 * that say what is answered where.
 */
import { expect, test } from "bun:test";
import { decodeTerm } from "../../src/etf/decode.ts";
import type { WireTerm } from "../../src/etf/encode.ts";
import { binary } from "../../src/etf/term.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { type Device, Phones, phoneNumbers } from "./phones.ts";
import { confirm, echo, friend, heard, long, notFound, pair, parted, revoke, sent, short } from "./private-stage.ts";
import { plain } from "./profiles.ts";

const { A, B } = phoneNumbers;

/** Where it came and what, to the element. */
const exactly = (answers: readonly { topic: string; payload: Buffer }[]): unknown[] =>
  answers.map(({ topic, payload }) => [topic, plain(decodeTerm(payload))]);

test("V4: a Contact has eight elements on the phone's topic and fifteen on ses/, and neither on the other's", async () => {
  const clock = createManualClock(Date.now());
  await using phones = await Phones.start({ clock });
  const { a, b, aId, bId } = await pair(phones);
  const [idA, idB] = [await phones.phoneId("A"), await phones.phoneId("B")];
  const [nickA, nickB] = [`user.${await phones.userId("A")}`, `user.${await phones.userId("B")}`];
  const at = clock.nowMs();
  const eight = (id: string, status: string) => [":Contact", id, [], [], [], [], at, status];
  const fifteen = (id: string, nick: string, status: string) => [
    ":Contact",
    id,
    [],
    [],
    [],
    nick,
    [],
    [],
    0,
    0,
    [],
    at,
    [],
    [],
    status,
  ];
  expect(exactly(await a.client.ask(friend(bId)))).toEqual([
    [`actions/1/api/phone/${A}`, ""],
    [`ses/${A}`, fifteen(idB, nickB, ":request")],
  ]);
  expect(exactly(await b.client.ask(confirm(aId)))).toEqual([
    [`actions/1/api/phone/${B}`, eight(idA, ":authorization")],
    [`ses/${B}`, fifteen(idA, nickA, ":authorization")],
    [`actions/1/api/phone/${B}`, ""],
    [`actions/1/api/phone/${B}`, eight(idA, ":friend")],
    [`ses/${B}`, fifteen(idA, nickA, ":friend")],
  ]);
  expect(exactly(await a.client.heard())).toEqual([
    [`actions/1/api/phone/${A}`, eight(idB, ":friend")],
    [`ses/${A}`, fifteen(idB, nickB, ":friend")],
  ]);
});

test("V5: a Contact names its user by PhoneId, the phone with the user's number behind it", async () => {
  await using phones = await Phones.start();
  const { a, b, bId } = await pair(phones);
  const named = (answers: Awaited<ReturnType<Device["client"]["ask"]>>): unknown[] =>
    answers.map(({ payload }) => plain(decodeTerm(payload))).flatMap((term) => (Array.isArray(term) ? [term[1]] : []));
  // However the friend was named.
  expect(named(await a.client.ask(friend(binary(`+${B}`))))).toEqual([`${B}_${await phones.userId("B")}`]);
  const idA = `${A}_${await phones.userId("A")}`;
  expect(named(await b.client.heard())).toEqual([idA, idA]);
  await parted({ a, b, bId });
});

test("V6: what succeeds is answered with the six bytes of an empty binary, once", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  const empty = [131, 109, 0, 0, 0, 0];
  const onPhone = (answers: Awaited<ReturnType<Device["client"]["ask"]>>, phone: string): unknown[] =>
    answers.filter(({ topic }) => topic === `actions/1/api/phone/${phone}`).map(({ payload }) => [...payload]);
  expect(onPhone(await a.client.ask(friend(bId)), A)).toEqual([empty]);
  expect(onPhone(await a.client.ask(friend(bId)), A)).toEqual([empty]);
  await b.client.heard();
  expect(onPhone(await b.client.ask(confirm(aId)), B)[0]).toEqual(empty);
});

test("V7: of a user who is a friend already the answer is already_present with their PhoneId, in a plain ok", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  await a.ask(friend(bId));
  await b.ask(confirm(aId));
  await a.heard();
  const forms: WireTerm[] = [bId, binary(B), await phones.userId("B")];
  for (const form of forms) {
    expect(exactly(await a.client.ask(confirm(form)))).toEqual([
      [`actions/1/api/phone/${A}`, [":io", [":ok", [":already_present", await phones.phoneId("B")]], ""]],
    ]);
  }
  expect(await b.heard()).toEqual([]);
});

test("V9: a revocation is answered on the own phone's topic, to every device, as the other two are", async () => {
  await using phones = await Phones.start();
  const { a, b, bId } = await pair(phones);
  const a2 = await phones.device("A", "emqttd_A2");
  for (const request of [revoke(bId), revoke(binary("15559999999"))]) {
    const [answer] = await a.ask(request);
    expect(answer?.startsWith("phone/A {Revoke,[],")).toBe(true);
    expect(await a2.heard()).toEqual([answer ?? ""]);
    expect(await b.heard()).toEqual([]);
  }
});

test("V11: the user who is asked hears of it on both their topics, and the one who asked on ses/ alone, beside the answer", async () => {
  await using phones = await Phones.start();
  const { a, b, bId } = await pair(phones);
  expect(await a.ask(friend(bId))).toEqual([sent, `ses/A ${long("B", "request")}`]);
  expect(await b.heard()).toEqual([`phone/B ${short("A", "authorization")}`, `ses/B ${long("A", "authorization")}`]);
});

test("V12: a confirmation is answered first, then come the Contacts, each once", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  for (let round = 0; round < 5; round++) {
    await a.ask(friend(bId));
    await b.heard();
    expect(await b.ask(confirm(aId))).toEqual(["phone/B <<>>", ...heard.friendOfA]);
    expect(await a.heard()).toEqual(heard.friendOfB);
    await parted({ a, b, bId });
  }
});

test("V13: asking again, or asking a friend, is answered as the first time, and no other client hears of it", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  await a.ask(friend(bId));
  await b.heard();
  const repeated = [friend(bId), friend([bId], { status: "list" }), friend([bId, bId], { status: "list" })];
  for (const request of repeated) expect(await a.ask(request)).toEqual([sent]);
  expect(await b.heard()).toEqual([]);
  await b.ask(confirm(aId));
  await a.heard();
  for (const request of repeated) expect(await a.ask(request)).toEqual([sent]);
  expect(await b.ask(friend(aId))).toEqual(["phone/B <<>>"]);
  expect(await a.heard()).toEqual([]);
  // Of a list with news in it, only that is told.
  const c = await phones.device("C");
  const both = friend([bId, binary(phoneNumbers.C)], { status: "list" });
  expect(await a.ask(both)).toEqual([sent, `ses/A ${long("C", "request")}`]);
  expect([await b.heard(), (await c.heard()).length]).toEqual([[], 2]);
});

test("V17: a confirmation is told on ses/ of both sides too, and one that fails on none", async () => {
  await using phones = await Phones.start();
  const { a, b, aId, bId } = await pair(phones);
  expect(await a.ask(confirm(bId))).toEqual([notFound]);
  await a.ask(friend(bId));
  await b.heard();
  expect(await a.ask(confirm(bId))).toEqual([notFound]);
  expect(await b.heard()).toEqual([]);
  const onSes = (list: string[]): string[] => list.filter((one) => one.startsWith("ses/"));
  expect(onSes(await b.ask(confirm(aId)))).toEqual([`ses/B ${long("A", "friend")}`]);
  expect(onSes(await a.heard())).toEqual([`ses/A ${long("B", "friend")}`]);
  expect(await a.ask(revoke(bId))).toEqual([echo, ...heard.revokeOfB]);
});
