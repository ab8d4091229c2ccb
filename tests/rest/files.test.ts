/** Large content through REST: what history shows of it, and `GET /_/files/<hash>` (docs/protocols/files.md). */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { asBackend, call, enroll, inboxOf, prefixes, room } from "./client.ts";

const kib = 1024;

interface File {
  readonly hash: string;
  readonly url: string;
  readonly bytes: number;
  readonly type: string;
}

interface Shown {
  readonly seq: number;
  readonly content?: string;
  readonly encoding?: string;
  readonly file?: File;
}

const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

function png(bytes: number, seed = 0): Uint8Array {
  const content = Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + seed) & 0xff);
  content.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return content;
}

/** A chat of Anna and Ben; Carl is a stranger. */
async function stage(server: TestServer) {
  const [anna = "", ben = "", carl = ""] = await enroll(server, "anna", "ben", "carl");
  await room(server, "team", "anna", "ben");
  return { anna, ben, carl };
}

async function post(server: TestServer, token: string, bytes: Uint8Array, type = "image/png"): Promise<void> {
  const content = Buffer.from(bytes).toString("base64");
  const body = { chatID: "team", type, content, encoding: "base64" };
  const answer = await call(server, "POST /messages", { as: token, body });
  if (answer.status !== 200) throw new Error(`POST /messages answered ${answer.status}: ${answer.text}`);
}

async function historyOf(server: TestServer, token: string, query = "") {
  const { status, text } = await call(server, `GET /chats/team/messages${query}`, { as: token });
  expect(status).toBe(200);
  return JSON.parse(text) as { messages: Shown[]; next: number | null };
}

const get = (server: TestServer, path: string, token: string, headers: Record<string, string> = {}) =>
  fetch(`http://${server.http}${path}`, { headers: { Authorization: `Bearer ${token}`, ...headers } });

test("a picture is shown with its content and its file, and the file is the picture", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await stage(server);
  const picture = png(100 * kib);
  await post(server, anna, picture);
  const [shown] = (await historyOf(server, ben)).messages;
  const base64 = Buffer.from(picture).toString("base64");
  const url = `/_/files/${hashOf(picture)}`;
  const file = { hash: hashOf(picture), url, bytes: 100 * kib, type: "image/png" };
  expect(shown).toMatchObject({ content: base64, encoding: "base64", file });
  expect((await inboxOf(server, ben)).messages).toMatchObject([{ content: base64, file }]);
  const answer = await get(server, url, ben);
  expect(answer.status).toBe(200);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    "content-type": "image/png",
    "content-length": String(100 * kib),
    "content-disposition": "inline",
    "content-security-policy": "default-src 'none'; img-src 'self'; media-src 'self'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "private, max-age=31536000, immutable",
    "accept-ranges": "bytes",
    etag: `"${hashOf(picture)}"`,
  });
  expect(Buffer.compare(await answer.bytes(), picture)).toBe(0);
  // The token may stand wherever REST takes one.
  expect((await fetch(`http://${server.http}${url}?accessToken=${ben}`)).status).toBe(200);
  expect((await fetch(`http://${server.http}${url}`, { headers: { Authorization: ben } })).status).toBe(200);
});

