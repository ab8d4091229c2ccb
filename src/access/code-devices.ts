/**
 * Devices that send codes by SMS. The server publishes codes on one topic, which only devices receive whose patterns
 * the operator wrote.
 */
import { type CreateService, noTopics, type ServiceBroker } from "../mqtt/service.ts";
import type { Account } from "./accounts.ts";
import type { Rights } from "./rights.ts";

export class CodeDevices {
  readonly #topic: string | undefined;
  /** Undefined while no device can be connected yet. */
  #broker: ServiceBroker<Account> | undefined;

  /** `topic` is undefined where codes are sent in another way. */
  constructor(topic: string | undefined) {
    this.#topic = topic;
  }

  /** Publishes at QoS 1. False where no device subscribes to the topic. */
  publish(topic: string, payload: Uint8Array): boolean {
    return this.#broker?.publish(topic, payload, 1) ?? false;
  }

  /** Forbids the topic to all other clients. */
  service(rights: Pick<Rights, "of">): CreateService<Account> {
    return (broker) => {
      this.#broker = broker;
      return {
        ...noTopics,
        forbids: (account, action, topic) =>
          topic === this.#topic &&
          action !== "publish" &&
          (account.device === undefined || rights.of(account).subscribe === undefined),
      };
    };
  }
}
