/**
 * Packets as the specification draws them, byte by byte, and a client that sends and receives nothing else: no library
 * stands between a test here and the wire, since libraries are polite in both directions.
 */

import { expect } from "bun:test";
import { withDeadline } from "./deadline.ts";
import { dial, type Line } from "./line.ts";
import { field, packet, uint16 } from "./packet-bytes.ts";
import type { TestBroker } from "./test-broker.ts";

let clientNumber = 0;

export interface ConnectFields {
  name?: string;
  level?: number;
  /** 2 is a clean session and nothing else. */
  flags?: number;
  keepAliveSeconds?: number;
  payload?: Buffer[];
}

/** CONNECT, well formed unless `fields` say otherwise. */
export function connectBytes({
  name = "MQTT",
  level = 4,
  flags = 2,
  keepAliveSeconds = 0,
  payload = [field(`wire${++clientNumber}`)],
}: ConnectFields = {}): Buffer {
  return packet(0x10, field(name), level, flags, uint16(keepAliveSeconds), ...payload);
}

/** The bytes of CONNACK "accepted, no session present". */
export const accepted = "20020000";
export const pingreq: Buffer = packet(0xc0);
export const pingresp = "d000";

export class WireClient implements AsyncDisposable {
  closed = false;
  readonly #line: Line;
  readonly #packets: string[] = [];
  readonly #gone = Promise.withResolvers<void>();
  #partial = Buffer.alloc(0);
  #changed: (() => void) | undefined;

  private constructor(line: Line) {
    this.#line = line;
    line.listen({
      bytes: (chunk) => {
        this.#partial = Buffer.concat([this.#partial, chunk]);
        this.#cut();
        this.#changed?.();
      },
      closed: () => {
        this.closed = true;
        this.#gone.resolve();
        this.#changed?.();
      },
    });
  }

  static open(port: number): Promise<WireClient> {
    return WireClient.over(dial(port));
  }

  /** Waits until the line is open, or throws. */
  static async over(line: Line): Promise<WireClient> {
    const client = new WireClient(line);
    await withDeadline("an open connection", line.opened);
    return client;
  }

  /** Opens and logs in. */
  static async connect(port: number, fields: ConnectFields = {}): Promise<WireClient> {
    const client = await WireClient.open(port);
    client.send(connectBytes(fields));
    expect(await client.next()).toBe(accepted);
    return client;
  }

  send(...packets: Buffer[]): void {
    this.#line.write(Buffer.concat(packets));
  }

  /** Sends and waits until the kernel has it, so that the next bytes are a segment of their own. */
  async sendAlone(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve) => this.#line.write(bytes, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The next whole packet, in hexadecimal. */
  async next(): Promise<string> {
    const first = this.#packets.shift();
    if (first !== undefined) return first;
    if (this.closed) throw new Error("closed while waiting for a packet");
    const arrived = new Promise<void>((resolve) => {
      this.#changed = resolve;
    });
    await withDeadline("a packet", arrived);
    return this.next();
  }

  /** Everything that was on its way before the answer to a ping sent now. */
  async fence(): Promise<string[]> {
    this.send(pingreq);
    const before: string[] = [];
    for (let next = await this.next(); next !== pingresp; next = await this.next()) before.push(next);
    return before;
  }

  /** Waits for the server to close, and gives the packets that came before. */
  async closing(): Promise<string[]> {
    await withDeadline("close", this.#gone.promise);
    expect(this.#partial).toHaveLength(0);
    return this.#packets.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#line.drop();
    await withDeadline("close", this.#gone.promise);
  }

  #cut(): void {
    for (;;) {
      let remaining = 0;
      let at = 1;
      for (let factor = 1; ; factor *= 128) {
        const byte = this.#partial[at++];
        if (byte === undefined) return;
        remaining += (byte & 127) * factor;
        if (byte < 128) break;
      }
      if (this.#partial.length < at + remaining) return;
      this.#packets.push(this.#partial.toString("hex", 0, at + remaining));
      this.#partial = this.#partial.subarray(at + remaining);
    }
  }
}

/** Sends `packets` on a connection of their own, which must be closed for them. Gives what was answered before. */
export async function closedFor(server: TestBroker, ...packets: Buffer[]): Promise<string[]> {
  await using client = await WireClient.open(server.port);
  client.send(...packets);
  const answered = await client.closing();
  expect(server.closeReasons.at(-1)).toBe("protocol_error");
  return answered;
}

/** The same behind an accepted CONNECT; nothing else must have been answered. */
export async function closedAfterConnect(server: TestBroker, ...packets: Buffer[]): Promise<void> {
  expect(await closedFor(server, connectBytes(), ...packets)).toEqual([accepted]);
}
