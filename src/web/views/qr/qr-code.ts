/**
 * A QR code (ISO/IEC 18004) of a short text: byte mode, correction level M, versions 1 to 20, the mask with the lowest
 * penalty. Fetched when a code is shown; a first visit does not pay for it.
 */

/** Correction bytes in each block, and how many blocks, of the versions 1 to 20 at level M. */
const correctionBytes = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const blockCounts = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];

/** The bits of a version that carry data and correction. */
function rawBits(version: number): number {
  let bits = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const patterns = Math.floor(version / 7) + 2;
    bits -= (25 * patterns - 10) * patterns - 55;
    if (version >= 7) bits -= 36;
  }
  return bits;
}

const exponents = new Uint8Array(255);
const logarithms = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power++) {
  exponents[power] = value;
  logarithms[value] = power;
  value = (value << 1) ^ (value > 127 ? 0x11d : 0);
}
const times = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : (exponents[((logarithms[a] ?? 0) + (logarithms[b] ?? 0)) % 255] ?? 0);

/** The Reed-Solomon correction of `data`, `count` bytes. */
function correctionOf(data: Uint8Array, count: number): Uint8Array {
  let divisor = new Uint8Array([1]);
  for (let power = 0; power < count; power++) {
    const next = new Uint8Array(divisor.length + 1);
    for (const [at, factor] of divisor.entries()) {
      next[at] = (next[at] ?? 0) ^ factor;
      next[at + 1] = (next[at + 1] ?? 0) ^ times(factor, exponents[power] ?? 0);
    }
    divisor = next;
  }
  const rest = new Uint8Array(count);
  for (const byte of data) {
    const factor = byte ^ (rest[0] ?? 0);
    rest.copyWithin(0, 1);
    rest[count - 1] = 0;
    for (let at = 0; at < count; at++) rest[at] = (rest[at] ?? 0) ^ times(divisor[at + 1] ?? 0, factor);
  }
  return rest;
}

/** All bytes of the code in the order in which they are drawn: data and correction of the blocks, interleaved. */
function codewords(bytes: Uint8Array, version: number): Uint8Array {
  const total = rawBits(version) >> 3;
  const blockCount = blockCounts[version - 1] ?? 1;
  const correction = correctionBytes[version - 1] ?? 10;
  const capacity = total - blockCount * correction;
  const bits: number[] = [];
  const put = (value: number, length: number) => {
    for (let at = length - 1; at >= 0; at--) bits.push((value >> at) & 1);
  };
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, capacity * 8 - bits.length));
  while (bits.length % 8 !== 0) bits.push(0);
  const data = new Uint8Array(capacity);
  for (const [at, bit] of bits.entries()) data[at >> 3] = (data[at >> 3] ?? 0) | (bit << (7 - (at & 7)));
  for (let at = bits.length / 8, pad = 0xec; at < capacity; at++, pad ^= 0xec ^ 0x11) data[at] = pad;

  const shortBlocks = blockCount - (total % blockCount);
  const shortLength = Math.floor(total / blockCount) - correction;
  const blocks: { data: Uint8Array; correction: Uint8Array }[] = [];
  for (let block = 0, at = 0; block < blockCount; block++) {
    const length = shortLength + (block < shortBlocks ? 0 : 1);
    const part = data.subarray(at, at + length);
    blocks.push({ data: part, correction: correctionOf(part, correction) });
    at += length;
  }
  const result: number[] = [];
  for (let at = 0; at <= shortLength; at++)
    for (const { data: part } of blocks) if (at < part.length) result.push(part[at] ?? 0);
  for (let at = 0; at < correction; at++) for (const { correction: part } of blocks) result.push(part[at] ?? 0);
  return Uint8Array.from(result);
}

const masks: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** `value` with its remainder by `generator` behind it: `degree` bits. */
function withRemainder(value: number, generator: number, degree: number): number {
  let rest = value;
  for (let bit = 0; bit < degree; bit++) rest = (rest << 1) ^ ((rest >> (degree - 1)) * generator);
  return (value << degree) | rest;
}

function alignmentPlaces(version: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, at) => version * 4 + 10 - (count - 2 - at) * step)];
}

class Drawing {
  readonly size: number;
  readonly dark: boolean[][];
  readonly #fixed: boolean[][];

  constructor(version: number) {
    this.size = version * 4 + 17;
    this.dark = Array.from({ length: this.size }, () => new Array<boolean>(this.size).fill(false));
    this.#fixed = this.dark.map((row) => [...row]);
    this.#patterns(version);
  }

