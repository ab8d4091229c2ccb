/**
 * Topic → its sessions, with every decision already made: overlapping subscriptions merged, `deliver` authorized, the
 * topic's service known. A route is built from the tree once and kept until a subscription it depends on or the
 * permissions change. A filter without wildcards affects only its own topic's route; a filter with a literal first
 * level affects only the routes below that level.
 */

import type { MemoryBudget } from "../../net/memory-budget.ts";
import type { Authorize, Identity } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import type { Sendable } from "../publish/publish-form.ts";
import type { Service } from "../service.ts";
import type { Services } from "../services.ts";
import type { DeliveryTerms } from "../session/delivery-terms.ts";
import type { Session } from "../session/session.ts";
import type { Qos } from "../wire/protocol.ts";
import { firstLevel, hasWildcard } from "../wire/topic-names.ts";
import { higherQos, lowerQos } from "./qos.ts";
import { ShareGroup, type ShareGroupParts } from "./share-group.ts";
import { parseShared, type Subscription } from "./subscription.ts";
import { matchedFirstLevel, TopicTree } from "./topic-tree.ts";

interface Version {
  number: number;
}

/** How a session with more than a plain QoS receives a topic: whether, at which QoS, with which options. */
interface Hearing {
  readonly qos: Qos;
  readonly retainAsPublished: boolean;
  readonly subscriptionIds: readonly number[] | undefined;
}

/** The two differ where the session does not receive its own messages; undefined: it receives nothing. */
interface Special {
  readonly ofOthers: Hearing;
  readonly ofItself: Hearing | undefined;
}

export interface Route {
  readonly topic: string;
  /** Distinguishes this route from every earlier one of the topic. */
  readonly serial: number;
  /** The service of the topic; it is asked first. */
  readonly service: Service | undefined;
  readonly sessions: readonly Session[];
  /** The granted QoS of the session at the same index. */
  readonly qos: readonly Qos[];
  /** For the session at the same index; undefined where no session asked for more than a QoS. */
  readonly special: readonly (Special | undefined)[] | undefined;
  readonly groups: readonly ShareGroup[] | undefined;
  readonly level: Version;
  readonly levelVersion: number;
  readonly wildVersion: number;
  readonly permissionsVersion: number;
}

export interface RoutesParts extends ShareGroupParts {
  readonly authorize: Authorize;
  readonly identity: Pick<Identity, "permissionsVersion">;
  readonly services: Pick<Services, "of">;
  readonly limits: ShareGroupParts["limits"] & Pick<BrokerLimits, "routeCacheBytesMax">;
  readonly memory: Pick<MemoryBudget, "keep">;
  readonly queueWriter: {
    begin(): void;
    /** Messages added since the start. */
    readonly count: number;
    /** Resolves when all messages added so far are on disk. */
    readonly settled: Promise<undefined>;
  };
}

export class Routes {
  readonly #parts: RoutesParts;
  readonly #cacheBytesMax: number;
  readonly #subscriptions = new TopicTree<Session>();
  readonly #groups = new TopicTree<ShareGroup>();
  /** By `$share/…` filter. */
  readonly #groupOf = new Map<string, ShareGroup>();
  #shared = 0;
  readonly #routes = new Map<string, Route>();
  /** One per first level of a cached topic. */
  readonly #levels = new Map<string, Version>();
  /** The version of the filters that start with a wildcard. */
  #wildVersion = 0;
  #cachedBytes = 0;
  #serial = 0;

  constructor(parts: RoutesParts) {
    this.#parts = parts;
    this.#cacheBytesMax = parts.limits.routeCacheBytesMax;
  }

  get subscriptionCount(): number {
    return this.#subscriptions.count + this.#shared;
  }

  /** How many of them are shared. */
  get sharedCount(): number {
    return this.#shared;
  }

  get hasGroups(): boolean {
    return this.#groupOf.size > 0;
  }

