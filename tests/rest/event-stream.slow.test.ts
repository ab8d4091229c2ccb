/** GET /messages as Server-Sent Events (docs/protocols/rest.md § Receive messages). */
import { expect, test } from "bun:test";
import { connect } from "node:net";
import { clockOf } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { asBackend, call, enroll, inboxOf, people, room, say } from "./client.ts";
import { openStream } from "./event-stream.ts";
import { keyPair, outgoing } from "./signing.ts";

test("first what waits, then what comes, in the objects of the simple form", async () => {
  await using server = await startTestServer();
  const { alice, bob } = await people(server);
  await say(server, alice, "team", "before\nwith a line");
  const simple = await inboxOf(server, bob);
  await using stream = await openStream(server, bob);
  expect([stream.status, stream.headers.get("content-type"), stream.headers.get("cache-control")]).toEqual([
    200,
    "text/event-stream",
    "no-store",
  ]);
  const entered = await stream.next();
  expect([entered.name, entered.data]).toEqual(["event", { ...simple.events[0] }]);
  const before = await stream.next();
  expect([before.name, before.data]).toEqual(["message", { ...simple.messages[0] }]);
  await say(server, alice, "team", "after");
  expect((await stream.next()).data).toMatchObject({ content: "after", seq: 2, sender: "alice" });
  await room(server, "second", "alice", "bob");
  expect((await stream.next()).data).toMatchObject({ type: "chat_enter", chatID: "second" });
});

test("Last-Event-ID goes on behind any step, as after does; nothing is lost or repeated", async () => {
  await using server = await startTestServer();
  const { alice, bob } = await people(server);
  for (const content of ["one", "two", "three"]) await say(server, alice, "team", content);
  const steps: [string, string][] = [];
  {
    await using stream = await openStream(server, bob);
    for (let count = 0; count < 4; count += 1) {
      const { id = "", data } = await stream.next();
      steps.push([id, String(data["content"] ?? data["type"])]);
    }
  }
  expect(steps.map(([, what]) => what)).toEqual(["chat_enter", "one", "two", "three"]);
  for (const [index, [id]] of steps.entries()) {
    await using byHeader = await openStream(server, bob, { headers: { "Last-Event-ID": id }, query: "?after=x" });
    // The header wins, but both are judged.
    expect(byHeader.status).toBe(200);
    await using byQuery = await openStream(server, bob, { query: `?after=${id}` });
    await say(server, alice, "team", `more ${index}`);
    const wanted = [...steps.slice(index + 1).map(([, what]) => what), "more 0"];
    for (const stream of [byHeader, byQuery]) {
      for (const what of wanted) expect((await stream.next()).data["content"]).toBe(what);
    }
  }
});

test("a wrong cursor and a wrong token are refused before a stream begins", async () => {
  await using server = await startTestServer();
  const { bob } = await people(server);
  for (const options of [{ headers: { "Last-Event-ID": "nonsense" } }, { query: "?after=nonsense" }]) {
    await using stream = await openStream(server, bob, options);
    expect([stream.status, stream.headers.get("content-type")]).toEqual([400, "application/problem+json"]);
  }
  await using stranger = await openStream(server, "wrong");
  expect([stranger.status, stranger.headers.get("content-type")]).toEqual([401, "application/json"]);
});

test("HEAD says what a stream would be and holds nothing open", async () => {
  await using server = await startTestServer();
  const { bob } = await people(server);
  for (let index = 0; index < 40; index += 1) {
    const answer = await call(server, "HEAD /messages", { as: bob, headers: { Accept: "text/event-stream" } });
    expect([answer.status, answer.type]).toEqual([200, "text/event-stream"]);
  }
  expect(server.hub.size().sinks).toBe(0);
});

test("streams of one user are bounded, and closed ones leave room", async () => {
  await using server = await startTestServer();
  const { bob } = await people(server);
  const streams = [];
  for (let index = 0; index < 16; index += 1) {
    const stream = await openStream(server, bob);
    await stream.next();
    streams.push(stream);
  }
  const beyond = await openStream(server, bob);
  expect([beyond.status, beyond.headers.get("retry-after")]).toEqual([429, "1"]);
  for (const stream of streams) await stream[Symbol.asyncDispose]();
  while (server.hub.size().sinks > 0) await call(server, "GET /version");
  await using again = await openStream(server, bob);
  expect((await again.next()).data).toMatchObject({ type: "chat_enter" });
});

test("ends with the account, and when the server stops", async () => {
  await using server = await startTestServer();
  const { alice, bob } = await people(server);
  await using revoked = await openStream(server, bob);
  await using stopped = await openStream(server, alice);
  await revoked.next();
  await stopped.next();
  const user = await server.domain.store.findUserByKey("bob");
  if (user === undefined) throw new Error("bob is gone");
  server.hub.publish({ type: "user.revoked", to: [user.userId] });
  await revoked.ended();
  const stopping = server.stop();
  await stopped.ended();
  await stopping;
});

