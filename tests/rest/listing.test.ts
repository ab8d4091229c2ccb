/** What a backend sees of the whole server: users and chats page by page, the user of a userID; and messages it deletes. */
import { expect, test } from "bun:test";
import { newUser } from "../minioicq/client.ts";
import { person } from "../minioicq/stage.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Answer, asBackend, call, enroll, inboxOf, prefixes, room, say } from "./client.ts";

const problem = (answer: Answer) => {
  expect(answer.type).toBe("application/problem+json");
  return [answer.status, JSON.parse(answer.text).error];
};

interface Listed {
  readonly userID: string;
  readonly chatID: string;
  readonly user_id: string;
}

/** All pages of a list, each of its rows once. */
async function pages(server: TestServer, path: string, limit: number): Promise<Listed[][]> {
  const name = path.split("/").at(-1) ?? "";
  const all: Listed[][] = [];
  for (let query = `?limit=${limit}`; ; ) {
    const answer = await asBackend(server, `GET ${path}${query}`);
    expect(answer.status).toBe(200);
    const { [name]: rows = [], next } = JSON.parse(answer.text) as { next: null } & Record<string, Listed[] | null>;
    all.push(rows ?? []);
    if (next === null) return all;
    query = `?limit=${limit}&after=${next}`;
  }
}

test("GET /users pages through the people of every door, by rising id", async () => {
  await using server = await startTestServer();
  await enroll(server, "anna", "ben@example.org");
  const { client, id } = await newUser(server.http, "Eve");
  await client.bye();
  await asBackend(server, "POST /token", { userID: "carl", displayName: "Carl C." });
  const [guid] = await room(server, "team", "dora", "carl");
  await asBackend(server, `DELETE /users/${guid}`);
  for (const prefix of prefixes) {
    const [first = [], second = []] = await pages(server, `${prefix}/users`, 2);
    expect([...first, ...second].map(({ userID }) => userID)).toEqual([
      "anna",
      "ben@example.org",
      `user.${id}`,
      "carl",
    ]);
    expect([first.length, second[0]?.user_id]).toEqual([2, id]);
    expect(second[1]).toEqual({
      user_id: expect.stringMatching(/^\d+$/),
      userID: "carl",
      GUID: expect.any(String),
      displayName: "Carl C.",
      has_key: false,
      created: expect.any(String),
    } as never);
  }
  const of = async (userID: string) =>
    JSON.parse((await asBackend(server, `GET /users?userID=${encodeURIComponent(userID)}`)).text) as {
      users: Listed[];
      next: null;
    };
  expect(await of("ben@example.org")).toMatchObject({ users: [{ userID: "ben@example.org" }], next: null });
  expect(await of(`user.${id}`)).toMatchObject({ users: [{ user_id: id, displayName: "Eve" }], next: null });
  // A deactivated user, no user, another case, and what is a number or a log-in name and no userID.
  await server.domain.loginNames.set(Number(id) as never, "eve");
  for (const none of ["dora", "nobody", "Anna", id, "eve"]) expect(await of(none)).toEqual({ users: [], next: null });
});

test("GET /chats gives a backend all chats, and a participant their own", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  const names = ["one", "two", "three"];
  const guids = await Promise.all(names.map((name) => room(server, name, name === "two" ? "ben" : "anna", "carl")));
  await call(server, "POST /messages", { as: anna, body: { chatID: "user.10002", content: "hello" } });
  for (const prefix of prefixes) {
    const [first = [], second = []] = await pages(server, `${prefix}/chats`, 3);
    expect(first.map(({ chatID }) => chatID).toSorted()).toEqual(names.toSorted());
    expect(first.find(({ chatID }) => chatID === "two")).toEqual({
      chat_id: expect.stringMatching(/^\d+$/),
      chatID: "two",
      kind: "group",
      name: "",
      last_seq: 0,
      revision: 0,
      ownerGUID: guids[1]?.[0],
      created: expect.any(String),
      updated: expect.any(String),
    } as never);
    expect(second).toMatchObject([{ chatID: "direct.10001.10002", kind: "direct", last_seq: 1 }]);
    expect(second[0]).not.toHaveProperty("ownerGUID");
  }
  const own = JSON.parse((await call(server, "GET /chats", { as: ben })).text);
  expect(own.chats.map(({ chatID }: Listed) => chatID)).toEqual(["two", "direct.10001.10002"]);
});

