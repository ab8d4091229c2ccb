/** PROFILE by the book: what a profile is, how it changes, and who is told. Removal and moves have a file of their own. */
import { expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import type { WireTerm } from "../../src/etf/encode.ts";
import { termLimits } from "../../src/etf/limits.ts";
import { decodeMessagePack } from "../../src/etf/message-pack.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import {
  anna,
  befriend,
  bob,
  carl,
  contact,
  type Fields,
  feature,
  heard,
  no,
  plain,
  profile,
  roster,
  service,
  shortProfile,
  start,
} from "./profiles.ts";

test("answers come where they were asked for", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna, "me");
  const topics = [
    ["events//api/anon//", "actions/api/me"],
    ["events/1//api/anon//", "actions/1/api/me"],
    ["events/1/3/api/anon/someone/token", "actions/1/api/me"],
  ] as const;
  for (const [topic, answer] of topics) {
    const answers = await owner.client.ask(profile("get"), { topic });
    expect(answers.map((one) => one.topic)).toEqual([answer]);
  }
});

test("P20: getting shows services without secrets, settings, and users with whom they know, and changes nothing", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  await using friend = await stage.logIn(bob);
  await using asked = await stage.logIn(carl);
  await befriend(stage.server, owner, friend);
  await stage.server.domain.contacts.requestFriend(owner.userId as never, asked.userId);
  for (const one of [owner, asked]) await one.client.heard();
  const services = [
    service(binary("v1"), atom("vox"), binary("data"), binary("login"), binary("s3cret"), 1_700_000_000, atom("added")),
    service(binary("AKIA"), atom("aws"), [], binary("s3cret"), binary("s3cret"), 1, atom("verified")),
    service(binary("w"), atom("wallet"), [], [], [], [], atom("add")),
  ];
  const settings = [
    feature("o_1", "lang", binary("uk"), "LANGUAGE_SETTINGS"),
    feature("o_2", "sound", atom("true"), "S"),
  ];
  await owner.ask(
    profile("set", { services, settings, rosters: [roster([], binary("Anna"), binary("K"), binary("ann"))] }),
  );
  await owner.client.heard();
  const first = await owner.ask(profile("get"));
  const nameOf = (userId: number) => `user.${userId}`;
  expect(first).toEqual([
    ":Profile",
    anna,
    [
      [":Service", "v1", ":vox", "data", "login", [], 1_700_000_000, ":added"],
      [":Service", "AKIA", ":aws", [], [], [], 1, ":added"],
      [":Service", "w", ":wallet", [], [], [], [], ":add"],
    ],
    [
      [
        ":Roster",
        owner.userId,
        "Anna",
        "K",
        [],
        "ann",
        [
          contact(owner, { names: "Anna", surnames: "K", nick: "ann", presence: "online", status: "friend" }),
          contact(friend, { nick: nameOf(friend.userId), presence: "online", status: "friend" }),
          contact(asked, { nick: nameOf(asked.userId), status: "request" }),
        ],
        [],
        [],
        [],
        anna,
        [],
        expect.any(Number),
        [],
      ],
    ],
    [
      [":Feature", "o_1", "lang", "uk", "LANGUAGE_SETTINGS"],
      [":Feature", "o_2", "sound", ":true", "S"],
    ],
    expect.any(Number),
    0,
    ":online",
    ":get",
  ]);
  expect(await owner.ask(profile("get"))).toEqual(first);
  await friend.client[Symbol.asyncDispose]();
});

test("a friend who blocked the user does not show whether they are there until they take it back", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  await using friend = await stage.logIn(bob);
  await befriend(stage.server, owner, friend);
  const nick = `user.${owner.userId}`;
  const shown = async () => {
    const own = JSON.parse(JSON.stringify(await friend.ask(profile("get"))))[3][0];
    return own[6].find((one: unknown) => JSON.stringify(one).includes(nick));
  };
  expect(await shown()).toEqual(contact(owner, { nick, presence: "online", status: "friend" }));
  await stage.server.domain.contacts.block(owner.userId as never, friend.userId);
  expect(await shown()).toEqual(contact(owner, { nick, status: "friend" }));
  await stage.server.domain.contacts.unblock(owner.userId as never, friend.userId);
  expect(await shown()).toEqual(contact(owner, { nick, presence: "online", status: "friend" }));
});

const timeOf = (answer: unknown): number => (answer as number[])[5] ?? 0;

