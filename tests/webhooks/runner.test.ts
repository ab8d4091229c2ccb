/** A runner with short pauses: what is given up and when, and that a receiver who is away costs a bounded number of rows. */
import { expect, test } from "bun:test";
import { silentLog } from "../../src/lib/log.ts";
import { Runner, type RunnerParts } from "../../src/webhooks/runner.ts";
import { enroll, room, say } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { clockOf, createManualClock, realClock } from "../support/manual-clock.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { eventually } from "./receiver.ts";

const retry = { firstPauseMs: 1, longestPauseMs: 4, refusalsMax: 3, givenUpAfterMs: 3_600_000 };

async function startRunner(server: TestServer, send: RunnerParts["send"], more: Partial<RunnerParts> = {}) {
  const { store } = server;
  const webhook = await store.putWebhook({
    name: "w",
    url: "http://receiver.test/",
    secret: `whsec_${Buffer.alloc(32).toString("base64")}`,
    kinds: ["message"],
  });
  const runner = new Runner(webhook, {
    store,
    clock: realClock,
    log: silentLog,
    retry,
    send,
    ...more,
  });
  return {
    runner,
    store,
    async [Symbol.asyncDispose]() {
      await runner.stop();
    },
  };
}

async function lettersOf({ store }: { store: TestServer["store"] }) {
  const letters = await store.deadLetters("w", { after: 0, limit: 10 });
  return letters.length > 0 && letters;
}

const contentOf = (body: Uint8Array): string => JSON.parse(Buffer.from(body).toString()).message.content;

test("what the receiver refuses is given up after some tries, written down, and its chat goes on", async () => {
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  const tries: string[] = [];
  await using running = await startRunner(server, async ({ body }) => {
    tries.push(contentOf(body));
    return contentOf(body) === "poison" ? 422 : 200;
  });
  for (const content of ["one", "poison", "two"]) await say(server, alice, "team", content);
  running.runner.wake();
  await until("the last one", () => tries.includes("two"));
  expect(tries).toEqual(["one", "poison", "poison", "poison", "two"]);
  const letters = await eventually("a dead letter", () => lettersOf(running));
  expect(letters).toMatchObject([{ kind: "message", problem: "answered 422" }]);
  await eventually("no place is left", async () => (await running.store.webhookPlaces("w")).length === 0);
});

test("one that cannot be reached is tried for as long as the policy says, and not given up before", async () => {
  let nowMs = Date.now();
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  let tries = 0;
  let away = true;
  await using running = await startRunner(
    server,
    async () => {
      tries += 1;
      if (away) throw new Error("could not be called (ECONNREFUSED)");
      return 200;
    },
    { clock: clockOf(() => nowMs) },
  );
  await say(server, alice, "team", "hello");
  const tick = setInterval(() => {
    nowMs += 10;
  }, 1);
  running.runner.wake();
  await until("twenty tries", () => tries >= 20);
  expect(await running.store.deadLetters("w", { after: 0, limit: 10 })).toEqual([]);
  nowMs += 3_600_000;
  const letters = await eventually("a dead letter", () => lettersOf(running));
  clearInterval(tick);
  expect(letters).toMatchObject([{ problem: "could not be called (ECONNREFUSED)" }]);
  away = false;
});

test.each([7_200_000, -7_200_000, 86_400_000, -86_400_000])(
  "a machine's clock that is set by %d ms makes no pause longer and gives nothing up",
  async (ms) => {
    const clock = createManualClock();
    await using server = await startTestServer();
    const [alice = ""] = await enroll(server, "alice");
    await room(server, "team", "alice");
    let tries = 0;
    await using running = await startRunner(
      server,
      async () => {
        tries += 1;
        clock.set(tries === 1 ? ms : 0);
        if (tries < 5) throw new Error("could not be called (ECONNREFUSED)");
        return 200;
      },
      { clock },
    );
    await say(server, alice, "team", "hello");
    const tick = setInterval(() => clock.advance(1), 1);
    running.runner.wake();
    await until("five tries", () => tries === 5);
    await eventually("no place is left", async () => (await running.store.webhookPlaces("w")).length === 0);
    clearInterval(tick);
    expect(await running.store.deadLetters("w", { after: 0, limit: 10 })).toEqual([]);
  },
);

test("while a receiver is away, rows are few and everything waits in the log", async () => {
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice");
  const chats = Array.from({ length: 400 }, (_, at) => `c${at}`);
  for (const chatID of chats) await room(server, chatID, "alice");
  let away = true;
  const taken: string[] = [];
  await using running = await startRunner(server, async ({ body }) => {
    if (away) return 503;
    taken.push(contentOf(body));
    return 200;
  });
  for (const chatID of chats) await say(server, alice, chatID, chatID);
  running.runner.wake();
  await eventually("many places", async () => (await running.store.webhookPlaces("w")).length >= 64);
  expect((await running.store.webhookPlaces("w")).length).toBeLessThan(64 + 128);
  away = false;
  await until("all of them", () => taken.length >= 400, 20_000);
  expect(taken.toSorted()).toEqual(chats.toSorted());
});
