/**
 * The last message of each topic that was published with RETAIN, MQTT 3.1.1 § 3.3.1.3. The messages are in memory as a
 * tree by topic level, so that a new subscription finds its matches without the disk. They are written through the
 * store: at most one change per topic waits for the disk, however often the topic changes meanwhile.
 */
import { type Clock, forever, later, longAgo, type MonotonicMs, type SteadyMs } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { MemoryBudget } from "../../net/memory-budget.ts";
import type { DeadlineWheel, Watched } from "../connection/keep-alive.ts";
import type { Counters } from "../counters.ts";
import type { Identity } from "../identity.ts";
import type { BrokerStore, RetainedChange } from "../store.ts";
import type { Qos } from "../wire/protocol.ts";
import { countLevels } from "../wire/topic-names.ts";
import type { Work } from "../work.ts";

export interface RetainedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  /** MQTT 5, as on the wire; undefined: none. */
  readonly properties: Uint8Array | undefined;
  /** Undefined: never. */
  readonly expiresAtMs: SteadyMs | undefined;
  /** The key of the principal that published it; undefined: the server, or unknown. */
  readonly owner?: string | undefined;
}

/** The message to retain; its bytes are copied. */
export interface RetainedDraft {
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly properties: Uint8Array | undefined;
  readonly expiresAtMs: SteadyMs | undefined;
}

/** A topic, or a level above one. */
class Node {
  readonly parent: Node | undefined;
  readonly level: string;
  children: Map<string, Node> | undefined;
  message: RetainedMessage | undefined;
  /** What the store has, while a change of the topic waits for the disk. */
  stored: RetainedMessage | undefined;
  pending = false;

  constructor(parent: Node | undefined, level: string) {
    this.parent = parent;
    this.level = level;
  }
}

interface Pending {
  readonly node: Node;
  readonly topic: string;
  message: RetainedMessage | undefined;
  readonly settled: PromiseWithResolvers<undefined>;
}

export interface RetainedLimits {
  readonly retainedMessagesMax: number;
  readonly retainedBytesMax: number;
  readonly retainedBytesPerPrincipalMax: number;
}

/** A change of the store takes no more topics than this, so that no commit is long. */
const writeTopicsMax = 1000;
const writeBytesMax = 4 * 1024 * 1024;
/** The memory that a level of a topic takes in the tree, so that many short levels are counted too. */
const levelBytes = 128;
/** Every refusal is counted; it is logged only this often. */
const logEveryMs = 60_000;
/** How often expired messages are removed. They are not sent to clients meanwhile. */
const expireEveryMs = 60_000;

const done = Promise.resolve(undefined);

export interface RetainedParts {
  readonly store: Pick<BrokerStore, "retain" | "retainedPage" | "hasDiskFor">;
  readonly limits: RetainedLimits;
  readonly counters: Pick<Counters, "retainedRefused">;
  readonly memory: Pick<MemoryBudget, "keep" | "hasRoomFor">;
  readonly work: Work;
  readonly clock: Clock;
  readonly log: Log;
  readonly wheel: DeadlineWheel;
  readonly identity: Pick<Identity, "principalOf" | "nameOf">;
}

export class Retained implements Watched {
  deadlineMs: MonotonicMs = forever;
  wheelPlace = -1;
  /** The number of messages, and the bytes of their topics and payloads with the tree's own. */
  count = 0;
  bytes = 0;
  readonly #store: RetainedParts["store"];
  readonly #limits: RetainedLimits;
  readonly #identity: RetainedParts["identity"];
  readonly #counters: RetainedParts["counters"];
  readonly #memory: RetainedParts["memory"];
  /** Bytes by principal. */
  readonly #bytesOf = new Map<string, number>();
  readonly #work: Work;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #root = new Node(undefined, "");
  /** By topic, in the order in which they are written. */
  readonly #pending = new Map<string, Pending>();
  /** When messages with an expiry end, by topic. */
  readonly #expiring = new Map<string, SteadyMs>();
  readonly #wheel: DeadlineWheel;
  #writing = false;
  #loggedAtMs: MonotonicMs = longAgo;

  constructor(parts: RetainedParts) {
    this.#store = parts.store;
    this.#limits = parts.limits;
    this.#identity = parts.identity;
    this.#counters = parts.counters;
    this.#memory = parts.memory;
    this.#work = parts.work;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#wheel = parts.wheel;
    this.#load();
  }

