/** `user.sync` (O4): encoded once for all who ask, never outdated, and bounded. */
import { expect, test } from "bun:test";
import type { UserId } from "../../src/domain/model.ts";
import type { Store } from "../../src/domain/store.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Action, type Encoding, encodings, MiniClient, newUser, type PushedMessage } from "./client.ts";
import { openDoor } from "./open-door.ts";

interface Sync extends Action {
  readonly users: readonly { readonly user_id: unknown; readonly user_name: string; readonly avatar: string }[];
  readonly chats?: readonly { readonly chat_id: string; readonly name: string; readonly members: readonly unknown[] }[];
  readonly messages?: readonly PushedMessage[];
}

const sync = async (client: MiniClient) => (await client.ask({ action: "user.sync" })) as Sync;
const names = ({ users }: Sync): string[] => users.map((user) => user.user_name);

/** A door before the server's store that counts how often users are listed. */
function countingDoor(server: TestServer, limits: Parameters<typeof openDoor>[1] = {}) {
  const counts = { lists: 0 };
  const { store } = server;
  const counting: Store = {
    ...store,
    listUsers(page) {
      if (page.after === 0) counts.lists += 1;
      return store.listUsers(page);
    },
  };
  return { door: openDoor({ hub: server.hub, domain: { ...server.domain, store: counting } }, limits), counts };
}

test("the list is encoded once per version, encoding and form of ids, whoever asks", async () => {
  await using server = await startTestServer();
  const { door, counts } = countingDoor(server);
  using _door = door;
  const clients: MiniClient[] = [];
  for (const encoding of encodings) {
    for (const name of ["Ann", "Bob"]) clients.push((await newUser(door.http, `${name} ${encoding}`, encoding)).client);
  }
  const everybody = ["Ann msgpack", "Bob msgpack", "Ann json", "Bob json"];
  for (let round = 0; round < 3; round += 1) {
    for (const client of clients) expect(names(await sync(client))).toEqual(everybody);
  }
  expect(counts.lists).toBe(2);
  // At once, too.
  const answers = await Promise.all(clients.map(sync));
  expect(answers.map(names)).toEqual(clients.map(() => everybody));
  expect(counts.lists).toBe(2);
  const [ann] = clients;
  if (ann === undefined) throw new Error("nobody");
  await ann.ask({ action: "user.get", user_id: 10_001 });
  expect((await sync(ann)).users.map((user) => user.user_id)).toEqual([10_001, 10_002, 10_003, 10_004]);
  expect(counts.lists).toBe(3);
  await server.domain.accounts.provision([{ username: "new", displayName: "New" }]);
  for (const client of clients) expect(names(await sync(client))).toEqual([...everybody, "New"]);
  await server.domain.accounts.provision([{ username: "new", displayName: "Newer" }]);
  for (const client of clients) expect(names(await sync(client))).toEqual([...everybody, "Newer"]);
});

test.each([...encodings])("many users are listed in %s as one by one, in slices", async (encoding: Encoding) => {
  await using server = await startTestServer();
  const { client } = await newUser(server.http, "Ann", encoding);
  await server.domain.accounts.provision(
    Array.from({ length: 1234 }, (_, n) => ({ username: `u${n}`, displayName: `Name ${n} ü` })),
  );
  const answer = await sync(client);
  expect(Object.keys(answer)).toEqual(
    encoding === "json" ? ["action", "users", "chats", "messages"] : ["action", "users"],
  );
  expect(names(answer)).toEqual(["Ann", ...Array.from({ length: 1234 }, (_, n) => `Name ${n} ü`)]);
  for (const user of answer.users.slice(0, 3)) {
    expect(user).toEqual({ user_id: expect.any(String), user_name: expect.any(String), avatar: expect.any(String) });
  }
});

test("on a server with more, those are listed who share a chat or a contact", async () => {
  await using server = await startTestServer({ env: { ROOST_WS_SYNC_USERS_MAX: "4" } });
  const ann = await newUser(server.http, "Ann");
  const others = [];
  for (const name of ["Bob", "Cat", "Dan"]) others.push(await newUser(server.http, name));
  expect(names(await sync(ann.client))).toEqual(["Ann", "Bob", "Cat", "Dan"]);
  await newUser(server.http, "Eve");
  expect(names(await sync(ann.client))).toEqual(["Ann"]);
  await ann.client.ask({ action: "chat.create", members: [others[2]?.id] });
  await server.store.requestContacts({
    userId: Number(others[0]?.id) as UserId,
    friends: [Number(ann.id) as UserId],
  });
  expect(names(await sync(ann.client))).toEqual(["Ann", "Bob", "Dan"]);
});

test("O4 in JSON the newest chats and messages stand beside the users, up to their bounds", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann", "json");
  const bob = await newUser(server.http, "Bob", "json");
  const chats: string[] = [];
  for (const name of ["a", "b", "c"]) {
    await ann.client.fence();
    chats.push(String((await ann.client.ask({ action: "chat.create", members: [bob.id], name }))["chat_id"]));
  }
  for (let n = 0; n < 6; n += 1) ann.client.send(chats[n % 2], `m${n}`);
  await ann.client.fence();
  const answer = await sync(ann.client);
  expect(answer.chats?.map((chat) => chat.name)).toEqual(["b", "a", "c"]);
  expect(answer.chats?.[0]).toEqual({
    chat_id: chats[1] ?? "",
    name: "b",
    chat_name: "b",
    avatar: expect.any(String),
    owner_id: ann.id,
    created: expect.any(String),
    members: [ann, bob].map(({ id }) => ({ user_id: id, user_name: expect.any(String), avatar: expect.any(String) })),
  } as never);
  expect(answer.messages?.map((message) => message.content)).toEqual(["m0", "m1", "m2", "m3", "m4", "m5"]);
  using door = openDoor(server, { syncChatsMax: 2, syncMembersMax: 3, syncMessagesMax: 4 });
  using bounded = await MiniClient.connect(door.http, "json");
  await bounded.login(ann.id, "secret", { device_id: "bounded" });
  await bounded.fence();
  const less = await sync(bounded);
  // The second would be one member too many.
  expect(less.chats?.map((chat) => chat.name)).toEqual(["b"]);
  expect(less.messages?.map((message) => message.content)).toEqual(["m2", "m3", "m4", "m5"]);
});
