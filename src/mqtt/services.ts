/** A broker's services as one: which of them a topic, a filter or a session concerns. */
import type { Action, Principal } from "./identity.ts";
import type { Opening, Service, ServiceSession, SubscribeAnswer } from "./service.ts";
import type { Qos } from "./wire/protocol.ts";

/** The services that serve a filter; the tree serves it too if `answer` says so. */
export interface Serving {
  readonly answer: SubscribeAnswer;
  readonly by: readonly Service[];
}

const ordinary: Serving = { answer: "none", by: [] };
export const refused: Serving = { answer: "refused", by: [] };

/** Where several services answer for one filter, the answer that comes last here counts. */
const byWeight: readonly SubscribeAnswer[] = ["none", "both", "service", "addressed"];

export class Services {
  readonly #services: readonly Service[];

  constructor(services: readonly Service[]) {
    this.#services = services;
  }

  /** The service of a topic: the first one that serves it. */
  of(topic: string): Service | undefined {
    return this.#services.find((service) => service.serves(topic));
  }

  /** The services with a part in a filter. A filter that one refuses is served by none. */
  serving(session: ServiceSession, filter: string): Serving {
    let answer: SubscribeAnswer = "none";
    let by: Service[] | undefined;
    for (const service of this.#services) {
      const one = service.serving(session, filter);
      if (one === "refused") return refused;
      if (one === "none") continue;
      by ??= [];
      by.push(service);
      if (byWeight.indexOf(one) > byWeight.indexOf(answer)) answer = one;
    }
    return by === undefined ? ordinary : { answer, by };
  }

  subscribed({ by }: Serving, session: ServiceSession, filter: string, qos: Qos): void {
    for (const service of by) service.subscribed?.(session, filter, qos);
  }

  /** Whether any service says that the session received what the filter covers. */
  unsubscribed(session: ServiceSession, filter: string): boolean {
    let heard = false;
    for (const service of this.#services) if (service.unsubscribed?.(session, filter) === true) heard = true;
    return heard;
  }

  forbid(principal: Principal, action: Action, topic: string): boolean {
    for (const service of this.#services) if (service.forbids?.(principal, action, topic) === true) return true;
    return false;
  }

  opened(session: ServiceSession, how: Opening): void {
    for (const service of this.#services) {
      service.opened?.(session, how);
      if (!session.connected) return;
    }
  }

  closed(session: ServiceSession): void {
    for (const service of this.#services) service.closed?.(session);
  }

  ended(session: ServiceSession): void {
    for (const service of this.#services) service.ended?.(session);
  }
}