  /** Removes expired messages. */
  deadlinePassed(): void {
    const nowMs = this.#clock.steadyMs();
    for (const [topic, expiresAtMs] of [...this.#expiring]) if (expiresAtMs <= nowMs) void this.set(topic, nothing);
    this.#watch();
  }

  /** Gives what the topic retains now. */
  current(topic: string): RetainedChange {
    return { topic, message: this.#find(topic)?.message };
  }

  /**
   * Whether there is no room to retain this message of `owner`, a principal's key. Such a refusal is counted and logged.
   */
  refuses(topic: string, draft: RetainedDraft, owner: string): boolean {
    if (draft.payload.length === 0) return false;
    return !this.#hasRoom(this.#find(topic), { ...draft, topic, owner });
  }

  /**
   * Retains a message of `owner`, a principal's key; with an empty payload it removes the retained one [MQTT-3.3.1-10] [MQTT-3.3.1-11]. Resolves when
   * that is on disk. Beyond the limits the topic retains nothing from now on: [MQTT-3.3.1-7] lets a server discard a
   * retained message, and an outdated one would be wrong. A rejection was logged.
   */
  set(topic: string, draft: RetainedDraft, owner?: string): Promise<undefined> {
    const known = this.#find(topic);
    let message: RetainedMessage | undefined;
    if (draft.payload.length > 0 && this.#hasRoom(known, { ...draft, topic, owner })) {
      const { qos, expiresAtMs } = draft;
      const properties = draft.properties && copyOf(draft.properties);
      message = { topic, payload: copyOf(draft.payload), qos, properties, expiresAtMs, owner };
    }
    if (message === undefined && (known === undefined || (known.message === undefined && !known.pending))) return done;
    const node = known ?? this.#findOrMake(topic);
    if (!node.pending) {
      node.pending = true;
      node.stored = node.message;
    }
    this.#replace(node, message);
    return this.#write(node, topic, message);
  }

  /** Removes what `owner`, a principal's key, published. */
  dropOf(owner: string): void {
    for (const { topic, owner: of } of [...everything(this.#root)]) if (of === owner) void this.set(topic, nothing);
  }

  /**
   * Gives what a new subscription receives [MQTT-3.3.1-6], in no particular order. The tree is walked step by step, so
   * that a filter that matches everything delays no other client. Changes during the walk may or may not be seen.
   */
  *match(filter: string): Generator<RetainedMessage, undefined> {
    for (const message of matchBelow(this.#root, filter.split("/"), 0)) {
      if (message.expiresAtMs === undefined || message.expiresAtMs > this.#clock.steadyMs()) yield message;
    }
    return undefined;
  }

  /** Reads page by page, each with a statement of its own; no client is connected yet. */
  #load(): void {
    /** Many messages have one owner, whose key is kept once. */
    const owners = new Map<string, string>();
    const once = (owner: string): string => owners.get(owner) ?? owners.set(owner, owner).get(owner) ?? owner;
    for (let after = ""; ; ) {
      const page = this.#store.retainedPage(after);
      for (const message of page) {
        const owner = message.owner && once(message.owner);
        this.#replace(this.#findOrMake(message.topic), { ...message, owner });
      }
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.topic;
    }
    this.#watch();
  }

  #watch(): void {
    this.deadlineMs = this.#expiring.size === 0 ? forever : later(this.#clock.monotonicMs(), expireEveryMs);
    this.#wheel.watch(this);
  }

  #hasRoom(node: Node | undefined, replacement: RetainedMessage): boolean {
    const message = node?.message;
    const count = this.count + (message === undefined ? 1 : 0);
    const bytes = this.bytes + sizeOf(replacement) - sizeOf(message);
    const more = sizeOf(replacement) - sizeOf(message);
    const { retainedMessagesMax, retainedBytesMax } = this.#limits;
    const fits =
      count <= retainedMessagesMax && bytes <= retainedBytesMax && (more <= 0 || this.#memory.hasRoomFor(more));
    if (fits && this.#ownerHasRoom(message, replacement)) return true;
    this.#counters.retainedRefused++;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#loggedAtMs + logEveryMs) {
      this.#loggedAtMs = nowMs;
      const { count: messages, bytes: kept } = this;
      this.#log.warn("a message was not retained: the limit is reached", {
        messages,
        bytes: kept,
        account: this.#nameOf(replacement.owner),
        settings:
          "limits.mqtt_retained_bytes, limits.mqtt_retained_bytes_per_user, limits.mqtt_retained_messages, limits.disk_bytes_per_user",
      });
    }
    return false;
  }

  #nameOf(owner: string | undefined): string | undefined {
    const principal = owner === undefined ? undefined : this.#identity.principalOf(owner, "");
    return principal && this.#identity.nameOf(principal);
  }

  #ownerHasRoom(message: RetainedMessage | undefined, { owner, ...replacement }: RetainedMessage): boolean {
    if (owner === undefined) return true;
    const own = message?.owner === owner ? sizeOf(message) : 0;
    const more = sizeOf(replacement) - own;
    if ((this.#bytesOf.get(owner) ?? 0) + more > this.#limits.retainedBytesPerPrincipalMax) return false;
    return more <= 0 || this.#store.hasDiskFor(owner, () => more);
  }

  #count(message: RetainedMessage | undefined, sign: 1 | -1): void {
    if (message === undefined) return;
    const bytes = sign * sizeOf(message);
    this.count += sign;
    this.bytes += bytes;
    this.#memory.keep("retained", bytes);
    const { owner } = message;
    if (owner === undefined) return;
    const ofOwner = (this.#bytesOf.get(owner) ?? 0) + bytes;
    if (ofOwner > 0) this.#bytesOf.set(owner, ofOwner);
    else this.#bytesOf.delete(owner);
  }

  #write(node: Node, topic: string, message: RetainedMessage | undefined): Promise<undefined> {
    const waiting = this.#pending.get(topic);
    if (waiting !== undefined) {
      waiting.message = message;
      return waiting.settled.promise;
    }
    const settled = Promise.withResolvers<undefined>();
    settled.promise.catch(() => {}); // logged where it failed; a publisher that waits for it gets the rejection too
    this.#pending.set(topic, { node, topic, message, settled });
    if (!this.#writing) {
      this.#writing = true;
      this.#work.started();
      // Other changes of this turn join the same change of the store.
      queueMicrotask(() => this.#writeNext());
    }
    return settled.promise;
  }

  #writeNext(): void {
    const batch: Pending[] = [];
    let bytes = 0;
    for (const pending of this.#pending.values()) {
      if (batch.length >= writeTopicsMax || bytes >= writeBytesMax) break;
      // What removes messages stays among itself: it goes on when the disk is full.
      if (batch[0] !== undefined && (batch[0].message === undefined) !== (pending.message === undefined)) break;
      batch.push(pending);
      bytes += sizeOf(pending.message);
    }
    if (batch.length === 0) {
      this.#writing = false;
      this.#work.done();
      return;
    }
    for (const { topic } of batch) this.#pending.delete(topic);
    const changes = batch.map(({ topic, message }): RetainedChange => ({ topic, message }));
    this.#store.retain(changes).then(
      () => this.#written(batch),
      (error: unknown) => this.#failed(batch, error),
    );
  }

  #written(batch: readonly Pending[]): void {
    for (const { node, topic, message, settled } of batch) {
      node.stored = message;
      this.#settle(node, topic);
      settled.resolve(undefined);
    }
    this.#writeNext();
  }

  /** A message that was not written is not shown, unless a newer one replaced it. */
  #failed(batch: readonly Pending[], error: unknown): void {
    this.#log.error("retained messages could not be stored", { topics: batch.length, error });
    for (const { node, topic, message, settled } of batch) {
      if (node.message === message && !this.#pending.has(topic)) this.#replace(node, node.stored);
      this.#settle(node, topic);
      settled.reject(error instanceof Error ? error : new Error(String(error)));
    }
    this.#writeNext();
  }

  #settle(node: Node, topic: string): void {
    if (this.#pending.has(topic)) return;
    node.pending = false;
    node.stored = undefined;
    prune(node);
  }

  #replace(node: Node, message: RetainedMessage | undefined): void {
    if (message?.expiresAtMs !== undefined) {
      this.#expiring.set(message.topic, message.expiresAtMs);
      if (this.wheelPlace < 0) this.#watch();
    } else if (node.message?.expiresAtMs !== undefined) this.#expiring.delete(node.message.topic);
    this.#count(node.message, -1);
    this.#count(message, 1);
    node.message = message;
  }

