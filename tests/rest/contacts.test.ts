/** docs/protocols/rest.md § Contacts. */
import { expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { type Answer, asBackend, call, enroll } from "./client.ts";

const problem = (answer: Answer) => {
  expect(answer.type).toBe("application/problem+json");
  return [answer.status, JSON.parse(answer.text).error];
};

test("participants ask, agree, list and end; none and not yours get one answer", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = "", carl = ""] = await enroll(server, "anna", "ben", "carl");
  await asBackend(server, "POST /token", { userID: "ben", displayName: "Ben" });
  const { user_id: benId, GUID: guid } = JSON.parse((await call(server, "GET /users/me", { as: ben })).text);
  const shown = { user_id: benId, userID: "ben", GUID: guid, displayName: "Ben", updated: expect.stringMatching(/Z$/) };
  const ask = async (request: string, as: string) => {
    const { status, text } = await call(server, request, { as });
    return [status, JSON.parse(text)];
  };

  for (let time = 0; time < 2; time += 1) {
    expect(await ask("PUT /contacts/ben", anna)).toEqual([200, { ...shown, status: "request" }]);
  }
  expect(await ask("GET /contacts/anna", ben)).toMatchObject([200, { userID: "anna", status: "authorization" }]);
  expect(await ask("PUT /contacts/anna", ben)).toMatchObject([200, { status: "friend" }]);
  const friend = [200, { ...shown, status: "friend", presence: { online: false } }];
  expect(await ask(`GET /contacts/user.${benId}`, anna)).toEqual(friend);
  expect(await ask("GET /contacts", anna)).toEqual([200, { contacts: [{ ...shown, status: "friend" }], next: null }]);
  expect(await ask("GET /chats", anna)).toMatchObject([200, { chats: [{ kind: "direct" }] }]);

  const nothing = [404, "User not found"];
  for (const who of ["ben", "nobody", "user.1", "carl", "a%2Fb", "%F0%9F%A6%86"]) {
    for (const verb of ["GET", "DELETE"]) {
      expect(problem(await call(server, `${verb} /contacts/${who}`, { as: carl }))).toEqual(nothing);
    }
  }
  for (const who of ["nobody", "user.1", "carl"]) {
    expect(problem(await call(server, `PUT /contacts/${who}`, { as: carl }))).toEqual(nothing);
  }
  expect(await ask("DELETE /contacts/ben", anna)).toEqual([200, {}]);
  for (const [who, as] of [
    ["ben", anna],
    ["anna", ben],
  ] as const) {
    expect(problem(await call(server, `GET /contacts/${who}`, { as }))).toEqual(nothing);
  }
  for (const verb of ["GET", "PUT", "DELETE"]) {
    for (const as of [undefined, "wrong", server.backendKey]) {
      expect(problem(await call(server, `${verb} /contacts/ben`, { as }))).toEqual([401, "Bad token"]);
    }
  }
});

test("contacts come page by page, each once", async () => {
  await using server = await startTestServer();
  const names = Array.from({ length: 7 }, (_, at) => `friend-${at}`);
  const [anna = "", ...others] = await enroll(server, "anna", ...names);
  for (const as of others) await call(server, "PUT /contacts/anna", { as });
  const seen: string[] = [];
  for (let query = "?limit=3"; ; ) {
    const { contacts, next } = JSON.parse((await call(server, `GET /contacts${query}`, { as: anna })).text);
    seen.push(...contacts.map(({ userID }: { userID: string }) => userID));
    if (next === null) break;
    expect(contacts).toBeArrayOfSize(3);
    query = `?limit=3&after=${next}`;
  }
  expect(seen).toEqual(names);
  const { next } = JSON.parse((await call(server, "GET /users?limit=1", { as: server.backendKey })).text);
  for (const bad of ["?after=x", `?after=${next}`, "?limit=0", `?after=${"A".repeat(200)}`]) {
    expect([bad, ...problem(await call(server, `GET /contacts${bad}`, { as: anna }))]).toEqual([
      bad,
      400,
      "Bad request",
    ]);
  }
});

test("a friend's presence is shown to friends alone, and as the friend will", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = "", eve = ""] = await enroll(server, "anna", "ben", "eve");
  const shown = async (as: string) => JSON.parse((await call(server, "GET /contacts/ben", { as })).text).presence;
  for (const as of [anna, eve]) await call(server, "PUT /contacts/ben", { as });
  expect(await shown(anna)).toBeUndefined();
  await call(server, "PUT /contacts/anna", { as: ben });
  expect(await shown(anna)).toEqual({ online: false });
  const userId = (await server.store.findUserByKey("ben"))?.userId as never;
  await server.store.touchUsers([{ userId, lastSeenAtMs: Date.parse("2026-01-02T03:04:05.678Z") }]);
  expect(await shown(anna)).toEqual({ online: false, last_seen: "2026-01-02T03:04:00.000Z" });
  server.hub.attach({ userId, deliver() {} });
  expect([await shown(anna), await shown(eve)]).toEqual([{ online: true }, undefined]);
  const patch = (body: unknown) => call(server, "PATCH /users/me", { as: ben, body });
  expect(
    JSON.parse((await patch({ presence: "none", receipts: "delivered", displayName: " Ben " })).text),
  ).toMatchObject({
    userID: "ben",
    displayName: "Ben",
    presence: "none",
    receipts: "delivered",
  });
  expect(await shown(anna)).toBeUndefined();
  expect(JSON.parse((await call(server, "GET /users/me", { as: ben })).text)).toMatchObject({ presence: "none" });
  for (const body of [
    { presence: "all" },
    { receipts: 1 },
    { displayName: " " },
    { displayName: "x".repeat(129) },
    [],
  ]) {
    expect((await patch(body)).status).toBe(400);
  }
  expect(JSON.parse((await patch({ presence: "friends" })).text)).toMatchObject({
    displayName: "Ben",
    receipts: "delivered",
  });
  expect(await shown(anna)).toEqual({ online: true });
  await call(server, "DELETE /contacts/ben", { as: anna });
  expect((await call(server, "GET /contacts/ben", { as: anna })).status).toBe(404);
});
