/** How PROFILE is read where its document leaves something open: a test for each line of PROTOCOLS § 2.2 that has none elsewhere. */
import { expect, test } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import { until } from "../support/deadline.ts";
import { RosterClient } from "./client.ts";
import { type Cast, confirmTuple, gather, got, nickOf, phoneIdOf } from "./profile-cast.ts";
import {
  anna,
  bob,
  carl,
  email,
  feature,
  free,
  heard,
  no,
  plain,
  profile,
  roster,
  service,
  shortProfile,
  yes,
} from "./profiles.ts";

/** The answer on the asking client's own topic, whatever others hear. */
async function answerTo(cast: Cast, request: WireTerm): Promise<unknown> {
  const { one = [] } = await cast.ask(request);
  const answers = one.filter(([topic]) => topic === "actions/1/api/one").map(([, term]) => term);
  expect(answers).toHaveLength(1);
  return answers[0];
}

test.each([
  ["with a balance", profile],
  ["without", shortProfile],
])("P1: every request is read %s, and a Profile is answered with nine elements", async (_, record) => {
  await using cast = await gather();
  const nine = async (status: string, fields: Parameters<typeof profile>[1] = {}) => {
    const answer = (await answerTo(cast, record(status, { phone: binary(anna), ...fields }))) as unknown[];
    expect([status, answer.length, answer[0], answer.at(-2), answer.at(-1)]).toEqual([
      status,
      9,
      ":Profile",
      status === "remove" ? [] : ":online",
      `:${status}`,
    ]);
  };
  await nine("get");
  await nine("update", { update: cast.metAtMs });
  await nine("set");
  expect(await answerTo(cast, record("link", { services: [email("a@example.org")] }))).toEqual(yes("email_sent"));
  expect(await answerTo(cast, record("email", { services: [email("a@example.org", binary("1"))] }))).toEqual(
    no("wrong_code"),
  );
  expect(await answerTo(cast, record("aws"))).toEqual(no("aws"));
  expect(await answerTo(cast, record("migrate", { phone: binary(free) }))).toEqual(yes("migration"));
  await nine("phone", { phone: binary(free) });
  await nine("remove", { phone: binary(free) });
});

test("P2: the time is read where the balance is, if there is none in its own place", async () => {
  await using cast = await gather();
  const all = cast.view("update", { updateMs: cast.clock.nowMs() });
  const none = cast.view("update", { rosters: [], updateMs: cast.clock.nowMs() });
  const since = cast.clock.nowMs();
  const table: [update: WireTerm, balance: WireTerm, answer: unknown][] = [
    [since, [], none],
    [0, since, none],
    [[], since, none],
    [atom("undefined"), since, none],
    [1, since, all],
    [[], 7, all],
    [0, 0, all],
  ];
  for (const [update, balance, answer] of table) {
    expect([update, balance, await answerTo(cast, profile("update", { update, balance }))]).toEqual([
      update,
      balance,
      answer,
    ]);
  }
  const migrate = profile("migrate", { phone: binary(free), balance: since });
  expect(await answerTo(cast, migrate)).toEqual(yes("migration"));
});

test("P3: Feature has five elements, Roster fourteen, Contact fifteen", async () => {
  await using cast = await gather();
  const setAtMs = cast.clock.nowMs();
  const settings = [new Tuple([atom("Feature"), binary("1_2"), binary("sound"), atom("true"), binary("SOUNDS")])];
  await cast.ask(profile("set", { settings, rosters: [roster(cast.one.userId, binary("Anna"), binary("K"))] }));
  const { userId } = cast.one;
  const [friendId, askedId] = [`${bob}_${cast.friend.userId}`, `${carl}_${cast.asked.userId}`];
  const { metAtMs } = cast;
  const me = [
    ":Contact",
    `${anna}_${userId}`,
    [],
    "Anna",
    "K",
    "Anna K",
    [],
    [],
    0,
    0,
    [],
    setAtMs,
    [],
    ":online",
    ":friend",
  ];
  const [friendNick, askedNick] = [nickOf(cast.friend), nickOf(cast.asked)];
  const friend = [":Contact", friendId, [], [], [], friendNick, [], [], 0, 0, [], metAtMs, [], ":online", ":friend"];
  const asked = [":Contact", askedId, [], [], [], askedNick, [], [], 0, 0, [], metAtMs, [], [], ":request"];
  const contacts = [me, friend, asked];
  expect(await got(cast)).toEqual([
    ":Profile",
    anna,
    [],
    [[":Roster", userId, "Anna", "K", [], "Anna K", contacts, [], [], [], anna, [], setAtMs, []]],
    [[":Feature", "1_2", "sound", ":true", "SOUNDS"]],
    setAtMs,
    0,
    ":online",
    ":get",
  ]);
});

