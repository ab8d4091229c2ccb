/** Files on their way to the server: what breaks off goes on, and what the server refuses says so. */
import { expect, test } from "bun:test";
import { until } from "../../support/deadline.ts";
import { startTestServer } from "../../support/server.ts";
import { again, chatWith, type Member, member, online, settled } from "./stage.ts";

const mebibyte = 1024 * 1024;

/** Bytes that are no text and no picture. */
const bytesOf = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, n) => (n * 7919) >> 3);
const sendFile = ({ client }: Member, to: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  client.queue.add({ chatId: to, file: { blob: new Blob([bytes]), type: "application/x-test", name: "test.bin" } });

async function received(http: string, who: Member): Promise<Uint8Array> {
  const url = who.arrived[0]?.file?.url ?? "";
  const headers = { authorization: `Bearer ${who.client.cache.identity?.token}` };
  return new Uint8Array(await (await fetch(`http://${http}${url}`, { headers })).arrayBuffer());
}

test("a file arrives whole, with its name, though every second piece breaks off half way", async () => {
  await using server = await startTestServer();
  let pieces = 0;
  let breaks = 0;
  const breaking = async (address: string, init: RequestInit): Promise<Response> => {
    if (init.method !== "PATCH" || !(init.body instanceof Blob)) return fetch(address, init);
    pieces += 1;
    if (pieces % 2 === 0) return fetch(address, init);
    breaks += 1;
    // Half of it comes, and the answer is lost.
    await fetch(address, { ...init, body: init.body.slice(0, init.body.size >> 1) });
    throw new TypeError("the line broke");
  };
  using ann = await member(server.http, "Ann", { fetch: breaking });
  using bob = await member(server.http, "Bob");
  const bytes = bytesOf(3 * mebibyte + 17);
  const shares: number[] = [];
  const clientId = await sendFile(ann, bob.id, bytes);
  const watching = until("the file", () => {
    const share = ann.client.queue.progressOf(clientId);
    if (share !== undefined && share !== shares.at(-1)) shares.push(share);
    return bob.arrived.length === 1;
  });
  await watching;
  await settled(ann);
  expect(breaks).toBeGreaterThan(1);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(bob.arrived[0]).toMatchObject({ type: "application/x-test", file: { bytes: bytes.length, name: "test.bin" } });
  expect(Bun.hash(await received(server.http, bob))).toBe(Bun.hash(bytes));
});

test("after a restart of the page an upload goes on where it stopped", async () => {
  await using server = await startTestServer();
  const offsets: string[] = [];
  let stopAfter = 1;
  const watched = async (address: string, init: RequestInit): Promise<Response> => {
    if (init.method === "PATCH") {
      if (stopAfter === 0) return new Promise(() => {});
      stopAfter -= 1;
      offsets.push(new Headers(init.headers).get("upload-offset") ?? "");
    }
    return fetch(address, init);
  };
  using ann = await member(server.http, "Ann", { fetch: watched });
  using bob = await member(server.http, "Bob");
  const bytes = bytesOf(mebibyte);
  const clientId = await sendFile(ann, bob.id, bytes);
  await until("a piece", () => (ann.client.queue.progressOf(clientId) ?? 0) > 0);
  // The page is gone, not stopped: it does not end its uploads.
  ann.client.line.close();
  stopAfter = 1_000;
  using later = await again(server.http, ann, { fetch: watched });
  await online(later);
  await until("the file", () => bob.arrived.length === 1);
  expect(offsets.slice(0, 2)).toEqual(["0", String(256 * 1024)]);
  expect(Bun.hash(await received(server.http, bob))).toBe(Bun.hash(bytes));
});

test("a file that is too large, or for which there is no room, is refused with a word", async () => {
  const env = { ROOST_FILES_MAX_BYTES: String(mebibyte), ROOST_FILES_TOTAL_BYTES: String(mebibyte) };
  await using server = await startTestServer({ env });
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  await sendFile(ann, bob.id, bytesOf(mebibyte + 1));
  await settled(ann);
  expect(ann.client.queue.waiting.map(({ refusal }) => refusal)).toEqual(["Too large"]);
  await sendFile(ann, bob.id, bytesOf(mebibyte - 1000));
  await until("the file that fits", () => bob.arrived.length === 1);
  await sendFile(ann, bob.id, bytesOf(mebibyte - 2000));
  await settled(ann);
  expect(ann.client.queue.waiting.map(({ refusal }) => refusal)).toEqual(["Too large", "Storage full"]);
});

test("too many requests wait as long as the server says, and another offset is the server's", async () => {
  await using server = await startTestServer();
  const asked: string[] = [];
  let told = false;
  const busy = async (address: string, init: RequestInit): Promise<Response> => {
    asked.push(init.method ?? "GET");
    if (asked.length === 1) return new Response("", { status: 429, headers: { "retry-after": "0" } });
    if (init.method === "PATCH" && !told) {
      told = true;
      return fetch(address, { ...init, headers: { ...(init.headers as object), "upload-offset": "5" } });
    }
    return fetch(address, init);
  };
  using ann = await member(server.http, "Ann", { fetch: busy });
  using bob = await member(server.http, "Bob");
  const bytes = bytesOf(100_000);
  await sendFile(ann, bob.id, bytes);
  await until("the file", () => bob.arrived.length === 1);
  expect(asked).toEqual(["POST", "POST", "PATCH", "PATCH"]);
  expect(Bun.hash(await received(server.http, bob))).toBe(Bun.hash(bytes));
});

test("an upload that the user ends is gone at the server, and never sent", async () => {
  await using server = await startTestServer();
  let uploads = 0;
  const held = async (address: string, init: RequestInit): Promise<Response> => {
    if (init.method === "DELETE") uploads -= 1;
    if (init.method === "PATCH")
      return new Promise((_, reject) => init.signal?.addEventListener("abort", () => reject(new Error("ended"))));
    const answer = await fetch(address, init);
    if (init.method === "POST") uploads += 1;
    return answer;
  };
  using ann = await member(server.http, "Ann", { fetch: held });
  using bob = await member(server.http, "Bob");
  const clientId = await sendFile(ann, bob.id, bytesOf(100_000));
  await until("the upload", () => uploads === 1);
  await ann.client.queue.drop(clientId);
  await until("its end", () => uploads === 0);
  expect(ann.client.queue.waiting).toEqual([]);
  expect(await ann.storage.all("queue")).toEqual([]);
  expect(chatWith(ann, bob)).toBeUndefined();
});
