/**
 * As much of the MQTT 3.1.1 and 5 wire as a load generator needs, written apart from the server's codec so that a mistake in one
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

/** The protocol level of CONNECT: MQTT 3.1.1 or 5. */
export type Protocol = 4 | 5;

export interface ConnectFields {
  clientId: string;
  username?: string | undefined;
  password?: string | undefined;
  keepaliveSeconds?: number;
  /** Keeps the session beyond the connection; MQTT 5 names a time for it, here an hour. */
  persistent?: boolean;
}

const NO_PROPERTIES = Buffer.from([0]);
const SESSION_EXPIRY_SECONDS = 3600;
const PropertyId = { sessionExpiryInterval: 0x11, receiveMaximum: 0x21 } as const;

export function encodeConnect(fields: ConnectFields, protocol: Protocol = 4): Buffer {
  const { clientId, username, password, keepaliveSeconds = 0, persistent = false } = fields;
  const cleanStart = persistent ? 0 : 0x02;
  const flags = cleanStart | (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
  return packet(PacketType.connect << 4, [
    lengthPrefixed("MQTT"),
    Buffer.from([protocol, flags, keepaliveSeconds >>> 8, keepaliveSeconds & 0xff]),
    ...(protocol === 5 ? [persistent ? sessionExpiry() : NO_PROPERTIES] : []),
    lengthPrefixed(clientId),
    ...(username === undefined ? [] : [lengthPrefixed(username)]),
    ...(password === undefined ? [] : [lengthPrefixed(password)]),
  ]);
}

function sessionExpiry(): Buffer {
  const properties = Buffer.from([5, PropertyId.sessionExpiryInterval, 0, 0, 0, 0]);
  properties.writeUInt32BE(SESSION_EXPIRY_SECONDS, 2);
  return properties;
}

export interface Connack {
  /** 0, or why the server refused. */
  code: number;
  sessionPresent: boolean;
  /** How many messages above QoS 0 the server takes unacknowledged; before MQTT 5 there is no word for it. */
  receiveMaximum: number;
}

const RECEIVE_MAXIMUM_DEFAULT = 65_535;

/** Reads a whole CONNACK. */
export function decodeConnack(bytes: Buffer, protocol: Protocol): Connack {
  const { value: remaining, next: body } = readVarint(bytes, 1, bytes.byteLength);
  if (remaining < 2) throw new Error("the server sent a malformed CONNACK");
  const code = bytes[body + 1] ?? 0;
  const sessionPresent = ((bytes[body] ?? 0) & 1) === 1;
  let receiveMaximum = RECEIVE_MAXIMUM_DEFAULT;
  // A server that cannot speak MQTT 5 refuses in the form of 3.1.1, without properties.
  if (protocol === 5 && remaining > 2) {
    const { value: length, next } = readVarint(bytes, body + 2, bytes.byteLength);
    if (next + length !== bytes.byteLength) throw new Error("the server sent a malformed CONNACK");
    for (let at = next; at < bytes.byteLength; ) {
      if (bytes[at] === PropertyId.receiveMaximum) receiveMaximum = readU16(bytes, at + 1);
      at = afterConnackProperty(bytes, at);
    }
  }
  return { code, sessionPresent, receiveMaximum };
}

/** Bytes of the value of each property a CONNACK may carry; 0 for a string or binary data with its own length. */
const CONNACK_PROPERTY_BYTES: Readonly<Record<number, number>> = {
  [PropertyId.sessionExpiryInterval]: 4,
  [PropertyId.receiveMaximum]: 2,
  18: 0, // assigned client identifier
  19: 2, // server keep alive
  21: 0, // authentication method
  22: 0, // authentication data
  26: 0, // response information
  28: 0, // server reference
  31: 0, // reason string
  34: 2, // topic alias maximum
  36: 1, // maximum QoS
  37: 1, // retain available
  39: 4, // maximum packet size
  40: 1, // wildcard subscription available
  41: 1, // subscription identifier available
  42: 1, // shared subscription available
};
const USER_PROPERTY = 38;

function afterConnackProperty(bytes: Buffer, at: number): number {
  const id = bytes[at] ?? 0;
  const afterString = (from: number) => from + 2 + readU16(bytes, from);
  if (id === USER_PROPERTY) return afterString(afterString(at + 1));
  const length = CONNACK_PROPERTY_BYTES[id];
  if (length === undefined) throw new Error(`the server sent property ${id} in a CONNACK`);
  return length === 0 ? afterString(at + 1) : at + 1 + length;
}

export function encodeSubscribe({
  packetId,
  filters,
  qos,
  protocol = 4,
}: {
  packetId: number;
  filters: string[];
  qos: QoS;
  protocol?: Protocol;
}): Buffer {
  const parts = filters.flatMap((filter) => [lengthPrefixed(filter), Buffer.from([qos])]);
  const properties = protocol === 5 ? [NO_PROPERTIES] : [];
  return packet((PacketType.subscribe << 4) | 2, [
    Buffer.from([packetId >>> 8, packetId & 0xff]),
    ...properties,
    ...parts,
  ]);
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
  protocol = 4,
}: {
  topic: string;
  payload: Uint8Array;
  qos: QoS;
  packetId?: number;
  protocol?: Protocol;
}): PublishTemplate {
  const head = lengthPrefixed(topic);
  const id = qos === 0 ? Buffer.alloc(0) : Buffer.from([packetId >>> 8, packetId & 0xff]);
  const properties = protocol === 5 ? NO_PROPERTIES : Buffer.alloc(0);
  const bytes = packet((PacketType.publish << 4) | (qos << 1), [head, id, properties, payload]);
  const payloadAt = bytes.byteLength - payload.byteLength;
  return { bytes, packetIdAt: payloadAt - properties.byteLength - id.byteLength, payloadAt };
}