test("P4: rosters are given as ids or records of either layout, and got as records", async () => {
  await using cast = await gather();
  const { userId } = cast.one;
  const old = (id: WireTerm, names: WireTerm): WireTerm =>
    new Tuple([atom("Roster"), id, names, binary("Old"), [], [], [], [], [], binary("https://old"), [], []]);
  const forms: [rosters: WireTerm, names: unknown, surnames: unknown][] = [
    [[userId], [], []],
    [[binary(String(`${anna}_${userId}`))], [], []],
    [[], [], []],
    [[roster(userId, binary("Anna"), binary("K"))], "Anna", "K"],
    [roster([], binary("Ann")), "Ann", "K"],
    [[old(userId, binary("Anne"))], "Anne", "Old"],
    [[roster(binary(`${anna}_${userId}`), [], binary("L"))], "Anne", "L"],
  ];
  for (const [rosters, names, surnames] of forms) {
    const answer = (await answerTo(cast, profile("set", { rosters }))) as unknown[];
    expect([rosters, answer[3]]).toMatchObject([rosters, [{ 0: ":Roster", 1: userId, 2: names, 3: surnames }]]);
    expect((answer[3] as unknown[][])[0]).toHaveLength(14);
  }
  expect(await got(cast)).toMatchObject({ 3: [{ 11: "https://old" }] });
});

test("P5: who is removed is told as a Contact of fifteen elements, deleted, with its numbers 0", async () => {
  await using cast = await gather();
  const { friend = [] } = await cast.ask(profile("remove", { phone: binary(anna) }));
  const phoneId = `${anna}_${cast.one.userId}`;
  const nick = nickOf(cast.one);
  expect(friend).toEqual([
    [`ses/${bob}`, [":Contact", phoneId, [], [], [], nick, [], [], 0, 0, [], cast.clock.nowMs(), [], [], ":deleted"]],
  ]);
});

test("P6: whoever has not logged in is not authorized, whatever he asks", async () => {
  await using cast = await gather();
  for (const status of ["get", "update", "set", "link", "email", "aws", "remove", "migrate", "phone"]) {
    for (const record of [profile, shortProfile]) {
      for (const phone of [binary(anna), binary(free), []] as WireTerm[]) {
        const asked = record(status, { phone, services: [email("a@example.org")] });
        expect([status, await cast.answer(asked, "nobody")]).toEqual([status, no("not_authorized")]);
      }
    }
  }
});

