/** `directory = contacts`: strangers are nobody to each other, at every door, unless they know the phone. */
import { expect, test } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { MiniClient } from "../minioicq/client.ts";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { Phones, phoneNumbers, tuple } from "./phones.ts";
import { confirm, echo, friend, heard, notFound, pair, revoke, sent, short } from "./private-stage.ts";

const hidden = { env: { ROOST_DIRECTORY: "contacts" } };
const picture = "https://pictures.example.org/1.png";
const names = (given: string): WireTerm => {
  const roster = tuple("Roster", [], binary(given), [], [], [], [], [], [], [], [], binary(picture), [], []);
  return tuple("Profile", [], [], [roster], [], 0, 0, [], atom("set"));
};
/** Of somebody who has not answered: nothing but the PhoneId. */
const bare = (of: string, status: string): string => `{Contact,${of},[],[],[],[],[],[],0,0,[],Time,[],[],${status}}`;
const full = (of: string, given: string, status: string): string =>
  `{Contact,${of},<<${picture}>>,<<${given}>>,[],<<${given}>>,[],[],0,0,[],Time,[],[],${status}}`;

test("a number alone finds no stranger, and is answered as a number without a user", async () => {
  await using phones = await Phones.start(hidden);
  const { a, b, aId, bId } = await pair(phones);
  const [aUser, bUser] = [await phones.userId("A"), await phones.userId("B")];
  const answers = new Set<string>();
  for (const reference of [bUser, 999_999, binary(`_${bUser}`), binary("_999999")] as WireTerm[]) {
    for (const request of [friend(reference), friend([reference], { status: "list" })]) {
      for (const answer of await a.ask(request)) answers.add(answer);
    }
  }
  expect([...answers]).toEqual([notFound]);
  expect(await b.heard()).toEqual([]);
  // Of a list only whom one may find is asked.
  const c = await phones.device("C");
  const list = friend([bUser, binary(phoneNumbers.C)], { status: "list" });
  expect(await a.ask(list)).toEqual([sent, `ses/A ${bare("C", "request")}`]);
  expect([await b.heard(), (await c.heard()).length]).toEqual([[], 2]);
  // A user who asked has shown who they are: they may be confirmed, and asked, by number.
  await b.ask(friend(aId));
  await a.heard();
  expect(await a.ask(friend(bUser))).toEqual([sent, ...heard.friendOfB]);
  await a.ask(revoke(bUser));
  expect((await b.heard()).length).toBeGreaterThan(0);
  // They share a chat now.
  expect((await b.ask(friend(aUser))).at(0)).toBe("phone/B <<>>");
  await a.heard();
  expect(await a.ask(confirm(bId))).toEqual([sent, ...heard.friendOfB]);
});

test("a user who is asked by phone shows their names when they have agreed, not before", async () => {
  await using phones = await Phones.start(hidden);
  const { a, b, aId, bId } = await pair(phones);
  for (const [device, given] of [
    [a, "Anna"],
    [b, "Bob"],
  ] as const)
    await device.ask(names(given));
  const get = tuple("Profile", [], [], [], [], 0, 0, [], atom("get"));
  expect(await a.ask(friend(binary(phoneNumbers.B)))).toEqual([sent, `ses/A ${bare("B", "request")}`]);
  expect(await b.heard()).toEqual([
    `phone/B {Contact,A,<<${picture}>>,<<Anna>>,[],[],Time,authorization}`,
    `ses/B ${full("A", "Anna", "authorization")}`,
  ]);
  expect((await a.ask(get))[0]).toContain(bare("B", "request"));
  expect(await a.ask(revoke(bId))).toEqual([echo, `ses/A ${bare("B", "revoke")}`]);
  await b.heard();
  await a.ask(friend(bId));
  await b.heard();
  await b.ask(confirm(aId));
  expect(await a.heard()).toEqual([
    `phone/A {Contact,B,<<${picture}>>,<<Bob>>,[],[],Time,friend}`,
    `ses/A ${full("B", "Bob", "friend")}`,
  ]);
});

test("a user who was asked, and removes their profile, shows no names either", async () => {
  await using phones = await Phones.start(hidden);
  const { a, b, bId } = await pair(phones);
  await b.ask(names("Bob"));
  await a.ask(friend(bId));
  await b.heard();
  await b.ask(tuple("Profile", binary(phoneNumbers.B), [], [], [], 0, 0, [], atom("remove")));
  expect(await a.heard()).toEqual([`ses/A ${bare("B", "deleted")}`]);
});

