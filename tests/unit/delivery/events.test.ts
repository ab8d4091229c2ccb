/** Who hears what follows from commits, and in which order. */
import { expect, test } from "bun:test";
import { createEvents } from "../../../src/delivery/events.ts";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { UserId } from "../../../src/domain/model.ts";
import { silentLog } from "../../../src/lib/log.ts";

const ann = 10_001 as UserId;
const revoked: DomainEvent = { type: "user.revoked", to: [ann] };
const enabled: DomainEvent = { type: "user.enabled", to: [ann] };

test("listeners of one type hear in the order in which they were added, and of no other type", () => {
  const events = createEvents({ log: silentLog });
  const heard: string[] = [];
  events.on("user.revoked", () => void heard.push("first"));
  events.on(["user.enabled", "user.revoked"], ({ type }) => void heard.push(`second ${type}`));
  expect(events.committed([revoked, enabled])).toBeUndefined();
  expect(heard).toEqual(["first", "second user.revoked", "second user.enabled"]);
  expect([events.hears("user.revoked"), events.hears("message.sent")]).toEqual([true, false]);
});

test("what a listener must still do comes before the change's next event, and holds back no other change", async () => {
  const events = createEvents({ log: silentLog });
  const heard: string[] = [];
  const farewell = Promise.withResolvers<void>();
  events.on("user.revoked", () => farewell.promise.then(() => void heard.push("farewell")));
  events.on("user.enabled", () => void heard.push("enabled"));
  const told = events.committed([revoked, enabled]);
  expect(events.committed([enabled])).toBeUndefined();
  expect(heard).toEqual(["enabled"]);
  farewell.resolve();
  await told;
  expect(heard).toEqual(["enabled", "farewell", "enabled"]);
});

test("a listener that fails at once or later is logged and keeps nothing from the others", async () => {
  const errors: unknown[] = [];
  const events = createEvents({ log: { ...silentLog, error: (text) => void errors.push(text) } });
  const heard: string[] = [];
  events.on("user.revoked", () => {
    throw new Error("at once");
  });
  events.on("user.revoked", () => Promise.reject(new Error("later")));
  events.on("user.revoked", () => void heard.push("heard"));
  events.on("user.enabled", () => void heard.push("next"));
  await events.committed([revoked, enabled]);
  expect([heard, errors.length]).toEqual([["heard", "next"], 2]);
});
