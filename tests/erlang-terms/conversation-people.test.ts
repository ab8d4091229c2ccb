/** Rooms and their members, lists of contacts and rooms, and whom a user blocks or mutes, in terms. */
import { expect, test } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary, Conversation, message, muc, text, tuple } from "./conversation-stage.ts";
import { phoneNumbers } from "./phones.ts";

const blanks = (count: number): WireTerm[] => Array.from({ length: count }, () => []);
const roomOf = (
  status: string,
  {
    id = [],
    name = [],
    members = [],
    admins = [],
    update = [],
  }: Partial<Record<"id" | "name" | "members" | "admins" | "update", WireTerm>> = {},
): WireTerm => tuple("Room", id, name, [], [], [], members, admins, ...blanks(8), update, [], atom(status));
const memberOf = (status: string, room: WireTerm, phoneId: WireTerm = []): WireTerm =>
  tuple("Member", [], [], muc(room), [], [], [], phoneId, ...blanks(9), atom(status));
const rosterOf = (status: string, { nick = [], users = [] }: { nick?: WireTerm; users?: WireTerm } = {}): WireTerm =>
  tuple("Roster", [], [], [], [], nick, users, ...blanks(6), atom(status));
const invalid = ["own {io,{error,invalid_data},<<>>}"];
const notFound = ["own {io,{error,not_found},<<>>}"];
const denied = ["own {io,{error,permission_denied},<<>>}"];
const notAuthorized = ["own {io,{error,not_authorized},<<>>}"];

async function three() {
  const stage = await Conversation.start();
  const [a, b, c] = [await stage.phone("A"), await stage.phone("B"), await stage.phone("C")];
  // Two of the three hear of chats.
  for (const client of [a, b]) await stage.ask(client, tuple("Typing", binary("nowhere"), []));
  const users = new Map<string, number>();
  for (const name of ["A", "B", "C"] as const) {
    users.set(name, await stage.phones.userId(name));
    stage.name(phoneNumbers[name], `phone${name}`);
  }
  const member = (name: string, status = "member"): string =>
    `{Member,${users.get(name)},chain,{muc,R},[],[],[],${name},[],[],[],<<user.${users.get(name)}>>,0,Time,[],[],[],${status}}`;
  const room = (status: string, { name = "team", members = "", admins = "" } = {}): string =>
    `{Room,R,<<${name}>>,[],[],[],[${members}],[${admins}],[],group,[],[],0,[],[],[],Time,Time,${status}}`;
  return { stage, a, b, c, users, member, room, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() };
}