  #set(x: number, y: number, dark: boolean): void {
    const row = this.dark[y];
    const fixed = this.#fixed[y];
    if (row === undefined || fixed === undefined || x < 0 || x >= this.size) return;
    row[x] = dark;
    fixed[x] = true;
  }

  #patterns(version: number): void {
    const { size } = this;
    for (let at = 0; at < size; at++) {
      this.#set(6, at, at % 2 === 0);
      this.#set(at, 6, at % 2 === 0);
    }
    for (const [left, top] of [
      [3, 3],
      [size - 4, 3],
      [3, size - 4],
    ] as const) {
      for (let dy = -4; dy <= 4; dy++) {
        for (let dx = -4; dx <= 4; dx++) {
          const ring = Math.max(Math.abs(dx), Math.abs(dy));
          this.#set(left + dx, top + dy, ring !== 2 && ring !== 4);
        }
      }
    }
    const places = alignmentPlaces(version);
    const last = places.length - 1;
    for (const [i, x] of places.entries()) {
      for (const [j, y] of places.entries()) {
        if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) continue;
        for (let dy = -2; dy <= 2; dy++) {
          for (let dx = -2; dx <= 2; dx++) this.#set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
        }
      }
    }
    this.format(0);
    if (version < 7) return;
    const bits = withRemainder(version, 0x1f25, 12);
    for (let at = 0; at < 18; at++) {
      const a = size - 11 + (at % 3);
      const b = Math.floor(at / 3);
      this.#set(a, b, ((bits >> at) & 1) === 1);
      this.#set(b, a, ((bits >> at) & 1) === 1);
    }
  }

  /** Level M is 0 in the format's bits, so the mask alone stands there. */
  format(mask: number): void {
    const bits = withRemainder(mask, 0x537, 10) ^ 0x5412;
    const bit = (at: number) => ((bits >> at) & 1) === 1;
    const { size } = this;
    for (let at = 0; at <= 5; at++) this.#set(8, at, bit(at));
    this.#set(8, 7, bit(6));
    this.#set(8, 8, bit(7));
    this.#set(7, 8, bit(8));
    for (let at = 9; at < 15; at++) this.#set(14 - at, 8, bit(at));
    for (let at = 0; at < 8; at++) this.#set(size - 1 - at, 8, bit(at));
    for (let at = 8; at < 15; at++) this.#set(8, size - 15 + at, bit(at));
    this.#set(8, size - 8, true);
  }

  /** Each free place, in the order of the bits: two columns at a time, up and down in turn. */
  *free(): Generator<readonly [number, number]> {
    for (let right = this.size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      for (let at = 0; at < this.size; at++) {
        const y = ((right + 1) & 2) === 0 ? this.size - 1 - at : at;
        for (const x of [right, right - 1]) if (this.#fixed[y]?.[x] === false) yield [x, y];
      }
    }
  }

  flip(mask: number): void {
    for (const [x, y] of this.free()) {
      const row = this.dark[y];
      if (row !== undefined && masks[mask]?.(x, y) === true) row[x] = !row[x];
    }
  }

  penalty(): number {
    let points = 0;
    const { size, dark } = this;
    const lines = [...dark, ...dark.map((_, x) => dark.map((row) => row[x] ?? false))];
    for (const line of lines) {
      const text = line.map((one) => (one ? "1" : "0")).join("");
      for (const [run] of text.matchAll(/0{5,}|1{5,}/g)) points += run.length - 2;
      points += 40 * [...text.matchAll(/(?=00001011101|10111010000)/g)].length;
    }
    let count = 0;
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const one = dark[y]?.[x] ?? false;
        if (one) count++;
        if (
          x + 1 < size &&
          y + 1 < size &&
          dark[y]?.[x + 1] === one &&
          dark[y + 1]?.[x] === one &&
          dark[y + 1]?.[x + 1] === one
        )
          points += 3;
      }
    }
    return points + 10 * Math.floor(Math.abs((count * 20) / (size * size) - 10));
  }
}

/** The rows of the code, true where it is dark. Throws a `RangeError` for a text of more than 666 bytes. */
export function qrCode(text: string): readonly (readonly boolean[])[] {
  const bytes = new TextEncoder().encode(text);
  const version =
    correctionBytes.findIndex((correction, at) => {
      const capacity = (rawBits(at + 1) >> 3) - correction * (blockCounts[at] ?? 1);
      return bytes.length + (at + 1 < 10 ? 2 : 3) <= capacity;
    }) + 1;
  if (version === 0) throw new RangeError("The text is too long for a QR code");
  const drawing = new Drawing(version);
  const words = codewords(bytes, version);
  let at = 0;
  for (const [x, y] of drawing.free()) {
    const row = drawing.dark[y];
    if (row !== undefined) row[x] = (((words[at >> 3] ?? 0) >> (7 - (at & 7))) & 1) === 1;
    at++;
  }
  let best = { mask: 0, points: Infinity };
  for (const mask of masks.keys()) {
    drawing.format(mask);
    drawing.flip(mask);
    const points = drawing.penalty();
    if (points < best.points) best = { mask, points };
    drawing.flip(mask);
  }
  drawing.format(best.mask);
  drawing.flip(best.mask);
  return drawing.dark;
}
