/**
 * The messages that clients leave to be published if they end without DISCONNECT, MQTT 5 § 3.1.2.5. A will is on disk
 * before its client gets CONNACK, so that it is published even if the server ends: then at the next start. A delayed
 * will waits here and is dropped when its client comes back [MQTT-3.1.3-9].
 */

import { type Clock, dueAt, later, type MonotonicMs, type SteadyMs } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { DeadlineWheel, Watched } from "../connection/keep-alive.ts";
import type { Counters } from "../counters.ts";
import { type Identity, ownerOf, type Principal } from "../identity.ts";
import { preparePublish, StoredPublish } from "../publish/prepared-publish.ts";
import { encodePublish } from "../publish/publish-form.ts";
import type { Session } from "../session/session.ts";
import type { BrokerStore, StoredWill } from "../store.ts";
import type { WillMessage } from "../wire/codec.ts";
import type { CloseReason } from "../wire/errors.ts";
import { forwardedProperties, publishProperties } from "../wire/publish-properties.ts";
import type { Work } from "../work.ts";
import type { Retained } from "./retained.ts";
import type { Routes } from "./routes.ts";

/** A will on disk. */
export interface Will {
  readonly willId: number;
  /** PUBLISH in its MQTT 5 form, with the will's QoS and RETAIN. */
  readonly packet: Uint8Array;
  readonly delaySeconds: number;
}

/**
 * DISCONNECT discards the will [MQTT-3.14.4-3]. When the server stops, the will stays in the store for the next start.
 */
export function discardsWill(reason: CloseReason): boolean {
  return reason === "disconnected";
}

export interface WillsParts {
  readonly identity: Pick<Identity, "principalOf" | "refused">;
  readonly store: Pick<BrokerStore, "wills" | "putWill" | "scheduleWill" | "removeWill">;
  readonly sessions: {
    find(principalKey: string, clientId: string): Session | undefined;
    /** Makes a session for the will of a client whose session ended with an earlier run of the server. */
    makeUnknown(principal: Principal, clientId: string): Session;
  };
  readonly routes: Pick<Routes, "find" | "forward">;
  readonly retained: Pick<Retained, "set">;
  readonly counters: Pick<Counters, "publishesDenied">;
  readonly wheel: DeadlineWheel;
  readonly work: Work;
  readonly clock: Clock;
  readonly log: Log;
}

class DelayedWill implements Watched {
  wheelPlace = -1;
  readonly will: Will;
  readonly session: Session;
  readonly publishAtMs: SteadyMs;
  readonly #clock: Clock;
  readonly #passed: () => void;

  constructor(
    will: Will,
    session: Session,
    publishAtMs: SteadyMs,
    { clock, passed }: { clock: Clock; passed(): void },
  ) {
    this.will = will;
    this.session = session;
    this.publishAtMs = publishAtMs;
    this.#clock = clock;
    this.#passed = passed;
  }

  get deadlineMs(): MonotonicMs {
    return dueAt(this.#clock, this.publishAtMs);
  }

  deadlinePassed(): void {
    this.#passed();
  }
}

export class Wills {
  readonly #parts: WillsParts;
  /** By the key of the session. */
  readonly #delayed = new Map<string, DelayedWill>();

  constructor(parts: WillsParts) {
    this.#parts = parts;
  }

  /** Loads the wills of an earlier run, whose clients are gone. */
  load(): void {
    const nowMs = this.#parts.clock.steadyMs();
    for (const stored of this.#parts.store.wills()) {
      const session = this.#sessionOf(stored);
      if (session === undefined) {
        this.#remove(stored.willId);
        continue;
      }
      // A session that ended with the server has no delay [MQTT-3.1.2-8].
      const delayMs = session.storedId === undefined ? 0 : stored.delaySeconds * 1000;
      this.#schedule(session, stored, stored.publishAtMs ?? later(nowMs, delayMs));
    }
  }

  /** Resolves when the will is on disk. */
  async put(session: { principalKey: string; clientId: string }, message: WillMessage): Promise<Will> {
    const { topic, payload, qos, retain, properties, expirySeconds, delaySeconds } = message;
    const form = encodePublish(topic, payload, qos, { protocolVersion: 5, properties, expirySeconds, retain });
    const packet = form.buffer.subarray(form.start, form.end);
    if (form.packetIdOffset > 0) packet[form.packetIdOffset + 1] = 1; // any packet id but the invalid 0
    const { principalKey, clientId } = session;
    const willId = await this.#parts.store.putWill({ principalKey, clientId, packet, delaySeconds });
    return { willId, packet, delaySeconds };
  }