test("a room is made, joined, renamed, muted and left, and all members who hear of chats are told", async () => {
  await using all = await three();
  const { stage, a, b, c, users, member, room } = all;
  const made = await a.ask(roomOf("create", { name: binary("team"), members: [stage.id("B")] }));
  const [chat] = await stage.server.store.chatsOf(await stage.phones.userId("A"));
  const id = binary(String(chat?.chatId));
  stage.name(String(chat?.chatId), "R");
  const begun = room("create", { members: member("B"), admins: member("A", "admin") });
  expect(stage.show(made).toSorted()).toEqual([`own ${begun}`, `ses/phoneA@2 ${begun}`]);
  expect(await stage.hears(b, 1)).toEqual([`ses/phoneB@2 ${begun}`]);
  // Another door is told the same way.
  await stage.server.domain.messages.send({
    chat: { id: Number(chat?.chatId) },
    from: users.get("B") as never,
    type: "text",
    content: "hi",
  });
  expect(await stage.hears(a, 1)).toEqual([expect.stringMatching(/^room\/R@1 \{Message,1,chain,\{muc,R\}.*<<hi>>/)]);
  await b.heard();

  const added = await stage.ask(b, roomOf("add", { id, members: [binary(phoneNumbers.C)] }));
  const joined = room("add", { members: member("C") });
  expect(added.toSorted()).toEqual([
    `own ${room("add", { members: `${member("B")},${member("C")}`, admins: member("A", "admin") })}`,
    `ses/phoneB@2 ${joined}`,
  ]);
  expect(await stage.hears(a, 1)).toEqual([`ses/phoneA@2 ${joined}`]);
  // It speaks only of friends and profiles.
  expect(stage.show(await c.heard())).toEqual([]);

  expect(await stage.ask(b, roomOf("patch", { id, name: binary("x") }))).toEqual(denied);
  const renamed = await stage.ask(a, roomOf("patch", { id, name: binary("crew") }));
  expect(renamed).toContain(`ses/phoneA@2 ${room("patch", { name: "crew" })}`);
  expect(await stage.hears(b, 1)).toEqual([`ses/phoneB@2 ${room("patch", { name: "crew" })}`]);
  expect(await stage.ask(b, roomOf("mute", { id }))).toContain(`ses/phoneB@2 ${room("mute", { name: "crew" })}`);
  expect([...(await stage.server.store.mutes(await stage.phones.userId("B"))).keys()]).toEqual([
    Number(chat?.chatId) as never,
  ]);
  expect(await stage.ask(b, memberOf("unmute", id))).toContain(`ses/phoneB@2 ${room("unmute", { name: "crew" })}`);

  expect(await stage.ask(b, memberOf("get", id))).toEqual([
    `own [${member("A", "admin")},${member("B")},${member("C")}]`,
  ]);
  expect(await stage.ask(b, memberOf("get", id, stage.id("C")))).toEqual([`own ${member("C")}`]);
  expect(await stage.ask(b, roomOf("remove", { id, members: [stage.id("C")] }))).toEqual(denied);
  expect((await stage.ask(a, memberOf("remove", id, stage.id("C")))).toSorted()).toEqual(
    [
      `ses/phoneA@2 ${room("leave", { name: "crew", members: member("C") })}`,
      `own ${member("C", "remove")}`,
    ].toSorted(),
  );
  await b.heard();
  const left = await stage.ask(b, roomOf("leave", { id }));
  expect(left).toContain(`own ${room("leave", { name: "crew" })}`);
  expect(await stage.hears(a, 1)).toEqual([`ses/phoneA@2 ${room("leave", { name: "crew", members: member("B") })}`]);
  expect(await stage.ask(b, roomOf("get", { id }))).toEqual(notFound);
  expect(await stage.ask(a, roomOf("get", { id }))).toEqual([
    `own ${room("get", { name: "crew", admins: member("A", "admin") })}`,
  ]);
});

test("a room has one admin, its owner: who names another changes nothing, and learns of no user by it", async () => {
  await using all = await three();
  const { stage, a, b, member } = all;
  await a.ask(roomOf("create", { name: binary("team"), members: [stage.id("B")], admins: [stage.id("C")] }));
  const [chat] = await stage.server.store.chatsOf(await stage.phones.userId("A"));
  const id = binary(String(chat?.chatId));
  stage.name(String(chat?.chatId), "R");
  await b.heard();
  // Who is named as an admin of a new room is a member like the others.
  const members = `${member("B")},${member("C")}`;
  const shown = (name: string) => `own ${all.room("get", { name, members, admins: member("A", "admin") })}`;
  expect(await stage.ask(b, roomOf("get", { id }))).toEqual([shown("team")]);
  const [name, own, other] = [binary("crew"), stage.id("A"), stage.id("C")];
  for (const [asked, answer] of [
    [roomOf("patch", { id, name, admins: [own, other] }), denied],
    [roomOf("patch", { id, admins: [other] }), denied],
    [roomOf("patch", { id, admins: [tuple("Member", ...blanks(6), other, ...blanks(10))] }), denied],
    [roomOf("patch", { id, admins: [binary("15550009999_99999")] }), denied],
    [roomOf("patch", { id, admins: [99_999] }), denied],
    // Nothing is to change.
    [roomOf("patch", { id, admins: [own] }), invalid],
  ] as const) {
    expect(await stage.ask(a, asked)).toEqual(answer);
  }
  for (const of of [{ name, admins: [own] }, { admins: [stage.id("B")] }]) {
    expect(await stage.ask(b, roomOf("patch", { id, ...of }))).toEqual(denied);
  }
  expect(await stage.ask(a, roomOf("get", { id }))).toEqual([shown("team")]);
  // A client sends the record as it was shown, with the owner in it.
  expect(await stage.ask(a, roomOf("patch", { id, name, admins: [own] }))).toContain(
    `ses/phoneA@2 ${all.room("patch", { name: "crew" })}`,
  );
  expect(await stage.ask(a, roomOf("patch", { id: 99_999, admins: [own] }))).toEqual(notFound);
});

test("what a room cannot be asked is said in this door's words", async () => {
  await using all = await three();
  const { stage, a, b } = all;
  for (const bad of [
    tuple("Room", []),
    roomOf("burn", { id: 1 }),
    roomOf("get"),
    roomOf("create", { id: 1 }),
    roomOf("add", { id: 1 }),
    roomOf("patch", { id: 1 }),
    roomOf("add", { id: 1, members: [atom("someone")] }),
    roomOf("create", { name: binary("n".repeat(300)) }),
    tuple("Member", []),
    memberOf("create", 1),
    memberOf("get", []),
    memberOf("add", 1),
    tuple("Roster", []),
    rosterOf("burn"),
    rosterOf("add"),
    rosterOf("nick"),
    tuple("Friend", [], []),
  ]) {
    expect(await stage.ask(a, bad)).toEqual(invalid);
  }
  expect(await stage.ask(a, roomOf("get", { id: 99999 }))).toEqual(notFound);
  expect(await stage.ask(a, roomOf("create", { members: [binary("15550009999_9")] }))).toEqual(notFound);
  await stage.ask(a, message({ to: stage.id("B"), files: text("a direct chat") }));
  const [direct] = await stage.server.store.chatsOf(await stage.phones.userId("A"));
  await b.heard();
  expect(await stage.ask(a, roomOf("leave", { id: Number(direct?.chatId) }))).toEqual(denied);
  const stranger = await stage.phones.connect("emqttd_X");
  for (const asked of [roomOf("get", { id: 1 }), memberOf("get", 1), rosterOf("get")]) {
    expect(await stage.ask(stranger, asked)).toEqual(notAuthorized);
  }
});

test("a roster is got with its contacts and rooms, renamed, and its list changed as PRIVATE does it", async () => {
  await using all = await three();
  const { stage, a, users } = all;
  await a.ask(roomOf("create", { name: binary("team"), members: [stage.id("B")] }));
  const [chat] = await stage.server.store.chatsOf(await stage.phones.userId("A"));
  stage.name(String(chat?.chatId), "R");
  const shown = (nick: string, contacts: string, rooms: string, status: string): string =>
    `{Roster,${users.get("A")},[],[],[],<<${nick}>>,[${contacts}],[${rooms}],[],[],phoneA,[],Time,${status}}`;
  const self = (nick: string): string => `{Contact,A,[],[],[],<<${nick}>>,[],[],0,0,[],Time,[],online,friend}`;
  const own = `user.${users.get("A")}`;
  expect(await stage.ask(a, rosterOf("get"))).toEqual([`own ${shown(own, self(own), all.room("get"), "get")}`]);
  expect(await stage.ask(a, rosterOf("list"))).toEqual([`own [${shown(own, self(own), "", "list")}]`]);
  expect(await stage.ask(a, rosterOf("nick", { nick: binary("Ann") }))).toEqual([
    `own ${shown("Ann", self("Ann"), "", "nick")}`,
  ]);
  expect(await stage.ask(a, rosterOf("nick", { nick: binary("n".repeat(200)) }))).toEqual([
    "own {io,{error,invalid_nick},<<>>}",
  ]);
  const asked = await stage.ask(a, rosterOf("add", { users: [stage.id("B"), binary(phoneNumbers.C)] }));
  expect(asked).toContain("own {io,{ok,added},<<>>}");
  expect(asked.filter((one) => one.startsWith("ses/phoneA") && one.endsWith(",request}"))).toHaveLength(2);
  expect(await stage.ask(a, rosterOf("del", { users: [stage.id("B")] }))).toContain("own {io,{ok,deleted},<<>>}");
  expect(
    (await stage.server.domain.contacts.list(await stage.phones.userId("A"))).map(({ user }) => user.userId),
  ).toEqual([await stage.phones.userId("C")]);
});

test("a user blocks another and mutes a chat; their own devices are told, and the other user is not", async () => {
  await using all = await three();
  const { stage, a, b, users } = all;
  const friend = (status: string, of: WireTerm = stage.id("B")): WireTerm =>
    tuple("Friend", stage.id("A"), of, [], atom(status));
  const contact = (status: string): string =>
    `ses/phoneA@2 {Contact,B,[],[],[],<<user.${users.get("B")}>>,[],[],0,0,[],Time,[],[],${status}}`;
  for (const [status, answer, told] of [
    ["ban", "banned", "banned"],
    ["unban", "unbanned", "unbanned"],
    ["ignore", "ignored", "banned"],
  ] as const) {
    expect((await stage.ask(a, friend(status))).toSorted()).toEqual([`own {io,{ok,${answer}},<<>>}`, contact(told)]);
  }
  expect(await stage.ask(b, message({ to: stage.id("A"), files: text("?") }))).toEqual(notFound);
  await stage.ask(a, friend("unban"));
  expect(await stage.ask(a, friend("mute"))).toEqual(notFound);
  await stage.ask(a, message({ to: stage.id("B"), files: text("a chat") }));
  expect((await stage.ask(a, friend("mute"))).toSorted()).toEqual(["own {io,{ok,muted},<<>>}", contact("muted")]);
  expect((await stage.ask(a, friend("unmute"))).toSorted()).toEqual(["own {io,{ok,unmuted},<<>>}", contact("unmuted")]);
  const [said, ...more] = await stage.hears(b, 1);
  expect([said, more]).toEqual([expect.stringContaining("a chat"), []]);
  expect(await stage.ask(a, friend("ban", binary("15550009999_9")))).toEqual(notFound);
  expect(await stage.ask(a, friend("ban", stage.id("A")))).toEqual(notFound);
  expect(await stage.ask(a, tuple("Friend", stage.id("B"), stage.id("A"), [], atom("ban")))).toEqual([
    "own {io,{error,roster_not_found},<<>>}",
  ]);
});
