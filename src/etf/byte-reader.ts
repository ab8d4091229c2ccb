/** Reads big-endian bytes from first to last. Throws `TermError` instead of reading past the end. */
import { TermError } from "./term.ts";

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // A Buffer's `slice` would be a view that keeps the whole payload in memory.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#bytes.byteLength - this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.skip(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4));
  }

  int8(): number {
    return this.#view.getInt8(this.skip(1));
  }

  int16(): number {
    return this.#view.getInt16(this.skip(2));
  }

  int32(): number {
    return this.#view.getInt32(this.skip(4));
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.skip(8));
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.skip(8));
  }

  float32(): number {
    return this.#view.getFloat32(this.skip(4));
  }

  float64(): number {
    return this.#view.getFloat64(this.skip(8));
  }

  /** Skips `count` bytes and gives the position where they began. */
  skip(count: number): number {
    const from = this.#at;
    if (count > this.left) throw new TermError("cut short");
    this.#at += count;
    return from;
  }

  /** Gives the next `count` bytes without a copy: for bytes that are only looked at. */
  view(count: number): Uint8Array {
    const from = this.skip(count);
    return this.#bytes.subarray(from, from + count);
  }

  /** Gives a copy of the next `count` bytes, so that a kept part does not keep the whole payload in memory. */
  copy(count: number): Uint8Array<ArrayBuffer> {
    const from = this.skip(count);
    return this.copySince(from);
  }

  copySince(from: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(from, this.#at);
  }
}
