/**
 * Who may ask what of PROFILE, and who hears of it, where its document leaves that open (docs/protocols/resolutions.md
 * § PROFILE).
 */
import { expect, test } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import { until } from "../support/deadline.ts";
import { RosterClient } from "./client.ts";
import { answerTo, confirmTuple, gatherBySockets, got, nickOf, phoneIdOf } from "./profile-cast.ts";
import { anna, bob, email, feature, free, heard, no, plain, profile, roster, shortProfile } from "./profiles.ts";

test("P5: who is removed is told as a Contact of fifteen elements, deleted, with its numbers 0", async () => {
  await using cast = await gatherBySockets();
  const { friend = [] } = await cast.ask(profile("remove", { phone: binary(anna) }));
  const phoneId = `${anna}_${cast.one.userId}`;
  const nick = nickOf(cast.one);
  expect(friend).toEqual([
    [`ses/${bob}`, [":Contact", phoneId, [], [], [], nick, [], [], 0, 0, [], cast.clock.nowMs(), [], [], ":deleted"]],
  ]);
});

test("P6: a client that has not logged in is not authorized, whatever it asks", async () => {
  await using cast = await gatherBySockets();
  for (const status of ["get", "update", "set", "link", "email", "aws", "remove", "migrate", "phone"]) {
    for (const record of [profile, shortProfile]) {
      for (const phone of [binary(anna), binary(free), []] as WireTerm[]) {
        const asked = record(status, { phone, services: [email("a@example.org")] });
        expect([status, await cast.answer(asked, "nobody")]).toEqual([status, no("not_authorized")]);
      }
    }
  }
});

test("P6: of another's phone, or an unknown one, remove says not_found, and all else not_authorized", async () => {
  await using cast = await gatherBySockets();
  const foreign: WireTerm[] = [
    binary(bob),
    binary(free),
    binary(`${bob}_${cast.friend.userId}`),
    binary(`${bob}_${cast.one.userId}`),
    binary("nobody"),
    atom("x"),
    7,
  ];
  for (const phone of foreign) {
    for (const status of ["get", "update", "set", "link", "email", "aws", "remove"]) {
      const expected = no(status === "remove" ? "not_found" : "not_authorized");
      expect([phone, status, await cast.answer(profile(status, { phone }))]).toEqual([phone, status, expected]);
    }
  }
  expect(await got(cast, "friend")).toMatchObject({ 1: bob });
});

test("P15: who asks is the connection, by AUTH or by its password, not what an empty or foreign topic says", async () => {
  await using cast = await gatherBySockets();
  const password = Buffer.from(cast.friend.token);
  await using byPassword = await RosterClient.connect(cast.stage.server, "by-password", { password });
  const topics = [
    "events/1//api/anon//",
    "events/1//api///",
    "events/1/4/api/anon/:client/:token",
    `events/1//api/anon/${cast.friend.client.clientId}/`,
  ];
  for (const topic of topics) {
    expect(heard(await cast.one.client.ask(profile("get"), { topic }))).toEqual([
      ["actions/1/api/one", cast.view("get")],
    ]);
    const [[, answer] = []] = heard(await byPassword.ask(profile("get"), { topic }));
    expect(answer).toMatchObject({ 0: ":Profile", 1: bob });
    expect(heard(await cast.nobody.ask(profile("get"), { topic }))).toEqual([
      ["actions/1/api/nobody", no("not_authorized")],
    ]);
  }
  // Another's token does not make one another; but where nobody has logged in, it is a log-in as in AUTH.
  const topic = `events/1//api/anon/nobody/${cast.friend.token}`;
  expect(heard(await cast.one.client.ask(profile("get"), { topic }))).toMatchObject([
    [expect.any(String), { 1: anna }],
  ]);
  expect(heard(await cast.nobody.ask(profile("get"), { topic }))).toMatchObject([["actions/1/api/nobody", { 1: bob }]]);
  expect(heard(await cast.nobody.ask(profile("get")))).toMatchObject([["actions/api/nobody", { 1: bob }]]);
  await cast.one.client.ask(profile("update", { rosters: [roster([], binary("Anna"))] }));
  expect(heard(await cast.nobody.heard()).map(([at]) => at)).toEqual([`ses/${bob}`]);
});

