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
  for (const now of [opened.store, await opened.reopen()]) {
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
