/** QR codes are read back: by a reader that knows the standard's tables, and nothing of how the code was made. */
import { expect, test } from "bun:test";
import { qrCode } from "../../src/web/views/qr/qr-code.ts";

type Rows = readonly (readonly boolean[])[];
/** ISO/IEC 18004 table 9, level M: correction bytes of a block; data bytes of each block. */
const blocksOf: Readonly<Record<number, { correction: number; data: readonly number[] }>> = {
  1: { correction: 10, data: [16] },
  3: { correction: 26, data: [44] },
  5: { correction: 24, data: [43, 43] },
  7: { correction: 18, data: [31, 31, 31, 31] },
  8: { correction: 22, data: [38, 38, 39, 39] },
  14: { correction: 24, data: [40, 40, 40, 40, 41, 41, 41, 41, 41] },
  20: { correction: 26, data: [41, 41, 41, ...new Array<number>(13).fill(42)] },
};
/** Table E.1: the centres of the alignment patterns. */
const alignments: Readonly<Record<number, readonly number[]>> = {
  1: [],
  3: [6, 22],
  5: [6, 30],
  7: [6, 22, 38],
  8: [6, 24, 42],
  14: [6, 26, 46, 66],
  20: [6, 34, 62, 90],
};
const maskOf = [
  (i: number, j: number) => (i + j) % 2,
  (i: number) => i % 2,
  (_: number, j: number) => j % 3,
  (i: number, j: number) => (i + j) % 3,
  (i: number, j: number) => (Math.floor(i / 2) + Math.floor(j / 3)) % 2,
  (i: number, j: number) => ((i * j) % 2) + ((i * j) % 3),
  (i: number, j: number) => (((i * j) % 2) + ((i * j) % 3)) % 2,
  (i: number, j: number) => (((i + j) % 2) + ((i * j) % 3)) % 2,
] as const;

function isFunction(row: number, column: number, version: number): boolean {
  const size = version * 4 + 17;
  if (row === 6 || column === 6) return true;
  if (row < 9 && (column < 9 || column >= size - 8)) return true;
  if (row >= size - 8 && column < 9) return true;
  if (version >= 7 && ((row < 6 && column >= size - 11) || (column < 6 && row >= size - 11))) return true;
  const centres = alignments[version] ?? [];
  const last = centres.at(-1) ?? 0;
  return centres.some((y) =>
    centres.some((x) => {
      const finder = (y === 6 && (x === 6 || x === last)) || (x === 6 && y === last);
      return !finder && Math.abs(row - y) <= 2 && Math.abs(column - x) <= 2;
    }),
  );
}

/** Whether the block with its correction is a codeword: zero at each root of the generator. */
function isWhole(block: readonly number[], correction: number): boolean {
  const times = (a: number, b: number): number => {
    let product = 0;
    for (let x = a, y = b; y > 0; y >>= 1, x = x & 0x80 ? (x << 1) ^ 0x11d : x << 1) if (y & 1) product ^= x;
    return product;
  };
  let root = 1;
  for (let power = 0; power < correction; power++) {
    if (block.reduce((sum, byte) => times(sum, root) ^ byte, 0) !== 0) return false;
    root = times(root, 2);
  }
  return true;
}

function read(rows: Rows): { version: number; text: string } {
  const version = (rows.length - 17) / 4;
  const layout = blocksOf[version];
  if (layout === undefined) throw new Error(`the test knows no version ${version}`);
  let format = 0;
  for (let at = 0; at < 6; at++) format |= Number(rows[at]?.[8]) << at;
  for (const [bit, [row, column]] of (
    [
      [7, 8],
      [8, 8],
      [8, 7],
    ] as const
  ).entries())
    format |= Number(rows[row]?.[column]) << (6 + bit);
  for (let at = 9; at < 15; at++) format |= Number(rows[8]?.[14 - at]) << at;
  format ^= 0b101010000010010;
  expect(format >> 13).toBe(0); // Level M.
  const mask = maskOf[(format >> 10) & 7];
  const bits: number[] = [];
  let up = true;
  for (let right = rows.length - 1; right > 0; right -= 2) {
    if (right === 6) right--;
    for (let step = 0; step < rows.length; step++) {
      const row = up ? rows.length - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (isFunction(row, column, version)) continue;
        bits.push(Number(rows[row]?.[column]) ^ Number(mask?.(row, column) === 0));
      }
    }
    up = !up;
  }
  const bytes = Array.from({ length: bits.length >> 3 }, (_, at) =>
    Number.parseInt(bits.slice(at * 8, at * 8 + 8).join(""), 2),
  );
  const blocks: number[][] = layout.data.map(() => []);
  const longest = Math.max(...layout.data);
  let next = 0;
  for (let at = 0; at < longest; at++) {
    for (const [index, block] of blocks.entries()) if (at < (layout.data[index] ?? 0)) block.push(bytes[next++] ?? -1);
  }
  const data = blocks.flatMap((block) => [...block]);
  for (let at = 0; at < layout.correction; at++) for (const block of blocks) block.push(bytes[next++] ?? -1);
  for (const block of blocks) expect(isWhole(block, layout.correction)).toBe(true);
  const stream = data.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  expect(stream.slice(0, 4)).toBe("0100");
  const lengthBits = version < 10 ? 8 : 16;
  const length = Number.parseInt(stream.slice(4, 4 + lengthBits), 2);
  const text = Uint8Array.from({ length }, (_, at) => {
    const from = 4 + lengthBits + at * 8;
    return Number.parseInt(stream.slice(from, from + 8), 2);
  });
  return { version, text: new TextDecoder().decode(text) };
}

test.each([
  [1, "roost"],
  [3, "http://roost.lan:8080/#link=rk_0123"],
  [5, "https://chat.example.org/#invite=ri_0123456789abcdefghijklmnopqrstuvwxyzABCDEF"],
  [7, "ü".repeat(55)],
  [8, "x".repeat(150)],
  [14, "y".repeat(360)],
  [20, "z".repeat(660)],
])("a code of version %d is read back", (version, text) => {
  const rows = qrCode(text);
  expect(read(rows)).toEqual({ version, text });
});

test("the finders, the timing and the dark module stand where a scanner looks", () => {
  const rows = qrCode("roost");
  const ring = rows.slice(0, 7).map((row) => row.slice(0, 7).map(Number).join(""));
  expect(ring).toEqual(["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]);
  expect(rows[6]?.slice(8, 13).map(Number).join("")).toBe("10101");
  expect(rows[13]?.[8]).toBe(true);
});

test("a text that no code of these sizes holds is refused", () => {
  expect(() => qrCode("a".repeat(667))).toThrow(RangeError);
});
