/** MiniOICQ § Send Message, Push Message, Get Message History, with O2, O7 to O14, O17. */
import { describe, expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { type Action, encodings, MiniClient, messagesOf, newUser } from "./client.ts";

const contents = (frames: readonly Action[]): string[] =>
  frames.filter((frame) => frame.action === "message.push").flatMap((frame) => messagesOf(frame).map((m) => m.content));

describe.each([...encodings])("in %s", (encoding) => {
  /** Ann and Bob in one group. */
  async function pair(http: string) {
    const ann = await newUser(http, "Ann", encoding);
    const bob = await newUser(http, "Bob", encoding);
    const { chat_id: chat } = await ann.client.ask({ action: "chat.create", members: [bob.id] });
    await bob.client.fence();
    return { ann, bob, chat: String(chat) };
  }

  test("O8 O9 a message is pushed to everybody once, to its sender as the acknowledgement", async () => {
    await using server = await startTestServer();
    const { ann, bob, chat } = await pair(server.http);
    const time = "2026-01-02T03:04:05.678Z";
    ann.client.send(chat, "hello", { time, client_id: "mine-1" });
    const message = {
      chat_id: chat,
      message_id: expect.stringMatching(/^\d+$/),
      sender: ann.id,
      sender_id: ann.id,
      time,
      type: "text",
      content: "hello",
      seq: 1,
    };
    expect(await ann.client.fence()).toEqual([
      { action: "message.push", messages: [{ ...message, client_id: "mine-1" }] },
    ]);
    expect(await bob.client.fence()).toEqual([{ action: "message.push", messages: [message] }]);
  });

  const payloads: [string, string, string][] = [
    ["text", "text", "plain"],
    ["text in all planes", "text", "ä € 🦆 \u0000 \u2028 \uFFFD \t\n"],
    ["nothing", "text", ""],
    ["base64 as the client wrote it", "image", "aGVsbG8="],
    ["what only looks like base64", "file", "aGVsbG8"],
    ["MIME types", "text/plain; charset=utf-8", "aGVsbG8="],
    ["unknown types", "x-something", "…"],
    ["reserved types", "video", "AAAA"],
    ["control characters", "text", '{"a":"\\"}\u0007'],
    ["half a mebibyte", "image", "QUJD".repeat(131_072)],
  ];
  test("O13 O14 type and content come back unchanged", async () => {
    await using server = await startTestServer();
    const { ann, bob, chat } = await pair(server.http);
    for (const [what, type, content] of payloads) {
      ann.client.send(chat, content, { type });
      await ann.client.next();
      const [pushed] = await bob.client.pushes(1);
      expect({ what, type: pushed?.type, same: pushed?.content === content }).toEqual({ what, type, same: true });
    }
  });

  test("O12 the time is the client's where it gave one that can be read, in UTC", async () => {
    await using server = await startTestServer();
    const { ann, chat } = await pair(server.http);
    const times: [unknown, string][] = [
      ["2024-07-13T12:00:00", "2024-07-13T12:00:00.000Z"],
      ["2024-07-13 12:00:00.123456", "2024-07-13T12:00:00.123Z"],
      ["2024-07-13T12:00:00+08:00", "2024-07-13T04:00:00.000Z"],
      ["2024-07-13", "2024-07-13T00:00:00.000Z"],
      [1_720_872_000, "2024-07-13T12:00:00.000Z"],
      [1_720_872_000_123, "2024-07-13T12:00:00.123Z"],
      ["1720872000", "2024-07-13T12:00:00.000Z"],
    ];
    for (const [time, expected] of times) {
      ann.client.send(chat, "x", { time });
      expect((await ann.client.pushes(1))[0]?.time).toBe(expected);
    }
    for (const time of ["yesterday", "", null, {}, -5, "2024-13-45T00:00:00Z", undefined]) {
      const before = Date.now();
      ann.client.send(chat, "x", { time });
      const pushed = Date.parse((await ann.client.pushes(1))[0]?.time ?? "");
      expect(pushed).toBeGreaterThanOrEqual(before);
      expect(pushed).toBeLessThanOrEqual(Date.now());
    }
  });

  test("O11 sending is refused in words, with the client's id, and the connection stays", async () => {
    await using server = await startTestServer();
    const { ann, bob, chat } = await pair(server.http);
    const eve = await newUser(server.http, "Eve", encoding);
    const theirs = String((await eve.client.ask({ action: "chat.create", members: [] }))["chat_id"]);
    const good = { chat_id: chat, type: "text", content: "x" };
    const refusals: [string, unknown, string][] = [
      ["no such chat", { ...good, chat_id: "99999" }, "Chat not found"],
      ["a stranger's chat", { ...good, chat_id: theirs }, "Chat not found"],
      ["an id that is no number", { ...good, chat_id: "team" }, "Chat not found"],
      ["no chat", { ...good, chat_id: undefined }, "Chat not found"],
      ["a negative id", { ...good, chat_id: -1 }, "Chat not found"],
      ["a list for an id", { ...good, chat_id: [chat] }, "Invalid message"],
      ["no type", { ...good, type: undefined }, "Invalid message"],
      ["an empty type", { ...good, type: "" }, "Invalid message"],
      ["a number for a type", { ...good, type: 3 }, "Invalid message"],
      ["a huge type", { ...good, type: "t".repeat(129) }, "Invalid message"],
      ["no content", { ...good, content: undefined }, "Invalid message"],
      ["a number for content", { ...good, content: 3 }, "Invalid message"],
      ["too much content", { ...good, content: "x".repeat(1024 * 1024 + 1) }, "Message too large"],
      ["no message", undefined, "Invalid message"],
      ["text for a message", "hello", "Invalid message"],
      ["a list for a message", [good], "Invalid message"],
    ];
    for (const [what, message, reason] of refusals) {
      const known = typeof message === "object" && !Array.isArray(message);
      ann.client.say({ action: "message.send", message: known ? { ...message, client_id: "c" } : message });
      const expected = { what, action: "message.send.fail", reason, ...(known ? { client_id: "c" } : {}) };
      expect<unknown>({ what, ...(await ann.client.next()) }).toEqual(expected);
    }
    for (const clientId of [{}, ["c"], 1.5, true, "c".repeat(257)]) {
      ann.client.say({ action: "message.send", message: { ...good, client_id: clientId } });
      expect(await ann.client.next()).toMatchObject({ action: "message.send.fail", reason: "Invalid message" });
    }
    expect([await ann.client.fence(), await bob.client.fence()]).toEqual([[], []]);
  });

  test("O7 several messages in one request are sent, and answered, each for itself", async () => {
    await using server = await startTestServer();
    const { ann, bob, chat } = await pair(server.http);
    const one = (content: unknown) => ({ chat_id: chat, type: "text", content, client_id: `c-${content}` });
    ann.client.say({ action: "message.send", messages: [one("a"), one(5), one("b")] });
    const [first, second, third] = await ann.client.fence();
    expect(contents([first, third] as Action[])).toEqual(["a", "b"]);
    expect(second).toEqual({ action: "message.send.fail", reason: "Invalid message", client_id: "c-5" });
    expect(contents(await bob.client.fence())).toEqual(["a", "b"]);
    for (const messages of [[], "x", Array.from({ length: 257 }, () => one("x"))]) {
      expect(await ann.client.ask({ action: "message.send", messages })).toMatchObject({ action: "message.send.fail" });
    }
  });

  test("many sends at once are answered in order, refusals in their place", async () => {
    await using server = await startTestServer();
    const { ann, bob, chat } = await pair(server.http);
    const expected: string[] = [];
    for (let n = 0; n < 2000; n += 1) {
      if (n % 50 === 7) {
        ann.client.say({ action: "heartbeat" });
        expected.push("heartbeat.ack");
      }
      if (n % 50 === 13) {
        ann.client.say({ action: "message.get", chat_id: chat, start: n, end: n });
        expected.push("message.retrieve");
      }
      ann.client.send(n % 20 === 3 ? "99999" : n % 20 === 4 ? [] : chat, `m${n}`, { client_id: `c${n}` });
      expected.push(n % 20 === 3 || n % 20 === 4 ? `fail c${n}` : `push c${n}`);
    }
    const answered: string[] = [];
    while (answered.length < expected.length) {
      const frame = await ann.client.next(10_000);
      if (frame.action === "message.push") answered.push(...messagesOf(frame).map((m) => `push ${m.client_id}`));
      else answered.push(frame.action === "message.send.fail" ? `fail ${frame["client_id"]}` : frame.action);
    }
    expect(answered).toEqual(expected);
    const got = await bob.client.pushes(1800);
    expect(got.map((message) => message.seq)).toEqual(Array.from({ length: 1800 }, (_, n) => n + 1));
  });

  test("a repeated client id is the same message, answered again and pushed to nobody else", async () => {
    await using server = await startTestServer();
    const { ann, bob, chat } = await pair(server.http);
    ann.client.send(chat, "once", { client_id: "c1" });
    ann.client.send(chat, "once more", { client_id: "c1" });
    const [first, second] = await ann.client.fence();
    expect(first).toMatchObject({ action: "message.push", messages: [{ content: "once", client_id: "c1" }] });
    expect(second).toEqual(first as never);
    ann.client.say({ action: "message.send", client_id: "c1", message: { chat_id: chat, type: "text", content: "3" } });
    expect(await ann.client.next()).toEqual(first as never);
    expect(contents(await bob.client.fence())).toEqual(["once"]);
    ann.client.send(chat, "number", { client_id: 77 });
    expect((await ann.client.pushes(1))[0]?.client_id).toBe("77");
  });

  test("history is read by user, by chat, by time and by place, ascending, both ends inclusive", async () => {
    await using server = await startTestServer();
    const { ann, bob, chat } = await pair(server.http);
    const eve = await newUser(server.http, "Eve", encoding);
    const time = (day: number) => `2024-01-0${day}T00:00:00.000Z`;
    const say = async (from: typeof ann, to: string, content: string, day: number) => {
      from.client.send(to, content, { time: time(day) });
      await from.client.fence();
    };
    await say(ann, chat, "g1", 1);
    await say(bob, bob.id, "self", 1);
    await say(bob, ann.id, "d2", 2);
    await say(eve, ann.id, "e3", 3);
    await say(ann, bob.id, "d4", 4);
    await say(bob, chat, "g5", 5);
    await say(ann, eve.id, "e6", 6);
    const get = async (fields: Record<string, unknown>) => {
      await ann.client.fence();
      const answer = await ann.client.ask({ action: "message.get", ...fields });
      expect(answer.action).toBe("message.retrieve");
      return messagesOf(answer).map((message) => message.content);
    };
    const cases: [Record<string, unknown>, string[]][] = [
      [{ user_id: bob.id }, ["g1", "d2", "d4", "g5"]],
      [{ user_id: Number(bob.id) }, ["g1", "d2", "d4", "g5"]],
      [{ user_id: eve.id, start: "", end: "" }, ["e3", "e6"]],
      [{ user_id: ann.id }, ["g1", "d2", "e3", "d4", "g5", "e6"]],
      [{ chat_id: chat }, ["g1", "g5"]],
      [{ chat_id: bob.id }, ["d2", "d4"]],
      [{ chat_id: chat, user_id: eve.id }, ["g1", "g5"]],
      [{ user_id: ann.id, start: time(2), end: time(4) }, ["d2", "e3", "d4"]],
      [{ user_id: ann.id, start: time(5) }, ["g5", "e6"]],
      [{ user_id: ann.id, end: Date.parse(time(2)) }, ["g1", "d2"]],
      [{ user_id: ann.id, start: Date.parse(time(6)) / 1000 }, ["e6"]],
      [{ user_id: ann.id, start: time(4), end: time(2) }, []],
      [{ user_id: ann.id, start: 0, end: 1 }, ["g1", "d2"]],
      [{ user_id: ann.id, start: "4" }, ["g5", "e6"]],
      [{ user_id: ann.id, end: 0 }, ["g1"]],
      [{ user_id: ann.id, start: 6, end: 9 }, []],
    ];
    for (const [fields, expected] of cases)
      expect({ fields, got: await get(fields) }).toEqual({ fields, got: expected });
    const [only] = messagesOf(await ann.client.ask({ action: "message.get", user_id: eve.id, end: time(3) }));
    expect(only).toMatchObject({
      sender: Number(eve.id),
      sender_id: Number(eve.id),
      time: time(3),
      type: "text",
      seq: 1,
    });
    const refusals: [Record<string, unknown>, string][] = [
      [{}, "User not found"],
      [{ user_id: "99999" }, "User not found"],
      [{ user_id: "eve" }, "User not found"],
      [{ chat_id: "99999" }, "Chat not found"],
      [{ chat_id: {} }, "Chat not found"],
      [{ user_id: bob.id, start: "now" }, "Invalid range"],
      [{ user_id: bob.id, start: 5, end: time(2) }, "Invalid range"],
      [{ user_id: bob.id, start: -1 }, "Invalid range"],
    ];
    for (const [fields, reason] of refusals) {
      expect<unknown>({ fields, ...(await ann.client.ask({ action: "message.get", ...fields })) }).toEqual({
        fields,
        action: "message.get.fail",
        reason,
      });
    }
    // Nobody else's chats are read.
    await eve.client.fence();
    expect(await eve.client.ask({ action: "message.get", chat_id: chat })).toMatchObject({ reason: "Chat not found" });
  });

  test("people who never talked have an empty history", async () => {
    await using server = await startTestServer();
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    for (const fields of [{ user_id: bob.id }, { chat_id: bob.id }, { user_id: ann.id }]) {
      const answer = await ann.client.ask({ action: "message.get", ...fields });
      expect(answer).toEqual({ action: "message.retrieve", messages: [] });
    }
  });

  test("O2 ids are strings until the client writes one as a number", async () => {
    await using server = await startTestServer();
    const { ann, bob, chat } = await pair(server.http);
    ann.client.send(chat, "strings");
    expect((await ann.client.pushes(1))[0]).toMatchObject({ chat_id: chat, sender: ann.id, message_id: "1" });
    ann.client.send(Number(chat), "numbers");
    expect((await ann.client.pushes(1))[0]).toMatchObject({
      chat_id: Number(chat),
      sender: Number(ann.id),
      sender_id: Number(ann.id),
      message_id: 2,
    });
    expect((await bob.client.pushes(2)).map((message) => message.message_id)).toEqual(["1", "2"]);
    using again = await MiniClient.connect(server.http, encoding);
    expect(await again.login(Number(bob.id))).toMatchObject({ user_id: Number(bob.id) });
  });
});

test("O14 binary content becomes base64", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann");
  client.send(id, new Uint8Array([0, 255, 16, 127]), { type: "image" });
  const [, push] = await client.fence();
  expect(push && messagesOf(push)[0]?.content).toBe("AP8Qfw==");
});

test("bytes sent through another door are pushed as base64", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann");
  const user = await server.domain.store.findUser(Number(id));
  if (user === undefined) throw new Error("no user");
  const bytes = new Uint8Array([1, 2, 3, 250]);
  await server.domain.messages.send({ chat: { id: user.userId }, from: user.userId, type: "file", content: bytes });
  const [, push] = await client.fence();
  expect(push && messagesOf(push)[0]?.content).toBe("AQID+g==");
});

test("every socket is spoken to in its own way", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann", "msgpack");
  const bob = await newUser(server.http, "Bob", "json");
  using more = await MiniClient.connect(server.http, "json");
  await more.login(Number(bob.id));
  ann.client.send(bob.id, "hello");
  await ann.client.fence();
  const [, strings] = await bob.client.fence();
  const [, numbers] = await more.fence();
  expect([strings && messagesOf(strings)[0]?.sender, numbers && messagesOf(numbers)[0]?.sender]).toEqual([
    ann.id,
    Number(ann.id),
  ]);
  expect([ann.client.frames.includes("json"), bob.client.frames.includes("msgpack")]).toEqual([false, false]);
});
