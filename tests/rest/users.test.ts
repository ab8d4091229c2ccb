/** /users/{GUID}: seen by peers and the backend, deactivated by the backend (docs/protocols/rest-signed.md § Users). */
import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { connectAsync } from "mqtt";
import { withDeadline } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";
import { type Answer, asBackend, call, enroll, inboxOf, prefixes, room, say } from "./client.ts";

const notFound = [404, '{"error":"userGUID not found"}', "application/json"];
const badToken = [401, '{"error":"Bad token"}', "application/json"];
const said = ({ status, text, type }: Answer) => [status, text, type];
const keyOf = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;

test("GET gives a peer's keys to those who share a chat and to the backend, to nobody else", async () => {
  await using server = await startTestServer();
  const [userKey, deviceKey] = [keyOf(), keyOf()].map((key) =>
    key.export({ type: "spki", format: "der" }).toString("hex"),
  );
  const made = await asBackend(server, "POST /token", [
    { userID: "anna", userKey, displayName: "Anna A." },
    { userID: "anna", userKey: deviceKey, clientID: "phone" },
  ]);
  const [{ accessToken: anna }] = JSON.parse(made.text);
  const [ben = "", carl = ""] = await enroll(server, "ben", "carl");
  const [guid = ""] = await room(server, "team", "anna", "ben");
  const own = await call(server, `GET /users/${guid}`, { as: anna });
  expect([own.status, own.type]).toEqual([200, "application/json"]);
  const { user } = JSON.parse(own.text);
  const device = user.devices[0]?.GUID;
  expect(own.text).toBe(
    JSON.stringify({
      user: {
        GUID: guid,
        userID: "anna",
        displayName: "Anna A.",
        userKey: userKey?.toUpperCase(),
        devices: [{ GUID: device, userKey: deviceKey?.toUpperCase() }],
      },
    }),
  );
  for (const as of [ben, server.backendKey]) {
    expect((await call(server, `GET /users/${guid}`, { as })).text).toBe(own.text);
    expect((await call(server, `GET /api/v3/public/users/${device.toUpperCase()}`, { as })).text).toBe(own.text);
  }
  expect(said(await call(server, `GET /users/${guid}`, { as: carl }))).toEqual(notFound);
  expect(said(await call(server, `GET /users/${guid}`, { as: "wrong" }))).toEqual(badToken);
  expect(said(await call(server, `GET /users/${guid}`))).toEqual(badToken);
  for (const unknown of [crypto.randomUUID(), "anna", "a%2Fb", "%00"]) {
    expect([unknown, said(await asBackend(server, `GET /users/${unknown}`))]).toEqual([unknown, notFound]);
  }
});

test("R38: what is no GUID is decoded and judged by the route, under every prefix", async () => {
  await using server = await startTestServer();
  for (const prefix of prefixes) {
    for (const id of ["a%2Fb", "%00", "%25", "..%2F..", "%F0%9F%98%80", "a".repeat(500)]) {
      for (const method of ["GET", "DELETE"]) {
        expect([id, said(await asBackend(server, `${method} ${prefix}/users/${id}`))]).toEqual([id, notFound]);
      }
    }
  }
});

test("DELETE deactivates: tokens, connections, and what the user would say next", async () => {
  await using server = await startTestServer();
  const pairs = await asBackend(server, "POST /token", [{ userID: "anna" }, { userID: "ben" }]);
  const [anna, ben] = JSON.parse(pairs.text) as { accessToken: string; refreshToken: string }[];
  if (anna === undefined || ben === undefined) throw new Error("no tokens");
  const [guid = ""] = await room(server, "team", "anna", "ben");
  // What is remembered of tokens and senders is asked for, so that it must be forgotten.
  await say(server, anna.accessToken, "team", "hello");
  const mqtt = await connectAsync(`mqtt://${server.mqtt}`, {
    username: "anna",
    password: anna.accessToken,
    reconnectPeriod: 0,
  });
  const closed = new Promise<void>((resolve) => mqtt.once("close", resolve));
  await call(server, "GET /messages?format=simple", { as: anna.accessToken });

  expect(said(await call(server, `DELETE /users/${guid}`, { as: ben.accessToken }))).toEqual(badToken);
  expect(said(await asBackend(server, `DELETE /users/${guid}`))).toEqual([200, "{}", "application/json"]);
  await withDeadline("the connection to be closed", closed);
  void mqtt.endAsync(true);
  for (const request of ["GET /messages?format=simple", "GET /messages?format=simple&wait=1"]) {
    expect(said(await call(server, request, { as: anna.accessToken }))).toEqual(badToken);
  }
  expect((await call(server, "PUT /token", { body: { refreshToken: anna.refreshToken } })).status).toBe(401);
  expect(
    (await call(server, "POST /messages", { as: anna.accessToken, body: { chatID: "team", content: "x" } })).status,
  ).toBe(401);
  const fromInside = server.domain.messages.send({
    chat: { key: "team" },
    from: (await server.domain.store.findUserByKey("anna"))?.userId ?? (0 as never),
    type: "text",
    content: "still here",
  });
  expect(await fromInside.catch((error: unknown) => (error as { code?: unknown }).code)).toBe("user_disabled");
  // The user is not made anew by the way; the messages they sent stay.
  expect((await asBackend(server, "POST /token", { userID: "anna" })).status).toBe(400);
  expect((await inboxOf(server, ben.accessToken)).messages).toMatchObject([{ content: "hello" }]);
  for (const again of [guid, crypto.randomUUID(), "anna"]) {
    expect(said(await asBackend(server, `DELETE /users/${again}`))).toEqual(notFound);
  }
  expect(said(await asBackend(server, `GET /users/${guid}`))).toEqual(notFound);
});

test("a deactivated user is gone from member lists, and is put into no chat", async () => {
  await using server = await startTestServer();
  const [anna = ""] = await enroll(server, "anna", "ben");
  const [annaGuid, benGuid = ""] = await room(server, "team", "anna", "ben");
  await room(server, "other", "anna");
  await asBackend(server, `DELETE /users/${benGuid}`);
  const listed = async (chatID: string): Promise<string[]> => {
    const answer = await asBackend(server, `GET /chats/${chatID}/users`);
    return (JSON.parse(answer.text).chat.users as { userID: string }[]).map(({ userID }) => userID);
  };
  expect(await listed("team")).toEqual(["anna"]);
  for (const chatID of ["team", "other", "new"]) {
    const refused = await asBackend(server, `PUT /chats/${chatID}/users`, { users: ["anna", "ben"] });
    expect([chatID, refused.status, refused.headers.get("x-error-detail")]).toEqual([
      chatID,
      400,
      expect.stringContaining("ben is deactivated"),
    ]);
  }
  expect(await listed("other")).toEqual(["anna"]);
  expect((await say(server, anna, "team", "on we go")).status).toBe(200);
  const ben = await server.store.findUserByKey("ben");
  // Once enabled they are a member again.
  await server.domain.accountRemoval.enable(ben?.userId ?? (0 as never));
  expect(await listed("team")).toEqual(["anna", "ben"]);
  expect([annaGuid, benGuid]).toEqual(
    JSON.parse((await asBackend(server, "PUT /chats/team/users", { users: ["anna", "ben"] })).text).GUIDList,
  );
});
