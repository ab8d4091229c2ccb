/**
 * Topic → the sessions that hear it, with every decision already taken: overlapping subscriptions merged, `deliver`
 * authorized, whether a service takes the topic. Routes are built from the trie once and kept until a subscription they
 * depend on or the permissions change. A filter without wildcards touches its own topic's route only; one with a literal
 * first level only the routes below that level.
 */
import type { BrokerHooks, Qos } from "./hooks.ts";
import type { Sendable } from "./prepared-publish.ts";
import { higherQos, lowerQos } from "./qos.ts";
import type { Session } from "./session.ts";
import { matchedFirstLevel, Subscriptions } from "./subscriptions.ts";
import { firstLevel, hasWildcard } from "./topic-names.ts";

interface Version {
  number: number;
}

export interface Route {
  readonly topic: string;
  /** Distinguishes this route from every earlier one of the topic. */
  readonly serial: number;
  /** Whether a service is to be asked first. */
  readonly served: boolean;
  readonly sessions: readonly Session[];
  /** The granted QoS of the session at the same index. */
  readonly qos: readonly Qos[];
  readonly level: Version;
  readonly levelVersion: number;
  readonly wildVersion: number;
  readonly permissionsVersion: number;
}

export class Routes {
  readonly #hooks: BrokerHooks;
  readonly #cacheMax: number;
  readonly #subscriptions = new Subscriptions<Session>();
  readonly #routes = new Map<string, Route>();
  /** One per first level of a cached topic. */
  readonly #levels = new Map<string, Version>();
  /** Of the filters that start with a wildcard. */
  #wildVersion = 0;
  #cached = 0;
  #serial = 0;

  constructor(hooks: BrokerHooks, limits: { routeCacheMax: number }) {
    this.#hooks = hooks;
    this.#cacheMax = limits.routeCacheMax;
  }

  get subscriptionCount(): number {
    return this.#subscriptions.count;
  }

  add(filter: string, session: Session, qos: Qos): void {
    this.#subscriptions.add(filter, session, qos);
    this.#changed(filter);
  }

  remove(filter: string, session: Session): void {
    if (this.#subscriptions.remove(filter, session)) this.#changed(filter);
  }

  find(topic: string): Route {
    const route = this.#routes.get(topic);
    if (
      route !== undefined &&
      route.levelVersion === route.level.number &&
      route.wildVersion === this.#wildVersion &&
      route.permissionsVersion === this.#hooks.permissionsVersion()
    ) {
      return route;
    }
    return this.#build(topic);
  }

  /** Hands a message to everyone on the route, each at the lower of its own and the granted QoS [MQTT-3.8.4-6]. */
  forward(route: Route, message: Sendable, qos: Qos): void {
    const { sessions } = route;
    for (let at = 0; at < sessions.length; at++) {
      (sessions[at] as Session).forward(message, lowerQos(route.qos[at] as Qos, qos));
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
    const found = new Map<Session, Qos>();
    this.#subscriptions.match(topic, (session, qos) => {
      const before = found.get(session);
      if (before !== undefined)
        found.set(session, higherQos(before, qos)); // once, at the highest [MQTT-3.3.5-1]
      else if (this.#hooks.authorize(session.principal, "deliver", topic)) found.set(session, qos);
    });
    const cost = 1 + found.size;
    this.#forget(topic);
    // All at once rather than the oldest: finding that one in a Map of many deletions costs more than building anew.
    if (this.#cached + cost > this.#cacheMax) this.#clear();
    const level = this.#level(topic);
    const route: Route = {
      topic,
      serial: ++this.#serial,
      served: this.#hooks.serves(topic),
      sessions: [...found.keys()],
      qos: [...found.values()],
      level,
      levelVersion: level.number,
      wildVersion: this.#wildVersion,
      permissionsVersion: this.#hooks.permissionsVersion(),
    };
    this.#routes.set(topic, route);
    this.#cached += cost;
    return route;
  }

  /** Made and dropped with the routes below it. */
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
    this.#cached -= 1 + route.sessions.length;
  }

  #clear(): void {
    this.#routes.clear();
    this.#levels.clear();
    this.#cached = 0;
  }
}
