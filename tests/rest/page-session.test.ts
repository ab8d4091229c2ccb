/** `/_/session`: a cookie by which a page reads files, and nothing else (docs/protocols/files.md § For pages). */
import { expect, test } from "bun:test";
import { startTestServer, type TestServer } from "../support/server.ts";
import { call, enroll, room } from "./client.ts";

/** Anna's file in a chat with Ben; Carl is a stranger. */
async function stage(server: TestServer) {
  const [anna = "", ben = "", carl = ""] = await enroll(server, "anna", "ben", "carl");
  await room(server, "team", "anna", "ben");
  const upload = await call(server, "POST /_/files?name=a.txt", { as: anna, body: "x".repeat(70_000) });
  const { file } = JSON.parse(upload.text);
  await call(server, "POST /messages", { as: anna, body: { chatID: "team", file } });
  const history = await call(server, "GET /chats/team/messages", { as: anna });
  const url: string = JSON.parse(history.text).messages[0].file.url;
  return { anna, ben, carl, url };
}

const ask = (
  server: TestServer,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Response> => fetch(`http://${server.http}${path}`, { method, headers });

/** The cookie as a browser sends it. */
async function cookieFor(server: TestServer, token: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await ask(server, "POST", "/_/session", { Authorization: `Bearer ${token}`, ...headers });
  expect(answer.status).toBe(204);
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

const statusOf = async (server: TestServer, url: string, Cookie: string, method = "GET"): Promise<number> =>
  (await ask(server, method, url, { Cookie })).status;

test("the cookie reads the files of its user, and is no token", async () => {
  await using server = await startTestServer();
  const { anna, ben, carl, url } = await stage(server);
  const answer = await ask(server, "POST", "/_/session", { Authorization: ben });
  const set = answer.headers.get("set-cookie") ?? "";
  expect(set).toMatch(/^roost_[0-9a-f]{8}=\d+\.rc_[\w-]{32}; Path=\/_\/; HttpOnly; SameSite=Strict$/);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(set).not.toContain(ben);
  const [cookie = ""] = set.split(";");
  expect(await statusOf(server, url, cookie)).toBe(200);
  expect(await statusOf(server, url, `other=1; ${cookie}; more=2`, "HEAD")).toBe(200);
  const strangers = await cookieFor(server, carl);
  expect(await statusOf(server, url, strangers)).toBe(404);
  // A token that is shown counts, whatever the cookie says.
  expect((await ask(server, "GET", url, { Cookie: cookie, Authorization: carl })).status).toBe(404);
  expect((await ask(server, "GET", url, { Cookie: strangers, Authorization: anna })).status).toBe(200);
  const [, secret = ""] = cookie.split("=");
  for (const Authorization of [secret, secret.replace(/^\d+\./, "")]) {
    expect((await ask(server, "GET", url, { Authorization })).status).toBe(401);
  }
});

test("it opens nothing but the reading of files", async () => {
  await using server = await startTestServer();
  const { anna, url } = await stage(server);
  const cookie = await cookieFor(server, anna);
  const begun = await call(server, "POST /_/files", { as: anna, body: "ab", headers: { "Upload-Length": "4" } });
  const upload = `/_/files/${JSON.parse(begun.text).file}`;
  const closed: [method: string, path: string][] = [
    ["POST", "/_/files"],
    ["GET", upload],
    ["HEAD", upload],
    ["PATCH", upload],
    ["DELETE", upload],
    ["POST", "/_/session"],
    ["GET", "/chats"],
    ["GET", "/messages"],
    ["POST", "/messages"],
    ["GET", "/users/me"],
    ["PATCH", "/users/me"],
    ["GET", "/chats/team/messages"],
  ];
  for (const [method, path] of closed)
    expect([path, await statusOf(server, path, cookie, method)]).toEqual([path, 401]);
  expect(await statusOf(server, url, cookie)).toBe(200);
});

test("a wrong cookie reads nothing", async () => {
  await using server = await startTestServer();
  const { anna, ben, url } = await stage(server);
  const cookie = await cookieFor(server, anna);
  const other = await cookieFor(server, ben);
  const [name = "", value = ""] = cookie.split("=");
  const [userId = "", secret = ""] = value.split(".");
  const wrong = [
    "",
    `${name}=`,
    `${name}=${secret}`,
    `${name}=1${userId}.${secret}`,
    `${other.split(".")[0]}.${secret}`,
    `${cookie.slice(0, -1)}${cookie.endsWith("A") ? "B" : "A"}`,
    `roost_00000000=${value}`,
    `${name}=${"9".repeat(5000)}.${secret}`,
  ];
  for (const one of wrong) expect([one, await statusOf(server, url, one)]).toEqual([one, 401]);
});

test("a log-in has one cookie: the browser that shows it keeps it, and another takes its place", async () => {
  await using server = await startTestServer();
  const { anna, url } = await stage(server);
  const first = await cookieFor(server, anna);
  expect(await cookieFor(server, anna, { Cookie: first })).toBe(first);
  const second = await cookieFor(server, anna);
  expect(second).not.toBe(first);
  expect(await statusOf(server, url, first)).toBe(401);
  expect(await statusOf(server, url, second)).toBe(200);
});

test("a user has 16, and the oldest goes first", async () => {
  await using server = await startTestServer();
  const { url } = await stage(server);
  const cookies: string[] = [];
  for (let n = 0; n < 17; n++) {
    const [token = ""] = await enroll(server, "anna");
    cookies.push(await cookieFor(server, token));
  }
  const statuses = await Promise.all(cookies.map((cookie) => statusOf(server, url, cookie)));
  expect(statuses).toEqual([401, ...Array.from({ length: 16 }, () => 200)]);
});

test("it ends with DELETE, which makes the browser forget it and its files and leaves the log-in", async () => {
  await using server = await startTestServer();
  const { anna, ben, url } = await stage(server);
  const [cookie, other] = [await cookieFor(server, anna), await cookieFor(server, ben)];
  const ended = await ask(server, "DELETE", "/_/session", { Cookie: cookie });
  expect(ended.status).toBe(204);
  expect(ended.headers.get("set-cookie")).toMatch(/^roost_\w{8}=; Path=\/_\/; HttpOnly; SameSite=Strict; Max-Age=0$/);
  expect(ended.headers.get("clear-site-data")).toBe('"cache"');
  expect(await statusOf(server, url, cookie)).toBe(401);
  expect(await statusOf(server, url, other)).toBe(200);
  expect((await ask(server, "GET", url, { Authorization: anna })).status).toBe(200);
  expect((await ask(server, "DELETE", "/_/session")).status).toBe(204);
});

test("it ends with its log-in, with the account, and with the server", async () => {
  await using server = await startTestServer();
  const { anna, ben, url } = await stage(server);
  const [annas, bens] = [await cookieFor(server, anna), await cookieFor(server, ben)];
  expect((await call(server, "DELETE /token", { as: anna })).status).toBe(200);
  expect(await statusOf(server, url, annas)).toBe(401);
  expect(await statusOf(server, url, bens)).toBe(200);
  await using again = await server.restart();
  expect(await statusOf(again, url, bens)).toBe(401);
  const anew = await cookieFor(again, ben, { Cookie: bens });
  expect(anew).not.toBe(bens);
  expect(await statusOf(again, url, anew)).toBe(200);
  const user = await again.store.findUserByKey("ben");
  await again.domain.accounts.disable(user?.guid ?? "");
  expect(await statusOf(again, url, anew)).toBe(401);
});

test("a token counts in a header alone, and a long-lived one not at all", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  expect((await ask(server, "POST", `/_/session?accessToken=${anna}`)).status).toBe(401);
  const form = new URLSearchParams({ accessToken: anna });
  expect((await fetch(`http://${server.http}/_/session`, { method: "POST", body: form })).status).toBe(401);
  const made = await call(server, "POST /tokens", { as: server.backendKey, body: { userID: "anna", name: "script" } });
  const long: string = JSON.parse(made.text).token;
  expect((await ask(server, "POST", "/_/session", { Authorization: long })).status).toBe(403);
});

test("it is for HTTPS alone where the request came by HTTPS to a trusted proxy", async () => {
  await using server = await startTestServer({ env: { ROOST_PROXY_TRUSTED: "loopback" } });
  const [anna = ""] = await enroll(server, "anna");
  const forwarded = { "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https" };
  const secure = await ask(server, "POST", "/_/session", { Authorization: anna, ...forwarded });
  expect(secure.headers.get("set-cookie")).toEndWith("; SameSite=Strict; Secure");
  const plain = await ask(server, "POST", "/_/session", { Authorization: anna });
  expect(plain.headers.get("set-cookie")).toEndWith("; SameSite=Strict");
});
