/** Paths and methods nobody serves, bodies without end, headers that mean harm, and what a monitor asks. */
import { expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { asBackend, call, enroll, people, prefixes, raw, room } from "./client.ts";

const problem = (status: number, title: string, detail: string, error: string): string =>
  JSON.stringify({ type: "about:blank", title, status, detail, error });
const unknownPath = problem(404, "Not Found", "no such path; GET /docs shows the paths there are", "Not found");

test("unknown paths are JSON 404, under every prefix", async () => {
  await using server = await startTestServer();
  for (const prefix of prefixes) {
    for (const path of [
      "/nothing",
      "/chats/a/b/c",
      "/chats/a/b",
      "/token/x",
      "/messages/1/2",
      "/..%2f",
      "/%00",
      "/users/a/b",
    ]) {
      for (const method of ["GET", "POST", "DELETE"]) {
        const answer = await call(server, `${method} ${prefix}${path}`);
        const at = `${method} ${prefix}${path}`;
        expect([at, answer.status, answer.text, answer.type]).toEqual([
          at,
          404,
          unknownPath,
          "application/problem+json",
        ]);
      }
    }
    if (prefix !== "") expect((await call(server, `GET ${prefix}`)).text).toBe(unknownPath);
  }
});

test("unknown methods are JSON 405 and name the known ones", async () => {
  await using server = await startTestServer();
  const table: [string, string][] = [
    ["GET /token", "POST, PUT, DELETE, OPTIONS"],
    ["DELETE /messages", "GET, HEAD, POST, OPTIONS"],
    ["PATCH /messages", "GET, HEAD, POST, OPTIONS"],
    ["GET /chats/team", "DELETE, OPTIONS"],
    ["POST /chats/team/users", "GET, HEAD, PUT, DELETE, OPTIONS"],
    ["POST /chats/team/messages", "GET, HEAD, OPTIONS"],
    ["PUT /healthz", "GET, HEAD, OPTIONS"],
  ];
  for (const prefix of prefixes) {
    for (const [request, allow] of table) {
      const answer = await call(server, request.replace(" ", ` ${prefix}`));
      expect([request, answer.status, answer.text, answer.headers.get("allow"), answer.type]).toEqual([
        request,
        405,
        problem(405, "Method Not Allowed", `use ${allow.replaceAll(", ", " or ")}`, "Method not allowed"),
        allow,
        "application/problem+json",
      ]);
    }
  }
});

test("a closing slash changes nothing", async () => {
  await using server = await startTestServer();
  await room(server, "team", "alice");
  expect((await asBackend(server, "GET /api/v3/backend/chats/team/users/")).status).toBe(200);
  expect((await call(server, "GET /version/")).status).toBe(200);
});

test("bodies over the limit are 413 in the route's own form, announced or streamed", async () => {
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice");
  const long = `"${"x".repeat(16 * 1024 * 1024)}"`;
  for (const [request, as] of [
    ["POST /token", server.backendKey],
    ["PUT /chats/team/users", server.backendKey],
    ["POST /messages", alice],
  ] as const) {
    const answer = await call(server, request, { as, body: long });
    expect([request, answer.status, answer.text]).toEqual([request, 413, '{"error":"Request too large"}']);
  }
  const streamed = await fetch(`http://${server.http}/messages`, {
    method: "POST",
    headers: { Authorization: alice },
    body: new ReadableStream<Uint8Array>({
      start(stream) {
        for (let at = 0; at < 17; at += 1) stream.enqueue(new Uint8Array(1024 * 1024).fill(0x20));
        stream.close();
      },
    }),
  });
  expect(streamed.status).toBe(413);
});

test("a million values are refused before they are built", async () => {
  await using server = await startTestServer();
  for (const body of [`{"users":[${"{},".repeat(1_000_000)}{}]}`, `{"users":${"[".repeat(1_000_000)}`]) {
    const answer = await asBackend(server, "PUT /chats/team/users", body);
    expect([answer.status, answer.text]).toEqual([400, '{"error":"Invalid parameters"}']);
  }
});

test("bytes that are no UTF-8 are refused", async () => {
  await using server = await startTestServer();
  const answer = await fetch(`http://${server.http}/chats/team/users`, {
    method: "PUT",
    headers: { "X-API-Key": server.backendKey },
    body: new Uint8Array([...Buffer.from('{"users":["alice"],"chatName":"'), 0xff, ...Buffer.from('"}')]),
  });
  expect([answer.status, answer.headers.get("x-error-detail")]).toEqual([400, "the body is not UTF-8"]);
});

test("headers that mean harm get plain answers, and none of them comes back", async () => {
  await using server = await startTestServer();
  const head = (extra: string, request = "GET /chats/team/users") => `${request} HTTP/1.1\r\n${extra}\r\n\r\n`;
  const table: [string, number][] = [
    [head("Host: x\r\nAuthorization: Bearer"), 401],
    [head("Host: x\r\nAuthorization: Bearer \t "), 401],
    [head("Host: x\r\nAuthorization: Bearer caf\xe9"), 401],
    [head("Host: x\r\nX-API-Key: "), 401],
    [head(`Host: x\r\nX-API-Key: ${"k".repeat(5000)}`), 401],
    [head("Host: a/b?c#d"), 401],
    [head("Host: x y"), 401],
    [head("Host: x", "GET /chats/%0d%0aX-Injected:%20yes/users"), 401],
    [head(`Host: x\r\nX-API-Key: ${server.backendKey}`, "GET /chats/%0d%0aX-Injected:%20yes/users"), 400],
    [head(`Host: ::::\r\nX-API-Key: ${server.backendKey}`, "GET /chats/nowhere/users"), 400],
    [head("Host: x", "GET //evil.example/chats/team/users"), 404],
    [head("Host: x", "GET http://evil.example/chats/team/users"), 401],
  ];
  for (const [bytes, status] of table) {
    const answer = await raw(server, Buffer.from(bytes, "latin1"));
    expect([bytes, answer.slice(0, 12)]).toEqual([bytes, `HTTP/1.1 ${status}`]);
    expect(answer.toLowerCase()).not.toMatch(/\r\nx-injected/);
    expect(answer).not.toContain(server.backendKey);
  }
});

test("a body that breaks off is nobody's fault but the client's", async () => {
  await using server = await startTestServer();
  const request = `PUT /chats/team/users HTTP/1.1\r\nHost: x\r\nX-API-Key: ${server.backendKey}\r\nContent-Length: 100\r\n\r\n{"users"`;
  const { hostname, port } = new URL(`http://${server.http}`);
  const socket = await Bun.connect({ hostname, port: Number(port), socket: { data() {} } });
  socket.write(request);
  socket.flush();
  await call(server, "GET /version");
  socket.terminate();
  expect((await asBackend(server, "GET /chats/team/users")).text).toBe('{"error":"Invalid chatID"}');
});

test("a monitor learns whether the server lives, is ready, and which version it is", async () => {
  await using server = await startTestServer();
  const live = await call(server, "GET /healthz");
  expect([live.status, live.text, live.type]).toEqual([200, '{"live":true}', "application/json"]);
  const ready = await call(server, "GET /readyz");
  expect([ready.status, ready.text]).toEqual([200, '{"ready":true,"reasons":[]}']);
  const version = await call(server, "GET /api/v3/version");
  expect(JSON.parse(version.text)).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
});

test("a field that a form of ours does not have is refused with the nearest one; the documents' forms pass over it", async () => {
  await using server = await startTestServer();
  const { alice } = await people(server);
  const message = { chatID: "team", content: "x" };
  const table: [request: string, as: string, body: unknown, detail: string][] = [
    ["POST /messages", alice, { ...message, clientId: "1" }, "clientId: did you mean clientID?"],
    ["POST /messages", alice, [message, { ...message, contents: "y" }], "1: contents: did you mean content?"],
    [
      "POST /messages",
      alice,
      { ...message, zebra: 1 },
      "zebra: no such field; there are chatID, type, content, encoding, file, clientID, reply_to, mentions",
    ],
    [
      "POST /messages",
      alice,
      { statuses: [{ messageID: "1", messagestatus: "read", messageStatus: "read" }] },
      "statuses.0: messagestatus: did you mean messageStatus?",
    ],
    ["PUT /chats/team/typing", alice, { typin: true }, "typin: did you mean typing?"],
    [
      "POST /messages",
      server.backendKey,
      { ...message, sender: "alice", clienID: "1" },
      "0: clienID: did you mean clientID?",
    ],
    [
      "PUT /webhooks/one",
      server.backendKey,
      { url: "http://127.0.0.1/", event: ["message"] },
      "event: did you mean events?",
    ],
    ["GET /messages?format=full", alice, undefined, "format: must be simple; left out it is the signed form"],
  ];
  for (const [request, as, body, detail] of table) {
    const answer = await call(server, request, { as, body });
    expect([detail, answer.status, answer.headers.get("x-error-detail")]).toEqual([detail, 400, detail]);
  }
  expect((await asBackend(server, "POST /token", { userID: "carl", userkey: "x" })).status).toBe(201);
  expect((await asBackend(server, "PUT /chats/team/users", { users: ["alice", "bob"], name: "x" })).status).toBe(200);
});

test("what an answer spells may be sent back as it is", async () => {
  await using server = await startTestServer();
  const { alice, bob } = await people(server);
  const sent = JSON.parse(
    (await call(server, "POST /messages", { as: alice, body: { chatID: "team", content: "x", client_id: "1" } })).text,
  );
  expect(sent).toMatchObject({ seq: 1, chatID: "team", client_id: "1" });
  const again = { chat_id: sent.chat_id, content: "x", client_id: "1" };
  expect(JSON.parse((await call(server, "POST /messages", { as: alice, body: again })).text)).toEqual(sent);
  const statuses = [{ message_id: sent.message_id, messageStatus: "delivered" }];
  expect((await call(server, "POST /messages", { as: bob, body: { statuses } })).status).toBe(200);
  const waiting = JSON.parse((await call(server, "GET /messages?format=simple", { as: bob })).text);
  expect(waiting.messages).toEqual([]);
});

// Bun closes the connection instead. When it does not any more, this test says so, and docs/protocols/rest.md can lose its warning.
test.failing("requests that follow each other at once are all answered", async () => {
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  const post = (content: string) => {
    const body = JSON.stringify({ chatID: "team", content });
    const head = `POST /messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice}\r\n`;
    return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  };
  expect(await raw(server, post("one") + post("two"), /"seq":1[\s\S]*"seq":2/)).toMatch(/"seq":1[\s\S]*"seq":2/);
});