test("parts of a file, its head, and nothing where the client has it", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  const picture = png(100 * kib);
  await post(server, anna, picture);
  const url = `/_/files/${hashOf(picture)}`;
  const size = 100 * kib;
  const parts: [range: string, first: number, last: number][] = [
    ["bytes=0-0", 0, 0],
    ["bytes=10-19", 10, 19],
    ["bytes=102390-", 102_390, size - 1],
    ["bytes=102390-999999999999999999999", 102_390, size - 1],
    ["bytes=-5", size - 5, size - 1],
    ["bytes=-999999", 0, size - 1],
  ];
  for (const [range, first, last] of parts) {
    const answer = await get(server, url, anna, { Range: range });
    expect([range, answer.status]).toEqual([range, 206]);
    expect(answer.headers.get("content-range")).toBe(`bytes ${first}-${last}/${size}`);
    expect(Buffer.compare(await answer.bytes(), picture.subarray(first, last + 1))).toBe(0);
  }
  for (const range of [`bytes=${size}-`, "bytes=-0"]) {
    const answer = await get(server, url, anna, { Range: range });
    expect([answer.status, answer.headers.get("content-range")]).toEqual([416, `bytes */${size}`]);
  }
  for (const range of ["bytes=5-1", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=0-1,4-5"]) {
    const answer = await get(server, url, anna, { Range: range });
    expect([range, answer.status, (await answer.bytes()).byteLength]).toEqual([range, 200, size]);
  }
  const etag = `"${hashOf(picture)}"`;
  const other = await get(server, url, anna, { Range: "bytes=0-9", "If-Range": '"another"' });
  expect([other.status, (await other.bytes()).byteLength]).toEqual([200, size]);
  expect((await get(server, url, anna, { Range: "bytes=0-9", "If-Range": etag })).status).toBe(206);
  for (const known of [etag, `W/${etag}`, `"another", ${etag}`, "*"]) {
    const answer = await get(server, url, anna, { "If-None-Match": known });
    expect([answer.status, answer.headers.get("etag"), await answer.text()]).toEqual([304, etag, ""]);
  }
  expect((await get(server, url, anna, { "If-None-Match": '"another"' })).status).toBe(200);
  const head = await fetch(`http://${server.http}${url}`, { method: "HEAD", headers: { Authorization: anna } });
  expect([head.status, head.headers.get("content-length"), head.headers.get("etag")]).toEqual([200, `${size}`, etag]);
});

test("who is in no chat with it is told what is told of a file that does not exist", async () => {
  await using server = await startTestServer();
  const { anna, ben, carl } = await stage(server);
  const picture = png(100 * kib);
  await post(server, anna, picture);
  const url = `/_/files/${hashOf(picture)}`;
  const unknown = await call(server, `GET /_/files/${"0".repeat(64)}`, { as: carl });
  expect(unknown.status).toBe(404);
  expect(JSON.parse(unknown.text)).toMatchObject({ error: "File not found" });
  const stranger = await call(server, `GET ${url}`, { as: carl });
  expect([stranger.status, stranger.text]).toEqual([404, unknown.text]);
  expect((await call(server, `GET ${url}`)).status).toBe(401);
  expect((await call(server, `GET ${url}`, { as: "not-a-token" })).status).toBe(401);
  expect((await asBackend(server, `GET ${url}`)).status).toBe(401);
  expect((await call(server, `POST ${url}`, { as: anna, body: {} })).status).toBe(405);
  expect((await call(server, "GET /_/files/", { as: anna })).status).toBe(405);
  for (const path of ["/_/files/..%2F..%2Froost.db", `${url}/more`, "/_/other"]) {
    expect([path, (await call(server, `GET ${path}`, { as: anna })).status]).toEqual([path, 404]);
  }
  for (const prefix of prefixes.filter((one) => one !== "")) {
    const answer = await call(server, `GET ${prefix}${url}`, { as: anna });
    expect([prefix, answer.status, answer.type]).toEqual([prefix, 404, "application/problem+json"]);
  }
  expect((await call(server, `GET ${url}`, { as: ben })).status).toBe(200);
  await asBackend(server, "DELETE /chats/team/users", { users: ["ben"] });
  expect((await call(server, `GET ${url}`, { as: ben })).status).toBe(404);
  expect((await call(server, `GET ${url}`, { as: anna })).status).toBe(200);
  await asBackend(server, "DELETE /chats/team");
  expect((await call(server, `GET ${url}`, { as: anna })).status).toBe(404);
  const path = join(server.dataDir, "files", hashOf(picture).slice(0, 2), hashOf(picture).slice(2));
  await until("the file to go", () => !existsSync(path));
});