  /** The connection ended without discarding the will; the session ends after `endsInSeconds`. */
  leave(session: Session, will: Will, endsInSeconds: number): void {
    const delaySeconds = Math.min(will.delaySeconds, endsInSeconds); // [MQTT-3.1.2-8]
    if (delaySeconds === 0) {
      this.#publish(session, will);
      return;
    }
    const publishAtMs = later(this.#parts.clock.steadyMs(), delaySeconds * 1000);
    this.#attempt("schedule", this.#parts.store.scheduleWill(will.willId, publishAtMs));
    this.#schedule(session, will, publishAtMs);
  }

  discard(will: Will): void {
    this.#remove(will.willId);
  }

  /** The client and its session are back: in time, unless the will was due and only the wheel was late. */
  cancel(key: string): void {
    const delayed = this.#take(key);
    if (delayed === undefined) return;
    if (delayed.publishAtMs <= this.#parts.clock.steadyMs()) this.#publish(delayed.session, delayed.will);
    else this.#remove(delayed.will.willId);
  }

  /** The session has ended: a delayed will is due. */
  sessionEnded(key: string): void {
    const delayed = this.#take(key);
    if (delayed !== undefined) this.#publish(delayed.session, delayed.will);
  }

  #take(key: string): DelayedWill | undefined {
    const delayed = this.#delayed.get(key);
    if (delayed === undefined) return undefined;
    this.#delayed.delete(key);
    this.#parts.wheel.unwatch(delayed);
    return delayed;
  }

  #schedule(session: Session, will: Will, publishAtMs: SteadyMs): void {
    const { key } = session;
    this.sessionEnded(key);
    const delayed = new DelayedWill(will, session, publishAtMs, {
      clock: this.#parts.clock,
      passed: () => this.sessionEnded(key),
    });
    this.#delayed.set(key, delayed);
    this.#parts.wheel.watch(delayed);
  }

  #sessionOf({ principalKey, clientId }: StoredWill): Session | undefined {
    const known = this.#parts.sessions.find(principalKey, clientId);
    if (known !== undefined) return known;
    const principal = this.#parts.identity.principalOf(principalKey, clientId);
    return principal && this.#parts.sessions.makeUnknown(principal, clientId);
  }

  /**
   * Publishes the will as its client would have: a service may take it, and it must be allowed. It is removed after
   * that, and at once where its principal no longer exists.
   */
  #publish(session: Session, will: Will): void {
    if (this.#parts.identity.principalOf(session.principal.key, session.clientId) === undefined) {
      this.#remove(will.willId);
      return;
    }
    const { work, log } = this.#parts;
    work.started();
    this.#deliver(session, will.packet)
      .then(() => this.#parts.store.removeWill(will.willId))
      .catch((error: unknown) => log.error("a will could not be published", { clientId: session.clientId, error }))
      .finally(() => work.done());
  }

  async #deliver(session: Session, packet: Uint8Array): Promise<void> {
    const { routes, retained, counters, identity, log, clock } = this.#parts;
    const { view, topic, payload } = new StoredPublish(packet);
    const { qos, retain, expirySeconds } = view;
    const route = routes.find(topic);
    if (route.service !== undefined) {
      const properties = publishProperties(view);
      const publish = { topic, payload, qos, dup: false, retain, packetId: undefined, properties };
      const outcome = route.service.intercept(session, publish);
      if (outcome !== undefined) {
        const result = await outcome;
        if ("refused" in result) log.debug("a will was refused", { clientId: session.clientId, why: result.why });
        return;
      }
    }
    if (!session.mayPublish(route)) {
      counters.publishesDenied++;
      const { principal, clientId, address } = session;
      identity.refused({ asked: "publish", topic, principal, clientId, address, reason: undefined });
      return;
    }
    const properties = forwardedProperties(view);
    const expiresAtMs = expirySeconds < 0 ? undefined : later(clock.steadyMs(), expirySeconds * 1000);
    const stored = retain
      ? retained.set(topic, { payload, qos, properties, expiresAtMs }, ownerOf(session.principal))
      : undefined;
    const message = preparePublish(topic, payload, { properties, expiresAtMs });
    await Promise.all([stored, routes.forward(route, message, qos, { session, retain })]);
  }

  #remove(willId: number): void {
    this.#attempt("remove", this.#parts.store.removeWill(willId));
  }

  #attempt(what: string, change: Promise<void>): void {
    const { work, log } = this.#parts;
    work.started();
    change
      .catch((error: unknown) => log.error("the store of wills failed", { what, error }))
      .finally(() => work.done());
  }
}
