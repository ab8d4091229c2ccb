/** Answers that their client does not read: a user may leave few of them, and over all the largest breaks off. */
import { expect, test } from "bun:test";
import { connect } from "node:net";
import { type Log, silentLog } from "../../src/lib/log.ts";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { call, enroll, room } from "./client.ts";

/** A page of 12 MB, since six bytes stand for each character: more than the kernel takes for a client that does not read. */
const messages = 34;
const messagesAtOnce = 8;
const content = "\u0001".repeat(60_000);
const page = "/chats/full/messages?limit=100";
/** An account has an eighth of it, and half of that for answers. */
const env = { ROOST_LIMITS_MEMORY_BYTES: "32 MiB" };

/** Gives the tokens of the users, who all read the chat. */
async function fill(server: TestServer, ...users: string[]): Promise<string[]> {
  const tokens = await enroll(server, ...users);
  await room(server, "full", ...users);
  const body = Array.from({ length: messages }, () => ({ chatID: "full", content }));
  for (let at = 0; at < messages; at += messagesAtOnce) {
    const part = body.slice(at, at + messagesAtOnce);
    expect((await call(server, "POST /messages", { as: tokens[0], body: part })).status).toBe(200);
  }
  return tokens;
}

interface Unread extends Disposable {
  hasBegun(): boolean;
  isClosed(): boolean;
  /** The last chunk came. */
  isWhole(): boolean;
  resume(): void;
}

/** Asks for the page and reads only its beginning. */
function leave(server: TestServer, token: string): Unread {
  const [host = "", port] = server.http.split(":");
  const socket = connect({ host, port: Number(port) });
  let end = "";
  let closed = false;
  let reads = false;
  socket.on("data", (chunk) => {
    end = (end + chunk.toString("latin1")).slice(-16);
    if (!reads) socket.pause();
  });
  socket.on("close", () => {
    closed = true;
  });
  socket.on("error", () => {}); // closed follows
  socket.write(`GET ${page} HTTP/1.1\r\nHost: x\r\nAuthorization: ${token}\r\n\r\n`);
  return {
    hasBegun: () => end !== "",
    isClosed: () => closed,
    isWhole: () => end.endsWith("\r\n0\r\n\r\n"),
    resume() {
      reads = true;
      socket.resume();
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

test("while a user leaves a page unread their next one waits, and others are answered", async () => {
  await using server = await startTestServer({ env });
  const [ann = "", bob = ""] = await fill(server, "ann", "bob");
  using unread = leave(server, ann);
  await until("its beginning", unread.hasBegun);
  let isAnswered = false;
  const waiting = call(server, `GET ${page}`, { as: ann }).finally(() => {
    isAnswered = true;
  });
  const whole = await call(server, `GET ${page}`, { as: bob });
  expect((JSON.parse(whole.text) as { messages: unknown[] }).messages).toHaveLength(messages);
  expect(isAnswered).toBe(false);
  unread.resume();
  expect((await waiting).text).toBe(whole.text);
  await until("the end of the first", unread.isWhole);
});

test("over all the largest answers break off, and the log says whose", async () => {
  const warnings: Record<string, unknown>[] = [];
  const log: Log = { ...silentLog, warn: (message, fields) => void warnings.push({ message, ...fields }) };
  await using server = await startTestServer({ env, log });
  const tokens = await fill(server, ...Array.from({ length: 8 }, (_, n) => `user-${n}`));
  const all = tokens.map((token) => leave(server, token));
  await until("the line in the log", () => warnings.length > 0);
  expect(warnings[0]).toMatchObject({
    message: "a connection was ended, since too much is in memory for it and others",
    holder: expect.stringMatching(/^user:\d+$/),
    setting: "limits.memory_bytes",
  });
  for (const one of all) one.resume();
  await until("all to end", () => all.every((one) => one.isClosed() || one.isWhole()));
  // One that breaks off is closed before its end, so that its reader sees it.
  expect(all.some((one) => one.isClosed() && !one.isWhole())).toBe(true);
  expect(all.some((one) => one.isWhole())).toBe(true);
  for (const one of all) one[Symbol.dispose]();
});

test("HEAD says how long a large page is", async () => {
  await using server = await startTestServer();
  const [ann = ""] = await fill(server, "ann");
  const { text } = await call(server, `GET ${page}`, { as: ann });
  const head = await call(server, `HEAD ${page}`, { as: ann });
  expect(head.headers.get("content-length")).toBe(String(Buffer.byteLength(text)));
});
