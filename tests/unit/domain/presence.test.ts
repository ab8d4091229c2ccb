/** When users and devices were last seen: gathered, written once for many comings and goings, never while someone is there. */
import { expect, test } from "bun:test";
import type { UserId } from "../../../src/domain/model.ts";
import { createPresence } from "../../../src/domain/people/presence.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { recordLog } from "../../support/recorded-log.ts";

const anna = 10_001 as UserId;
const ben = 10_002 as UserId;

function stage({ fails = false, log = silentLog } = {}) {
  const written: unknown[] = [];
  const online = new Set<UserId>();
  let nowMs = 1000;
  const write = async (seen: unknown): Promise<void> => {
    if (fails) throw new Error("disk full");
    written.push(seen);
  };
  const presence = createPresence({
    store: { touchUsers: write, touchMqttDevices: write, setPresenceRule: async () => {} },
    clock: { nowMs: () => nowMs++ },
    log,
    isOnline: (userId) => online.has(userId),
  });
  return { presence, written, online };
}

test("a device that comes and goes a hundred times is written once, with the last time", async () => {
  const { presence, written } = stage();
  for (let time = 0; time < 100; time += 1) presence.deviceSeen("lamp");
  presence.deviceSeen("bell");
  expect(presence.lastSeenOfDevice("lamp")).toBe(1099);
  expect(presence.lastSeenOfDevice("door")).toBeUndefined();
  await presence.flush();
  expect(written).toEqual([
    [
      { name: "lamp", lastSeenAtMs: 1099 },
      { name: "bell", lastSeenAtMs: 1100 },
    ],
  ]);
  await presence.flush();
  expect(written).toHaveLength(1);
  expect(presence.lastSeenOfDevice("lamp")).toBeUndefined();
});

test("of a fleet no more is gathered than one change may write", async () => {
  const { presence, written } = stage();
  for (let device = 0; device < 25_000; device += 1) presence.deviceSeen(`device${device}`);
  await presence.flush();
  expect(written.map((seen) => (seen as unknown[]).length)).toEqual([10_000, 10_000, 5000]);
});

test("a user who is back is not written; a failure is logged", async () => {
  const { presence, written, online } = stage();
  presence.wentOffline(anna);
  presence.wentOffline(ben);
  online.add(anna);
  await presence.flush();
  expect(written).toEqual([[{ userId: ben, lastSeenAtMs: 1001 }]]);

  const recorded = recordLog();
  const failing = stage({ fails: true, log: recorded.log });
  failing.presence.wentOffline(anna);
  failing.presence.deviceSeen("lamp");
  await failing.presence.flush();
  expect(recorded.of("last seen could not be written").map(({ times }) => times)).toEqual([1, 1]);
});
