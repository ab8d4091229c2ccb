/** A picture that is worth sending: mountains above a lake, drawn by a rule. */
import { encodePng } from "./png.ts";

type Colour = readonly [red: number, green: number, blue: number];

const mix = (from: Colour, to: Colour, share: number): Colour => {
  const part = Math.min(1, Math.max(0, share));
  const [red, green, blue] = from.map((value, at) => Math.round(value + ((to[at] ?? 0) - value) * part));
  return [red ?? 0, green ?? 0, blue ?? 0];
};

/** -1 to 1, as jagged as rock where `octaves` are many. */
function rock(x: number, seed: number, octaves: number): number {
  let sum = 0;
  let size = 0.5;
  let step = 1;
  for (let octave = 0; octave < octaves; octave++) {
    const place = x * step + seed * (octave + 1);
    sum += size * (2 * Math.abs(2 * (place - Math.floor(place + 0.5))) - 1);
    size /= 2.1;
    step *= 2.3;
  }
  return sum;
}

interface Ridge {
  /** Of the height of the picture, from above. */
  readonly middle: number;
  readonly height: number;
  readonly step: number;
  readonly seed: number;
  readonly octaves: number;
  readonly colour: Colour;
  readonly snow?: number;
}

const ridges: readonly Ridge[] = [
  { middle: 0.4, height: 0.1, step: 1.3, seed: 0.37, octaves: 5, colour: [148, 170, 200] },
  { middle: 0.38, height: 0.24, step: 1.1, seed: 0.83, octaves: 6, colour: [98, 122, 158], snow: 0.36 },
  { middle: 0.55, height: 0.12, step: 1.6, seed: 0.21, octaves: 6, colour: [66, 98, 112] },
  { middle: 0.64, height: 0.07, step: 2.2, seed: 0.59, octaves: 5, colour: [44, 82, 74] },
];
const shore = 0.7;
const sky = { above: [92, 148, 212], below: [252, 222, 180] } as const;
const sun = { x: 0.76, y: 0.2, radius: 0.05, colour: [255, 246, 214] } as const;
const snowColour: Colour = [244, 247, 252];

function above(x: number, y: number, wide: number): Colour {
  let colour = mix(sky.above, sky.below, y / 0.5);
  const distance = Math.hypot((x - sun.x) * wide, y - sun.y);
  colour = mix(sun.colour, colour, 0.55 + distance * 1.4);
  if (distance < sun.radius) colour = sun.colour;
  for (const ridge of ridges) {
    const top = ridge.middle - ridge.height * rock(x * ridge.step, ridge.seed, ridge.octaves);
    if (y < top) continue;
    colour = mix(ridge.colour, [190, 206, 214], (y - top) * 0.9);
    if (ridge.snow !== undefined && y < ridge.snow + 0.05 * rock(x * 9, 0.4, 4)) colour = snowColour;
  }
  return colour;
}

function at(x: number, y: number, wide: number): Colour {
  if (y < shore) return above(x, y, wide);
  // The lake shows what is above it, darker, and moved a little from line to line.
  const depth = y - shore;
  const wave = 0.006 * Math.sin(depth * 260) * (0.3 + depth * 3);
  return mix(above(x + wave, shore - depth * 1.5, wide), [34, 78, 104], 0.35 + depth);
}

/** @returns a PNG of this many pixels. */
export function landscape(width: number, height: number): Buffer {
  const pixels = Buffer.alloc(height * width * 3);
  let offset = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (const value of at(x / width, y / height, width / height)) pixels[offset++] = value;
    }
  }
  return encodePng({ width, height, pixels });
}
