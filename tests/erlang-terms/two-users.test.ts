/** A phone that owns two users: each has a PhoneId and contacts of its own, and all devices of the phone hear of both. */
import { expect, test } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { Phones, phoneNumbers, tuple } from "./phones.ts";
import { confirm, echo, friend, heard, long, notFound, pair, revoke, sent, short } from "./private-stage.ts";

async function gather() {
  const clock = createManualClock(Date.now());
  const phones = await Phones.start({ clock, env: { ROOST_MIGRATION_CODE: "optional" } });
  const { a, b, aId, bId } = await pair(phones);
  const second = await phones.secondUser("A", "anna at work");
  const a2 = await phones.device("A", "emqttd_A2");
  const secondId = binary(`${phoneNumbers.A}_${second}`);
  const profile = (request: string, { phone = [], rosters = [] }: { phone?: WireTerm; rosters?: WireTerm } = {}) =>
    tuple("Profile", phone, [], rosters, [], 0, 0, [], atom(request));
  return {
    clock,
    phones,
    a,
    a2,
    b,
    aId,
    bId,
    second,
    secondId,
    profile,
    [Symbol.asyncDispose]: () => phones[Symbol.asyncDispose](),
  };
}

const listed = (of: string, status: string, presence: string): string =>
  long(of, status).replace(`[],${status}}`, `${presence},${status}}`);
const roster = (id: number, of: string, contacts: readonly string[]): string =>
  `{Roster,${id},[],[],[],nick/${of},[${contacts.join(",")}],[],[],[],<<15550001001>>,[],Time,[]}`;

test("a profile with two users is got with both, and whom each knows", async () => {
  await using stage = await gather();
  const { phones, a, b, bId, second, secondId, profile } = stage;
  expect(await a.ask(friend(bId, { roster: second }))).toEqual([sent, ...heard.request]);
  expect(await b.heard()).toEqual([`phone/B ${short("A'", "authorization")}`, `ses/B ${long("A'", "authorization")}`]);
  expect(await b.ask(confirm(secondId))).toEqual([
    "phone/B <<>>",
    `phone/B ${short("A'", "friend")}`,
    `ses/B ${long("A'", "friend")}`,
  ]);
  expect(await a.heard()).toEqual(heard.friendOfB);
  const [first, other] = [await phones.userId("A"), second];
  const rosters = [
    roster(first, "A", [listed("A", "friend", "online")]),
    roster(other, "A'", [listed("A'", "friend", "online"), listed("B", "friend", "online")]),
  ];
  expect(await a.ask(profile("get"))).toEqual([
    `own {Profile,<<15550001001>>,[],[${rosters.join(",")}],[],Time,0,online,get}`,
  ]);
  // His friend sees the second user there, too, while any device of the phone is.
  const [shown = ""] = await b.ask(profile("get"));
  expect(shown).toContain(listed("A'", "friend", "online"));
});

test("a bare phone, and an unset user, mean the first; only the named one asks, confirms, and is asked", async () => {
  await using stage = await gather();
  const { a, b, aId, bId, second, secondId } = stage;
  expect(await b.ask(friend(binary(phoneNumbers.A)))).toEqual(["phone/B <<>>", `ses/B ${long("A", "request")}`]);
  expect(await a.heard()).toEqual([`phone/A ${short("B", "authorization")}`, `ses/A ${long("B", "authorization")}`]);
  // The second one was not asked.
  for (const own of [second, secondId]) expect(await a.ask(confirm(bId, { roster: own }))).toEqual([notFound]);
  expect(await a.ask(confirm(bId, { roster: aId }))).toEqual([sent, ...heard.friendOfB]);
  expect(await b.heard()).toEqual(heard.friendOfA);
  // Friends of the one are none of the other.
  expect(await a.ask(friend(bId, { roster: secondId }))).toEqual([sent, ...heard.request]);
  expect(await b.heard()).toEqual([`phone/B ${short("A'", "authorization")}`, `ses/B ${long("A'", "authorization")}`]);
});