test("what would run in a browser is for saving, and a picture is one by its bytes, not by its name", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  const page = Buffer.from(`<!doctype html><script>alert(1)</script>${" ".repeat(70 * kib)}`);
  const vector = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"><script/>${" ".repeat(70 * kib)}</svg>`);
  const sent: [type: string, bytes: Uint8Array, served: string, disposition: string][] = [
    ["text/html", page, "text/plain; charset=utf-8", "attachment"],
    ["image/svg+xml", vector, "application/octet-stream", "attachment"],
    ["image/png", Buffer.concat([page, Buffer.from("x")]), "application/octet-stream", "attachment"],
    ["application/javascript", Buffer.concat([page, Buffer.from("y")]), "application/octet-stream", "attachment"],
    ["file", png(66 * kib), "application/octet-stream", "attachment"],
    ["image/jpeg", png(67 * kib), "image/png", "inline"],
  ];
  for (const [type, bytes, served, disposition] of sent) {
    await post(server, anna, bytes, type);
    const { headers } = await get(server, `/_/files/${hashOf(bytes)}`, anna);
    expect([type, headers.get("content-type"), headers.get("content-disposition")]).toEqual([
      type,
      served,
      disposition,
    ]);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("content too large for JSON stands in its file alone, and a page ends before it is too large itself", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await stage(server);
  const [large, bearable] = [600 * kib, 500 * kib];
  const sizes = [large, ...Array.from({ length: 12 }, () => bearable), 3000 * kib];
  for (const [index, size] of sizes.entries()) await post(server, anna, png(size, index));
  const up: Shown[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page = await historyOf(server, ben, `?after_seq=${after}&limit=100`);
    expect(page.messages.length).toBeWithin(1, 12);
    up.push(...page.messages);
    after = page.next;
  }
  expect(up.map(({ seq }) => seq)).toEqual(sizes.map((_, index) => index + 1));
  expect(up.map(({ content, file }) => [content !== undefined, file?.bytes])).toEqual(
    sizes.map((size) => [size === bearable, size]),
  );
  const down: Shown[] = [];
  for (let before: number | null = 1000; before !== null; ) {
    const page = await historyOf(server, ben, `?before_seq=${before}&limit=100`);
    down.unshift(...page.messages);
    before = page.next;
  }
  expect(down.map(({ seq, content }) => `${seq} ${content?.length}`)).toEqual(
    up.map(({ seq, content }) => `${seq} ${content?.length}`),
  );
  const [first] = (await inboxOf(server, ben)).messages;
  expect(first).not.toHaveProperty("content");
  expect(first).not.toHaveProperty("encoding");
  const url = up.at(-1)?.file?.url ?? "";
  expect(Buffer.compare(await (await get(server, url, ben)).bytes(), png(3000 * kib, sizes.length - 1))).toBe(0);
});

test("a picture may be larger than a text, and no larger than files.max_bytes", async () => {
  await using server = await startTestServer({
    env: { ROOST_FILES_MAX_BYTES: "2MiB", ROOST_FILES_TOTAL_BYTES: "3MiB" },
  });
  const { anna } = await stage(server);
  const say = async (type: string, bytes: Uint8Array) => {
    const body = { chatID: "team", type, content: Buffer.from(bytes).toString("base64"), encoding: "base64" };
    const { status, text } = await call(server, "POST /messages", { as: anna, body });
    return [status, (JSON.parse(text) as { error?: string }).error];
  };
  expect(await say("text", new Uint8Array(1025 * kib))).toEqual([413, "Message too large"]);
  expect(await say("image", new Uint8Array(2048 * kib))).toEqual([200, undefined]);
  expect(await say("image", new Uint8Array(2048 * kib + 1))).toEqual([413, "Message too large"]);
  expect(await say("image", new Uint8Array(1025 * kib))).toEqual([507, "Insufficient storage"]);
  expect(await say("image", new Uint8Array(100 * kib))).toEqual([200, undefined]);
  expect((await historyOf(server, anna)).messages).toHaveLength(2);
});
