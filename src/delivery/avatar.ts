/**
 * The picture of a user or chat that has none of its own (MiniOICQ § Register, "generated avatar"): five by five cells,
 * mirrored, in one colour on light grey, drawn from the id alone. An indexed PNG of one bit a pixel; its 32 × 32
 * pixels are stored without compression, which costs microseconds and comes to 246 bytes.
 */
import { crc32 } from "node:zlib";

const side = 32;
const cell = 6;
const margin = 1;
const rowBytes = 1 + side / 8; // a filter byte, then the pixels

/** PNG bytes; the same for the same id, for ever. */
export function generatedAvatar(id: number): Uint8Array {
  const random = mixer(id);
  const hue = random() % 360;
  const cells = random();
  const pixels = new Uint8Array(side * rowBytes);
  for (let y = 0; y < 5; y += 1) {
    for (let x = 0; x < 5; x += 1) {
      const column = x < 3 ? x : 4 - x;
      if (((cells >>> (y * 3 + column)) & 1) === 1) fillCell(pixels, x, y);
    }
  }
  const header = new Uint8Array(13);
  const headerView = new DataView(header.buffer);
  headerView.setUint32(0, side);
  headerView.setUint32(4, side);
  header.set([1, 3, 0, 0, 0], 8); // one bit, indexed, default compression and filter, not interlaced
  const palette = new Uint8Array([0xf0, 0xf0, 0xf0, ...colour(hue)]);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("PLTE", palette),
    chunk("IDAT", stored(pixels)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** What the wire carries: the uploaded picture, else the generated one, as base64. */
export function avatarText(owner: { readonly id: number; readonly avatar?: Uint8Array | undefined }): string {
  const bytes = owner.avatar ?? generatedAvatar(owner.id);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Where the same bytes can be fetched, for ever: who has the address was shown the picture, or could have drawn it. */
export function avatarPath(owner: { readonly id: number; readonly avatar?: Uint8Array | undefined }): string {
  return `/_/avatars/${owner.id}-${hashOf(owner.avatar ?? generatedAvatar(owner.id))}`;
}

/** The owner and the hash in such an address; undefined where it is none. */
export function parseAvatarName(name: string): { readonly id: number; readonly hash: string } | undefined {
  const [, id, hash] = /^([1-9]\d{0,14})-([0-9a-f]{64})$/.exec(name) ?? [];
  return id === undefined || hash === undefined ? undefined : { id: Number(id), hash };
}

export const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

function fillCell(pixels: Uint8Array, x: number, y: number): void {
  for (let row = margin + y * cell; row < margin + (y + 1) * cell; row += 1) {
    for (let column = margin + x * cell; column < margin + (x + 1) * cell; column += 1) {
      const at = row * rowBytes + 1 + (column >> 3);
      pixels[at] = (pixels[at] ?? 0) | (0x80 >> (column & 7));
    }
  }
}

/** 32 well-mixed bits a call (splitmix), from an id of up to 53 bits. */
function mixer(id: number): () => number {
  let state = (id ^ Math.floor(id / 2 ** 32)) | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

/** Saturation 55 %, lightness 45 %: readable on light and dark. */
function colour(hue: number): [number, number, number] {
  const amplitude = 0.55 * 0.45;
  const channel = (offset: number): number => {
    const k = (offset + hue / 30) % 12;
    return Math.round(255 * (0.45 - amplitude * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** A zlib stream (RFC 1950) of one stored block. */
function stored(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(2 + 5 + data.length + 4);
  const view = new DataView(out.buffer);
  out.set([0x78, 0x01, 0x01]);
  view.setUint16(3, data.length, true);
  view.setUint16(5, ~data.length & 0xffff, true);
  out.set(data, 7);
  let a = 1;
  let b = 0;
  for (const byte of data) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  view.setUint32(7 + data.length, ((b << 16) | a) >>> 0);
  return out;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(Buffer.from(type, "latin1"), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}
