/**
 * One MQTT connection of the load generator. What it writes in one turn of the event loop leaves in one system call, and
 * what it reads is handed on without an object per message, so that the generator is not what is measured.
 */
import type { Socket } from "bun";
import {
  type ConnectFields,
  decodeConnack,
  encodeConnect,
  encodeDisconnect,
  encodeSubscribe,
  PacketReader,
  PacketType,
  type Protocol,
  type PublishFrame,
  type PublishTemplate,
  type QoS,
} from "./mqtt-wire.ts";
import { nowUs } from "./stamp.ts";

export interface MqttHandlers {
  /** Positions in `frame` are into `bytes`; both are only valid during the call. */
  published?(bytes: Buffer, frame: PublishFrame): void;
  /** The server took responsibility for a publish: PUBACK, or PUBCOMP for QoS 2. */
  acked?(packetId: number): void;
  /** The socket takes bytes again after a short write. */
  drained?(): void;
  /** Called once, also when this side closed; `undefined` means as asked. */
  closed?(problem: Error | undefined): void;
}

export interface MqttTarget {
  host: string;
  port: number;
  /** MQTT 3.1.1 unless it says 5. */
  protocol?: Protocol;
  /** Over TLS; whatever certificate the server shows is accepted, since what is measured is not whom to trust. */
  tls?: boolean;
  connectTimeoutMs?: number;
}

const OUT_BYTES_START = 4 * 1024;
/** Beyond this a publisher waits for the socket instead of buffering more. */
const OUT_BYTES_SOFT_MAX = 256 * 1024;

export class MqttClient {
  readonly handlers: MqttHandlers = {};
  /** When the bytes that are being read arrived; see `nowUs`. */
  receivedUs = 0;
  /** How many messages above QoS 0 the server takes unacknowledged. */
  receiveMaximum = 65_535;
  readonly protocol: Protocol;
  readonly #reader: PacketReader;
  #socket: Socket<MqttClient> | undefined;
  #secured: PromiseWithResolvers<void> | undefined;
  #out: Buffer | undefined;
  #outLength = 0;
  #blocked = false;
  #scheduled = false;
  #closing = false;
  #ended = false;
  readonly #waiting = new Map<number, PromiseWithResolvers<Buffer>>();
  #nextSubscribeId = 1;