test("P6: of another's phone, or nobody's, remove says not_found, and all else not_authorized", async () => {
  await using cast = await gather();
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

test("P11: a time in the confirmation of an address changes nothing", async () => {
  await using cast = await gather();
  const address = "anna@example.org";
  for (const update of [0, 1, Date.now() + 1e9, [], atom("x")] as WireTerm[]) {
    await cast.ask(profile("link", { services: [email(address)] }));
    const code = binary(cast.stage.mailed(address).at(-1) ?? "");
    const wrong = profile("email", { services: [email(address, binary("12345"))], update });
    expect(await cast.answer(wrong)).toEqual(no("wrong_code"));
    expect(await cast.answer(profile("email", { services: [email(address, code)], update }))).toEqual(yes("verified"));
  }
});

test("P15: who asks is the connection, by AUTH or by its password, not what an empty or foreign topic says", async () => {
  await using cast = await gather();
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

test("P16: services of any type and status are kept; only a code makes one verified, and what is to be removed goes", async () => {
  await using cast = await gather();
  const of = (id: string, type: string, status: string): WireTerm =>
    service(binary(id), atom(type), [], [], [], [], atom(status));
  const services = [
    of("w", "wallet", "add"),
    of("v", "vox", "verified"),
    of("a", "aws", "verified"),
    of("x", "something", "else"),
    service([], atom("email"), [], binary("eve@example.org"), [], [], atom("verified")),
  ];
  const shown = (id: unknown, type: string, status: string): unknown => [":Service", id, type, [], [], [], [], status];
  const kept = [
    shown("w", ":wallet", ":add"),
    shown("v", ":vox", ":added"),
    shown("a", ":aws", ":added"),
    shown("x", ":something", ":else"),
    [":Service", [], ":email", [], "eve@example.org", [], [], ":added"],
  ];
  expect(await answerTo(cast, profile("set", { services }))).toMatchObject({ 2: kept });
  expect(await got(cast)).toMatchObject({ 2: kept });
  const without = [of("w", "wallet", "remove"), ...services.slice(1)];
  expect(await answerTo(cast, profile("set", { services: without }))).toMatchObject({ 2: kept.slice(1) });
});

test("P17: presence is online or offline where it is told, and anything where it is read", async () => {
  await using cast = await gather();
  for (const presence of [atom("online"), atom("busy"), binary("away"), [], 7, [atom("x")]] as WireTerm[]) {
    expect(await cast.answer(profile("get", { presence }))).toEqual(cast.view("get"));
    const answer = (await answerTo(cast, profile("update", { presence }))) as unknown[];
    expect(answer[7]).toBe(":online");
  }
  const presencesIn = (answer: unknown): unknown[] =>
    ((answer as unknown[][][][][])[3]?.[0]?.[6] ?? []).map((entry) => entry[13]);
  // Of oneself and of friends; whoever was only asked does not show his.
  expect(presencesIn(await got(cast))).toEqual([":online", ":online", []]);
  await cast.friend.client[Symbol.asyncDispose]();
  await until("the friend to be gone", () => !cast.stage.server.hub.isOnline(cast.friend.userId as never));
  const [[, after] = []] = heard(await cast.one.client.ask(profile("get")));
  expect(presencesIn(after)).toEqual([":online", ":offline", []]);
  const removed = heard(await cast.one.client.ask(profile("remove", { phone: binary(anna) })));
  expect(removed).toMatchObject([[expect.any(String), { 7: [], 8: ":remove" }]]);
});

test("P18: a phone is one's own where it is unset, or a PhoneId of it", async () => {
  await using cast = await gather();
  const own: WireTerm[] = [
    [],
    atom(""),
    atom("undefined"),
    atom("nil"),
    binary(""),
    binary(`${anna}_${cast.one.userId}`),
    binary(`${anna}_1`),
  ];
  for (const phone of own) {
    expect([phone, await cast.answer(profile("get", { phone }))]).toEqual([phone, cast.view("get")]);
  }
});

test("P19: of a phone its digits count, and only they are answered", async () => {
  await using cast = await gather();
  const own: WireTerm[] = [
    binary(`+${anna}`),
    binary("+1 (555) 000-1001"),
    binary("1.555.000.1001"),
    [...binary(anna)],
    Number(anna),
  ];
  for (const phone of own) {
    expect([phone, await cast.answer(profile("get", { phone }))]).toEqual([phone, cast.view("get")]);
  }
  expect(await cast.answer(profile("migrate", { phone: binary("+1 555 000-1004") }))).toEqual(yes("migration"));
  expect(await answerTo(cast, profile("phone", { phone: binary(`+${free}`) }))).toMatchObject({ 1: free });
  expect(await answerTo(cast, profile("remove", { phone: binary(`+${free}`) }))).toMatchObject({ 1: free });
});

test("P21: a counterparty hears on ses/ and its digits alone", async () => {
  await using cast = await gather();
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
  await using cast = await gather();
  expect(await cast.answer(new Tuple([atom("Person"), binary(anna), [], [], atom("get")]))).toEqual(no("invalid_data"));
  const confirm = confirmTuple(phoneIdOf(cast.one));
  const { one = [], asked: confirmed = [] } = await cast.ask(confirm, "asked");
  const short = confirmed.map(([, term]) => term as unknown[]).filter((term) => term.length === 8);
  expect(short).toEqual([[":Contact", `${anna}_${cast.one.userId}`, [], [], [], [], cast.clock.nowMs(), ":friend"]]);
  expect(JSON.stringify([await got(cast, "asked"), confirmed, one])).not.toContain("Person");
});

test("P23: all devices of the phone hear the whole Profile on set and update, and of nothing else", async () => {
  await using cast = await gather();
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
