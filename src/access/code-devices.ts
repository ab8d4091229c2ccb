/**
 * Devices that send codes by SMS: what the server publishes to them goes out on one topic, which only devices hear whose
 * patterns the operator wrote by hand.
 */
import { type CreateService, noTopics, type ServiceBroker } from "../mqtt/service.ts";
import type { Account } from "./accounts.ts";

export class CodeDevices {
  readonly #topic: string | undefined;
  /** Undefined: no device can be connected yet. */
  #broker: ServiceBroker<Account> | undefined;

  /** `topic` undefined: codes go another way. */
  constructor(topic: string | undefined) {
    this.#topic = topic;
  }

  /** At QoS 1. False: no device hears the topic. */
  publish(topic: string, payload: Uint8Array): boolean {
    return this.#broker?.publish(topic, payload, 1) ?? false;
  }

  /** Keeps the topic from everybody else. */
  readonly service: CreateService<Account> = (broker) => {
    this.#broker = broker;
    return {
      ...noTopics,
      forbids: ({ device }, action, topic) =>
        topic === this.#topic && action !== "publish" && device?.record.subscribe === undefined,
    };
  };
}
