/** PUT and DELETE /token, and who may call POST (R18, R20, R30, R33, R34). */
import { expect, test } from "bun:test";
import { createManualClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { type Answer, asBackend, call, inboxOf, prefixes } from "./client.ts";

type Server = Awaited<ReturnType<typeof startTestServer>>;
interface Pair {
  readonly accessToken: string;
  readonly refreshToken: string;
}

const notValid = [401, '{"error":"refreshToken is not valid"}', "application/json"];
const badToken = [401, '{"error":"Bad token"}', "application/json"];
const invalid = [400, '{"error":"Invalid parameters"}', "application/json"];
const said = ({ status, text, type }: Answer) => [status, text, type];

async function pairOf(server: Server, userID: string): Promise<Pair> {
  return JSON.parse((await asBackend(server, "POST /token", { userID })).text) as Pair;
}
const put = (server: Server, refreshToken: unknown, prefix = "") =>
  call(server, `PUT ${prefix}/token`, { body: { refreshToken } });
const logsIn = async (server: Server, { accessToken }: Pair): Promise<number> =>
  (await call(server, "GET /messages?format=simple", { as: accessToken })).status;

test("R20, R34: a refresh token gives the next pair of its family, under every prefix, without any other key", async () => {
  await using server = await startTestServer();
  let pair = await pairOf(server, "anna");
  for (const prefix of prefixes) {
    const answer = await put(server, pair.refreshToken, prefix);
    expect([answer.status, answer.type]).toEqual([201, "application/json"]);
    const next = JSON.parse(answer.text) as Pair;
    expect(answer.text).toBe(JSON.stringify({ accessToken: next.accessToken, refreshToken: next.refreshToken }));
    expect(next.refreshToken).not.toBe(pair.refreshToken);
    expect([await logsIn(server, pair), await logsIn(server, next)]).toEqual([200, 200]);
    pair = next;
  }
});

test("R33: a refresh token used again revokes its whole family and no other", async () => {
  await using server = await startTestServer();
  const first = await pairOf(server, "anna");
  const other = await pairOf(server, "anna");
  const second = JSON.parse((await put(server, first.refreshToken)).text) as Pair;
  const third = JSON.parse((await put(server, second.refreshToken)).text) as Pair;
  expect(said(await put(server, first.refreshToken))).toEqual(notValid);
  for (const pair of [first, second, third]) {
    expect(await logsIn(server, pair)).toBe(401);
    expect(said(await put(server, pair.refreshToken))).toEqual(notValid);
  }
  expect(await logsIn(server, other)).toBe(200);
  expect((await put(server, other.refreshToken)).status).toBe(201);
});

test("R33: reuse is noticed after a restart too", async () => {
  await using before = await startTestServer();
  const first = await pairOf(before, "anna");
  const second = JSON.parse((await put(before, first.refreshToken)).text) as Pair;
  await using server = await before.restart();
  expect(said(await put(server, first.refreshToken))).toEqual(notValid);
  expect(await logsIn(server, second)).toBe(401);
});

test("R33: tokens end with their lifetimes, which are settings", async () => {
  const clock = createManualClock();
  const env = { ROOST_REST_ACCESS_TOKEN_LIFETIME: "2 min", ROOST_REST_REFRESH_TOKEN_LIFETIME: "10 min" };
  await using server = await startTestServer({ clock, env });
  const first = await pairOf(server, "anna");
  clock.advance(119_000);
  expect(await logsIn(server, first)).toBe(200);
  clock.advance(1000);
  expect(await logsIn(server, first)).toBe(401);
  const second = JSON.parse((await put(server, first.refreshToken)).text) as Pair;
  expect(await logsIn(server, second)).toBe(200);
  clock.advance(600_000);
  expect(said(await put(server, second.refreshToken))).toEqual(notValid);
});

test("PUT /token refuses what is no refresh token in the document's words", async () => {
  await using server = await startTestServer();
  const pair = await pairOf(server, "anna");
  const table: [unknown, unknown[]][] = [
    [undefined, invalid],
    ["{", invalid],
    [{}, invalid],
    [{ refreshToken: 5 }, invalid],
    [{ refreshToken: "" }, invalid],
    [{ refreshToken: "x".repeat(1025) }, invalid],
    [{ refreshToken: pair.accessToken }, notValid],
    [{ refreshToken: `${pair.refreshToken}x` }, notValid],
    [{ refreshToken: "rr_unknown" }, notValid],
  ];
  for (const [body, expected] of table) {
    expect([body, said(await call(server, "PUT /token", { body }))]).toEqual([body, expected]);
  }
  // None of that hurt the pair.
  expect([await logsIn(server, pair), (await put(server, pair.refreshToken)).status]).toEqual([200, 201]);
});

test("DELETE /token revokes the pair, by either of its tokens", async () => {
  await using server = await startTestServer();
  const byAccess = await pairOf(server, "anna");
  const byRefresh = await pairOf(server, "anna");
  const kept = await pairOf(server, "anna");
  expect(said(await call(server, "DELETE /token", { as: byAccess.accessToken }))).toEqual([
    200,
    "{}",
    "application/json",
  ]);
  const { refreshToken } = byRefresh;
  expect(said(await call(server, "DELETE /token", { body: { refreshToken } }))).toEqual([
    200,
    "{}",
    "application/json",
  ]);
  for (const pair of [byAccess, byRefresh]) {
    expect(await logsIn(server, pair)).toBe(401);
    expect(said(await put(server, pair.refreshToken))).toEqual(notValid);
    expect(said(await call(server, "DELETE /token", { as: pair.accessToken }))).toEqual(badToken);
  }
  expect(said(await call(server, "DELETE /token"))).toEqual(badToken);
  expect(await logsIn(server, kept)).toBe(200);
});

test("R18: an access token is taken bare, as Bearer, in X-API-Key and in the query", async () => {
  await using server = await startTestServer();
  const { accessToken } = await pairOf(server, "anna");
  for (const headers of [
    { Authorization: accessToken },
    { Authorization: `Bearer ${accessToken}` },
    { "X-API-Key": accessToken },
  ]) {
    expect((await call(server, "GET /messages?format=simple", { headers })).status).toBe(200);
  }
  expect((await call(server, `GET /messages?format=simple&accessToken=${accessToken}`)).status).toBe(200);
});

test("R30: POST /token is the backend's; with rest.open_tokens a stranger may make who does not exist, and touch nobody", async () => {
  await using closed = await startTestServer();
  expect(said(await call(closed, "POST /token", { body: { userID: "anna" } }))).toEqual(badToken);
  await using open = await startTestServer({ env: { ROOST_REST_OPEN_TOKENS: "true" } });
  const made = await call(open, "POST /token", { body: { userID: "anna" } });
  expect(made.status).toBe(201);
  expect(await inboxOf(open, (JSON.parse(made.text) as Pair).accessToken)).toMatchObject({ messages: [] });
  expect(said(await call(open, "POST /token", { body: { userID: "anna" } }))).toEqual(badToken);
  expect(said(await call(open, "POST /token", { body: [{ userID: "ben" }, { userID: "anna" }] }))).toEqual(badToken);
  expect(said(await call(open, "POST /token", { as: "wrong", body: { userID: "carl" } }))).toEqual(badToken);
  // The array was all or nothing.
  expect((await call(open, "POST /token", { body: { userID: "ben" } })).status).toBe(201);
  expect((await asBackend(open, "POST /token", { userID: "anna" })).status).toBe(201);
});