  /**
   * `filter` as subscribed to. A repeated filter replaces the earlier subscription. The session has the subscription,
   * too: routes are made of what it says then.
   */
  add(filter: string, session: Session, subscription: Subscription): void {
    const shared = parseShared(filter);
    if (shared === undefined || shared === "malformed") {
      this.#subscriptions.add(filter, session);
      this.#changed(filter);
      return;
    }
    let group = this.#groupOf.get(filter);
    if (group === undefined) {
      group = new ShareGroup(this.#parts, filter, shared.filter);
      this.#groupOf.set(filter, group);
      this.#groups.add(shared.filter, group);
      this.#changed(shared.filter);
    }
    this.#shared -= group.size;
    group.add(session, subscription);
    this.#shared += group.size;
  }

  remove(filter: string, session: Session): void {
    const group = this.#groupOf.get(filter);
    if (group === undefined) {
      if (this.#subscriptions.remove(filter, session)) this.#changed(filter);
      return;
    }
    if (group.remove(session)) this.#shared--;
    if (group.size > 0) return;
    this.#groupOf.delete(filter);
    this.#groups.remove(group.filter, group);
    this.#changed(group.filter);
  }

  /** The members of a `$share/…` filter; undefined if there are none. */
  group(sharedFilter: string): ShareGroup | undefined {
    return this.#groupOf.get(sharedFilter);
  }

  find(topic: string): Route {
    const route = this.#routes.get(topic);
    if (
      route !== undefined &&
      route.levelVersion === route.level.number &&
      route.wildVersion === this.#wildVersion &&
      route.permissionsVersion === this.#parts.identity.permissionsVersion()
    ) {
      return route;
    }
    return this.#build(topic);
  }

  /**
   * Forwards a message to all sessions of the route, each at the lower of its own and the granted QoS [MQTT-3.8.4-6].
   * Gives a promise where the message had to be stored for sessions that outlive their connection.
   */
  forward(
    route: Route,
    message: Sendable,
    qos: Qos,
    from?: { session: Session; retain: boolean },
  ): Promise<undefined> | undefined {
    const { sessions, special, groups } = route;
    const { queueWriter } = this.#parts;
    queueWriter.begin();
    const before = queueWriter.count;
    if (special === undefined) {
      for (let at = 0; at < sessions.length; at++) {
        (sessions[at] as Session).forward(message, lowerQos(route.qos[at] as Qos, qos));
      }
    } else this.#forwardSpecial(route, special, message, qos, from);
    if (groups !== undefined) for (const group of groups) group.forward(message, qos, from?.retain === true);
    return queueWriter.count === before ? undefined : queueWriter.settled;
  }

  #forwardSpecial(
    { sessions, qos: granted }: Route,
    special: readonly (Special | undefined)[],
    message: Sendable,
    qos: Qos,
    from: { session: Session; retain: boolean } | undefined,
  ): void {
    for (const [at, session] of sessions.entries()) {
      const one = special[at];
      if (one === undefined) {
        session.forward(message, lowerQos(granted[at] as Qos, qos));
        continue;
      }
      const hearing = from?.session === session ? one.ofItself : one.ofOthers;
      if (hearing === undefined) continue; // No Local [MQTT-3.8.3-3]
      const terms: DeliveryTerms = {
        retain: hearing.retainAsPublished && from?.retain === true ? 1 : 0, // [MQTT-3.3.1-13]
        subscriptionIds: hearing.subscriptionIds,
        group: undefined,
      };
      session.forwardWith(message, lowerQos(hearing.qos, qos), terms);
    }
  }

  #changed(filter: string): void {
    if (!hasWildcard(filter)) {
      this.#forget(filter);
      return;
    }
    const first = matchedFirstLevel(filter);
    if (first === undefined) {
      this.#wildVersion++;
      return;
    }
    const level = this.#levels.get(first);
    if (level !== undefined) level.number++;
  }