test("both may be friends of one, and a revocation that names no user ends the first one's, then the other's", async () => {
  await using stage = await gather();
  const { a, a2, b, aId, bId, second, secondId } = stage;
  for (const own of [aId, secondId]) {
    await a.ask(friend(bId, { roster: own }));
    await b.ask(confirm(own));
  }
  for (const device of [a, a2, b]) await device.heard();
  expect(await a.ask(revoke(bId))).toEqual([echo, ...heard.revokeOfB]);
  expect(await b.heard()).toEqual(heard.revokeOfA);
  expect(await a.ask(confirm(bId, { roster: second }))).toEqual(["phone/A {io,{ok,{already_present,B}},<<>>}"]);
  expect(await a.ask(revoke(bId))).toEqual([echo, ...heard.revokeOfB]);
  expect(await b.heard()).toEqual([`ses/B ${long("A'", "revoke")}`]);
  expect(await a.ask(revoke(bId))).toEqual([echo]);
  expect(await b.heard()).toEqual([]);
});

test("of an update, a move and a removal friends hear for each user they know, and for each once", async () => {
  await using stage = await gather();
  const { clock, phones, a, a2, b, aId, bId, second, secondId, profile } = stage;
  for (const own of [aId, secondId]) {
    await a.ask(friend(bId, { roster: own }));
    await b.ask(confirm(own));
  }
  for (const device of [a, a2, b]) await device.heard();
  clock.advance(1000);
  const named = tuple("Roster", second, binary("Ann"), ...Array<WireTerm>(11).fill([]));
  expect((await a.ask(profile("update", { rosters: [named] }))).length).toBe(2);
  const withNames = `{Contact,A',[],<<Ann>>,[],nick/A',[],[],0,0,[],Time,[],online,friend}`;
  expect(await b.heard()).toEqual([`ses/B ${withNames}`]);
  expect((await a2.heard()).map((one) => one.slice(0, 5))).toEqual(["ses/A"]);

  clock.advance(1000);
  const moved = "15550001009";
  phones.name("M", `${moved}_${await phones.userId("A")}`);
  phones.name("M'", `${moved}_${second}`);
  expect(await a.ask(profile("migrate", { phone: binary(moved) }))).toEqual(["own {io,{ok,migration},<<>>}"]);
  expect(await a.ask(profile("phone", { phone: binary(moved) }))).toHaveLength(1);
  const first = `[],[],nick/A,[],[],0,0,[],Time,[]`;
  const other = `<<Ann>>,[],nick/A',[],[],0,0,[],Time,[]`;
  const arrived = await b.heard();
  expect(arrived.toSorted()).toEqual(
    [
      `ses/B {Contact,M,[],${first},online,friend}`,
      `ses/B {Contact,A,[],${first},[],deleted}`,
      `ses/B {Contact,M',[],${other},online,friend}`,
      `ses/B {Contact,A',[],${other},[],deleted}`,
    ].toSorted(),
  );
  // Of each the new one comes before the old one goes.
  for (const mark of ["", "'"]) {
    expect(arrived.findIndex((one) => one.includes(`{Contact,M${mark},`))).toBeLessThan(
      arrived.findIndex((one) => one.includes(`{Contact,A${mark},`)),
    );
  }

  clock.advance(1000);
  const removed = `{Profile,<<${moved}>>,[],[],[],0,0,[],remove}`;
  expect(await a.ask(profile("remove", { phone: binary(moved) }))).toEqual([`own ${removed}`]);
  expect(await a2.heard()).toEqual([`own ${removed}`]);
  expect((await b.heard()).toSorted()).toEqual(
    [`ses/B {Contact,M,[],${first},[],deleted}`, `ses/B {Contact,M',[],${other},[],deleted}`].toSorted(),
  );
});