test("P14: setting replaces what is given and nothing else, and other devices hear of it, but no friends", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna, "one");
  await using tablet = await stage.logIn(anna, "two");
  await using friend = await stage.logIn(bob);
  await befriend(stage.server, owner, friend);
  await tablet.client.heard();
  const before = Date.now();
  const service1 = service(binary("v1"), atom("vox"));
  const feature1 = feature("1", "key", binary("value"), "GROUP");
  const table: [fields: Parameters<typeof profile>[1], services: number, settings: number][] = [
    [{ services: [service1] }, 1, 0],
    [{ settings: [feature1] }, 1, 1],
    [{ balance: 1_000_000 }, 1, 1],
    [{ services: [service1, service(binary("v2"), atom("vox"))], update: 7 }, 2, 1],
    [{ services: service(binary("v3"), atom("vox")) }, 1, 1],
    [{ rosters: [owner.userId] }, 1, 1],
    [{ rosters: [binary(`${anna}_${owner.userId}`)], presence: atom("busy") }, 1, 1],
    [{ services: atom("undefined"), settings: atom("") }, 1, 1],
  ];
  let last = before;
  for (const [fields, services, settings] of table) {
    const answers = heard(await owner.client.ask(profile("set", { phone: binary(anna), ...fields })));
    const answer = answers.find(([topic]) => topic === "actions/api/one")?.[1] as unknown[];
    expect([answer[0], answer[6], answer[8]]).toEqual([":Profile", 0, ":set"]);
    expect([(answer[2] as unknown[]).length, (answer[4] as unknown[]).length]).toEqual([services, settings]);
    expect(timeOf(answer)).toBeGreaterThanOrEqual(last);
    last = timeOf(answer);
    expect(answers.toSorted()).toEqual([
      ["actions/api/one", answer],
      [`ses/${anna}`, answer],
    ]);
    expect(heard(await tablet.client.heard())).toEqual([[`ses/${anna}`, answer]]);
  }
  expect(await friend.client.heard()).toEqual([]);
});

test("what cannot be kept is not set", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  await using other = await stage.logIn(bob);
  const before = await owner.ask(profile("get"));
  const table: [fields: Parameters<typeof profile>[1], answer: string][] = [
    [{ services: [atom("x")] }, "invalid_data"],
    [{ services: [new Tuple([atom("Service"), 1])] }, "invalid_data"],
    [{ services: Array.from({ length: 200 }, (_, at) => service(binary(`${at}`))) }, "invalid_data"],
    [{ services: [service(binary("a".repeat(10_000)))] }, "invalid_data"],
    [{ settings: [roster(1)] }, "invalid_data"],
    [{ settings: [feature("1", "k".repeat(10_000), [], "G")] }, "invalid_data"],
    [{ rosters: [atom("x")] }, "invalid_data"],
    [{ rosters: [roster(owner.userId, binary("n".repeat(1000)))] }, "invalid_data"],
    [{ rosters: [roster(owner.userId, [], [], [], binary(`https://${"a".repeat(2048)}`))] }, "invalid_data"],
    [{ rosters: [roster(owner.userId, [], [], [], binary("https://a\r\nb"))] }, "invalid_data"],
    [{ rosters: Array.from({ length: 101 }, (_, at) => at) }, "invalid_data"],
    [{ rosters: [other.userId] }, "not_authorized"],
    [{ rosters: [roster(other.userId, binary("Mallory"))] }, "not_authorized"],
  ];
  for (const status of ["set", "update"]) {
    for (const [fields, answer] of table) expect(await owner.ask(profile(status, fields))).toEqual(no(answer));
  }
  expect(await owner.ask(profile("get"))).toEqual(before);
});

