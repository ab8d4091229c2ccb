/** Limits on how often a caller may ask, pages of other origins, HEAD and OPTIONS, and what is said with every no. */
import { expect, test } from "bun:test";
import { clockOf } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { type Answer, asBackend, call, enroll, prefixes, room, say } from "./client.ts";

const tooOften = (answer: Answer) => {
  expect(answer.status).toBe(429);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.headers.get("x-error-detail")).toBe("asked too often");
  expect(answer.headers.get("ratelimit-remaining")).toBe("0");
  return [answer.type, JSON.parse(answer.text).error];
};

test("each token has a minute's requests, told with every answer; then 429 in the route's own words", async () => {
  let nowMs = Date.now();
  await using server = await startTestServer({
    clock: clockOf(() => nowMs),
    env: { ROOST_REST_REQUESTS_PER_MINUTE: "6", ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "0" },
  });
  const [alice = "", bob = ""] = await enroll(server, "alice", "bob");
  for (let left = 5; left >= 0; left -= 1) {
    const answer = await call(server, "GET /messages?format=simple", { as: alice });
    expect([answer.status, answer.headers.get("ratelimit-limit"), answer.headers.get("ratelimit-remaining")]).toEqual([
      200,
      "6",
      String(left),
    ]);
    expect(Number(answer.headers.get("ratelimit-reset"))).toBe((6 - left) * 10);
  }
  const documented = ["application/json", "Too many requests"];
  const own = ["application/problem+json", "Too many requests"];
  for (const [request, wanted] of [
    ["GET /messages?format=simple", documented],
    ["POST /messages", documented],
    ["PUT /api/v3/chats/team/users", documented],
    ["GET /chats/team/messages", own],
    ["GET /public/users/me", own],
  ] as const) {
    expect(tooOften(await call(server, request, { as: alice }))).toEqual([...wanted]);
  }
  // In the query it is the same token; another one has room of its own, and so has who shows none.
  expect(tooOften(await call(server, `GET /messages?accessToken=${alice}`))).toEqual(documented);
  expect((await call(server, "GET /messages?format=simple", { as: bob })).status).toBe(200);
  const anonymous = await call(server, "GET /version");
  expect([anonymous.status, anonymous.headers.get("ratelimit-limit")]).toEqual([200, null]);
  nowMs += 10_000;
  expect((await call(server, "GET /messages?format=simple", { as: alice })).status).toBe(200);
  tooOften(await call(server, "GET /messages?format=simple", { as: alice }));
});

test("the backend's key and an address have limits of their own", async () => {
  await using server = await startTestServer({
    env: {
      ROOST_REST_REQUESTS_PER_MINUTE: "2",
      ROOST_REST_BACKEND_REQUESTS_PER_MINUTE: "5",
      ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "3",
    },
  });
  const asked: number[] = [];
  for (let count = 0; count < 8; count += 1) asked.push((await asBackend(server, "GET /chats/team/users")).status);
  expect(asked).toEqual([400, 400, 400, 400, 400, 429, 429, 429]);
  const anonymous: number[] = [];
  for (let count = 0; count < 5; count += 1) anonymous.push((await call(server, "GET /version")).status);
  expect(anonymous).toEqual([200, 200, 200, 429, 429]);
});

test("a made-up token is a request of its address; a right one has its own bucket, whoever empties that of the address", async () => {
  await using server = await startTestServer({ env: { ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "5" } });
  const [alice = ""] = await enroll(server, "alice");
  const made: number[] = [];
  for (let n = 0; n < 8; n += 1) made.push((await call(server, "GET /users/me", { as: `ra_made-up-${n}` })).status);
  expect(made).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
  expect((await call(server, "GET /version")).status).toBe(429);
  const own = await call(server, "GET /users/me", { as: alice });
  expect([own.status, own.headers.get("ratelimit-limit")]).toEqual([200, "600000"]);
  const backend = await asBackend(server, "GET /chats/team/users");
  expect([backend.status, backend.headers.get("ratelimit-limit")]).toEqual([400, "6000000"]);
});

test("the addresses of one IPv6 /64 share the requests of strangers", async () => {
  const env = { ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "2", ROOST_PROXY_TRUSTED: "loopback" };
  await using server = await startTestServer({ env });
  const statuses: number[] = [];
  for (const address of ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1"]) {
    statuses.push((await call(server, "GET /version", { headers: { "X-Forwarded-For": address } })).status);
  }
  expect(statuses).toEqual([200, 200, 429, 200]);
});

test("a thousand wrong tokens from one address are told to come later, and every right secret passes", async () => {
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice");
  const answers: Answer[] = [];
  for (let n = 0; n < 1000; n += 1) answers.push(await call(server, "GET /users/me", { as: `wrong${n}` }));
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(30);
  const last = answers.at(-1);
  expect(last?.status).toBe(429);
  const seconds = Number(last?.headers.get("retry-after"));
  expect(seconds >= 1 && seconds <= 60).toBe(true);
  expect((await call(server, "GET /users/me", { as: alice })).status).toBe(200);
  expect((await asBackend(server, "GET /webhooks")).status).toBe(200);
});

