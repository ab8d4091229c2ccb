/** Numbers of the MQTT wire: control packet types (the high half of the first byte) and the remaining length. */

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
