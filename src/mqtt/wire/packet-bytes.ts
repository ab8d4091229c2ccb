/** Numbers of the MQTT wire: control packet types (the high half of the first byte) and variable byte integers. */
import type { Outbox } from "../../net/outbox.ts";
import { propertyId } from "./properties.ts";

export const packetType = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

/** The flags of a PUBLISH's first byte. */
export const publishByte = packetType.publish << 4;
export const dupBit = 8;

/**
 * Appends a PUBACK, PUBREC, PUBREL or PUBCOMP. Without a reason MQTT 5 has the form of earlier versions; a reason
 * string must not take more than 65,535 bytes.
 */
export function appendAnswer(
  outbox: Outbox,
  type: number,
  packetId: number,
  reasonCode = 0,
  reasonString?: string,
): void {
  const plain = reasonCode === 0 && reasonString === undefined;
  const stringBytes = reasonString === undefined ? 0 : Buffer.byteLength(reasonString);
  const properties = reasonString === undefined ? 0 : 3 + stringBytes;
  const remaining = plain ? 2 : properties === 0 ? 3 : 3 + varintBytes(properties) + properties;
  let at = outbox.reserve(1 + varintBytes(remaining) + remaining);
  const out = outbox.buffer;
  out[at] = (type << 4) | (type === packetType.pubrel ? 2 : 0); // [MQTT-3.6.1-1]
  at = writeVarint(out, at + 1, remaining);
  out[at] = packetId >> 8;
  out[at + 1] = packetId & 0xff;
  if (plain) return;
  out[at + 2] = reasonCode;
  if (reasonString === undefined) return;
  at = writeVarint(out, at + 3, properties);
  out[at] = propertyId.reasonString;
  at = out.writeUInt16BE(stringBytes, at + 1);
  out.write(reasonString, at, "utf8");
}

/** The number of bytes `value` takes as a variable byte integer, such as the remaining length. */
export function varintBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4;
}

/** Writes a variable byte integer at `at` and gives the offset after it. */
export function writeVarint(buffer: Buffer, at: number, value: number): number {
  let rest = value;
  let offset = at;
  while (rest > 127) {
    buffer[offset++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  buffer[offset++] = rest;
  return offset;
}