test("P13: updating tells friends of users who look different, and the client what is new since its time", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna, "one");
  await using tablet = await stage.logIn(anna, "two");
  await using friend = await stage.logIn(bob);
  await using asked = await stage.logIn(carl);
  await befriend(stage.server, owner, friend);
  await stage.server.domain.contacts.requestFriend(owner.userId as never, asked.userId);
  for (const one of [owner, tablet, friend, asked]) await one.client.heard();
  const quiet = (await owner.ask(profile("update"))) as unknown[];
  expect([quiet[8], (quiet[3] as unknown[]).length]).toEqual([":update", 1]);
  const since = timeOf(quiet);
  expect(since).toBeGreaterThanOrEqual(timeOf(await owner.ask(profile("get"))));
  expect(await tablet.client.heard()).toEqual([]);
  // Nothing is new since then, nor can it be later.
  for (const fields of [{ update: since }, { balance: since }, { update: since + 1e9 }] as Fields[]) {
    expect((await owner.ask(profile("update", fields))) as unknown[]).toMatchObject({ 3: [], 8: ":update" });
  }
  for (const update of [0, [], -1, atom("x")] as WireTerm[]) {
    expect(((await owner.ask(profile("update", { update }))) as unknown[])[3]).toHaveLength(1);
  }
  // The clock may stand where it stood.
  while (Date.now() <= since) await Bun.sleep(0);
  const rosters = [roster(owner.userId, binary("Anna"), [], binary("ann"))];
  const answers = heard(
    await owner.client.ask(shortProfile("update", { phone: binary(anna), rosters, update: since })),
  );
  const answer = answers.find(([topic]) => topic === "actions/api/one")?.[1];
  expect(answer).toMatchObject({ 1: anna, 3: [{ 1: owner.userId, 2: "Anna", 5: "ann" }] });
  expect(timeOf(answer)).toBeGreaterThan(since);
  const copy = [
    `ses/${anna}`,
    [":Profile", anna, [], [expect.any(Array)], [], expect.any(Number), 0, ":online", ":update"],
  ];
  expect(answers as unknown[]).toContainEqual(copy);
  expect(heard(await tablet.client.heard()) as unknown[]).toEqual([copy]);
  expect(heard(await friend.client.heard())).toEqual([
    [`ses/${bob}`, contact(owner, { names: "Anna", nick: "ann", presence: "online", status: "friend" })],
  ]);
  // Who was only asked is not told.
  expect(await asked.client.heard()).toEqual([]);
  // A friend's change is new too.
  while (Date.now() <= timeOf(answer)) await Bun.sleep(0);
  await friend.client.ask(profile("update", { rosters: [roster([], binary("Bob"))] }));
  await owner.client.heard();
  const next = (await owner.ask(profile("update", { update: timeOf(answer) }))) as unknown[];
  expect(next[3]).toMatchObject([
    { 6: [contact(friend, { names: "Bob", nick: "Bob", presence: "online", status: "friend" })] },
  ]);
  // The same again is no change.
  await owner.client.ask(profile("update", { rosters }));
  expect(await friend.client.heard()).toEqual([]);
});

test("what is no Profile is told so", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  const record = (...fields: WireTerm[]): WireTerm => new Tuple([atom("Profile"), ...fields]);
  const garbage = [
    record(),
    record(binary(anna), [], [], [], 0, atom("get")),
    record(binary(anna), [], [], [], 0, 0, [], [], atom("get")),
    profile("nonsense"),
    record(binary(anna), [], [], [], 0, 0, [], []),
  ];
  for (const request of garbage) expect(await owner.ask(request)).toEqual(no("invalid_data"));
  // In a field that nobody reads, anything may stand.
  const anything = new Tuple([atom("x"), [1, atom("y")]]);
  const fields = { services: anything, rosters: anything, settings: anything, update: anything, presence: anything };
  expect(await owner.ask(profile("get", fields))).toMatchObject({ 0: ":Profile", 1: anna });
});

test("the same in MessagePack and JSON", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  const { client } = owner;
  const request = [
    "Profile",
    "",
    [["Service", "v1", "vox", "", "me", "secret", null, ""]],
    null,
    [["Feature", "1", "k", true, "G"]],
    0,
    0,
    null,
  ];
  const isName = (name: string) => ["Profile", "Service", "Feature", "Roster"].includes(name);
  const packed = (await client.ask(Buffer.from(encode([...request, "set"])))).find(({ topic }) =>
    topic.startsWith("actions"),
  );
  const term = plain(decodeMessagePack(packed?.payload ?? Buffer.alloc(0), isName, termLimits));
  expect(term).toMatchObject({ 0: ":Profile" });
  const text = (await client.ask(Buffer.from(JSON.stringify([...request, "set"])))).find(({ topic }) =>
    topic.startsWith("actions"),
  );
  expect(JSON.parse(String(text?.payload))).toEqual([
    "Profile",
    anna,
    [["Service", "v1", "vox", [], "me", [], [], "added"]],
    [
      [
        "Roster",
        owner.userId,
        [],
        [],
        [],
        `user.${owner.userId}`,
        expect.any(Array),
        [],
        [],
        [],
        anna,
        [],
        expect.any(Number),
        [],
      ],
    ],
    [["Feature", "1", "k", "true", "G"]],
    expect.any(Number),
    0,
    "online",
    "set",
  ]);
});
