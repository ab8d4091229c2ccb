/**
 * Packets of MQTT 5.0 as its specification draws them, built and read byte by byte. What the server sends is read without
 * mercy: flags, lengths, strings, reason codes and properties that its packet type does not allow fail the test that meets
 * them, whatever it was about.
 */
import { expect } from "bun:test";
import { field, packet, uint16, uint32, varint } from "./packet-bytes.ts";
import type { TestBroker } from "./test-broker.ts";
import { WireClient } from "./wire.ts";

type Kind = "byte" | "uint16" | "uint32" | "varint" | "string" | "binary" | "pair";
type PacketName = "connack" | "publish" | "puback" | "pubrec" | "pubrel" | "pubcomp" | "suback" | "unsuback";
export type PacketType = PacketName | "pingresp" | "disconnect" | "auth";

/** MQTT 5 § 2.2.2.2: identifier, data type, and the packets of a server that may carry it. */
const propertyTable = {
  payloadFormat: [0x01, "byte", "publish"],
  messageExpiry: [0x02, "uint32", "publish"],
  contentType: [0x03, "string", "publish"],
  responseTopic: [0x08, "string", "publish"],
  correlationData: [0x09, "binary", "publish"],
  subscriptionIds: [0x0b, "varint", "publish"],
  sessionExpiry: [0x11, "uint32", "connack"],
  assignedClientId: [0x12, "string", "connack"],
  serverKeepAlive: [0x13, "uint16", "connack"],
  authenticationMethod: [0x15, "string", "connack auth"],
  authenticationData: [0x16, "binary", "connack auth"],
  requestProblemInformation: [0x17, "byte", ""],
  willDelay: [0x18, "uint32", ""],
  requestResponseInformation: [0x19, "byte", ""],
  responseInformation: [0x1a, "string", "connack"],
  serverReference: [0x1c, "string", "connack disconnect"],
  reasonString: [0x1f, "string", "connack puback pubrec pubrel pubcomp suback unsuback disconnect auth"],
  receiveMaximum: [0x21, "uint16", "connack"],
  topicAliasMaximum: [0x22, "uint16", "connack"],
  topicAlias: [0x23, "uint16", "publish"],
  maximumQos: [0x24, "byte", "connack"],
  retainAvailable: [0x25, "byte", "connack"],
  userProperties: [0x26, "pair", "connack publish puback pubrec pubrel pubcomp suback unsuback disconnect auth"],
  maximumPacketSize: [0x27, "uint32", "connack"],
  wildcardsAvailable: [0x28, "byte", "connack"],
  subscriptionIdsAvailable: [0x29, "byte", "connack"],
  sharedAvailable: [0x2a, "byte", "connack"],
} as const satisfies Record<string, readonly [number, Kind, string]>;

export type PropertyName = keyof typeof propertyTable;

type Single<K extends Kind> = K extends "string" ? string : K extends "binary" ? Buffer : number;

export type Properties = {
  [N in Exclude<PropertyName, "subscriptionIds" | "userProperties">]?: Single<(typeof propertyTable)[N][1]>;
} & {
  subscriptionIds?: readonly number[];
  userProperties?: readonly (readonly [name: string, value: string])[];
};

type Value = number | string | Buffer | readonly [string, string];

function encodeValue(kind: Kind, value: Value): Buffer {
  switch (kind) {
    case "byte":
      return Buffer.from([Number(value)]);
    case "uint16":
      return uint16(Number(value));
    case "uint32":
      return uint32(Number(value));
    case "varint":
      return varint(Number(value));
    case "pair": {
      const [name, text] = value as readonly [string, string];
      return Buffer.concat([field(name), field(text)]);
    }
    default:
      return field(typeof value === "string" ? value : [...(value as Buffer)]);
  }
}

/** The bytes of properties, without their length. */
export function propertyBytes(properties: Properties): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(properties) as [PropertyName, Value | readonly Value[]][]) {
    const [id, kind] = propertyTable[name];
    const repeated = name === "subscriptionIds" || name === "userProperties";
    for (const each of repeated ? (value as readonly Value[]) : [value as Value]) {
      parts.push(Buffer.from([id]), encodeValue(kind, each));
    }
  }
  return Buffer.concat(parts);
}

