/**
 * Uploads and everything around them: named at every door, killed between the upload and the message, on a disk that is
 * full (docs/protocols/files.md § Upload).
 */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt from "mqtt";
import { readProcessStats } from "../load/process-stats.ts";
import { MiniClient, messagesOf } from "../minioicq/client.ts";
import { call, enroll, type RunningServer, room } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { createRandom } from "../support/random.ts";
import { startTestServer } from "../support/server.ts";
import { requireSlowFsync, startBinary, startWatched } from "./binary-server.ts";

const kib = 1024;
const mib = 1024 * kib;
const library = await requireSlowFsync();
const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** Different for each seed, and no text. */
function picture(bytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = createRandom(seed + 1);
  const content = Uint8Array.from({ length: bytes }, (_, at) => (at * 13 + (at >> 8)) & 0xff);
  for (let at = 0; at < bytes; at += 997) content[at] = random.int(256);
  content.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return content;
}

interface Upload {
  readonly file: string;
  readonly offset: number;
  readonly complete: boolean;
}

async function ask(
  server: RunningServer,
  request: string,
  token: string,
  { body, headers = {} }: { body?: Uint8Array<ArrayBuffer>; headers?: Record<string, string> } = {},
): Promise<Upload & { status: number; error: string; detail: string }> {
  const [method = "", path = ""] = request.split(" ");
  const response = await fetch(`http://${server.http}${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "image/png", ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { ...((await response.json()) as Upload & { error: string; detail: string }), status: response.status };
}

const piece = (server: RunningServer, token: string, file: string, [content, from, to]: [Uint8Array, number, number]) =>
  ask(server, `PATCH /_/files/${file}`, token, {
    body: new Uint8Array(content.subarray(from, to)),
    headers: { "Upload-Offset": String(from) },
  });

test("an upload is named at every door, and every door gets its bytes", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  const heard: { content: string; type: string; file: { hash: string } }[] = [];
  const phone = await mqtt.connectAsync(`mqtt://${server.mqtt}`, {
    protocolVersion: 5,
    username: "ben",
    password: ben,
    clientId: "phone",
  });
  phone.on("message", (_, payload) => heard.push(JSON.parse(String(payload))));
  await phone.subscribeAsync("chat/+/messages", { qos: 1 });
  using desktop = await MiniClient.connect(server.http, "json");
  await desktop.ask({ action: "auth.login", token: ben });
  const chatId = String((await desktop.next())["chat_id"]);
  using writer = await MiniClient.connect(server.http);
  await writer.ask({ action: "auth.login", token: anna });
  await writer.next();
  const publisher = await mqtt.connectAsync(`mqtt://${server.mqtt}`, {
    protocolVersion: 5,
    username: "anna",
    password: anna,
    clientId: "pub",
  });
  const publish = async (payload: object): Promise<number | string> => {
    try {
      const packet = await publisher.publishAsync("chat/team/send", JSON.stringify(payload), { qos: 1 });
      return (packet as { reasonCode?: number } | undefined)?.reasonCode ?? 0;
    } catch (error) {
      return (error as { code?: number }).code ?? String(error);
    }
  };
  const contents = [1, 2, 3].map((seed) => picture(100 * kib, seed));
  const files: string[] = [];
  for (const body of contents) files.push((await ask(server, "POST /_/files", anna, { body })).file);
  const [byRest = "", byMqtt = "", byFrame = ""] = files;
  expect((await call(server, "POST /messages", { as: anna, body: { chatID: "team", file: byRest } })).status).toBe(200);
  expect(await publish({ file: byMqtt, client_id: "m" })).toBe(0);
  const own = await writer.ask({
    action: "message.send",
    message: { chat_id: chatId, file: byFrame, client_id: "f", type: "image" },
  });
  expect(own.action).toBe("message.push");
  await until("three messages at the phone", () => heard.length === 3);
  const base64 = contents.map((bytes) => Buffer.from(bytes).toString("base64"));
  expect(heard.map(({ content }) => content)).toEqual(base64);
  expect(heard.map(({ type, file }) => [type, file.hash])).toEqual([
    ["image/png", hashOf(contents[0] ?? new Uint8Array())],
    ["image/png", hashOf(contents[1] ?? new Uint8Array())],
    ["image", hashOf(contents[2] ?? new Uint8Array())],
  ]);
  const pushed = [];
  while (pushed.length < 3) pushed.push(...messagesOf(await desktop.next()));
  expect(pushed.map(({ content }) => content)).toEqual(base64);
  // Ben may not name Anna's uploads, at no door.
  const refused = await desktop.ask({ action: "message.send", message: { chat_id: chatId, file: byRest } });
  expect(refused).toMatchObject({ action: "message.send.fail", reason: "File not found" });
  const never = `up_${"0".repeat(32)}`;
  expect(await publish({ file: never })).toBe(0x87);
  // Both at once are one too many.
  expect(await publish({ file: byRest, content: "x" })).toBe(0x99);
  const both = { action: "message.send", message: { chat_id: chatId, file: byRest, content: "x", type: "text" } };
  expect(await desktop.ask(both)).toMatchObject({ action: "message.send.fail", reason: "Invalid message" });
  // Other JSON with such a field is the text that it always was.
  expect(await publish({ file: "a.txt", size: 3 })).toBe(0);
  await until("the text", () => heard.length === 4);
  expect(heard[3]).toMatchObject({ type: "text", content: '{"file":"a.txt","size":3}' });
  await Promise.all([phone.endAsync(true), publisher.endAsync(true)]);
});

