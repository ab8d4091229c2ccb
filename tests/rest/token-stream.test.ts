/** POST /token as a stream: a participant per line, an answer per line (R29, R32). */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { call, inboxOf, type RunningServer } from "./client.ts";
import { keyPair } from "./signing.ts";

interface Line {
  readonly userID: string | null;
  readonly status: number;
  readonly accessToken?: string;
  readonly refreshToken?: string;
  readonly error?: string;
  readonly detail?: string;
}

const ndjson = "application/x-ndjson";

/** Sends lines; gives the answers, each parsed, after their text was held to be the plain spelling of it. */
async function stream(
  server: RunningServer,
  lines: readonly unknown[],
  { key, as = server.backendKey }: { key?: string; as?: string } = {},
): Promise<Line[]> {
  const answer = await call(server, "POST /token", {
    as,
    headers: { "Content-Type": ndjson, ...(key === undefined ? {} : { "Idempotency-Key": key }) },
    body: lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
  });
  expect([answer.status, answer.type]).toEqual([200, ndjson]);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(answer.text.endsWith("\n") || answer.text === "").toBe(true);
  const texts = answer.text.split("\n").slice(0, -1);
  return texts.map((text) => {
    const parsed = JSON.parse(text) as Line;
    expect(text).toBe(JSON.stringify(parsed));
    return parsed;
  });
}

test("R32: one answer per line, in order; a line that is wrong harms no other", async () => {
  await using server = await startTestServer();
  const userKey = keyPair().publicKey.export({ type: "spki", format: "pem" });
  const lines = [
    { userID: "anna", userKey },
    "",
    "nonsense",
    "  \r",
    { userID: "a b" },
    { userID: "ben", clientID: "phone", displayName: "Ben" },
    `{"userID":"${"x".repeat(70_000)}"}`,
    { userID: "user.1" },
    { userID: "carl", userKey: "no key" },
    '{"userID":"dora"}\r',
    { userID: "anna" },
  ];
  const answers = await stream(server, lines);
  const refused = (userID: string | null, detail: string) => ({
    userID,
    status: 400,
    error: "Invalid parameters",
    detail: expect.stringContaining(detail),
  });
  const made = (userID: string) => ({
    userID,
    status: 201,
    accessToken: expect.stringMatching(/^ra_/),
    refreshToken: expect.stringMatching(/^rr_/),
  });
  expect(answers).toEqual([
    made("anna"),
    refused(null, "JSON"),
    refused("a b", "userID"),
    made("ben"),
    refused(null, "the line is too long"),
    refused("user.1", "user.1 is of a reserved form"),
    refused("carl", "userKey"),
    made("dora"),
    made("anna"),
  ]);
  for (const { accessToken } of answers) {
    if (accessToken !== undefined) expect(await inboxOf(server, accessToken)).toMatchObject({ messages: [] });
  }
  expect(await stream(server, [])).toEqual([]);
});

test("an answer comes when its line is on disk, while the request goes on", async () => {
  await using server = await startTestServer();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const request = fetch(`http://${server.http}/token`, {
    method: "POST",
    headers: { Authorization: server.backendKey, "Content-Type": ndjson },
    body: readable,
  });
  await writer.write(Buffer.from('{"userID":"first"}\n{"user'));
  const response = await withDeadline("the answer to begin", request);
  const reader = response.body?.getReader();
  const next = async () =>
    Buffer.from((await withDeadline("an answer", reader?.read() ?? Promise.reject()))?.value ?? []).toString();
  expect(JSON.parse(await next())).toMatchObject({ userID: "first", status: 201 });
  expect(await server.domain.store.findUserByKey("first")).toBeDefined();
  await writer.write(Buffer.from('ID":"second"}\n'));
  expect(JSON.parse(await next())).toMatchObject({ userID: "second", status: 201 });
  await writer.write(Buffer.from('{"userID":"third"}'));
  await writer.close();
  expect(JSON.parse(await next())).toMatchObject({ userID: "third", status: 201 });
  expect(await next()).toBe("");
});

