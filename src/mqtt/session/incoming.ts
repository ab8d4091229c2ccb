/**
 * The QoS 2 publishes of one client that were taken over and not yet released, MQTT 3.1.1 § 4.3.3 method B. Only their
 * packet ids are kept. Until PUBREL a PUBLISH with one of them is a repeat, with or without DUP.
 */
import type { Verdict } from "../publish/verdict.ts";

/** Stores what must be on disk before PUBREC; a repeat calls it again if it failed. Gives what PUBREC reports. */
export type Settle = () => Promise<Verdict>;

const nowhere: readonly number[] = [];

interface Taken {
  /** Stored sessions that the client had on the same connection before, and that know of it too. */
  alsoOf: readonly number[];
  /** Undefined where nothing is left to wait for. */
  settle: Settle | undefined;
  /** Under way. */
  settling: Promise<Verdict> | undefined;
}

export class Incoming {
  readonly #taken = new Map<number, Taken>();

  get size(): number {
    return this.#taken.size;
  }

  has(packetId: number): boolean {
    return this.#taken.has(packetId);
  }

  /** Whether PUBREC still waits. */
  isSettling(packetId: number): boolean {
    return this.#taken.get(packetId)?.settling !== undefined;
  }

  /** Takes what the store kept of an earlier run. */
  restore(packetIds: readonly number[]): void {
    for (const packetId of packetIds) if (!this.has(packetId)) this.take(packetId, undefined);
  }

  /** Takes a message over. Without `settle` it may be answered at once. */
  take(packetId: number, settle: Settle | undefined): void {
    this.#taken.set(packetId, { alsoOf: nowhere, settle, settling: undefined });
  }

  /** What PUBREC waits for, started again if it failed before; undefined: nothing. */
  settled(packetId: number): Promise<Verdict> | undefined {
    const taken = this.#taken.get(packetId);
    if (taken?.settle === undefined) return undefined;
    taken.settling ??= taken.settle().then(
      (outcome) => {
        taken.settle = undefined;
        taken.settling = undefined;
        return outcome;
      },
      (error: unknown) => {
        taken.settling = undefined;
        throw error;
      },
    );
    return taken.settling;
  }

  get packetIds(): number[] {
    return [...this.#taken.keys()];
  }

  /**
   * Another session replaces this one's on its connection; both are given by their numbers in the store, if they have
   * one. The client may come back as either, so the store knows of the exchanges in both until PUBREL. Gives the packet
   * ids that it does not know of the new session yet.
   */
  passOn(from: number | undefined, to: number | undefined): number[] {
    const unknown: number[] = [];
    for (const [packetId, taken] of this.#taken) {
      if (to !== undefined && !taken.alsoOf.includes(to)) unknown.push(packetId);
      const stored = from === undefined ? taken.alsoOf : [...taken.alsoOf, from];
      taken.alsoOf = stored.filter((storedId) => storedId !== to);
    }
    return unknown;
  }

  /** Other stored sessions that know of a packet id. */
  alsoOf(packetId: number): readonly number[] {
    return this.#taken.get(packetId)?.alsoOf ?? nowhere;
  }

  /** PUBREL came, or nothing was taken over after all: the packet id is free for a new message. */
  forget(packetId: number): void {
    this.#taken.delete(packetId);
  }
}