  private constructor(protocol: Protocol) {
    this.protocol = protocol;
    this.#reader = new PacketReader(
      {
        publish: (bytes, frame) => this.#publish(bytes, frame),
        acknowledgement: (type, packetId, reasonCode) => this.#acknowledgement(type, packetId, reasonCode),
        other: (type, packet) => this.#other(type, packet),
      },
      protocol,
    );
  }

  /** Connects and waits for a CONNACK that says yes. */
  static async connect(target: MqttTarget, fields: ConnectFields): Promise<MqttClient> {
    const protocol = target.protocol ?? 4;
    const client = new MqttClient(protocol);
    const timeoutMs = target.connectTimeoutMs ?? 30_000;
    const connack = client.#wait(PacketType.connack, timeoutMs);
    connack.catch(() => {}); // a failed connect is thrown by the next line
    const where = { hostname: target.host, port: target.port, data: client };
    if (target.tls === true) {
      // The promise of Bun.connect resolves before the handshake, when nothing may be written yet.
      client.#secured = Promise.withResolvers();
      client.#secured.promise.catch(() => {}); // likewise
      client.#socket = await Bun.connect<MqttClient>({ ...where, socket: shared, tls: { rejectUnauthorized: false } });
      await Promise.race([client.#secured.promise, connack]);
    } else {
      client.#socket = await Bun.connect<MqttClient>({ ...where, socket: shared });
    }
    client.#socket.setNoDelay(true);
    client.#write(encodeConnect(fields, protocol));
    client.flush();
    const { code, receiveMaximum } = decodeConnack(await connack, protocol);
    if (code !== 0) throw new Error(`the server refused the connection with return code ${code}`);
    client.receiveMaximum = receiveMaximum;
    return client;
  }

  /** Subscribes and waits for a SUBACK that grants every filter. */
  async subscribe(filters: string[], qos: QoS): Promise<void> {
    const packetId = this.#nextSubscribeId++;
    const suback = this.#wait(PacketType.suback, 30_000);
    this.#write(encodeSubscribe({ packetId, filters, qos, protocol: this.protocol }));
    this.flush();
    const codes = (await suback).subarray(-filters.length);
    const refused = filters.filter((_, at) => (codes[at] ?? 0x80) >= 0x80);
    if (refused.length > 0) throw new Error(`the server refused the subscription to ${refused.join(", ")}`);
  }

  /** True while the socket is behind and more should not be written. */
  get isFull(): boolean {
    return this.#blocked && this.#outLength > OUT_BYTES_SOFT_MAX;
  }

  get isOpen(): boolean {
    return !this.#ended;
  }

  /** Appends a copy of `template` to what is going out, and gives where it begins in `outgoing`, to be patched at once. */
  append(template: PublishTemplate): number {
    return this.#write(template.bytes);
  }

  get outgoing(): Buffer {
    this.#out ??= Buffer.allocUnsafeSlow(OUT_BYTES_START);
    return this.#out;
  }

  /** Sends what was appended. */
  flush(): void {
    this.#scheduled = false;
    if (this.#blocked || this.#outLength === 0 || this.#socket === undefined || this.#out === undefined) return;
    const written = this.#socket.write(this.#out, 0, this.#outLength);
    if (written < 0) return; // closed: the close handler says so
    if (written < this.#outLength) {
      this.#out.copyWithin(0, written, this.#outLength);
      this.#outLength -= written;
      this.#blocked = true;
      return;
    }
    this.#outLength = 0;
  }

  /** Says goodbye. Safe to call twice. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (!this.#blocked) this.#write(encodeDisconnect());
    this.flush();
    this.#socket?.end();
  }

  #wait(type: number, timeoutMs: number): Promise<Buffer> {
    const pending = Promise.withResolvers<Buffer>();
    const timer = setTimeout(
      () => pending.reject(new Error(`no answer to MQTT packet within ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#waiting.set(type, pending);
    return pending.promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(type);
    });
  }

  #write(bytes: Uint8Array): number {
    const at = this.#outLength;
    const length = at + bytes.byteLength;
    let out = this.outgoing;
    if (length > out.byteLength) {
      out = Buffer.allocUnsafeSlow(Math.max(length, out.byteLength * 2));
      this.#out?.copy(out, 0, 0, at);
      this.#out = out;
    }
    out.set(bytes, at);
    this.#outLength = length;
    return at;
  }

  #flushSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(flushClient, this);
  }

  #publish(bytes: Buffer, frame: PublishFrame): void {
    this.handlers.published?.(bytes, frame);
    if (frame.qos === 1) this.#acknowledge(PacketType.puback << 4, frame.packetId);
    else if (frame.qos === 2) this.#acknowledge(PacketType.pubrec << 4, frame.packetId);
  }

  /** Throws for a message that was refused: a run in which one is measures something else than it says. */
  #acknowledgement(type: number, packetId: number, reasonCode: number): void {
    if (reasonCode >= 0x80) throw new Error(`the server refused a message with reason code ${reasonCode}`);
    if (type === PacketType.pubrec) this.#acknowledge((PacketType.pubrel << 4) | 2, packetId);
    else if (type === PacketType.pubrel) this.#acknowledge(PacketType.pubcomp << 4, packetId);
    else this.handlers.acked?.(packetId);
  }

  #other(type: number, packet: Buffer): void {
    if (type === PacketType.disconnect) throw new Error(`the server disconnected with reason code ${packet[2] ?? 0}`);
    this.#waiting.get(type)?.resolve(Buffer.from(packet));
  }

  #acknowledge(first: number, packetId: number): void {
    const at = this.#outLength;
    let out = this.outgoing;
    if (at + 4 > out.byteLength) {
      out = Buffer.allocUnsafeSlow(out.byteLength * 2);
      this.#out?.copy(out, 0, 0, at);
      this.#out = out;
    }
    out[at] = first;
    out[at + 1] = 2;
    out[at + 2] = packetId >>> 8;
    out[at + 3] = packetId;
    this.#outLength = at + 4;
    this.#flushSoon();
  }

  /** For the socket handlers of this file. */
  received(chunk: Buffer): void {
    this.receivedUs = nowUs();
    try {
      this.#reader.read(chunk);
    } catch (error) {
      this.ended(error instanceof Error ? error : new Error(String(error)));
      this.#socket?.terminate();
    }
  }

  secured(): void {
    this.#secured?.resolve();
  }

  drained(): void {
    this.#blocked = false;
    this.flush();
    this.handlers.drained?.();
  }

  ended(problem: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    const why = this.#closing ? undefined : (problem ?? new Error("the server closed the connection"));
    this.#secured?.reject(why ?? new Error("closed"));
    for (const pending of this.#waiting.values()) pending.reject(why ?? new Error("closed"));
    this.handlers.closed?.(why);
  }
}

function flushClient(client: MqttClient): void {
  client.flush();
}

const shared = {
  handshake: (socket: Socket<MqttClient>) => socket.data.secured(),
  data: (socket: Socket<MqttClient>, chunk: Buffer) => socket.data.received(chunk),
  drain: (socket: Socket<MqttClient>) => socket.data.drained(),
  close: (socket: Socket<MqttClient>) => socket.data.ended(undefined),
  error: (socket: Socket<MqttClient>, error: Error) => socket.data.ended(error),
};

/** Runs `task` for 0…count−1, at most `width` at a time, and gives the results in order. */
export async function inParallel<T>(count: number, width: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results = new Map<number, T>();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      results.set(index, await task(index));
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}
