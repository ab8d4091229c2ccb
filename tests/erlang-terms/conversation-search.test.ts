/** Users found by phone or nick, and the log-ins of a phone listed and ended, in terms. */
import { expect, test } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { atom, binary, Conversation, tuple } from "./conversation-stage.ts";
import { phoneNumbers } from "./phones.ts";

const search = (field: WireTerm, value: WireTerm, ref: WireTerm = binary("r1")): WireTerm =>
  tuple("Search", [], ref, field, atom("=="), value, []);
const auth = (type: string, token: WireTerm = []): WireTerm =>
  tuple("Auth", token, [], [], [], [], atom(type), [], [], [], [], []);
const invalid = ["own {io,{error,invalid_data},<<>>}"];
const unknownNumber = "15550009999";
const limit = ["own {io,{error,limit},<<>>}"];

const answer = (of: number, contacts: string, ref = "<<r1>>"): string[] => {
  return [`own {io,{ok,${ref}},{Roster,${of},[],[],[],[],[${contacts}],[],[],[],phoneA,[],0,search}}`];
};
const contact = (name: string, id: number, status: string): string =>
  `{Contact,${name},[],[],[],<<user.${id}>>,[],[],0,0,[],Time,[],[],${status}}`;
const none = `{Contact,<<${unknownNumber}>>,[],[],[],[],[],[],0,0,[],0,[],[],not_existence}`;

test("users are found by phones, a hundred numbers a day, and by nick", async () => {
  const clock = createManualClock(Date.now());
  await using stage = await Conversation.start({ clock });
  const a = await stage.phone("A");
  await stage.phone("B");
  stage.name(phoneNumbers.A, "phoneA");
  const [aId, bId] = [await stage.phones.userId("A"), await stage.phones.userId("B")];
  const both = [binary(`+${phoneNumbers.B}`), binary(unknownNumber)];
  expect(await stage.ask(a, search(binary("phone"), both))).toEqual(
    answer(aId, `${contact("B", bId, "internal")},${none}`),
  );
  expect(await stage.ask(a, search(atom("phone"), binary(phoneNumbers.B), 7))).toEqual(
    answer(aId, contact("B", bId, "internal"), "7"),
  );
  await stage.server.domain.contacts.requestFriend(aId, bId);
  await a.heard();
  const byNick = await stage.ask(a, search(atom("nick"), binary(`user.${bId}`)));
  expect(byNick).toEqual(answer(aId, contact("B", bId, "request")));
  const many = (count: number): WireTerm => Array.from({ length: count }, () => binary(unknownNumber));
  expect(await stage.ask(a, search(atom("phone"), many(98)))).toEqual(limit);
  expect(await stage.ask(a, search(atom("phone"), many(97)))).toHaveLength(1);
  expect(await stage.ask(a, search(atom("phone"), binary(phoneNumbers.B)))).toEqual(limit);
  clock.advance(86_400_000);
  expect(await stage.ask(a, search(atom("phone"), binary(phoneNumbers.B)))).toEqual(
    answer(aId, contact("B", bId, "request")),
  );
  for (const bad of [
    search(atom("link"), binary("x")),
    search(atom("phone"), []),
    search(atom("phone"), many(101)),
    search(atom("phone"), binary("anna")),
    search(atom("nick"), binary("n".repeat(200))),
    tuple("Search", []),
  ]) {
    expect(await stage.ask(a, bad)).toEqual(invalid);
  }
  const stranger = await stage.phones.connect("emqttd_X");
  const notAuthorized = ["own {io,{error,not_authorized},<<>>}"];
  expect(await stage.ask(stranger, search(atom("nick"), binary("x")))).toEqual(notAuthorized);
});

test("where the directory hides strangers, a phone of one is like a phone of no one", async () => {
  await using stage = await Conversation.start({ env: { ROOST_DIRECTORY: "contacts" } });
  const a = await stage.phone("A");
  await stage.phone("B");
  stage.name(phoneNumbers.A, "phoneA");
  const [aId, bId] = [await stage.phones.userId("A"), await stage.phones.userId("B")];
  expect(await stage.ask(a, search(atom("phone"), binary(phoneNumbers.B)))).toEqual(
    answer(aId, none.replace(unknownNumber, phoneNumbers.B)),
  );
  await stage.server.domain.chats.create(bId, { members: [], name: "team" }).then(({ chat }) =>
    stage.server.domain.chats.putMembers({
      chatKey: chat.chatKey,
      people: [{ username: `user.${aId}` }],
      chatName: undefined,
    }),
  );
  await a.heard();
  expect(await stage.ask(a, search(atom("phone"), binary(phoneNumbers.B)))).toEqual(
    answer(aId, contact("B", bId, "internal")),
  );
});

test("the log-ins of a phone are listed, and one, all others, or the own one end", async () => {
  await using stage = await Conversation.start();
  const a = await stage.phone("A");
  const others = [await stage.phone("A", "emqttd_A2"), await stage.phone("A", "emqttd_A3")];
  const aId = await stage.phones.userId("A");
  stage.name(phoneNumbers.A, "phoneA");
  const listed = async (): Promise<string[]> => {
    const [list = ""] = await stage.ask(a, auth("list"));
    return [...list.matchAll(/\{Auth,<<(p\d+)>>,<<(\w+)>>,(\d+),phoneA,<<(\w+)>>,list,\[\],0,\[\],Time,Time\}/g)].map(
      ([, handle, devKey, userId, clientId]) => {
        expect([Number(userId), clientId]).toEqual([aId, devKey]);
        return `${handle} ${clientId}`;
      },
    );
  };
  const [third = "", second = "", first = ""] = await listed();
  expect([third, second, first].map((one) => one.split(" ")[1])).toEqual(["emqttd_A3", "emqttd_A2", "emqttd_A"]);
  expect(await stage.ask(a, auth("logout", binary("p999999")))).toEqual(["own {io,{error,session_not_found},<<>>}"]);
  expect(await stage.ask(a, auth("logout", binary(third.split(" ")[0] ?? "")))).toEqual(["own {io,{ok,logout},<<>>}"]);
  expect(await listed()).toEqual([second, first]);
  for (const other of others.slice(1)) expect(await stage.ask(other, auth("list"))).toEqual(invalid);
  expect(await stage.ask(a, auth("clear"))).toEqual(["own {io,{ok,cleared},<<>>}"]);
  expect(await listed()).toEqual([first]);
  for (const other of others) expect(await stage.ask(other, auth("list"))).toEqual(invalid);
  expect(await stage.ask(a, auth("logout"))).toEqual(["own {io,{ok,logout},<<>>}"]);
  expect(await stage.ask(a, auth("list"))).toEqual(invalid);
});
