/** Broken, hostile and odd frames (O1, O20): an answer or a close with a reason, and the server goes on. */
import { describe, expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import { withDeadline } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";
import { encodings, MiniClient, newUser } from "./client.ts";

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));

const broken: [string, string | Uint8Array, number][] = [
  ["no JSON", "hello", 1007],
  ["an empty text", "", 1007],
  ["half an object", '{"action":"heartbeat"', 1007],
  ["a trailing comma", '{"action":"heartbeat",}', 1007],
  ["a mebibyte of brackets", "[".repeat(1024 * 1024), 1007],
  ["a million objects", `[${"{},".repeat(1024 * 1024)}{}]`, 1007],
  ["no MessagePack", bytes("c1"), 1003],
  ["nothing", bytes(""), 1003],
  ["half a map", bytes("81 a6 61637469"), 1003],
  ["two values", bytes("01 02"), 1003],
  ["an array that claims four billion", bytes("dd ffffffff"), 1003],
  ["a map that claims four billion", bytes("df ffffffff"), 1003],
  ["a string that claims four billion", bytes("db ffffffff"), 1003],
  ["arrays in arrays", new Uint8Array(100_000).fill(0x91), 1003],
  ["arrays that claim to be large in each other", bytes("dc ffff".repeat(5000)), 1003],
  ["a string that is not UTF-8", bytes("a2 c328"), 1003],
  ["a timestamp", bytes("d6ff 00000000"), 1003],
  ["an extension", bytes("d4 01 00"), 1003],
];

test("keys that name nothing are passed over, whatever they are", async () => {
  await using server = await startTestServer();
  using client = (await newUser(server.http, "Ann")).client;
  const heartbeat = Buffer.from(encode({ action: "heartbeat" })).subarray(1);
  for (const key of ["c0", "01", "90", "a9 5f5f70726f746f5f5f"]) {
    client.raw(Buffer.concat([bytes(`82 ${key} 01`), heartbeat]));
    expect(await client.next()).toEqual({ action: "heartbeat.ack" });
  }
  client.raw(encode(JSON.parse('{"__proto__":{"action":"heartbeat"}}')));
  expect(await client.next()).toMatchObject({ action: "error" });
});

test("O20 a frame that is not what it claims closes the connection with a reason", async () => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_WEBSOCKET_FRAME_BYTES: "16 MiB" } });
  for (const [what, frame, code] of broken) {
    using client = (await newUser(server.http, "Ann")).client;
    client.raw(frame);
    const closed = await withDeadline(`a close after ${what}`, client.closed);
    expect({ what, code: closed.code, said: closed.reason !== "" }).toEqual({ what, code, said: true });
    expect(client.received).toEqual([]);
  }
  using client = await MiniClient.connect(server.http);
  expect(await client.register("Ann")).toMatchObject({ action: "auth.register.success" });
});

test("what came before a broken frame is still answered", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann", "json");
  client.send(id, "one");
  client.say({ action: "user.sync" });
  client.raw("{");
  client.say({ action: "heartbeat" });
  await withDeadline("the close", client.closed);
  expect(client.received.map((frame) => frame.action)).toEqual(["chat.spawn", "message.push", "user.sync"]);
});

test("a frame beyond the limit closes with 1009", async () => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_WEBSOCKET_FRAME_BYTES: "1MiB" } });
  using client = await MiniClient.connect(server.http);
  client.raw(new Uint8Array(1024 * 1024 + 1));
  expect([1009, 1006]).toContain((await withDeadline("the close", client.closed)).code);
});

describe.each([...encodings])("in %s", (encoding) => {
  const odd: [string, unknown, string][] = [
    ["a number", 5, "Malformed action"],
    ["null", null, "Malformed action"],
    ["a list", [{ action: "heartbeat" }], "Malformed action"],
    ["a text", "heartbeat", "Malformed action"],
    ["no action", {}, "Malformed action"],
    ["a number for an action", { action: 1 }, "Malformed action"],
    ["an unknown action", { action: "message.sing" }, "Unknown action"],
    ["a method's name", { action: "constructor" }, "Unknown action"],
    ["the server's own words", { action: "message.push", messages: [] }, "Unknown action"],
    ["an action in capitals", { action: "HEARTBEAT" }, "Unknown action"],
  ];
  test("O20 what is well-formed and no action gets an error, and the connection stays", async () => {
    await using server = await startTestServer();
    using client = await MiniClient.connect(server.http, encoding);
    for (const [what, value, reason] of odd) {
      client.raw(encoding === "json" ? JSON.stringify(value) : encode(value));
      expect<unknown>({ what, ...(await client.next()) }).toEqual({ what, action: "error", reason });
    }
    expect(await client.ask({ action: "heartbeat", extra: { deep: [1, { a: null }] } })).toEqual({
      action: "heartbeat.ack",
    });
  });

  test("an acknowledgement of a push is taken without a word", async () => {
    await using server = await startTestServer();
    const { client } = await newUser(server.http, "Ann", encoding);
    client.say({ action: "message.push.ack" });
    expect(await client.fence()).toEqual([]);
  });
});

test("O1 each frame is answered in its own encoding, and pushes follow the last one", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann", "msgpack");
  const bob = await newUser(server.http, "Bob");
  ann.client.raw(JSON.stringify({ action: "heartbeat" }));
  await ann.client.next();
  ann.client.raw(encode({ action: "heartbeat" }));
  await ann.client.next();
  ann.client.raw(JSON.stringify({ action: "user.sync" }));
  await ann.client.next();
  bob.client.send(ann.id, "hello");
  await bob.client.fence();
  while ((await ann.client.next()).action !== "message.push");
  expect(ann.client.frames).toEqual(["msgpack", "json", "msgpack", "json", "json", "json"]);
});

test("a lone surrogate is refused rather than changed", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann", "json");
  client.raw(`{"action":"message.send","message":{"chat_id":"${id}","type":"text","content":"\\ud800"}}`);
  expect(await client.next()).toEqual({ action: "message.send.fail", reason: "Invalid message" });
});

test("a plain request where a WebSocket is served gets an answer, not an upgrade", async () => {
  await using server = await startTestServer();
  const answer = await fetch(`http://${server.http}/ws`, { headers: { connection: "upgrade", upgrade: "websocket" } });
  expect(answer.status).toBeGreaterThanOrEqual(400);
});