/** A block of properties, its length first. Bytes are taken as they are. */
export function block(properties: Properties | Buffer = {}): Buffer {
  const bytes = Buffer.isBuffer(properties) ? properties : propertyBytes(properties);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Bits of CONNECT's flags. */
export const flag = {
  reserved: 1,
  cleanStart: 2,
  will: 4,
  willQos1: 8,
  willQos2: 16,
  willRetain: 32,
  password: 64,
  username: 128,
};

export interface Will5 {
  topic: string | readonly number[];
  payload?: string;
  qos?: number;
  retain?: boolean;
  properties?: Properties | Buffer;
}

export interface Connect5 {
  clientId?: string | readonly number[];
  cleanStart?: boolean;
  keepAliveSeconds?: number;
  properties?: Properties | Buffer;
  will?: Will5;
  username?: string | readonly number[];
  password?: string | readonly number[];
  /** Set, or with a complement (`~`) cleared, after all others. */
  flags?: (flags: number) => number;
  level?: number;
  name?: string;
  /** The first byte. */
  first?: number;
  /** Behind everything else. */
  more?: Buffer;
}

let clientNumber = 0;

export function connect5({
  clientId = `five${++clientNumber}`,
  cleanStart = true,
  keepAliveSeconds = 0,
  properties = {},
  will,
  username,
  password,
  flags = (set) => set,
  level = 5,
  name = "MQTT",
  first = 0x10,
  more = Buffer.of(),
}: Connect5 = {}): Buffer {
  let set = cleanStart ? flag.cleanStart : 0;
  const payload = [field(clientId)];
  if (will !== undefined) {
    set |= flag.will | ((will.qos ?? 0) << 3) | (will.retain ? flag.willRetain : 0);
    payload.push(block(will.properties), field(will.topic), field(will.payload ?? ""));
  }
  if (username !== undefined) {
    set |= flag.username;
    payload.push(field(username));
  }
  if (password !== undefined) {
    set |= flag.password;
    payload.push(field(password));
  }
  return packet(first, field(name), level, flags(set), uint16(keepAliveSeconds), block(properties), ...payload, more);
}

export interface Publish5 {
  qos?: number;
  packetId?: number;
  dup?: boolean;
  retain?: boolean;
  properties?: Properties | Buffer;
}

export function publish5(
  topic: string | readonly number[],
  payload: string | Buffer = "",
  { qos = 0, packetId = 1, dup = false, retain = false, properties = {} }: Publish5 = {},
): Buffer {
  const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  return packet(first, field(topic), ...(qos > 0 ? [uint16(packetId)] : []), block(properties), Buffer.from(payload));
}

const acknowledgementFirst = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 };

/** In its short form unless a reason code or properties are given. */
export function ack5(
  type: keyof typeof acknowledgementFirst,
  packetId: number | undefined,
  reasonCode?: number,
  properties?: Properties | Buffer,
): Buffer {
  const rest = [
    ...(reasonCode === undefined ? [] : [reasonCode]),
    ...(properties === undefined ? [] : [block(properties)]),
  ];
  return packet(acknowledgementFirst[type], uint16(packetId ?? 0), ...rest);
}

/** Bits of the subscription options, § 3.8.3.1. */
export const option = { noLocal: 4, retainAsPublished: 8, retainNew: 0x10, retainNever: 0x20 };

export function subscribe5(
  packetId: number,
  filters: readonly (readonly [filter: string | readonly number[], options: number])[],
  properties: Properties | Buffer = {},
): Buffer {
  const list = filters.flatMap(([filter, options]) => [field(filter), options]);
  return packet(0x82, uint16(packetId), block(properties), ...list);
}

export function unsubscribe5(
  packetId: number,
  filters: readonly (string | readonly number[])[],
  properties: Properties | Buffer = {},
): Buffer {
  return packet(0xa2, uint16(packetId), block(properties), ...filters.map((filter) => field(filter)));
}

