/**
 * What an MQTT broker must remember, on SQLite: the broker says what it needs, and this folder knows no more of it.
 * Changes go to the writer Worker, reads through this thread's connection.
 */

import { DomainError } from "../../../domain/errors.ts";
import type { BrokerStore, OpenedSession, QueueChange, RetainedChange, SuspendedSession } from "../../../mqtt/store.ts";
import type { Writer } from "../engine/writer.ts";
import type { Submit, SubmitLater } from "../submit.ts";
import { toWireSending, type WireQueueChange } from "./queue-changes.ts";
import type { MqttReader } from "./reader.ts";
import type { WireRetained } from "./retained-changes.ts";
import { queuedQosOf, toSubscription } from "./rows.ts";
import type { WireOpened, WireSuspended } from "./session-changes.ts";
import { type Taken, Turns, type WireTurns } from "./turns.ts";

/** Messages of a turn stay together for one to two of these. */
const lookAtTurnsMs = 500;

export function createMqttStore(
  parts: { submit: Submit; submitLater: SubmitLater; beforeCommit: Writer["beforeCommit"] },
  reader: MqttReader,
): BrokerStore {
  const { submit, submitLater, beforeCommit } = parts;
  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  const nothing = (): void => {};
  const same = <Value>(value: Value): Value => value;
  const turns = new Turns();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function retain(changes: readonly RetainedChange[]): Promise<void> {
    if (changes.every(({ message }) => message === undefined)) {
      return submit("unretain", { topics: changes.map(({ topic }) => topic) }).then(nothing);
    }
    const blobs: Uint8Array[] = [];
    const topics = toWireRetained(changes, blobs);
    return submit("retain", { topics }, { blobs }).then(nothing);
  }

  function enqueue({ rows, packets, shares, received, retained }: QueueChange): Promise<void> {
    const blobs = [own(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)), own(packets)];
    const turn = turns.add(rows, shares);
    if (turn !== undefined) lookAtTurnsSoon();
    const together = turn !== undefined;
    const wire: WireQueueChange = { together, shares, received, retained: toWireRetained(retained, blobs) };
    return submit("enqueue", wire, { blobs }).then(nothing, (error: unknown) => {
      if (turn !== undefined) turns.forget(turn);
      throw error;
    });
  }

  function wait(queueIds: readonly number[]): Promise<void> {
    const taken = turns.move(queueIds);
    return orUndo(submit("wait", { queueIds, ...wireTurns(taken) }), taken);
  }

  function dequeue(queueIds: readonly number[]): Promise<void> {
    const taken = turns.remove(queueIds);
    const { others, emptied } = taken;
    if (others.length === 0 && emptied.length === 0) return Promise.resolve();
    return orUndo(submitLater("dequeue", { queueIds: others, ...wireTurns(taken) }), taken);
  }

  function lookAtTurnsSoon(): void {
    if (timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      const taken = turns.moveOld();
      // What the disk does not take now it is asked to take again.
      if (taken !== undefined) orUndo(submit("leaveTurns", wireTurns(taken)), taken).catch(() => {});
      if (turns.size > 0 || taken !== undefined) lookAtTurnsSoon();
    }, lookAtTurnsMs);
    timer.unref();
  }

  const orUndo = (change: Promise<unknown>, taken: Taken): Promise<void> =>
    change.then(nothing, (error: unknown) => {
      taken.undo();
      throw error;
    });

  function suspendSession(session: SuspendedSession): Promise<void> {
    const { sessionId, disconnectedAtMs, expirySeconds = null, sending, waiting } = session;
    const taken = turns.move([...sending.map(({ queueId }) => queueId), ...waiting]);
    const wire: WireSuspended = {
      sessionId,
      disconnectedAtMs,
      expirySeconds,
      sending: toWireSending(sending),
      waiting,
      ...wireTurns(taken),
    };
    return orUndo(submit("suspendSession", wire), taken);
  }

  return {
    ...reader,
    beforeCommit,
    retain,
    enqueue,
    wait,
    dequeue,
    suspendSession,
    restart: (nowMs) => submit("restart", { nowMs }).then(nothing),
    openSession: ({ principalKey, clientId, nowMs, expirySeconds = null }) => {
      const opening = { principalKey, clientId, nowMs, expirySeconds };
      return submit("openSession", opening).then(toOpened, (error: unknown) => {
        if (!(error instanceof DomainError) || error.code !== "storage_full") throw error;
        return submit("resumeSession", opening).then(toOpened);
      });
    },
    endSession: (sessionId) => submit("endSession", { sessionId }).then(nothing),
    subscribe: (sessionId, subscriptions) => {
      const rows = subscriptions.map((each) => ({ ...each, subscriptionId: each.subscriptionId ?? null }));
      return submit("subscribe", { sessionId, subscriptions: rows }).then(nothing);
    },
    unsubscribe: (sessionId, filters) => submit("unsubscribe", { sessionId, filters }).then(nothing),
    received: (sessionId, packetId) => submit("received", { sessionId, packetId }).then(nothing),
    released: (sessionId, packetId) => submit("released", { sessionId, packetId }).then(nothing),
    send: (sent) => submit("send", { sent }).then(nothing),
    release: (queueId) => submit("release", { queueId }).then(nothing),
    putWill: ({ principalKey, clientId, packet, delaySeconds }) =>
      submit("putWill", { principalKey, clientId, delaySeconds }, { blobs: [own(packet)] }).then(same),
    scheduleWill: (willId, publishAtMs) => submit("scheduleWill", { willId, publishAtMs }).then(nothing),
    removeWill: (willId) => submit("removeWill", { willId }).then(nothing),
  };
}

const wireTurns = ({ moved, emptied }: Taken): WireTurns => ({ moved, emptied });

function toWireRetained(changes: readonly RetainedChange[], blobs: Uint8Array[]): WireRetained[] {
  const place = (bytes: Uint8Array | undefined): number | null =>
    bytes === undefined ? null : blobs.push(own(bytes)) - 1;
  return changes.map(({ topic, message }) =>
    message === undefined
      ? { topic, qos: 0, payload: null, properties: null, expiresAtMs: null }
      : {
          topic,
          qos: message.qos,
          payload: place(message.payload),
          properties: place(message.properties),
          expiresAtMs: message.expiresAtMs ?? null,
          owner: message.owner,
        },
  );
}

/** To clone a view costs a clone of all that it looks into, if that is not shared: a part of it is copied out first. */
const own = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer instanceof SharedArrayBuffer || bytes.byteLength === bytes.buffer.byteLength
    ? bytes
    : new Uint8Array(bytes);

function toOpened({ sessionId, resumed, subscriptions, received, sending }: WireOpened): OpenedSession {
  return {
    sessionId,
    resumed,
    subscriptions: subscriptions.map(toSubscription),
    received,
    sending: sending.map(([queueId, packetId, qos, released]) => ({
      queueId,
      packetId,
      qos: queuedQosOf(qos),
      released: released !== 0,
    })),
  };
}