/** What a reader is told about, packet by packet. Positions are into `bytes`, which is only valid during the call. */
export interface PacketSink {
  publish(bytes: Buffer, frame: PublishFrame): void;
  /** PUBACK, PUBREC, PUBREL, PUBCOMP. From 0x80 on the reason code says no; before MQTT 5 it is always 0. */
  acknowledgement(type: number, packetId: number, reasonCode: number): void;
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
  readonly #protocol: Protocol;
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

  constructor(sink: PacketSink, protocol: Protocol = 4) {
    this.#sink = sink;
    this.#protocol = protocol;
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
      if (this.#protocol === 5) frame.payloadStart = afterProperties(bytes, frame.payloadStart, end);
      frame.payloadEnd = end;
      if (frame.payloadStart > end || frame.qos === 3) throw new Error("the server sent a malformed PUBLISH");
      this.#sink.publish(bytes, frame);
    } else if (type >= PacketType.puback && type <= PacketType.pubcomp) {
      if (end - body < 2) throw new Error("the server sent an acknowledgement without a packet id");
      this.#sink.acknowledgement(type, readU16(bytes, body), end - body > 2 ? (bytes[body + 2] ?? 0) : 0);
    } else {
      this.#sink.other(type, bytes.subarray(at, end));
    }
  }
}

/** Where what follows the properties of MQTT 5 begins: most often there are none. */
function afterProperties(bytes: Buffer, at: number, end: number): number {
  if (at < end && bytes[at] === 0) return at + 1;
  const { value, next } = readVarint(bytes, at, end);
  return next + value;
}

/** A variable byte integer. Throws where it does not end before `end`. */
function readVarint(bytes: Buffer, at: number, end: number): { value: number; next: number } {
  let value = 0;
  for (let factor = 1, next = at; next < Math.min(end, at + 4); factor *= 128) {
    const digit = bytes[next++] ?? 0;
    value += (digit & 0x7f) * factor;
    if ((digit & 0x80) === 0) return { value, next };
  }
  throw new Error("the server sent a variable byte integer that does not end");
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