test("P17: presence is online or offline where it is told, and anything where it is read", async () => {
  await using cast = await gatherBySockets();
  for (const presence of [atom("online"), atom("busy"), binary("away"), [], 7, [atom("x")]] as WireTerm[]) {
    expect(await cast.answer(profile("get", { presence }))).toEqual(cast.view("get"));
    const answer = (await answerTo(cast, profile("update", { presence }))) as unknown[];
    expect(answer[7]).toBe(":online");
  }
  const presencesIn = (answer: unknown): unknown[] =>
    ((answer as unknown[][][][][])[3]?.[0]?.[6] ?? []).map((entry) => entry[13]);
  // Of oneself and of friends; a user who was only asked does not show theirs.
  expect(presencesIn(await got(cast))).toEqual([":online", ":online", []]);
  await cast.friend.client[Symbol.asyncDispose]();
  await until("the friend to be gone", () => !cast.stage.server.hub.isOnline(cast.friend.userId as never));
  const [[, after] = []] = heard(await cast.one.client.ask(profile("get")));
  expect(presencesIn(after)).toEqual([":online", ":offline", []]);
  const removed = heard(await cast.one.client.ask(profile("remove", { phone: binary(anna) })));
  expect(removed).toMatchObject([[expect.any(String), { 7: [], 8: ":remove" }]]);
});

test("P21: a counterparty hears on ses/ and its digits alone", async () => {
  await using cast = await gatherBySockets();
  const { friend, asked, stranger } = await cast.ask(
    profile("update", { rosters: [roster([], binary("Anna"))], phone: binary(`+${anna}`) }),
  );
  expect([friend?.map(([topic]) => topic), asked, stranger]).toEqual([[`ses/${bob}`], undefined, undefined]);
  const { raw } = cast.friend.client;
  expect(await raw.subscribe(`ses/${bob}_${cast.friend.userId}`, 2)).toBe(0x80);
  expect(await raw.subscribe("ses/+", 2)).toBe(0x80);
  expect(await raw.subscribe(`ses/${anna}`, 2)).toBe(0x80);
  expect(await raw.subscribe(`ses/${bob}`, 2)).toBe(2);
});

test("P22: there is no Person: it is not read, and its place in a Contact of eight is unset", async () => {
  await using cast = await gatherBySockets();
  expect(await cast.answer(new Tuple([atom("Person"), binary(anna), [], [], atom("get")]))).toEqual(no("invalid_data"));
  const confirm = confirmTuple(phoneIdOf(cast.one));
  const { one = [], asked: confirmed = [] } = await cast.ask(confirm, "asked");
  const short = confirmed.map(([, term]) => term as unknown[]).filter((term) => term.length === 8);
  expect(short).toEqual([[":Contact", `${anna}_${cast.one.userId}`, [], [], [], [], cast.clock.nowMs(), ":friend"]]);
  expect(JSON.stringify([await got(cast, "asked"), confirmed, one])).not.toContain("Person");
});

test("P23: all devices of the phone hear the whole Profile on set and update, and of nothing else", async () => {
  await using cast = await gatherBySockets();
  cast.clock.advance(1000);
  const lang = feature("1", "lang", binary("uk"), "LANGUAGE_SETTINGS");
  for (const status of ["set", "update"]) {
    const settings = status === "set" ? [lang] : [lang, feature("2", "k", binary("v"), "G")];
    const {
      one = [],
      tablet = [],
      ...others
    } = await cast.ask(profile(status, { settings, update: cast.clock.nowMs() }));
    const shown = settings.map((one) => plain(one as never));
    const whole = cast.view(status, { settings: shown, updateMs: cast.clock.nowMs() });
    expect(tablet).toEqual([[`ses/${anna}`, whole]]);
    expect(one).toContainEqual([`ses/${anna}`, whole] as never);
    expect([one.length, others]).toEqual([2, {}]);
  }
  for (const status of ["get", "update", "aws", "link", "migrate"]) {
    const { tablet } = await cast.ask(profile(status, { phone: status === "migrate" ? binary(free) : [] }));
    expect([status, tablet]).toEqual([status, undefined]);
  }
});
