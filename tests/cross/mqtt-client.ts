/**
 * An MQTT 3.1.1 client without any memory of its own: packet ids, DUP and what is unacknowledged are the test's to
 * choose, and packets are handed over as they arrive.
 */
import type { IConnackPacket, IPublishPacket, ISubackPacket, Packet } from "mqtt-packet";
import { withDeadline } from "../support/deadline.ts";
import { dial, type Line } from "../support/line.ts";
import { MqttLink } from "../support/mqtt-link.ts";
import { connectPacket } from "../support/raw-mqtt.ts";

export interface MqttLogin {
  readonly username: string;
  readonly password: string;
  readonly clientId: string;
  readonly clean: boolean;
  /** At QoS 1. */
  readonly will?: { readonly topic: string; readonly payload: string };
}

/** Called in the tick of the packet's arrival; the first may come in one piece with CONNACK. */
export interface MqttHandlers {
  onPuback?(packetId: number): void;
  onPubrec?(packetId: number): void;
  onPubrel?(packetId: number): void;
  onPubcomp?(packetId: number): void;
  onPublish?(packet: IPublishPacket, client: MqttClient): void;
}

export class MqttClient extends MqttLink {
  sessionPresent = false;
  readonly #handlers: MqttHandlers;
  readonly #connack = Promise.withResolvers<IConnackPacket>();
  readonly #suback = new Map<number, (packet: ISubackPacket) => void>();
  readonly #pings: (() => void)[] = [];

  private constructor(line: Line, handlers: MqttHandlers) {
    super(line);
    this.#handlers = handlers;
  }

  /** @param mqtt `host:port`, or an open line */
  static async connect(mqtt: string | Line, login: MqttLogin, handlers: MqttHandlers = {}): Promise<MqttClient> {
    const client = new MqttClient(typeof mqtt === "string" ? dial(mqtt) : mqtt, handlers);
    const { username, password, clientId, clean, will } = login;
    client.send(
      connectPacket({
        clean,
        clientId,
        username,
        password: Buffer.from(password),
        ...(will && {
          will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1 as const, retain: false },
        }),
      }),
    );
    const { returnCode, sessionPresent } = await client.#orClosed("CONNACK", client.#connack.promise);
    if (returnCode !== 0) throw new Error(`CONNECT was refused with ${returnCode}`);
    client.sessionPresent = sessionPresent;
    return client;
  }

  /** At QoS 1 unless told. */
  publish(
    topic: string,
    payload: string,
    {
      packetId,
      dup = false,
      retain = false,
      qos = 1,
    }: { packetId: number; dup?: boolean; retain?: boolean; qos?: 1 | 2 },
  ): void {
    this.send({ cmd: "publish", topic, payload, qos, dup, retain, messageId: packetId });
  }

  pubrel(packetId: number): void {
    this.send({ cmd: "pubrel", messageId: packetId });
  }

  puback(packetId: number): void {
    this.send({ cmd: "puback", messageId: packetId });
  }

  pubrec(packetId: number): void {
    this.send({ cmd: "pubrec", messageId: packetId });
  }

  pubcomp(packetId: number): void {
    this.send({ cmd: "pubcomp", messageId: packetId });
  }

  /** At QoS 1 unless told; gives the granted QoS, or 128. */
  async subscribe(filter: string, packetId = 1, qos: 1 | 2 = 1): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<ISubackPacket>();
    this.#suback.set(packetId, resolve);
    this.send({ cmd: "subscribe", messageId: packetId, subscriptions: [{ topic: filter, qos }] });
    return (await this.#orClosed("SUBACK", promise)).granted[0];
  }

  async ping(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pings.push(resolve);
    this.send({ cmd: "pingreq" });
    await this.#orClosed("PINGRESP", promise);
  }

  protected take(packet: Packet): void {
    switch (packet.cmd) {
      case "connack":
        this.#connack.resolve(packet);
        return;
      case "puback":
        this.#handlers.onPuback?.(packet.messageId ?? 0);
        return;
      case "pubrec":
        this.#handlers.onPubrec?.(packet.messageId ?? 0);
        return;
      case "pubrel":
        this.#handlers.onPubrel?.(packet.messageId ?? 0);
        return;
      case "pubcomp":
        this.#handlers.onPubcomp?.(packet.messageId ?? 0);
        return;
      case "publish":
        this.#handlers.onPublish?.(packet, this);
        return;
      case "suback":
        this.#suback.get(packet.messageId ?? 0)?.(packet);
        return;
      case "pingresp":
        this.#pings.shift()?.();
        return;
      default:
        throw new Error(`unexpected ${packet.cmd}`);
    }
  }

  #orClosed<T>(what: string, answer: Promise<T>): Promise<T> {
    const gone = this.ended.then((): never => {
      throw new Error(`the connection was closed before ${what}`);
    });
    return withDeadline(what, Promise.race([answer, gone]));
  }
}
