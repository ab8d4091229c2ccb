/** The hub: who gets an event, what a sink that fails costs the others, and when somebody is online. */
import { expect, test } from "bun:test";
import { createHub, type Presence, type Sink } from "../../../src/delivery/hub.ts";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { UserId } from "../../../src/domain/model.ts";
import { type Fields, type Log, silentLog } from "../../../src/lib/log.ts";

const ann = 10_001 as UserId;
const bob = 10_002 as UserId;
const carl = 10_003 as UserId;

const event = (...to: UserId[]): DomainEvent => ({ type: "user.revoked", to });

interface TestSink extends Sink {
  readonly received: DomainEvent[];
}

function sinkOf(userId: UserId, onEvent: () => void = () => {}): TestSink {
  const received: DomainEvent[] = [];
  return {
    userId,
    received,
    deliver(given) {
      onEvent();
      received.push(given);
    },
  };
}

function failing(): never {
  throw new Error("the socket is gone");
}

function recordingLog(): Log & { readonly errors: { message: string; fields: Fields | undefined }[] } {
  const errors: { message: string; fields: Fields | undefined }[] = [];
  return { ...silentLog, errors, error: (message, fields) => void errors.push({ message, fields }) };
}

test("an event reaches every sink of its recipients, and no other sink", () => {
  const hub = createHub({ log: silentLog });
  const [phone, laptop, bobs, carls] = [sinkOf(ann), sinkOf(ann), sinkOf(bob), sinkOf(carl)];
  for (const sink of [phone, laptop, bobs, carls]) hub.attach(sink);
  const [first, second] = [event(ann, bob, 1 as UserId), event(bob)];
  hub.publish(first);
  hub.publish(second);
  expect([phone, laptop, bobs, carls].map((sink) => sink.received)).toEqual([[first], [first], [first, second], []]);
});

test("a sink is attached once and detached once, however often it is asked", () => {
  const hub = createHub({ log: silentLog });
  const sink = sinkOf(ann);
  hub.attach(sink);
  hub.attach(sink);
  expect(hub.size()).toEqual({ users: 1, sinks: 1 });
  hub.publish(event(ann));
  expect(sink.received).toHaveLength(1);
  hub.detach(sink);
  hub.detach(sink);
  expect(hub.size()).toEqual({ users: 0, sinks: 0 });
  hub.publish(event(ann));
  expect(sink.received).toHaveLength(1);
});

test("a sink that throws is detached, told and logged; the others are served", () => {
  const log = recordingLog();
  const hub = createHub({ log });
  let told = 0;
  const tell = (): void => {
    told += 1;
  };
  const broken: Sink = { userId: ann, deliver: failing, detached: tell };
  const [before, after, bobs] = [sinkOf(ann), sinkOf(ann), sinkOf(bob)];
  for (const sink of [before, broken, after, bobs]) hub.attach(sink);
  hub.publish(event(ann, bob));
  hub.publish(event(ann, bob));
  for (const sink of [before, after, bobs]) expect(sink.received).toHaveLength(2);
  expect(told).toBe(1);
  expect(hub.size()).toEqual({ users: 2, sinks: 3 });
  expect(log.errors).toHaveLength(1);
  expect(log.errors[0]?.fields).toMatchObject({ userId: ann, event: "user.revoked" });
});

test("a sink that throws on being given up costs the others nothing either", () => {
  const log = recordingLog();
  const hub = createHub({ log });
  const broken: Sink = { userId: ann, deliver: failing, detached: failing };
  const [anns, bobs] = [sinkOf(ann), sinkOf(bob)];
  for (const sink of [broken, anns, bobs]) hub.attach(sink);
  hub.publish(event(ann, bob));
  expect([anns.received.length, bobs.received.length]).toEqual([1, 1]);
  expect(log.errors.length).toBeGreaterThan(0);
});

test("a presence listener that throws hinders neither the others nor the sink", () => {
  const hub = createHub({ log: recordingLog() });
  const announced: Presence[] = [];
  hub.onPresence(failing);
  hub.onPresence((presence) => void announced.push(presence));
  const sink = sinkOf(ann);
  hub.attach(sink);
  hub.publish(event(ann));
  hub.detach(sink);
  expect(sink.received).toHaveLength(1);
  expect(announced.map((presence) => presence.online)).toEqual([true, false]);
});

test("sinks may come and go while an event is handed out", () => {
  const hub = createHub({ log: silentLog });
  const leaving = sinkOf(ann, () => hub.detach(leaving));
  const inviting = sinkOf(ann, () => hub.attach(late));
  const late = sinkOf(bob);
  const staying = sinkOf(ann);
  for (const sink of [leaving, inviting, staying]) hub.attach(sink);
  hub.publish(event(ann));
  hub.publish(event(ann));
  expect([leaving.received.length, inviting.received.length, staying.received.length]).toEqual([1, 2, 2]);
  expect(hub.size()).toEqual({ users: 2, sinks: 3 });
});

test("presence is announced with a user's first sink and last one only", () => {
  const hub = createHub({ log: silentLog });
  const announced: Presence[] = [];
  hub.onPresence((presence) => void announced.push(presence));
  const [phone, laptop] = [sinkOf(ann), sinkOf(ann)];
  expect(hub.isOnline(ann)).toBe(false);
  hub.attach(phone);
  hub.attach(laptop);
  hub.attach(phone);
  expect(announced).toEqual([{ userId: ann, online: true }]);
  hub.detach(phone);
  expect(hub.isOnline(ann)).toBe(true);
  expect(announced).toHaveLength(1);
  hub.detach(laptop);
  hub.detach(phone);
  expect(hub.isOnline(ann)).toBe(false);
  expect(announced.slice(1)).toEqual([{ userId: ann, online: false }]);
  hub.attach(phone);
  expect(announced.slice(2)).toEqual([{ userId: ann, online: true }]);
});

test("a user whose only sink failed is offline, and that is announced once", () => {
  const hub = createHub({ log: silentLog });
  const announced: Presence[] = [];
  hub.onPresence((presence) => void announced.push(presence));
  const broken: Sink = { userId: ann, deliver: failing, detached: () => hub.detach(broken) };
  hub.attach(broken);
  hub.publish(event(ann));
  expect(announced).toEqual([
    { userId: ann, online: true },
    { userId: ann, online: false },
  ]);
});
