/** Integers as the External Term Format writes them. */
import type { ByteWriter } from "./byte-writer.ts";

/** Writes the smallest tag that holds the value; a time in milliseconds takes SMALL_BIG_EXT. */
export function writeInteger(writer: ByteWriter, value: number | bigint): void {
  if (value >= 0 && value <= 255) {
    writer.uint8(97);
    writer.uint8(Number(value));
  } else if (value >= -(2 ** 31) && value < 2 ** 31) {
    writer.uint8(98);
    writer.int32(Number(value));
  } else {
    const magnitude = integerMagnitude(BigInt(value));
    if (magnitude.byteLength <= 255) {
      writer.uint8(110);
      writer.uint8(magnitude.byteLength);
    } else {
      writer.uint8(111);
      writer.uint32(magnitude.byteLength);
    }
    writer.uint8(value < 0 ? 1 : 0);
    writer.bytes(magnitude);
  }
}

/** Little-endian, without the sign. */
export function integerMagnitude(value: bigint): Uint8Array {
  const digits = (value < 0n ? -value : value).toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex").reverse();
}
