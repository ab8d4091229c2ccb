/** What happens at the other doors and concerns phones, and what happens here and concerns the other doors. */
import { expect, test } from "bun:test";
import type { IConnectPacket } from "mqtt-packet";
import type { UserId } from "../../src/domain/model.ts";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { MiniClient } from "../minioicq/client.ts";
import { asBackend, call, enroll, inboxOf, say } from "../rest/client.ts";
import { openStopped } from "../support/open-stopped.ts";
import { type Device, Phones, phoneNumbers, tuple } from "./phones.ts";
import { confirm, friend, heard, pair, sent } from "./private-stage.ts";

const named = (of: string, nick: string, presence: string): string =>
  `{Contact,${of},[],[],[],<<${nick}>>,[],[],0,0,[],Time,[],${presence},friend}`;

/** A's and B's phones are those of the backend's `anna` and `bob`, and they are friends. */
async function befriended(phones: Phones) {
  const { a, b, aId, bId } = await pair(phones);
  await enroll(phones.server, "unrelated");
  await becomes(phones, "A", "anna");
  await becomes(phones, "B", "bob");
  await a.ask(friend(bId));
  await b.ask(confirm(aId));
  await a.heard();
  return { a, b, aId, bId };
}

/** No request gives a phone's user a name at the other doors yet. */
async function becomes(phones: Phones, who: "A" | "B", username: string): Promise<void> {
  using db = openStopped(databasePath(phones.server.dataDir));
  db.run("PRAGMA busy_timeout = 5000");
  db.run("UPDATE users SET username = ? WHERE user_id = ?", [username, await phones.userId(who)]);
}

const token = (phones: Phones, userID: string, displayName: string) =>
  asBackend(phones.server, "POST /token", { userID, displayName });

test("a name that a backend gives is told to the user's friends, once, and not told again", async () => {
  await using phones = await Phones.start();
  const { a, b } = await befriended(phones);
  const a2 = await phones.device("A", "emqttd_A2");
  const c = await phones.device("C");
  expect((await token(phones, "bob", "Bob B.")).status).toBe(201);
  for (const device of [a, a2]) expect(await device.heard()).toEqual([`ses/A ${named("B", "Bob B.", "online")}`]);
  expect([await b.heard(), await c.heard()]).toEqual([[], []]);
  await token(phones, "bob", "Bob B.");
  expect(await a.heard()).toEqual([]);
  const users = [
    { userID: "bob", displayName: "Robert" },
    { userID: "unrelated", displayName: "Somebody" },
  ];
  expect((await asBackend(phones.server, "PUT /chats/team/users", { users })).status).toBe(200);
  expect(await a.heard()).toEqual([`ses/A ${named("B", "Robert", "online")}`]);
  expect([await b.heard(), await c.heard()]).toEqual([[], []]);
  const shown = (await a.ask(tuple("Profile", [], [], [], [], 0, 0, [], atom("get"))))[0] ?? "";
  expect(shown).toContain(named("B", "Robert", "online"));
});

test("a friend who is away hears of a new name when they are back, and a user who is not a friend on both sides never", async () => {
  await using phones = await Phones.start();
  const { a } = await befriended(phones);
  const fields: Partial<IConnectPacket> = { password: Buffer.from(a.token), clean: false };
  const away = await phones.device("A", "away", fields);
  await away.client[Symbol.asyncDispose]();
  await token(phones, "bob", "Bob");
  const back = await phones.device("A", "away", fields);
  expect(await back.hears(1)).toEqual([`ses/A ${named("B", "Bob", "online")}`]);
  await a.heard();
  const statuses: [a: string, b: string][] = [
    ["banned", "friend"],
    ["friend", "banned"],
    ["ignore", "friend"],
    ["friend", "ignore"],
    ["request", "authorization"],
    ["authorization", "request"],
  ];
  for (const [at, [ofB, ofA]] of statuses.entries()) {
    await phones.setStatus("A", "B", ofB);
    await phones.setStatus("B", "A", ofA);
    await token(phones, "bob", `Bob ${at}`);
    expect([ofB, ofA, await a.heard(), await back.heard()]).toEqual([ofB, ofA, [], []]);
    // Nor does that user see who is connected.
    const [shown = ""] = await a.ask(tuple("Profile", [], [], [], [], 0, 0, [], atom("get")));
    expect(shown).toMatch(new RegExp(`\\{Contact,B,[^{}]*,\\[\\],${ofB}\\}`));
  }
});

