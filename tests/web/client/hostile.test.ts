/** A server that answers nonsense breaks nothing: what is not understood is left out, and the next good frame counts. */
import { expect, test } from "bun:test";
import { until } from "../../support/deadline.ts";
import { createRandom, type Random } from "../../support/random.ts";
import { openClient } from "./stage.ts";

const actions = [
  "message.push",
  "chat.spawn",
  "chat.joined",
  "chat.left",
  "chat.renamed",
  "chat.muted",
  "chat.typing",
  "chat.avatar.changed",
  "message.edited",
  "message.deleted",
  "message.reacted",
  "contact.changed",
  "contact.blocked",
  "presence.push",
  "receipt.push",
  "chat.list.success",
  "contact.list.success",
  "changes.get.success",
  "message.retrieve",
  "user.push",
  "receipt.list.success",
  "error",
  "toString",
  "__proto__",
];
const names = [
  "messages", "message", "chat_id", "message_id", "seq", "sender_id", "sender", "content", "type", "file", "members",
  "receipts", "presences", "reactions", "revision", "user_id", "user_name", "avatar", "name", "chats", "changes", "next",
  "more", "reset", "last_seq", "read_seq", "unread", "last_message", "mentions", "client_id", "time", "deleted", "url",
]; // biome-ignore format: a list of words
const odd = [
  null,
  true,
  "",
  "1",
  "10001",
  0,
  1,
  -1,
  1.5,
  2 ** 60,
  "9".repeat(40),
  "<script>",
  "\ud800",
  "2026-01-02T03:04:05Z",
  [],
  {},
];

function nonsense(random: Random, depth: number): unknown {
  const kind = depth === 0 ? 0 : random.int(4);
  if (kind <= 1) return random.pick(odd);
  const parts = Array.from({ length: random.int(5) }, () => nonsense(random, depth - 1));
  return kind === 2 ? parts : Object.fromEntries(parts.map((part) => [random.pick(names), part]));
}

test("nonsense of every kind, and then a message", async () => {
  const seed = Number(process.env["ROOST_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`nonsense by seed ${seed}`);
  const random = createRandom(seed);
  const frame = (): string => {
    const fields = Object.fromEntries(Array.from({ length: 6 }, () => [random.pick(names), nonsense(random, 4)]));
    return JSON.stringify({ ...fields, action: random.pick(actions) });
  };
  const good = { chat_id: "10002", message_id: "7", seq: 1, sender_id: "10003", type: "text", content: "at last" };
  let asked = 0;
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, host) => (host.upgrade(request) ? undefined : new Response("no", { status: 404 })),
    websocket: {
      message(socket, data) {
        const { action } = JSON.parse(String(data)) as { action: string };
        asked += 1;
        if (action === "auth.login") {
          for (const text of ["", "[]", "null", "{", '"x"', "{}", '{"action":7}']) socket.send(text);
          socket.send(new Uint8Array([0xc1, 0xff]));
          socket.send(
            JSON.stringify({ action: "auth.login.success", user_id: "10001", user_name: {}, avatar: 7, epoch: [] }),
          );
          for (let n = 0; n < 3_000; n += 1) socket.send(frame());
          socket.send(JSON.stringify({ action: "message.push", messages: [null, 7, good, { ...good, seq: "1" }] }));
        } else if (action === "server.info") {
          socket.send(JSON.stringify({ action: "server.info.success", limits: "none", registration: 7 }));
        } else if (random.chance(0.5)) {
          socket.send(frame());
        } else {
          socket.send(JSON.stringify({ action: `${action}.fail`, reason: random.pick([7, "", null, "odd"]) }));
        }
      },
    },
  });
  using ann = openClient(`127.0.0.1:${server.port}`, {
    timing: { quietMs: 60_000, patienceMs: 60_000, retryMs: 20, retryMsMax: 200 },
  });
  const failures: unknown[] = [];
  const failed = (reason: unknown) => void failures.push(reason);
  process.on("unhandledRejection", failed);
  await ann.storage.write({ identity: { userId: "10001", name: "Ann", avatar: "", token: "rt_1" } });
  await ann.client.start();
  await until(
    "the message",
    () =>
      ann.client.cache.chats.get("10002")?.lastSeq !== undefined &&
      ann.arrived.some(({ content }) => content === "at last"),
  );
  for (const chat of ann.client.cache.chats.values()) {
    expect(chat.chatId).toMatch(/^\d{1,20}$/);
    expect(chat.avatar === "" || chat.avatar.startsWith("/_/avatars/")).toBe(true);
  }
  process.off("unhandledRejection", failed);
  expect(failures).toEqual([]);
  expect(asked).toBeGreaterThan(2);
});

test("an address of a file or a picture elsewhere is none", async () => {
  const { readMessage, readPerson } = await import("../../../src/web/client/records.ts");
  const message = { chat_id: "1", message_id: "2", seq: 3, sender_id: "4", type: "image/png", time: "x" };
  for (const url of [
    "https://evil.example/x",
    "//evil.example/x",
    "javascript:alert(1)",
    "/_/files/../../x",
    7,
    null,
  ]) {
    expect(readMessage({ ...message, file: { url, bytes: 1, type: "image/png" } })?.file).toBeUndefined();
    expect(readPerson({ user_id: "4", user_name: "Eve", avatar: url })?.avatar).toBe("");
  }
  const file = { url: "/_/files/8f43", bytes: 1, type: "image/png" };
  expect(readMessage({ ...message, file })?.file?.url).toBe("/_/files/8f43");
});