  #build(topic: string): Route {
    const { identity, services } = this.#parts;
    const found = new Map<Session, Qos>();
    let asked: Map<Session, Subscription[]> | undefined;
    this.#subscriptions.match(topic, (session, filter) => {
      const subscription = session.subscriptionTo(filter);
      if (subscription === undefined) return;
      const before = found.get(session);
      if (before === undefined) {
        if (!this.#parts.authorize(session.principal, "deliver", topic)) return;
        found.set(session, subscription.qos);
      } else found.set(session, higherQos(before, subscription.qos)); // once, at the highest [MQTT-3.3.5-1]
      if (subscription.options !== 0 || subscription.subscriptionId !== undefined) asked ??= new Map();
    });
    if (asked !== undefined) asked = this.#askedFor(topic, found);
    const sessions = [...found.keys()];
    const groups: ShareGroup[] = [];
    if (this.#groups.count > 0) this.#groups.match(topic, (group) => groups.push(group));
    this.#forget(topic);
    // All routes are dropped rather than the oldest: finding the oldest in a Map with many deletions costs more than
    // rebuilding.
    const bytes = routeBytes(topic, found.size + groups.length);
    if (this.#cachedBytes + bytes > this.#cacheBytesMax) this.#clear();
    const level = this.#level(topic);
    const route: Route = {
      topic,
      serial: ++this.#serial,
      service: services.of(topic),
      sessions,
      qos: [...found.values()],
      special: asked && sessions.map((session) => specialOf(asked?.get(session) ?? [])),
      groups: groups.length === 0 ? undefined : groups,
      level,
      levelVersion: level.number,
      wildVersion: this.#wildVersion,
      permissionsVersion: identity.permissionsVersion(),
    };
    this.#routes.set(topic, route);
    this.#cache(bytes);
    return route;
  }

  #askedFor(topic: string, found: ReadonlyMap<Session, Qos>): Map<Session, Subscription[]> {
    const asked = new Map<Session, Subscription[]>();
    this.#subscriptions.match(topic, (session, filter) => {
      const subscription = session.subscriptionTo(filter);
      if (subscription === undefined || !found.has(session)) return;
      const list = asked.get(session);
      if (list === undefined) asked.set(session, [subscription]);
      else list.push(subscription);
    });
    return asked;
  }

  /** Created and dropped with the routes below it. */
  #level(topic: string): Version {
    const first = firstLevel(topic);
    let level = this.#levels.get(first);
    if (level === undefined) {
      level = { number: 0 };
      this.#levels.set(first, level);
    }
    return level;
  }

  #forget(topic: string): void {
    const route = this.#routes.get(topic);
    if (route === undefined) return;
    this.#routes.delete(topic);
    this.#cache(-routeBytes(topic, route.sessions.length + (route.groups?.length ?? 0)));
  }

  #cache(bytes: number): void {
    this.#cachedBytes += bytes;
    this.#parts.memory.keep("routes", bytes);
  }

  #clear(): void {
    this.#routes.clear();
    this.#levels.clear();
    this.#cache(-this.#cachedBytes);
  }
}

/** What a cached route takes in memory, about; its first level may be its own. */
const routeBytes = (topic: string, receivers: number): number => 256 + 3 * topic.length + 32 * receivers;

/** Undefined where the session asked only for a QoS. */
function specialOf(subscriptions: readonly Subscription[]): Special | undefined {
  if (subscriptions.every(({ options, subscriptionId }) => options === 0 && subscriptionId === undefined)) {
    return undefined;
  }
  const ofOthers = hearingOf(subscriptions);
  if (ofOthers === undefined) return undefined;
  return { ofOthers, ofItself: hearingOf(subscriptions.filter(({ noLocal }) => !noLocal)) };
}

function hearingOf(subscriptions: readonly Subscription[]): Hearing | undefined {
  if (subscriptions.length === 0) return undefined;
  const ids = subscriptions.flatMap(({ subscriptionId }) => subscriptionId ?? []);
  return {
    qos: subscriptions.map(({ qos }) => qos).reduce(higherQos),
    retainAsPublished: subscriptions.some(({ retainAsPublished }) => retainAsPublished),
    subscriptionIds: ids.length === 0 ? undefined : ids, // all of them [MQTT-3.3.4-4]
  };
}