test("of a profile's update, removal or move no user hears who ignores or banned its user", async () => {
  const rosters = [tuple("Roster", [], binary("Bob"), ...Array<[]>(11).fill([]))];
  for (const status of ["ignore", "banned"]) {
    await using phones = await Phones.start({
      env: { ROOST_SMS_COUNTRIES: "+999", ROOST_MIGRATION_CODE: "optional" },
    });
    const { a, b } = await befriended(phones);
    await phones.setStatus("A", "B", status);
    const profile = (phone: string, request: string, given: typeof rosters = []) =>
      tuple("Profile", binary(phone), [], given, [], 0, 0, [], atom(request));
    const answers = [
      ...(await b.ask(profile(phoneNumbers.B, "update", rosters))),
      ...(await b.ask(profile("15550001009", "migrate"))),
      ...(await b.ask(profile("15550001009", "phone"))),
      ...(await b.ask(profile("15550001009", "remove"))),
    ];
    expect(answers.map((one) => one.replace(/ .*[,{]/, " "))).toEqual([
      "ses/B update}",
      "own update}",
      "own <<>>}",
      "own phone}",
      "own remove}",
    ]);
    expect([status, await a.heard()]).toEqual([status, []]);
  }
});

test("confirming makes the direct chat that the other doors see, and what is said there arrives at all of them", async () => {
  await using phones = await Phones.start();
  const { server } = phones;
  const { a, b, aId, bId } = await pair(phones);
  await becomes(phones, "B", "bob");
  const [bob = ""] = await enroll(server, "bob");
  const annaId = await phones.userId("A");
  await server.domain.accounts.setPassword(annaId, "secret");
  using anna = await MiniClient.connect(server.http);
  expect(await anna.login(annaId)).toMatchObject({ action: "auth.login.success" });
  await anna.fence();
  expect(await a.ask(friend(bId))).toEqual([sent, ...heard.request]);
  // A request is no chat yet.
  expect([await anna.fence(), (await inboxOf(server, bob)).events]).toEqual([[], []]);
  await b.ask(confirm(aId));
  const [spawn, ...more] = await anna.fence();
  expect([spawn?.action, more]).toEqual(["chat.spawn", []]);
  const members = spawn?.["members"] as { user_id: UserId }[];
  expect(members.map((one) => one.user_id).toSorted()).toEqual([annaId, await phones.userId("B")]);
  const chatID = `direct.${annaId}.${await phones.userId("B")}`;
  const { events } = await inboxOf(server, bob);
  expect(events.map(({ type, chatID: of }) => [type, of])).toEqual([["chat_enter", chatID]]);
  await say(server, bob, chatID, "hello");
  expect((await anna.pushes(1)).map(({ content }) => content)).toEqual(["hello"]);
  // Confirmed again, or asked again, it is the same chat.
  await b.ask(confirm(aId));
  await a.ask(friend(bId));
  expect(await anna.fence()).toEqual([]);
  expect((await inboxOf(server, bob)).events).toHaveLength(1);
});

test("who asks, agrees or ends it at another door is told to phones as here, and phones are told there", async () => {
  await using phones = await Phones.start();
  const { server } = phones;
  const [anna = ""] = await enroll(server, "anna");
  const annaId = (await server.store.findUserByKey("anna"))?.userId ?? 0;
  using mia = await MiniClient.connect(server.http, "json");
  const { user_id: miaId } = await mia.register("mia", "long enough");
  await mia.login(miaId, "long enough", { extensions: true });
  const b = await phones.device("B");
  const away = await phones.device("B", "away", { password: Buffer.from(b.token), clean: false });
  await away.client[Symbol.asyncDispose]();
  const bId = await phones.userId("B");
  const nick = `user.${bId}`;
  const short = (of: unknown, status: string): string => `phone/B {Contact,<<_${of}>>,[],[],[],[],Time,${status}}`;
  const long = (of: unknown, name: string, status: string): string =>
    `ses/B {Contact,<<_${of}>>,[],[],[],<<${name}>>,[],[],0,0,[],Time,[],[],${status}}`;
  // MiniOICQ asks, the phone agrees.
  await mia.ask({ action: "contact.request", user_id: String(bId) });
  const asked = [short(miaId, "authorization"), long(miaId, "mia", "authorization")];
  expect(await b.heard()).toEqual(asked);
  await mia.fence();
  expect(await b.ask(confirm(binary(`_${miaId}`)))).toEqual([
    "phone/B <<>>",
    short(miaId, "friend"),
    long(miaId, "mia", "friend"),
  ]);
  expect((await mia.fence()).map(({ action }) => action).toSorted()).toEqual(["chat.spawn", "contact.changed"]);
  // REST asks, and takes it back; then the phone asks, and REST agrees.
  const rest = async (verb: string): Promise<unknown> =>
    JSON.parse((await call(server, `${verb} /contacts/${nick}`, { as: anna })).text || "null");
  expect(await rest("PUT")).toMatchObject({ status: "request" });
  expect(await b.heard()).toEqual([short(annaId, "authorization"), long(annaId, "anna", "authorization")]);
  await rest("DELETE");
  expect(await b.heard()).toEqual([long(annaId, "anna", "revoke")]);
  expect(await b.ask(friend(binary(`_${annaId}`)))).toEqual(["phone/B <<>>", long(annaId, "anna", "request")]);
  expect(await rest("GET")).toMatchObject({ status: "authorization" });
  expect(await rest("PUT")).toMatchObject({ status: "friend" });
  expect(await b.heard()).toEqual([short(annaId, "friend"), long(annaId, "anna", "friend")]);
  // Who was away with a lasting session is told of all of it.
  const back = await phones.device("B", "away", { password: Buffer.from(b.token), clean: false });
  expect((await back.hears(asked.length)).slice(0, asked.length)).toEqual(asked);
  // A blocked user asks in vain, and the phone hears nothing of it.
  await server.domain.contacts.revoke(bId, annaId);
  await server.domain.contacts.block(bId, annaId);
  await b.heard();
  await rest("PUT");
  expect(await b.heard()).toEqual([]);
  await server.store.removeUser(Number(miaId) as UserId);
  expect(await b.heard()).toEqual([long(miaId, "mia", "deleted").replace("<<mia>>", "[]")]);
});

test("a code that is mailed is in the language of the settings, else of the log-in", async () => {
  const mails: { to: unknown; subject: unknown }[] = [];
  const nothing = (): void => undefined;
  const log = {
    debug: nothing,
    warn: nothing,
    error: nothing,
    info(message: string, fields?: Readonly<Record<string, unknown>>) {
      if (message.startsWith("mail, ")) mails.push({ to: fields?.["to"], subject: fields?.["subject"] });
    },
  };
  await using phones = await Phones.start({ log });
  const device: Device = await phones.device("A", "emqttd_A", {}, [atom("de")]);
  const profile = (request: string, { services = [], settings = [] }: { services?: WireTerm; settings?: WireTerm }) =>
    tuple("Profile", [], services, [], settings, 0, 0, [], atom(request));
  const services = [tuple("Service", [], atom("email"), [], binary("anna@example.org"), [], [], [])];
  const lastSubject = async (): Promise<unknown> => {
    expect(await device.ask(profile("link", { services }))).toEqual(["own {io,{ok,email_sent},<<>>}"]);
    return mails.at(-1)?.subject;
  };
  expect(await lastSubject()).toBe("Bestätigungscode");
  const settings: [value: string, group: string, subject: string][] = [
    ["uk", "LANGUAGE_SETTINGS", "Код підтвердження"],
    ["pl-PL", "language_settings", "Kod potwierdzający"],
    ["tlh", "LANGUAGE_SETTINGS", "Confirmation code"],
    ["<b>", "LANGUAGE_SETTINGS", "Bestätigungscode"],
    ["uk", "SOUNDS", "Bestätigungscode"],
  ];
  for (const [value, group, subject] of settings) {
    await device.ask(
      profile("set", { settings: [tuple("Feature", binary("1"), binary("k"), binary(value), binary(group))] }),
    );
    expect([value, group, await lastSubject()]).toEqual([value, group, subject]);
  }
});