/** In its shortest form without arguments. */
export function disconnect5(reasonCode?: number, properties?: Properties | Buffer): Buffer {
  if (reasonCode === undefined) return packet(0xe0);
  return packet(0xe0, reasonCode, ...(properties === undefined ? [] : [block(properties)]));
}

export function auth5(reasonCode: number, properties: Properties | Buffer = {}): Buffer {
  return packet(0xf0, reasonCode, block(properties));
}

/** What came from the server; fields a packet type has not are undefined. */
export interface Packet5 {
  readonly type: PacketType;
  /** All of it, in bytes. */
  readonly size: number;
  readonly sessionPresent?: boolean;
  readonly packetId?: number;
  readonly reasonCode?: number;
  readonly reasonCodes?: readonly number[];
  readonly topic?: string;
  readonly payload?: string;
  readonly qos?: number;
  readonly dup?: boolean;
  readonly retain?: boolean;
  readonly properties: Properties;
}

const typeNames: Readonly<Record<number, PacketType>> = {
  2: "connack",
  3: "publish",
  4: "puback",
  5: "pubrec",
  6: "pubrel",
  7: "pubcomp",
  9: "suback",
  11: "unsuback",
  13: "pingresp",
  14: "disconnect",
  15: "auth",
};

const publishCodes = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const releaseCodes = [0, 0x92];