test("lists are for the backend, are bounded, and their cursors are their own", async () => {
  await using server = await startTestServer();
  const [anna = ""] = await enroll(server, ...Array.from({ length: 120 }, (_, at) => `user-${at}`));
  await room(server, "one", "user-0");
  await room(server, "two", "user-0");
  for (const as of [undefined, "wrong", anna]) {
    expect(problem(await call(server, "GET /users", { as }))).toEqual([401, "Bad token"]);
    if (as !== anna) expect(problem(await call(server, "DELETE /messages/1", { as }))).toEqual([401, "Bad token"]);
  }
  expect((await pages(server, "/users", 1000)).map((page) => page.length)).toEqual([100, 20]);
  expect(JSON.parse((await asBackend(server, "GET /users")).text).users).toHaveLength(50);
  const next = async (path: string, as: string) =>
    JSON.parse((await call(server, `GET ${path}?limit=1`, { as })).text).next;
  const cursors = [
    await next("/users", server.backendKey),
    await next("/chats", server.backendKey),
    await next("/chats", anna),
  ];
  const asked = [
    ["/users", server.backendKey],
    ["/chats", server.backendKey],
    ["/chats", anna],
  ] as const;
  for (const [row, [path, as]] of asked.entries()) {
    for (const [column, cursor] of cursors.entries()) {
      const { status } = await call(server, `GET ${path}?after=${cursor}`, { as });
      expect([row, column, status]).toEqual([row, column, row === column ? 200 : 400]);
    }
    for (const bad of ["?limit=0", "?limit=x", "?after=x", "?after=AAAA", `?after=${"A".repeat(200)}`]) {
      expect([bad, ...problem(await call(server, `GET ${path}${bad}`, { as }))]).toEqual([bad, 400, "Bad request"]);
    }
  }
  for (const bad of ["a b", "a/b", "x".repeat(257)]) {
    const answer = await asBackend(server, `GET /users?userID=${encodeURIComponent(bad)}`);
    expect([bad, ...problem(answer)]).toEqual([bad, 400, "Bad request"]);
  }
});

test("DELETE /messages/{messageID} deletes any message, at every door, once", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  const eve = await person(server.http, "Eve", "json");
  using _ = eve.client;
  await asBackend(server, "PUT /chats/team/users", { users: [`user.${eve.id}`] });
  await eve.client.fence();
  const ids: string[] = [];
  for (const prefix of prefixes) {
    const { message_id: id } = JSON.parse((await say(server, anna, "team", `in ${prefix}`)).text);
    ids.push(id);
    await eve.client.fence();
    expect((await asBackend(server, `DELETE ${prefix}/messages/${id}`)).text).toBe("{}");
    expect(await eve.client.fence()).toMatchObject([{ action: "message.deleted", message_id: id }]);
    expect(problem(await asBackend(server, `DELETE ${prefix}/messages/${id}`))).toEqual([404, "messageID not found"]);
  }
  expect((await inboxOf(server, ben)).messages).toEqual([]);
  const history = JSON.parse((await call(server, "GET /chats/team/messages", { as: ben })).text);
  expect(history.messages.map(({ type, content }: Record<string, string>) => [type, content])).toEqual(
    ids.map(() => ["deleted", ""]),
  );
  // A direct chat's as well, and a repeat with a key is answered as before.
  const direct = await call(server, "POST /messages", { as: ben, body: { chatID: "user.10001", content: "hello" } });
  const { message_id: id } = JSON.parse(direct.text);
  for (const replayed of [null, "true"]) {
    const headers = { "Idempotency-Key": "once" };
    const answer = await call(server, `DELETE /messages/${id}`, { as: server.backendKey, headers });
    expect([answer.text, answer.headers.get("idempotency-replayed")]).toEqual(["{}", replayed]);
  }
  expect((await inboxOf(server, anna)).messages).toEqual([]);
  for (const none of ["0", "999999", "e1", "x", "1.5", "-1", "9".repeat(17), "%00", "a%2Fb"]) {
    expect([none, ...problem(await asBackend(server, `DELETE /messages/${none}`))]).toEqual([
      none,
      404,
      "messageID not found",
    ]);
  }
});
