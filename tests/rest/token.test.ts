/** POST /token: participants and their token pairs (R19, R29, R30, R32). */
import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { openStopped } from "../support/open-stopped.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer } from "../support/server.ts";
import { asBackend, call, enroll, inboxOf, prefixes, room } from "./client.ts";

const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength }).publicKey;
const key = rsa(2048);
const pem = key.export({ type: "spki", format: "pem" }).toString();
const der = Buffer.from(key.export({ type: "spki", format: "der" }));
const invalidParameters = '{"error":"Invalid parameters"}';

test("one object makes one pair, which logs its user in", async () => {
  await using server = await startTestServer();
  for (const prefix of prefixes) {
    const answer = await asBackend(server, `POST ${prefix}/token`, { userID: "John.Doe-mobile1", clientOS: "ios" });
    expect([answer.status, answer.type]).toEqual([201, "application/json"]);
    const { accessToken, refreshToken } = JSON.parse(answer.text);
    expect(answer.text).toBe(JSON.stringify({ accessToken, refreshToken }));
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(accessToken).not.toBe(refreshToken);
    expect(await inboxOf(server, accessToken)).toMatchObject({ messages: [], events: [] });
    expect((await call(server, "GET /messages?format=simple", { as: refreshToken })).status).toBe(401);
  }
});

test("R29, R32: an array makes a pair each, in order; one bad entry and nothing is made", async () => {
  await using server = await startTestServer();
  const answer = await asBackend(server, "POST /token", [
    { userID: "alice" },
    { userID: "bob", userKey: pem },
    { userID: "alice" },
  ]);
  expect(answer.status).toBe(201);
  const pairs = JSON.parse(answer.text) as { accessToken: string; refreshToken: string }[];
  expect(new Set(pairs.flatMap((pair) => [pair.accessToken, pair.refreshToken])).size).toBe(6);
  await room(server, "team", "bob", "alice");
  for (const { accessToken } of pairs) expect((await inboxOf(server, accessToken)).events).toBeArrayOfSize(1);

  const bad = await asBackend(server, "POST /token", [{ userID: "carol" }, { userID: "dave", userKey: "no key" }]);
  expect([bad.status, bad.text]).toEqual([400, invalidParameters]);
});

test("R19: a key is taken as PEM, hex or base64", async () => {
  await using server = await startTestServer();
  for (const userKey of [
    pem,
    der.toString("hex").toUpperCase(),
    der.toString("hex"),
    der.toString("base64"),
    null,
    undefined,
  ]) {
    expect((await asBackend(server, "POST /token", { userID: "alice", userKey, clientID: "phone" })).status).toBe(201);
  }
});

test("what is not a participant is refused and says why, without repeating it", async () => {
  await using server = await startTestServer();
  const small = rsa(1024).export({ type: "spki", format: "pem" }).toString();
  const table: [unknown, string][] = [
    [undefined, "expected object"],
    ["", "expected object"],
    ["{", "not JSON"],
    ["\ufeff{", "not JSON"],
    ['"alice"', "expected object"],
    ["[]", "Too small"],
    ["[[]]", "expected object"],
    [{}, "userID"],
    [{ userID: 5 }, "userID"],
    [{ userID: "a b" }, "userID: must match"],
    [{ userID: "a".repeat(257) }, "userID: must match"],
    [{ userID: "user.10001" }, "reserved"],
    [{ userID: "10001" }, "plain number"],
    [[{ userID: "alice" }, { userID: "7" }], "plain number"],
    [{ userID: "35799000001_10001" }, "a PhoneId"],
    [{ userID: "_10001" }, "a PhoneId"],
    [{ userID: "chat.10001" }, "a reserved form"],
    [{ userID: "direct.1.2" }, "a reserved form"],
    [{ userID: "a+b" }, "userID: must match"],
    [{ userID: "a", userKey: "" }, "userKey"],
    [{ userID: "a", userKey: "zzzz" }, "not a public key"],
    [{ userID: "a", userKey: der.toString("hex").slice(2) }, "not a public key"],
    [{ userID: "a", userKey: small }, "at least 2048 bits"],
    [{ userID: "a", clientID: "x".repeat(300) }, "clientID"],
    [`${"[".repeat(100)}${"]".repeat(100)}`, "nested too deeply"],
  ];
  for (const [body, detail] of table) {
    const answer = await asBackend(server, "POST /token", body);
    expect([body, answer.status, answer.text, answer.type]).toEqual([body, 400, invalidParameters, "application/json"]);
    expect(answer.headers.get("x-error-detail")).toContain(detail);
  }
});

test("R7 a userID may hold @ . _ : and -, and names its user at every route", async () => {
  await using server = await startTestServer();
  const userID = "urn:user:o.k_1-2@example.org";
  const [token = "", anna = ""] = await enroll(server, userID, "anna");
  await room(server, "team", userID, "anna");
  const content = { chatID: "team", content: "hello" };
  expect((await asBackend(server, "POST /messages", { ...content, sender: userID })).status).toBe(200);
  expect((await inboxOf(server, anna)).messages).toMatchObject([{ sender: userID }]);
  expect(JSON.parse((await call(server, "GET /users/me", { as: token })).text)).toMatchObject({ userID });
  await using mqtt = await RawMqtt.connect(server.mqttPort, { username: userID, password: Buffer.from(token) });
  expect(mqtt.closed).toBe(false);
  const query = encodeURIComponent(userID);
  expect((await asBackend(server, `DELETE /chats/team/users?users=${query}`)).text).toBe("{}");
});

test("R7 names of before that no new user gets go on naming their users", async () => {
  await using first = await startTestServer();
  const names = ["10001", "chat.5", "direct.1.2"];
  await enroll(first, "a", "b", "c");
  await first.stop();
  {
    using db = openStopped(databasePath(first.dataDir));
    for (const [at, name] of names.entries())
      db.run("UPDATE users SET username = ? WHERE username = ?", [name, "abc"[at] ?? ""]);
  }
  await using server = await first.restart();
  const [token = ""] = await enroll(server, ...names);
  expect(JSON.parse((await call(server, "GET /users/me", { as: token })).text)).toMatchObject({ userID: "10001" });
  await room(server, "team", ...names);
  const sent = await asBackend(server, "POST /messages", { chatID: "team", content: "hello", sender: "chat.5" });
  expect(sent.status).toBe(200);
  expect((await inboxOf(server, token)).messages).toMatchObject([{ sender: "chat.5" }]);
  expect((await asBackend(server, "DELETE /chats/team/users?users=direct.1.2")).text).toBe("{}");
});

test("a token's device has a position of its own", async () => {
  await using server = await startTestServer();
  const body = ["phone", "desk"].map((clientID) => ({ userID: "alice", clientID }));
  const made = await asBackend(server, "POST /token", [...body, { userID: "bob" }]);
  const [phone = "", desk = "", bob = ""] = JSON.parse(made.text).map(
    (pair: { accessToken: string }) => pair.accessToken,
  );
  await room(server, "team", "bob", "alice");
  const sent = await call(server, "POST /messages", { as: bob, body: { chatID: "team", content: "hello" } });
  const messageID = JSON.parse(sent.text).message_id;
  const statuses = [{ messageID, messageStatus: "delivered" }];
  expect((await call(server, "POST /messages", { as: phone, body: { statuses } })).status).toBe(200);
  expect((await inboxOf(server, phone)).messages).toEqual([]);
  expect((await inboxOf(server, desk)).messages).toMatchObject([{ content: "hello" }]);
});