/** The reason codes a server may send, by packet type: §§ 3.2.2.2, 3.4.2.1, 3.5.2.1, 3.6.2.1, 3.7.2.1, 3.9.3, 3.11.3, 3.14.2.1, 3.15.2.1. */
const reasonCodes: Readonly<Partial<Record<PacketType, readonly number[]>>> = {
  connack: [
    0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c,
    0x9d, 0x9f,
  ],
  puback: publishCodes,
  pubrec: publishCodes,
  pubrel: releaseCodes,
  pubcomp: releaseCodes,
  suback: [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  unsuback: [0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  disconnect: [
    0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
    0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ],
  auth: [0, 0x18],
};

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(count: number): Buffer {
    if (this.left < count) throw new Error(`a packet ends too early: ${this.#bytes.toString("hex")}`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  number(size: 1 | 2 | 4): number {
    return this.take(size).readUIntBE(0, size);
  }

  varint(): number {
    const start = this.#at;
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.number(1);
      value += (byte & 127) * factor;
      if (byte < 128) break;
    }
    expect(this.#at - start, "a variable byte integer in its shortest form [MQTT-1.5.5-1]").toBe(varint(value).length);
    return value;
  }

  binary(): Buffer {
    return this.take(this.number(2));
  }

  string(): string {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.binary());
    expect(text).not.toContain("\0");
    return text;
  }

  value(kind: Kind): Value {
    switch (kind) {
      case "byte":
        return this.number(1);
      case "uint16":
        return this.number(2);
      case "uint32":
        return this.number(4);
      case "varint":
        return this.varint();
      case "string":
        return this.string();
      case "binary":
        return Buffer.from(this.binary());
      case "pair":
        return [this.string(), this.string()];
    }
  }
}

const propertyById = new Map<number, readonly [PropertyName, Kind, string]>(
  (Object.keys(propertyTable) as PropertyName[]).map((name) => {
    const [id, kind, packets] = propertyTable[name];
    return [id, [name, kind, packets]];
  }),
);

function readProperties(reader: Reader, type: PacketType): Properties {
  const inner = new Reader(reader.take(reader.varint()));
  const properties: Record<string, Value | Value[]> = {};
  while (inner.left > 0) {
    const id = inner.varint();
    const [name, kind, packets] = propertyById.get(id) ?? [];
    if (name === undefined || kind === undefined) throw new Error(`unknown property ${id} in ${type}`);
    expect(packets?.split(" "), `the packets with ${name}`).toContain(type);
    const value = inner.value(kind);
    if (name === "subscriptionIds" || name === "userProperties") {
      properties[name] = [...((properties[name] as Value[] | undefined) ?? []), value];
    } else {
      expect(properties, "a property that may be there once").not.toHaveProperty(name);
      properties[name] = value;
    }
  }
  return properties as Properties;
}

/** Reads one packet of the server, given in hexadecimal. */
export function read5(hex: string): Packet5 {
  const bytes = Buffer.from(hex, "hex");
  const reader = new Reader(bytes);
  const first = reader.number(1);
  const type = typeNames[first >> 4];
  if (type === undefined) throw new Error(`no packet of a server: ${hex}`);
  expect(reader.varint()).toBe(reader.left);
  const flags = first & 15;
  if (type !== "publish") expect(flags, `the flags of ${type} [MQTT-2.1.3-1]`).toBe(type === "pubrel" ? 2 : 0);
  const body = readBody(reader, type, flags);
  expect(reader.left, `bytes behind the end of ${type}`).toBe(0);
  for (const code of body.reasonCodes ?? (body.reasonCode === undefined ? [] : [body.reasonCode])) {
    expect(reasonCodes[type], `the reason codes of ${type}`).toContain(code);
  }
  return { type, size: bytes.length, ...body };
}

function readBody(reader: Reader, type: PacketType, flags: number): Omit<Packet5, "type" | "size"> {
  switch (type) {
    case "pingresp":
      return { properties: {} };
    case "connack": {
      const acknowledge = reader.number(1);
      expect(acknowledge & ~1, "reserved bits [MQTT-3.2.2-1]").toBe(0);
      const reasonCode = reader.number(1);
      if (reasonCode !== 0) expect(acknowledge, "session present of a refusal [MQTT-3.2.2-6]").toBe(0);
      return { sessionPresent: acknowledge === 1, reasonCode, properties: readProperties(reader, type) };
    }
    case "publish": {
      const qos = (flags >> 1) & 3;
      const dup = (flags & 8) !== 0;
      expect(qos).toBeLessThan(3);
      if (qos === 0) expect(dup, "DUP at QoS 0 [MQTT-3.3.1-2]").toBe(false);
      const topic = reader.string();
      const numbered = qos > 0 ? { packetId: identifier(reader) } : {};
      const properties = readProperties(reader, type);
      const payload = reader.take(reader.left).toString();
      return { topic, ...numbered, qos, dup, retain: (flags & 1) !== 0, properties, payload };
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp": {
      const packetId = identifier(reader);
      return { packetId, reasonCode: reader.left > 0 ? reader.number(1) : 0, properties: optional(reader, type) };
    }
    case "suback":
    case "unsuback": {
      const packetId = identifier(reader);
      const properties = readProperties(reader, type);
      return { packetId, properties, reasonCodes: [...reader.take(reader.left)] };
    }
    case "disconnect":
    case "auth":
      return { reasonCode: reader.left > 0 ? reader.number(1) : 0, properties: optional(reader, type) };
  }
}

function identifier(reader: Reader): number {
  const packetId = reader.number(2);
  expect(packetId, "a packet identifier").toBeGreaterThan(0);
  return packetId;
}

/** Properties that may be left out with their length where they are last. */
function optional(reader: Reader, type: PacketType): Properties {
  return reader.left > 0 ? readProperties(reader, type) : {};
}

/** A client of bytes that speaks MQTT 5. */
export class Client5 implements AsyncDisposable {
  /** CONNACK, once `connect` has seen it. */
  connack: Packet5 = { type: "connack", size: 0, properties: {} };
  readonly #wire: WireClient;

  private constructor(wire: WireClient) {
    this.#wire = wire;
  }

  static async open(port: number): Promise<Client5> {
    return new Client5(await WireClient.open(port));
  }

  /** Opens and logs in; fails the test unless it is accepted. */
  static async connect(port: number, fields: Connect5 = {}): Promise<Client5> {
    const client = await Client5.open(port);
    client.send(connect5(fields));
    client.connack = await client.take("connack");
    expect(client.connack.reasonCode).toBe(0);
    return client;
  }

  get closed(): boolean {
    return this.#wire.closed;
  }

  send(...packets: Buffer[]): void {
    this.#wire.send(...packets);
  }

  /** Sends bytes that are to be a segment of their own. */
  async sendAlone(bytes: Buffer): Promise<void> {
    await this.#wire.sendAlone(bytes);
  }

  async next(): Promise<Packet5> {
    return read5(await this.#wire.next());
  }

  /** The next packet, which must be of this type. */
  async take(type: PacketType): Promise<Packet5> {
    const next = await this.next();
    if (next.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(next)}`);
    return next;
  }

  /** Everything that was on its way before the answer to a ping sent now. */
  async fence(): Promise<Packet5[]> {
    return (await this.#wire.fence()).map(read5);
  }

  /** Subscribes and gives the reason codes; what comes before SUBACK fails the test. */
  async subscribe(filter: string, options = 0, properties: Properties = {}, packetId = 1): Promise<readonly number[]> {
    this.send(subscribe5(packetId, [[filter, options]], properties));
    return (await this.take("suback")).reasonCodes ?? [];
  }

  /** Publishes at QoS 1 and waits for PUBACK: whoever was to hear of it has it queued. */
  async publish(topic: string, payload: string, fields: Omit<Publish5, "qos"> = {}): Promise<Packet5> {
    this.send(publish5(topic, payload, { ...fields, qos: 1 }));
    return this.take("puback");
  }

  /** Publishes at QoS 2, through all four packets. */
  async publishExactly(topic: string, payload: string, fields: Omit<Publish5, "qos"> = {}): Promise<void> {
    this.send(publish5(topic, payload, { ...fields, qos: 2 }));
    const { packetId } = await this.take("pubrec");
    this.send(ack5("pubrel", packetId));
    await this.take("pubcomp");
  }

  /** Waits for the server to close, and gives the packets that came before. */
  async closing(): Promise<Packet5[]> {
    return (await this.#wire.closing()).map(read5);
  }

  /** DISCONNECT, and waits for the end. */
  async leave(reasonCode?: number, properties?: Properties): Promise<void> {
    this.send(disconnect5(reasonCode, properties));
    await this.closing();
  }

  /** Goes without DISCONNECT. */
  async drop(): Promise<void> {
    await this.#wire[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wire[Symbol.asyncDispose]();
  }
}

/** Texts of the PUBLISH packets among `packets`. */
export function texts(packets: readonly Packet5[]): (string | undefined)[] {
  return packets.filter(({ type }) => type === "publish").map(({ payload }) => payload);
}

/** Sends `bytes` as the first ones of a connection, which must be refused by one CONNACK with one of `codes`. */
export async function refused(
  server: TestBroker,
  codes: number | readonly number[],
  ...bytes: Buffer[]
): Promise<Packet5> {
  await using client = await Client5.open(server.port);
  client.send(...bytes);
  const [connack, ...more] = await client.closing();
  expect(more).toEqual([]);
  expect(connack?.type).toBe("connack");
  expect([codes].flat()).toContain(connack?.reasonCode ?? 0);
  return connack as Packet5;
}

/**
 * Sends `bytes` behind an accepted CONNECT; they must be answered by DISCONNECT with one of `codes`, and the connection
 * closed. Gives DISCONNECT, and what was answered before.
 */
export async function disconnectedFor(
  server: TestBroker,
  codes: number | readonly number[],
  ...bytes: Buffer[]
): Promise<{ disconnect: Packet5; before: Packet5[] }> {
  await using client = await Client5.connect(server.port);
  client.send(...bytes);
  return await disconnected(client, codes);
}

/** The end of a connection by DISCONNECT with one of `codes`. */
export async function disconnected(
  client: Client5,
  codes: number | readonly number[],
): Promise<{ disconnect: Packet5; before: Packet5[] }> {
  const before = await client.closing();
  const disconnect = before.pop();
  expect(disconnect?.type).toBe("disconnect");
  expect([codes].flat()).toContain(disconnect?.reasonCode ?? 0);
  return { disconnect: disconnect as Packet5, before };
}

export const malformed = 0x81;
export const protocolError = 0x82;
