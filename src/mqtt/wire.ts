/** Numbers of the MQTT wire: control packet types (the high half of the first byte) and the remaining length. */
import type { Outbox } from "../net/outbox.ts";

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

/** Appends a PUBACK, PUBREC, PUBREL or PUBCOMP. */
export function appendAnswer(outbox: Outbox, type: number, packetId: number): void {
  const at = outbox.reserve(4);
  const out = outbox.buffer;
  out[at] = (type << 4) | (type === packetType.pubrel ? 2 : 0); // [MQTT-3.6.1-1]
  out[at + 1] = 2;
  out[at + 2] = packetId >> 8;
  out[at + 3] = packetId & 0xff;
}

/** How many bytes the remaining length `value` takes. */
export function remainingLengthBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4;
}

/** Writes the remaining length at `at` and gives the offset after it. */
export function writeRemainingLength(buffer: Buffer, at: number, value: number): number {
  let rest = value;
  let offset = at;
  while (rest > 127) {
    buffer[offset++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  buffer[offset++] = rest;
  return offset;
}
