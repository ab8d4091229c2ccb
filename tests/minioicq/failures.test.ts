/** When the store says no, is slow, or breaks: answers keep their order and their words, and nothing of ours leaks. */
import { expect, test } from "bun:test";
import type { Domain } from "../../src/domain/domain.ts";
import { DomainError } from "../../src/domain/errors.ts";
import { type Fields, type Log, silentLog } from "../../src/lib/log.ts";
import { createMiniOicq, type MiniOicqData } from "../../src/minioicq/listener.ts";
import { withDeadline } from "../support/deadline.ts";
import { realClock } from "../support/manual-clock.ts";
import { noPresence } from "../support/no-presence.ts";
import { noReceipts } from "../support/no-receipts.ts";
import { noTyping } from "../support/no-typing.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { MiniClient, messagesOf, newUser } from "./client.ts";

function openDoor(server: TestServer, changed: Partial<Domain>, log: Log = silentLog) {
  const domain = { ...server.domain, ...changed };
  const door = createMiniOicq({
    domain,
    hub: server.hub,
    receipts: noReceipts,
    typing: noTyping,
    presence: noPresence,
    log,
    clock: realClock,
  });
  const listener = Bun.serve<MiniOicqData>({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) =>
      door.upgrade(request, self, {
        address: self.requestIP(request)?.address ?? "",
        scheme: undefined,
        host: undefined,
      }),
    websocket: door.websocket,
  });
  return { http: `127.0.0.1:${listener.port}`, [Symbol.dispose]: () => void listener.stop(true) };
}

test("an answer waits for the answers before it, however long their commits take", async () => {
  await using server = await startTestServer();
  const { messages } = server.domain;
  const gate = Promise.withResolvers<void>();
  // What the store takes settles in order, behind the gate; what is refused before it is refused at once.
  let settled: Promise<unknown> = Promise.resolve();
  using door = openDoor(server, {
    messages: {
      ...messages,
      send: (draft) => {
        if (draft.content === "refused") return Promise.reject(new DomainError("storage_full"));
        if (draft.content === "slow") settled = gate.promise;
        const sending = settled.then(() => messages.send(draft));
        settled = sending;
        return sending;
      },
    },
  });
  const { client, id } = await newUser(door.http, "Ann", "json");
  client.send(id, "zero");
  await client.fence();
  using other = await MiniClient.connect(door.http, "json");
  await other.login(id);
  client.send(id, "slow", { client_id: "slow" });
  client.send(id, "refused", { client_id: "refused" });
  client.say({ action: "heartbeat" });
  client.send(id, "fast", { client_id: "fast" });
  client.say({ action: "message.get", chat_id: id });
  expect([await other.fence(), client.received]).toEqual([[], []]);
  gate.resolve();
  const answers = [];
  for (let n = 0; n < 5; n += 1) answers.push(await client.next());
  expect(answers.map((frame) => frame.action)).toEqual([
    "message.push",
    "message.send.fail",
    "heartbeat.ack",
    "message.push",
    "message.retrieve",
  ]);
  expect(answers[1]).toEqual({ action: "message.send.fail", reason: "Storage full", client_id: "refused" });
  expect(answers[4] && messagesOf(answers[4]).map((message) => message.content)).toEqual(["zero", "slow", "fast"]);
});

test("a fault of ours is logged, and answered without its words", async () => {
  await using server = await startTestServer();
  const logged: [string, Fields | undefined][] = [];
  using door = openDoor(
    server,
    { messages: { ...server.domain.messages, send: () => Promise.reject(new Error("disk at /secret is odd")) } },
    { ...silentLog, error: (message, fields) => logged.push([message, fields]) },
  );
  const { client, id } = await newUser(door.http, "Ann", "json");
  client.send(id, "the body", { client_id: "c" });
  expect(await client.next()).toEqual({ action: "message.send.fail", reason: "Internal error", client_id: "c" });
  expect(logged).toHaveLength(1);
  expect(JSON.stringify(logged)).not.toContain("the body");
  expect(await client.fence()).toEqual([]);
});

test("when what was missed cannot be read the client is closed, and gets it when it returns", async () => {
  await using server = await startTestServer();
  const { store } = server.domain;
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  await bob.client.bye();
  ann.client.send(bob.id, "missed");
  await ann.client.fence();
  const broken = () => Promise.reject(new Error("unreadable"));
  for (const part of ["findChatView", "events", "run"] as const) {
    using door = openDoor(server, { store: Object.assign(Object.create(store), { [part]: broken }) });
    using client = await MiniClient.connect(door.http);
    client.say({ action: "auth.login", user_id: bob.id, password: "secret" });
    const { code, reason } = await withDeadline(`a close when ${part} fails`, client.closed);
    expect([part, code, reason]).toEqual([part, 1011, "Internal error"]);
  }
  using again = await MiniClient.connect(server.http);
  await again.login(bob.id);
  expect((await again.next()).action).toMatch(/^(?:chat\.spawn|message\.push)$/);
});
