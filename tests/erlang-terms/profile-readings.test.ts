/** How PROFILE's tuples are read where its document leaves something open (docs/protocols/resolutions.md § PROFILE). */
import { expect, test } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import { answerTo, gather, got, nickOf } from "./profile-cast.ts";
import { anna, bob, carl, code, email, free, no, profile, roster, service, shortProfile, yes } from "./profiles.ts";

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
  await nine("phone", { phone: binary(free), services: [binary(code)] });
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
  expect(await answerTo(cast, profile("phone", { phone: binary(`+${free}`), services: [binary(code)] }))).toMatchObject(
    { 1: free },
  );
  expect(await answerTo(cast, profile("remove", { phone: binary(`+${free}`) }))).toMatchObject({ 1: free });
});

test("fields that a request fills with '_', as the documents print it, stay as they are", async () => {
  await using cast = await gather();
  const { userId } = cast.one;
  const settings = [new Tuple([atom("Feature"), binary("1_2"), binary("sound"), atom("true"), binary("SOUNDS")])];
  await cast.ask(profile("set", { settings, rosters: [roster(userId, binary("Anna"), binary("K"))] }));
  const before = (await got(cast)) as unknown[];
  const _ = atom("_");
  for (const status of ["set", "update"] as const) {
    const asked = await cast.ask(new Tuple([atom("Profile"), _, _, _, _, _, _, _, atom(status)]));
    expect([status, asked]).toEqual([status, expect.anything()]);
    expect([status, JSON.stringify(asked).includes("invalid_data")]).toEqual([status, false]);
  }
  const after = (await got(cast)) as unknown[];
  expect([after[3], after[4]]).toEqual([before[3], before[4]]);
});