  #find(topic: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const level of topic.split("/")) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node;
  }

  #findOrMake(topic: string): Node {
    let node = this.#root;
    for (const level of topic.split("/")) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = new Node(node, level);
        node.children.set(level, child);
      }
      node = child;
    }
    return node;
  }
}

function sizeOf(message: RetainedMessage | undefined): number {
  if (message === undefined) return 0;
  const { topic, payload, properties } = message;
  return topic.length + payload.length + (properties?.length ?? 0) + levelBytes * countLevels(topic);
}

const nothing: RetainedDraft = { payload: Buffer.alloc(0), qos: 0, properties: undefined, expiresAtMs: undefined };

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Removes nodes that became empty. */
function prune(from: Node): void {
  let node = from;
  while (node.parent !== undefined && node.message === undefined && !node.pending && node.children === undefined) {
    const { parent } = node;
    parent.children?.delete(node.level);
    if (parent.children?.size === 0) parent.children = undefined;
    node = parent;
  }
}

function* matchBelow(node: Node, levels: readonly string[], depth: number): Generator<RetainedMessage, undefined> {
  const level = levels[depth];
  if (level === undefined) {
    if (node.message !== undefined) yield node.message;
  } else if (level === "#") {
    yield* collect(node, depth === 0); // the parent level too, § 4.7.1.2
  } else if (level === "+") {
    for (const child of node.children?.values() ?? []) {
      if (depth > 0 || !child.level.startsWith("$")) yield* matchBelow(child, levels, depth + 1);
    }
  } else {
    const child = node.children?.get(level);
    if (child !== undefined) yield* matchBelow(child, levels, depth + 1);
  }
  return undefined;
}

function* everything(node: Node): Generator<RetainedMessage, undefined> {
  if (node.message !== undefined) yield node.message;
  for (const child of node.children?.values() ?? []) yield* everything(child);
  return undefined;
}

/** Gives everything at and below `node`; at the root without topics that start with $ [MQTT-4.7.2-1]. */
function* collect(node: Node, atRoot: boolean): Generator<RetainedMessage, undefined> {
  if (node.message !== undefined) yield node.message;
  for (const child of node.children?.values() ?? []) {
    if (!atRoot || !child.level.startsWith("$")) yield* collect(child, false);
  }
  return undefined;
}