test("kill -9 while an upload comes, between its pieces, and between it and its message loses nothing that was kept", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-upload-kill-"));
  const data = join(folder, "data");
  const content = picture(12 * mib, 5);
  let server = await startBinary(data);
  const kill = async (): Promise<void> => {
    process.kill(server.pid, "SIGKILL");
    await server.exited;
    server = await startBinary(data);
  };
  try {
    const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
    await room(server, "team", "anna", "ben");
    const headers = { "Upload-Length": String(content.byteLength) };
    const { file } = await ask(server, "POST /_/files", anna, { headers });
    const unused = (await ask(server, "POST /_/files", anna, { headers: { "Upload-Length": "5" } })).file;
    expect((await piece(server, anna, file, [content, 0, mib])).offset).toBe(mib);
    await kill();
    expect(await ask(server, `GET /_/files/${file}`, anna)).toMatchObject({ offset: mib, complete: false });
    // In the middle of a piece: what was kept last stays, what came behind it may be there or not.
    const running = piece(server, anna, file, [content, mib, 12 * mib]).catch(() => undefined);
    const path = join(data, "files", "uploads", file);
    await until("more is written", () => Bun.file(path).size > 2 * mib || !existsSync(path));
    await kill();
    await running;
    const { offset } = await ask(server, `GET /_/files/${file}`, anna);
    expect(offset).toBeGreaterThanOrEqual(mib);
    if (offset < content.byteLength) {
      expect(await piece(server, anna, file, [content, offset, content.byteLength])).toMatchObject({ complete: true });
    }
    await kill();
    expect(await ask(server, `GET /_/files/${file}`, anna)).toMatchObject({ complete: true });
    const body = { chatID: "team", file, clientID: "1" };
    const sent = await call(server, "POST /messages", { as: anna, body });
    expect(sent.status).toBe(200);
    await kill();
    expect((await call(server, "POST /messages", { as: anna, body })).text).toBe(sent.text);
    const got = await fetch(`http://${server.http}/_/files/${hashOf(content)}`, { headers: { Authorization: ben } });
    expect(Buffer.compare(await got.bytes(), content)).toBe(0);
    await until("only what is unfinished is left", () => readdirSync(join(data, "files", "uploads")).length === 1);
    expect(readdirSync(join(data, "files", "uploads"))).toEqual([unused]);
  } finally {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);

test.skipIf(library === undefined)(
  "a full disk refuses an upload in words, and it goes on where it was kept",
  async () => {
    if (library === undefined) throw new Error("no disk shim");
    await using server = await startWatched(library, { durability: "os" });
    const [anna = ""] = await enroll(server, "anna");
    await room(server, "team", "anna");
    const content = picture(600 * kib, 9);
    const headers = { "Upload-Length": String(content.byteLength) };
    const { file } = await ask(server, "POST /_/files", anna, { headers });
    expect((await piece(server, anna, file, [content, 0, 200 * kib])).offset).toBe(200 * kib);
    writeFileSync(server.failPath, "");
    const refused = await piece(server, anna, file, [content, 200 * kib, 600 * kib]);
    expect([refused.status, refused.error]).toEqual([507, "Insufficient storage"]);
    expect(refused.detail).toContain("the disk is full");
    expect(await ask(server, `GET /_/files/${file}`, anna)).toMatchObject({ offset: 200 * kib, complete: false });
    rmSync(server.failPath);
    const deadline = performance.now() + 30_000;
    let done = await piece(server, anna, file, [content, 200 * kib, 600 * kib]);
    while (done.status === 507 && performance.now() < deadline) {
      done = await piece(server, anna, file, [content, 200 * kib, 600 * kib]);
    }
    expect(done).toMatchObject({ complete: true });
    expect((await call(server, "POST /messages", { as: anna, body: { chatID: "team", file } })).status).toBe(200);
    const hash = hashOf(content);
    expect(Buffer.compare(readFileSync(join(server.data, "files", hash.slice(0, 2), hash.slice(2))), content)).toBe(0);
  },
);

test.skipIf(process.platform !== "linux")(
  "large files go to the disk as they come: memory does not grow with them",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-upload-memory-"));
    const env = { ROOST_DURABILITY: "os", ROOST_FILES_MAX_BYTES: "64 MiB" };
    await using server = await startBinary(join(folder, "data"), { env });
    try {
      const [anna = ""] = await enroll(server, "anna");
      const content = picture(48 * mib, 3);
      await ask(server, "POST /_/files", anna, { body: picture(mib, 4) });
      const before = (await readProcessStats(server.pid)).rssBytes;
      let largest = 0;
      const watch = setInterval(async () => {
        largest = Math.max(largest, (await readProcessStats(server.pid)).rssBytes);
      }, 20);
      const all = await Promise.all(
        [1, 2, 3, 4].map((seed) => {
          const body = new Uint8Array(content);
          body[100] = seed;
          return ask(server, "POST /_/files", anna, { body });
        }),
      );
      clearInterval(watch);
      expect(all.map(({ complete }) => complete)).toEqual([true, true, true, true]);
      const growth = Math.round((largest - before) / mib);
      console.log(`  4 × 48 MiB uploaded at once, ${growth} MiB more memory`);
      expect(growth).toBeLessThan(100);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);
