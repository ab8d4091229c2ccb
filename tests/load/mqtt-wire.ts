/**
 * As much of the MQTT 3.1.1 wire as a load generator needs, written apart from the server's codec so that a mistake in one
 * does not hide in the other. Packets are built once and copied with a few bytes patched; reading is incremental over
 * whatever the socket hands over.
 */

/** The high half of a packet's first byte. */
export const PacketType = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
} as const;

export type QoS = 0 | 1 | 2;

export interface ConnectFields {
  clientId: string;
  username?: string | undefined;
  password?: string | undefined;
  keepaliveSeconds?: number;
}

export function encodeConnect({ clientId, username, password, keepaliveSeconds = 0 }: ConnectFields): Buffer {
  const cleanSession = 0x02;
  const flags = cleanSession | (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
  return packet(PacketType.connect << 4, [
    lengthPrefixed("MQTT"),
    Buffer.from([4, flags, keepaliveSeconds >>> 8, keepaliveSeconds & 0xff]),
    lengthPrefixed(clientId),
    ...(username === undefined ? [] : [lengthPrefixed(username)]),
    ...(password === undefined ? [] : [lengthPrefixed(password)]),
  ]);
}

export function encodeSubscribe({ packetId, filters, qos }: { packetId: number; filters: string[]; qos: QoS }): Buffer {
  const parts = filters.flatMap((filter) => [lengthPrefixed(filter), Buffer.from([qos])]);
  return packet((PacketType.subscribe << 4) | 2, [Buffer.from([packetId >>> 8, packetId & 0xff]), ...parts]);
}

export function encodeDisconnect(): Buffer {
  return Buffer.from([PacketType.disconnect << 4, 0]);
}

/** A whole PUBLISH to be copied and patched: the packet id at `packetIdAt` (unless QoS 0), the payload from `payloadAt`. */
export interface PublishTemplate {
  bytes: Buffer;
  packetIdAt: number;
  payloadAt: number;
}

export function encodePublish({
  topic,
  payload,
  qos,
  packetId = 0,
}: {
  topic: string;
  payload: Uint8Array;
  qos: QoS;
  packetId?: number;
}): PublishTemplate {
  const head = lengthPrefixed(topic);
  const id = qos === 0 ? Buffer.alloc(0) : Buffer.from([packetId >>> 8, packetId & 0xff]);
  const bytes = packet((PacketType.publish << 4) | (qos << 1), [head, id, payload]);
  const payloadAt = bytes.byteLength - payload.byteLength;
  return { bytes, packetIdAt: payloadAt - id.byteLength, payloadAt };
}

/** What a reader is told about, packet by packet. Positions are into `bytes`, which is only valid during the call. */
export interface PacketSink {
  publish(bytes: Buffer, frame: PublishFrame): void;
  /** PUBACK, PUBREC, PUBREL, PUBCOMP. */
  acknowledgement(type: number, packetId: number): void;
  /** Everything else, whole. */
  other(type: number, packet: Buffer): void;
}

/** One object per reader, overwritten for each PUBLISH. */
export interface PublishFrame {
  qos: number;
  packetId: number;
  topicStart: number;
  topicEnd: number;
  payloadStart: number;
  payloadEnd: number;
}

const PACKET_BYTES_MAX = 16 * 1024 * 1024;

/** Cuts a byte stream into packets. Throws on what no MQTT server may send. */
export class PacketReader {
  readonly #sink: PacketSink;
  readonly #frame: PublishFrame = {
    qos: 0,
    packetId: 0,
    topicStart: 0,
    topicEnd: 0,
    payloadStart: 0,
    payloadEnd: 0,
  };
  #tail: Buffer | undefined;
  /** How long the packet in the tail will be, once known: spares parsing it again for every chunk. */
  #tailNeeds = 0;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#tail !== undefined) {
      bytes = Buffer.concat([this.#tail, chunk]);
      if (bytes.byteLength < this.#tailNeeds) {
        this.#tail = bytes;
        return;
      }
      this.#tail = undefined;
    }
    const consumed = this.#readPackets(bytes);
    if (consumed < bytes.byteLength) {
      // A copy, so that the tail does not keep a whole chunk alive.
      this.#tail = Buffer.from(bytes.subarray(consumed));
    }
  }

  #readPackets(bytes: Buffer): number {
    const length = bytes.byteLength;
    let at = 0;
    while (at + 2 <= length) {
      let body = at + 1;
      let remaining = 0;
      let factor = 1;
      let digit = 0x80;
      while (digit & 0x80) {
        if (body - at > 4) throw new Error("the server sent a remaining length of more than four bytes");
        if (body >= length) {
          this.#tailNeeds = 0;
          return at;
        }
        digit = bytes[body] ?? 0;
        remaining += (digit & 0x7f) * factor;
        factor *= 128;
        body += 1;
      }
      if (remaining > PACKET_BYTES_MAX) throw new Error(`the server sent a packet of ${remaining} bytes`);
      const end = body + remaining;
      if (end > length) {
        this.#tailNeeds = end - at;
        return at;
      }
      this.#packet(bytes, at, body, end);
      at = end;
    }
    this.#tailNeeds = 0;
    return at;
  }

  #packet(bytes: Buffer, at: number, body: number, end: number): void {
    const first = bytes[at] ?? 0;
    const type = first >>> 4;
    if (type === PacketType.publish) {
      const frame = this.#frame;
      frame.qos = (first >>> 1) & 3;
      frame.topicStart = body + 2;
      frame.topicEnd = body + 2 + readU16(bytes, body);
      frame.payloadStart = frame.topicEnd;
      frame.packetId = 0;
      if (frame.qos > 0) {
        frame.packetId = readU16(bytes, frame.topicEnd);
        frame.payloadStart += 2;
      }
      frame.payloadEnd = end;
      if (frame.payloadStart > end || frame.qos === 3) throw new Error("the server sent a malformed PUBLISH");
      this.#sink.publish(bytes, frame);
    } else if (type >= PacketType.puback && type <= PacketType.pubcomp) {
      if (end - body < 2) throw new Error("the server sent an acknowledgement without a packet id");
      this.#sink.acknowledgement(type, readU16(bytes, body));
    } else {
      this.#sink.other(type, bytes.subarray(at, end));
    }
  }
}

function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([Buffer.from([bytes.byteLength >>> 8, bytes.byteLength & 0xff]), bytes]);
}

function packet(first: number, parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  let rest = body.byteLength;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}
