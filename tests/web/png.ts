/** PNG, as far as tests draw, read and shrink it: eight bits a channel, not interlaced. */
import { crc32, deflateSync, inflateSync } from "node:zlib";

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each pixel, row by row from above. */
  readonly pixels: Buffer;
}

const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

function chunk(type: string, data: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length);
  head.write(type, 4, "latin1");
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(data, crc32(head.subarray(4))));
  return Buffer.concat([head, data, sum]);
}

function file(width: number, height: number, colourType: number, palette: Uint8Array | undefined, rows: Buffer) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, colourType], 8);
  return Buffer.concat([
    signature,
    chunk("IHDR", head),
    ...(palette === undefined ? [] : [chunk("PLTE", palette)]),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** Each row behind a 0, which says that its bytes are as they are. */
function unfiltered(bytes: Buffer, rowBytes: number): Buffer {
  const rows: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += rowBytes) rows.push(Buffer.from([0]), bytes.subarray(at, at + rowBytes));
  return Buffer.concat(rows);
}

export const encodePng = ({ width, height, pixels }: Picture): Buffer =>
  file(width, height, 2, undefined, unfiltered(pixels, width * 3));

/** With at most 256 colours, the most frequent ones; each other pixel gets the nearest of them. */
export function encodeSmallPng({ width, height, pixels }: Picture): Buffer {
  const counts = new Map<number, number>();
  const colours = new Uint32Array(width * height);
  for (const index of colours.keys()) {
    const colour = pixels.readUIntBE(index * 3, 3);
    colours[index] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = chosen(counts, 256);
  const places = new Map<number, number>();
  const indices = Buffer.alloc(colours.length);
  for (const [index, colour] of colours.entries()) {
    const place = places.get(colour) ?? nearest(palette, colour);
    places.set(colour, place);
    indices[index] = place;
  }
  const bytes = Buffer.alloc(palette.length * 3);
  for (const [index, colour] of palette.entries()) bytes.writeUIntBE(colour, index * 3, 3);
  return file(width, height, 3, bytes, unfiltered(indices, width));
}

function distance(one: number, other: number): number {
  const red = (one >> 16) - (other >> 16);
  const green = ((one >> 8) & 255) - ((other >> 8) & 255);
  const blue = (one & 255) - (other & 255);
  return 2 * red * red + 4 * green * green + 3 * blue * blue;
}

/** The frequent ones, but none that is near to one of them already. */
function chosen(counts: ReadonlyMap<number, number>, most: number): number[] {
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a).map(([colour]) => colour);
  for (const least of [0, 60, 150, 300]) {
    const taken: number[] = [];
    for (const colour of sorted) {
      if (taken.every((other) => distance(colour, other) > least)) taken.push(colour);
      if (taken.length > most) break;
    }
    if (taken.length <= most) return taken;
  }
  return sorted.slice(0, most);
}

function nearest(palette: readonly number[], colour: number): number {
  let best = 0;
  for (const [index, other] of palette.entries()) {
    if (distance(colour, other) < distance(colour, palette[best] ?? 0)) best = index;
  }
  return best;
}

/** Of red, green and blue, with or without transparency, which is not kept. */
export function decodePng(bytes: Buffer): Picture {
  const width = bytes.readUInt32BE(16);
  const height = bytes.readUInt32BE(20);
  const channels = { 2: 3, 6: 4 }[bytes[25] ?? 0];
  if (!bytes.subarray(0, 8).equals(signature) || bytes[24] !== 8 || channels === undefined || bytes[28] !== 0) {
    throw new Error("not a PNG that is read here");
  }
  const data: Buffer[] = [];
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (bytes.toString("latin1", at + 4, at + 8) === "IDAT") data.push(bytes.subarray(at + 8, end));
  }
  const rows = inflateSync(Buffer.concat(data));
  const rowBytes = width * channels;
  let before = Buffer.alloc(rowBytes);
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = y * (rowBytes + 1);
    const row = rows.subarray(start + 1, start + 1 + rowBytes);
    unfilter(rows[start] ?? 0, row, before, channels);
    for (let x = 0; x < width; x++) row.copy(pixels, (y * width + x) * 3, x * channels, x * channels + 3);
    before = row;
  }
  return { width, height, pixels };
}

/** Changes `row` in place; `above` is the row before it. */
function unfilter(kind: number, row: Buffer, above: Buffer, channels: number): void {
  for (const at of row.keys()) {
    const left = at < channels ? 0 : (row[at - channels] ?? 0);
    const up = above[at] ?? 0;
    const corner = at < channels ? 0 : (above[at - channels] ?? 0);
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][kind] ?? 0;
    row[at] = (row[at] ?? 0) + guess;
  }
}

function paeth(left: number, up: number, corner: number): number {
  const sum = left + up - corner;
  const [toLeft, toUp, toCorner] = [Math.abs(sum - left), Math.abs(sum - up), Math.abs(sum - corner)];
  return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
}
