/** What an MQTT broker must remember (`src/mqtt/store.ts`), on SQLite. */
import { expect, test } from "bun:test";
import { openSqlite } from "./open-sqlite.ts";

const message = (topic: string, payload: Uint8Array | string, qos: 0 | 1 | 2 = 1) => ({
  topic,
  message: { topic, payload: Buffer.from(payload), qos },
});

test("retained messages are read back in the order of their topics, the last of each, also after a restart", async () => {
  await using opened = await openSqlite();
  const { mqtt } = opened.store;
  expect(mqtt.retainedPage("")).toEqual([]);
  await mqtt.retain([message("b", "old", 0), message("a/ü", "first"), message("c", "gone")]);
  await mqtt.retain([message("b", new Uint8Array([0, 255, 10]), 2), { topic: "c", message: undefined }]);
  await mqtt.retain([{ topic: "never there", message: undefined }]);
  for (const again of [false, true]) {
    const now = again ? await opened.reopen() : opened.store;
    expect(now.mqtt.retainedPage("").map(({ topic, qos, payload }) => [topic, qos, [...payload]])).toEqual([
      ["a/ü", 1, [...Buffer.from("first")]],
      ["b", 2, [0, 255, 10]],
    ]);
    expect(now.mqtt.retainedPage("a/ü").map(({ topic }) => topic)).toEqual(["b"]);
    expect(now.mqtt.retainedPage("b")).toEqual([]);
  }
});

test("retained messages come in pages bounded by number and by bytes, nothing twice and nothing left out", async () => {
  await using opened = await openSqlite();
  const { mqtt } = opened.store;
  const topics = Array.from({ length: 2500 }, (_, n) => `t/${String(n).padStart(5, "0")}`);
  await mqtt.retain(topics.map((topic) => message(topic, "x")));
  await mqtt.retain(topics.slice(0, 4).map((topic) => message(topic, Buffer.alloc(600_000))));
  const seen: string[] = [];
  const pages: number[] = [];
  for (let after = ""; ; after = seen.at(-1) ?? "") {
    const page = mqtt.retainedPage(after);
    if (page.length === 0) break;
    pages.push(page.length);
    seen.push(...page.map(({ topic }) => topic));
  }
  expect(seen).toEqual(topics);
  expect(Math.max(...pages)).toBeLessThanOrEqual(1000);
  expect(pages.slice(0, 2)).toEqual([2, 2]);
});

test("packet ids taken over at QoS 2 belong to their session, are released one by one, and end with it", async () => {
  await using opened = await openSqlite();
  const phone = { principalKey: "user:1", clientId: "phone" };
  const tablet = { principalKey: "user:1", clientId: "tablet" };
  const { sessionId, received } = await opened.store.mqtt.openSession(phone);
  expect(received).toEqual([]);
  const other = await opened.store.mqtt.openSession(tablet);
  for (const packetId of [7, 65_535, 7, 1]) await opened.store.mqtt.received(sessionId, packetId);
  await opened.store.mqtt.received(other.sessionId, 9);
  await opened.store.mqtt.received(4242, 9); // a session that is gone: nobody's, and no failure
  await opened.store.mqtt.released(sessionId, 7);
  await opened.store.mqtt.released(sessionId, 8);
  for (const again of [false, true]) {
    const now = again ? await opened.reopen() : opened.store;
    expect((await now.mqtt.openSession(phone)).received).toEqual([1, 65_535]);
    expect((await now.mqtt.openSession(tablet)).received).toEqual([9]);
  }
  await opened.store.mqtt.endSession(sessionId);
  expect((await opened.store.mqtt.openSession(phone)).received).toEqual([]);
});