test("ends with its token", async () => {
  let nowMs = Date.now();
  await using server = await startTestServer({ clock: clockOf(() => nowMs) });
  const { alice, bob } = await people(server);
  await using stream = await openStream(server, bob);
  await stream.next();
  nowMs += 25 * 3_600_000;
  const [again = ""] = await enroll(server, "alice");
  await say(server, again, "team", "not for an expired token");
  await stream.ended();
  expect((await openStream(server, alice)).status).toBe(401);
});

test("a reader that takes nothing costs a step, not the backlog, and delays nobody", async () => {
  await using server = await startTestServer();
  const { alice, bob } = await people(server);
  const long = "x".repeat(500_000);
  const { hostname, port } = new URL(`http://${server.http}`);
  const socket = connect(Number(port), hostname);
  socket.pause();
  socket.write(`GET /messages HTTP/1.1\r\nHost: x\r\nAuthorization: ${bob}\r\nAccept: text/event-stream\r\n\r\n`);
  await using quick = await openStream(server, bob);
  await quick.next();
  // What earlier tests left, and what this one's own reader has done with, is not the server's to hold.
  const memory = (): number => {
    Bun.gc(true);
    return process.memoryUsage().rss;
  };
  const before = memory();
  for (let count = 0; count < 60; count += 1) {
    await say(server, alice, "team", `${count} ${long}`);
    expect(String((await quick.next()).data["content"])).toStartWith(`${count} `);
    if (count % 10 === 9) Bun.gc(true);
  }
  expect(memory() - before).toBeLessThan(200 * 1024 * 1024);
  // It was never cut off in the midst of something: what it reads now is the whole backlog in order.
  const seen: number[] = [];
  let text = "";
  await new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (const [, count] of text.matchAll(/"content":"(\d+) /g)) seen.push(Number(count));
      text = text.slice(-40).replace(/"content":"\d+ /, "");
      if (seen.length >= 60) resolve();
    });
    socket.resume();
  });
  socket.destroy();
  expect(seen).toEqual(Array.from({ length: 60 }, (_, at) => at));
});

test("each reader is shown their own text, another device of the sender's too, and no reader a text of others", async () => {
  await using server = await startTestServer();
  const made = await asBackend(server, "POST /token", [
    { userID: "alice" },
    { userID: "alice", clientID: "phone", userKey: keyPair().publicKey.export({ type: "spki", format: "pem" }) },
    { userID: "bob" },
    { userID: "carol" },
  ]);
  const [alice = "", phone = "", bob = "", carol = ""] = JSON.parse(made.text).map(
    ({ accessToken }: { accessToken: string }) => accessToken,
  );
  const [aliceGuid = "", bobGuid = ""] = await room(server, "team", "alice", "bob", "carol");
  const { user } = JSON.parse((await asBackend(server, `GET /users/${aliceGuid}`)).text);
  const to = { [bobGuid]: "for bob", [user.devices[0].GUID]: "for my phone" };
  const sayTo = async (clientHash: string): Promise<void> => {
    const body = { outgoingEvents: outgoing([{ chatID: "team", clientHash, to }]) };
    expect((await call(server, "POST /messages", { as: alice, body })).status).toBe(200);
    await say(server, bob, "team", `after ${clientHash}`);
  };
  // One that waits, one that comes.
  await sayTo("1");
  const readers: [string, string[]][] = [
    [alice, ["after 1", "after 2"]],
    [phone, ["for my phone", "after 1", "for my phone", "after 2"]],
    [bob, ["for bob", "for bob"]],
    [carol, ["after 1", "after 2"]],
  ];
  const streams = await Promise.all(readers.map(async ([token]) => openStream(server, token)));
  const seen: string[][] = readers.map(() => []);
  const read = async (index: number, count: number): Promise<void> => {
    const [stream, texts] = [streams[index], seen[index]];
    if (stream === undefined || texts === undefined) throw new Error("a stream each");
    while (texts.length < count) {
      const { name, data } = await stream.next();
      if (name === "message") texts.push(String(data["content"]));
    }
  };
  await Promise.all(readers.map(([, texts], index) => read(index, texts.length / 2)));
  await sayTo("2");
  await Promise.all(readers.map(([, texts], index) => read(index, texts.length)));
  expect(seen).toEqual(readers.map(([, texts]) => texts));
  for (const stream of streams) await stream[Symbol.asyncDispose]();
});

test("the sender's other device, waiting alone, is told at once of a text for it", async () => {
  await using server = await startTestServer();
  const made = await asBackend(server, "POST /token", [
    { userID: "alice" },
    { userID: "alice", clientID: "phone", userKey: keyPair().publicKey.export({ type: "spki", format: "pem" }) },
  ]);
  const [{ accessToken: alice }, { accessToken: phone }] = JSON.parse(made.text);
  const [guid = ""] = await room(server, "team", "alice");
  const { user } = JSON.parse((await asBackend(server, `GET /users/${guid}`)).text);
  await using stream = await openStream(server, phone);
  const body = {
    outgoingEvents: outgoing([{ chatID: "team", clientHash: "1", to: { [user.devices[0].GUID]: "now" } }]),
  };
  expect((await stream.next()).data).toMatchObject({ type: "chat_enter" });
  await call(server, "POST /messages", { as: alice, body });
  // The deadline is sooner than the comment, at which the stream would look again by itself.
  expect((await stream.next()).data).toMatchObject({ content: "now" });
});