test("over MiniOICQ one finds oneself, one's contacts, and those one shares a chat with", async () => {
  await using phones = await Phones.start(hidden);
  const { server } = phones;
  const { a, b, aId, bId } = await pair(phones);
  await enroll(server, "stranger", "colleague");
  const [aUser, bUser] = [await phones.userId("A"), await phones.userId("B")];
  const idOf = async (key: string) => (await server.domain.store.findUserByKey(key))?.userId ?? 0;
  const [stranger, colleague] = [await idOf("stranger"), await idOf("colleague")];
  await server.domain.accounts.setPassword(aUser, "secret");
  using anna = await MiniClient.connect(server.http);
  expect(await anna.login(aUser)).toMatchObject({ action: "auth.login.success" });
  const synced = async (): Promise<unknown[]> => {
    const { users } = await anna.ask({ action: "user.sync" });
    return (users as { user_id: number }[]).map((one) => one.user_id);
  };
  const found = async (userId: number): Promise<string> =>
    (await anna.ask({ action: "user.get", user_id: userId })).action;
  const one = "user.push";
  const ordered = async (): Promise<unknown[]> => {
    const seen: unknown[] = [await synced()];
    for (const userId of [aUser, bUser, stranger, colleague]) seen.push(await found(userId));
    return seen;
  };
  const unknown = await found(999_999);
  expect(unknown).not.toBe(one);
  expect(await ordered()).toEqual([[aUser], one, unknown, unknown, unknown]);
  // Asking does not make one known; having been asked does.
  await a.ask(friend(bId));
  expect(await ordered()).toEqual([[aUser], one, unknown, unknown, unknown]);
  await a.ask(revoke(bId));
  await b.ask(friend(aId));
  expect(await ordered()).toEqual([[aUser, bUser], one, one, unknown, unknown]);
  // The backend may bring anybody together.
  await asBackend(server, "PUT /chats/team/users", { users: [`user.${aUser}`, "colleague"] });
  expect((await anna.fence()).map(({ action }) => action)).toEqual(["chat.spawn"]);
  expect(await ordered()).toEqual([[aUser, bUser, colleague].toSorted((x, y) => x - y), one, one, unknown, one]);
});

test("a stranger is neither written to by number nor drawn into a chat", async () => {
  await using phones = await Phones.start(hidden);
  const { server } = phones;
  const [anna = "", , carl = ""] = await enroll(server, "anna", "bob", "carl");
  const send = (token: string, chatID: string) =>
    call(server, "POST /messages", { as: token, body: { chatID, content: "hello" } });
  const idOf = async (key: string) => (await server.domain.store.findUserByKey(key))?.userId ?? 0;
  const [annaId, bobId] = [await idOf("anna"), await idOf("bob")];
  const [toNobody, toBob] = [await send(anna, "user.999999"), await send(anna, `user.${bobId}`)];
  expect([toBob.status, toBob.text]).toEqual([toNobody.status, toNobody.text]);
  expect(toBob.status).toBeGreaterThanOrEqual(400);
  await server.domain.accounts.setPassword(annaId as never, "secret");
  using mini = await MiniClient.connect(server.http);
  expect(await mini.login(annaId)).toMatchObject({ action: "auth.login.success" });
  const create = (member: number) => mini.ask({ action: "chat.create", members: [member] });
  const { action: refused } = await create(999_999);
  expect((await create(bobId)).action).toBe(refused);
  expect(refused).toContain("fail");
  // Together in one chat they may have another.
  await room(server, "team", "anna", "bob");
  await mini.fence();
  expect((await send(anna, `user.${bobId}`)).status).toBe(200);
  expect((await send(carl, `user.${bobId}`)).status).toBe(toNobody.status);
  await mini.fence();
  expect((await create(bobId)).action).not.toBe(refused);
});

test("without it everybody is found", async () => {
  await using phones = await Phones.start();
  const { a, b } = await pair(phones);
  expect(await a.ask(friend(await phones.userId("B")))).toEqual([sent, ...heard.request]);
  expect((await b.heard())[0]).toBe(`phone/B ${short("A", "authorization")}`);
});