test("under an Idempotency-Key the same lines give the same tokens, from any line on, and after a restart", async () => {
  await using before = await startTestServer();
  const lines = Array.from({ length: 600 }, (_, at) => ({
    userID: `u${at}`,
    ...(at % 3 === 0 ? { clientID: "phone" } : {}),
  }));
  const first = await stream(before, lines, { key: "import-1" });
  expect(first.every(({ status }) => status === 201)).toBe(true);
  expect(new Set(first.map(({ accessToken }) => accessToken)).size).toBe(600);
  expect(await stream(before, lines, { key: "import-1" })).toEqual(first);
  const other = await stream(before, lines.slice(0, 2), { key: "import-2" });
  const none = await stream(before, lines.slice(0, 2));
  const secrets = [first, other, none].map((answers) => answers[0]?.accessToken);
  expect(new Set(secrets).size).toBe(3);
  await using server = await before.restart();
  expect(await stream(server, lines.slice(400), { key: "import-1" })).toEqual(first.slice(400));
  expect(await server.domain.store.countUsers()).toBe(600);
  for (const { accessToken } of [...first.slice(0, 3), ...other, ...none]) {
    expect((await call(server, "GET /messages?format=simple", { as: accessToken })).status).toBe(200);
  }
});

test("what was used up or revoked is not given out again", async () => {
  await using server = await startTestServer();
  const lines = ["kept", "rotated", "revoked"].map((userID) => ({ userID }));
  const [kept, rotated, revoked] = await stream(server, lines, { key: "k" });
  expect((await call(server, "PUT /token", { body: { refreshToken: rotated?.refreshToken } })).status).toBe(201);
  expect((await call(server, "DELETE /token", { as: revoked?.accessToken })).status).toBe(200);
  const error = "The tokens were used or revoked";
  const detail = "send the line with another Idempotency-Key to get new ones";
  expect(await stream(server, lines, { key: "k" })).toEqual([
    kept as Line,
    { userID: "rotated", status: 409, error, detail },
    { userID: "revoked", status: 409, error, detail },
  ]);
  expect((await call(server, "GET /messages?format=simple", { as: revoked?.accessToken })).status).toBe(401);
});

test("a key may be used anew once its tokens have gone, for other tokens", async () => {
  const clock = createManualClock();
  await using server = await startTestServer({ clock, env: { ROOST_REST_ACCESS_TOKEN_LIFETIME: "1 h" } });
  const lines = [{ userID: "anna" }];
  const [first] = await stream(server, lines, { key: "k" });
  clock.advance(3_599_000);
  expect((await stream(server, lines, { key: "k" }))[0]).toEqual(first as Line);
  clock.advance(1000);
  const [later] = await stream(server, lines, { key: "k" });
  expect([later?.status, later?.accessToken === first?.accessToken]).toEqual([201, false]);
});

test("no token, nor what they are derived from, is on disk", async () => {
  await using server = await startTestServer();
  const answers = await stream(server, [{ userID: "anna" }, { userID: "ben" }], { key: "a-key-nobody-guesses" });
  const files = readdirSync(server.dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  expect(bytes.some((content) => content.includes("anna"))).toBe(true);
  const secrets = answers.flatMap(({ accessToken = "", refreshToken = "" }) => [accessToken, refreshToken]);
  for (const secret of [...secrets, server.backendKey, "a-key-nobody-guesses"]) {
    expect(secret.length).toBeGreaterThan(10);
    expect(bytes.some((content) => content.includes(secret))).toBe(false);
    const raw = Buffer.from(secret.slice(3), "base64url");
    expect(bytes.some((content) => content.includes(raw))).toBe(false);
  }
});

test("R30: a stream is the backend's too", async () => {
  await using server = await startTestServer();
  for (const as of [undefined, "wrong"]) {
    const answer = await call(server, "POST /token", {
      as,
      headers: { "Content-Type": ndjson },
      body: '{"userID":"a"}\n',
    });
    expect([answer.status, answer.text, answer.type]).toEqual([401, '{"error":"Bad token"}', "application/json"]);
  }
  const long = await call(server, "POST /token", {
    as: server.backendKey,
    headers: { "Content-Type": ndjson, "Idempotency-Key": "x".repeat(257) },
    body: '{"userID":"a"}\n',
  });
  expect([long.status, long.text]).toEqual([400, '{"error":"Invalid parameters"}']);
  await using open = await startTestServer({ env: { ROOST_REST_OPEN_TOKENS: "true" } });
  await stream(open, [{ userID: "known" }]);
  const answer = await call(open, "POST /token", {
    headers: { "Content-Type": ndjson, "Idempotency-Key": "k" },
    body: '{"userID":"new"}\n{"userID":"known"}\n',
  });
  expect(
    answer.text
      .split("\n")
      .slice(0, 2)
      .map((text) => (JSON.parse(text) as Line).status),
  ).toEqual([201, 401]);
});