test("only pages of the origins named may read answers", async () => {
  await using server = await startTestServer({
    env: { ROOST_REST_CORS_ORIGINS: "https://app.example, http://localhost:5173" },
  });
  await room(server, "team", "alice");
  const good = { Origin: "https://app.example" };
  const read = await call(server, "GET /chats/team/users", { as: server.backendKey, headers: good });
  expect([read.headers.get("access-control-allow-origin"), read.headers.get("vary")]).toEqual([
    "https://app.example",
    "Origin",
  ]);
  expect(read.headers.get("access-control-expose-headers")).toContain("X-Error-Detail");
  expect(read.headers.get("access-control-allow-credentials")).toBeNull();
  const refused = await call(server, "GET /chats/team/users", { headers: good });
  expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, "https://app.example"]);
  const preflight = await call(server, "OPTIONS /messages", {
    headers: { ...good, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization" },
  });
  expect([preflight.status, preflight.text]).toEqual([204, ""]);
  expect(preflight.headers.get("access-control-allow-methods")).toBe("GET, HEAD, POST, OPTIONS");
  expect(preflight.headers.get("access-control-allow-headers")).toContain("Authorization");
  for (const Origin of ["https://evil.example", "null", "https://app.example.evil.example", "https://APP.example"]) {
    for (const request of ["GET /version", "OPTIONS /messages"]) {
      const answer = await call(server, request, { headers: { Origin } });
      expect([Origin, answer.headers.get("access-control-allow-origin"), answer.headers.get("vary")]).toEqual([
        Origin,
        null,
        "Origin",
      ]);
      expect(answer.headers.get("access-control-allow-headers")).toBeNull();
    }
  }
});

test("no page of another origin may read anything unless one was named; a star names all", async () => {
  await using closed = await startTestServer();
  const none = await call(closed, "GET /version", { headers: { Origin: "https://app.example" } });
  expect([none.headers.get("access-control-allow-origin"), none.headers.get("vary")]).toEqual([null, null]);
  await using open = await startTestServer({ env: { ROOST_REST_CORS_ORIGINS: "*" } });
  const all = await call(open, "GET /version", { headers: { Origin: "https://app.example" } });
  expect(all.headers.get("access-control-allow-origin")).toBe("*");
});

test("OPTIONS says what may be asked, HEAD is GET without a body", async () => {
  await using server = await startTestServer();
  await room(server, "team", "alice");
  for (const prefix of prefixes) {
    for (const [path, allow] of [
      ["/token", "POST, PUT, DELETE"],
      ["/users/nobody", "GET, HEAD, DELETE"],
      ["/users/me", "GET, HEAD, PATCH"],
      ["/messages", "GET, HEAD, POST"],
      ["/chats/team", "DELETE"],
      ["/chats/team/users", "GET, HEAD, PUT, DELETE"],
      ["/chats/team/typing", "PUT"],
    ]) {
      const answer = await call(server, `OPTIONS ${prefix}${path}`);
      expect([path, answer.status, answer.text, answer.headers.get("allow")]).toEqual([
        path ?? "",
        204,
        "",
        `${allow}, OPTIONS`,
      ]);
    }
  }
  for (const path of [
    "/chats/team/users",
    "/chats/nowhere/users",
    "/version",
    "/healthz",
    "/openapi.json",
    "/nothing",
  ]) {
    const get = await asBackend(server, `GET ${path}`);
    const head = await asBackend(server, `HEAD ${path}`);
    const length = String(Buffer.byteLength(get.text));
    expect([path, head.status, head.text, head.type]).toEqual([path, get.status, "", get.type]);
    expect([path, head.headers.get("content-length")]).toEqual([path, length]);
  }
});

test("a compressed body is refused in every route that reads one, an uncompressed one is taken", async () => {
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  const headers = { "Content-Encoding": "gzip" };
  for (const [request, as, more] of [
    ["POST /messages", alice, {}],
    ["PUT /chats/team/typing", alice, {}],
    ["PUT /chats/team/users", server.backendKey, {}],
    ["POST /token", server.backendKey, {}],
    ["POST /token", server.backendKey, { "Content-Type": "application/x-ndjson" }],
  ] as const) {
    const answer = await call(server, request, { as, headers: { ...headers, ...more }, body: { userID: "x" } });
    expect([request, answer.status, JSON.parse(answer.text).error]).toEqual([
      request,
      415,
      "Unsupported content encoding",
    ]);
    expect(answer.headers.get("x-error-detail")).toBe("send the body without Content-Encoding");
  }
  const plain = { as: alice, headers: { "Content-Encoding": "identity" }, body: { chatID: "team", content: "hi" } };
  expect((await call(server, "POST /messages", plain)).status).toBe(200);
});

test("a page of history stops after two megabytes and goes on where it stopped", async () => {
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice", "bob");
  await room(server, "team", "alice", "bob");
  const long = "x".repeat(450_000);
  for (let count = 0; count < 24; count += 1) await say(server, alice, "team", `${count} ${long}`);
  for (const [name, begin] of [
    ["before_seq", "25"],
    ["after_seq", "0"],
  ] as const) {
    const pages: number[][] = [];
    let next: number | null = Number(begin);
    while (next !== null) {
      const answer = await call(server, `GET /chats/team/messages?limit=100&${name}=${next}`, { as: alice });
      expect(answer.text.length).toBeLessThan(2.5 * 1024 * 1024);
      const page = JSON.parse(answer.text) as { messages: { seq: number }[]; next: number | null };
      pages.push(page.messages.map(({ seq }) => seq));
      next = page.next;
    }
    expect(pages.length).toBe(6);
    const all = name === "after_seq" ? pages.flat() : pages.toReversed().flat();
    expect(all).toEqual(Array.from({ length: 24 }, (_, at) => at + 1));
  }
});
