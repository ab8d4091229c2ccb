/** MQTT packets put together field by field, so that each of them can be wrong, and a sink that notes what is read. */

import { defaultBrokerLimits } from "../../src/mqtt/limits.ts";
import type { ClientPacket } from "../../src/mqtt/wire/codec.ts";
import { ProtocolError } from "../../src/mqtt/wire/errors.ts";
import { PacketReader, type PacketSink } from "../../src/mqtt/wire/packet-reader.ts";
import type { PublishProperties } from "../../src/mqtt/wire/properties.ts";
import type { ProtocolVersion } from "../../src/mqtt/wire/protocol.ts";
import type { PublishView } from "../../src/mqtt/wire/publish-packet.ts";
import { publishProperties } from "../../src/mqtt/wire/publish-properties.ts";

export type Part = number | readonly number[] | Uint8Array;

export function bytesOf(...parts: readonly Part[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from([part]) : Buffer.from(part))));
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}

export function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

export function uint32(value: number): Buffer {
  return Buffer.from([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
}

/** A string, or binary data, with its length. */
export function field(value: string | readonly number[] | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  return bytesOf(uint16(bytes.length), bytes);
}

/** Properties with their length. */
export function properties(...parts: readonly Part[]): Buffer {
  const bytes = bytesOf(...parts);
  return bytesOf(varint(bytes.length), bytes);
}

/** A packet of `first` and its length. */
export function packet(first: number, ...parts: readonly Part[]): Buffer {
  const body = bytesOf(...parts);
  return bytesOf(first, varint(body.length), body);
}

export interface ReadPublish {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly dup: boolean;
  readonly retain: boolean;
  readonly packetId: number;
  readonly topicAlias: number;
  readonly expirySeconds: number;
  readonly properties: PublishProperties;
}

export type Read =
  | { publish: ReadPublish }
  | { acknowledgement: number; packetId: number; reasonCode: number }
  | { pingreq: true }
  | { packet: ClientPacket };

export class Mqtt5Sink implements PacketSink {
  reading = true;
  awaitsConnect: boolean;
  awaitsAuth: boolean;
  readonly protocolVersion: ProtocolVersion = 5;
  readonly read: Read[] = [];

  constructor({ awaitsConnect = false, awaitsAuth = false } = {}) {
    this.awaitsConnect = awaitsConnect;
    this.awaitsAuth = awaitsAuth;
  }

  readPublish(view: PublishView): void {
    const { topic, qos, dup, retain, packetId, topicAlias, expirySeconds } = view;
    const payload = view.buffer.toString("hex", view.payloadStart, view.end);
    const fields = { topic, payload, qos, dup, retain, packetId, topicAlias, expirySeconds };
    this.read.push({ publish: { ...fields, properties: publishProperties(view) } });
  }

  readAcknowledgement(acknowledgement: number, packetId: number, reasonCode: number): void {
    this.read.push({ acknowledgement, packetId, reasonCode });
  }

  readPingreq(): void {
    this.read.push({ pingreq: true });
  }

  readPacket(read: ClientPacket): void {
    if (read.type === "connect") this.awaitsConnect = false;
    this.read.push({ packet: read });
  }
}

/** What an MQTT 5 client's bytes are read as. */
export function readAll(bytes: Buffer, awaits: { awaitsConnect?: boolean; awaitsAuth?: boolean } = {}): Read[] {
  const sink = new Mqtt5Sink(awaits);
  new PacketReader(defaultBrokerLimits).read(Buffer.from(bytes), sink);
  return sink.read;
}

/** The reason code of what is wrong with the bytes; anything thrown but a ProtocolError is a defect. */
export function codeOf(bytes: Buffer, awaits: { awaitsConnect?: boolean; awaitsAuth?: boolean } = {}): number | "read" {
  try {
    readAll(bytes, awaits);
    return "read";
  } catch (error) {
    if (error instanceof ProtocolError) return error.reasonCode;
    throw error;
  }
}
