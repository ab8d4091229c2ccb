/**
 * Random and damaged payloads in every encoding: each is a term or a `TermError`, soon, and nothing stays behind.
 * `ROOST_FUZZ_TERMS=10000000 bun test tests/etf/fuzz.slow.test.ts` makes it longer, `ROOST_FUZZ_SEED=<seed>` repeats a run.
 */
import { expect, test } from "bun:test";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { decodeTerm } from "../../src/etf/decode.ts";
import { decodePayload, encodePayload } from "../../src/etf/dialects.ts";
import { echoed, encodeTerm } from "../../src/etf/encode.ts";
import { type TermLimits, termLimits } from "../../src/etf/limits.ts";
import { atomOf, integerOf, isUnset, listOf, recordOf, textOf } from "../../src/etf/read.ts";
import { binary, type Term, TermError } from "../../src/etf/term.ts";
import { liveMemoryBytes } from "../support/live-memory.ts";
import { createRandom, type Random } from "../support/random.ts";
import { arbitraryTerm, arbitraryWireTerm } from "./arbitrary-terms.ts";
import { bytesOfHex, hexOf } from "./bytes.ts";
import { encodeFull } from "./encode-full.ts";

const payloads = Number(process.env["ROOST_FUZZ_TERMS"] ?? 200_000);
const firstSeed = Number(process.env["ROOST_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

/** Limits are met as well as kept: half the payloads are decoded with these. */
const narrow: TermLimits = {
  depthMax: 4,
  elementsMax: 20,
  binaryBytesMax: 16,
  inflatedBytesMax: 64,
  bigIntegerBytesMax: 8,
};
/** What any one payload may take, with room for a machine that is busy elsewhere. */
const millisecondsMax = 1000;

const isRecordName = (name: string): boolean => name === "Friend";

function compressed(term: Uint8Array, claimedBytes = term.byteLength - 1): Uint8Array {
  const head = Buffer.from([131, 80, 0, 0, 0, 0]);
  head.writeUInt32BE(claimedBytes, 2);
  return Buffer.concat([head, deflateSync(term.subarray(1))]);
}

/** Good payloads, to be damaged. */
const corpus: readonly Uint8Array[] = [
  ...fc.sample(arbitraryTerm, { numRuns: 1500, seed: 1 }).map((term) => encodeFull(term)),
  ...fc.sample(arbitraryTerm, { numRuns: 100, seed: 2 }).map((term) => compressed(encodeFull(term))),
  ...fc
    .sample(arbitraryWireTerm, { numRuns: 1500, seed: 3 })
    .flatMap((term) => [
      encodeTerm(term),
      encodePayload("msgpack", ["Friend", "ok", "ж"].map(binary).concat(encodeTerm(term))),
      encodePayload("msgpack", [term]),
      encodePayload("json", [term, binary("\u{1f986}\\u0041")]),
    ]),
  // A bomb that says what it is, and one that does not.
  compressed(new Uint8Array(1024 * 1024)),
  compressed(new Uint8Array(8 * 1024 * 1024), 100),
  binary(' [ "Friend", null, 1.5e3, -0, {"a":[true,false,{}]}, "\\ud83e\\udd86", [] ] '),
  bytesOfHex("dc0003 c0 c2 c3"),
  bytesOfHex("97 cb3ff8000000000000 d3ffffffffffffffff c40100 d90161 81a16101 cfffffffffffffffff e0"),
];

/** Bytes that mean something to one of the decoders. */
const telling = [
  ...[0, 1, 2, 4, 70, 77, 80, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112],
  ...[113, 114, 115, 116, 117, 118, 119, 120, 127, 128, 131, 255, 0x90, 0x9f, 0xdc, 0xdd, 0xde, 0xdf, 0xc4, 0xc6, 0xdb],
  ...Buffer.from('[]{}",:\\-+.eE0 tfnu'),
];

const byte = (random: Random): number => (random.chance(0.5) ? random.pick(telling) : random.int(256));

function payload(random: Random): Uint8Array {
  if (random.chance(0.1)) {
    const bytes = Uint8Array.from({ length: random.int(60) }, () => byte(random));
    if (bytes.byteLength > 0) bytes[0] = random.pick([131, 0x90 + random.int(16), 0xdc, 0xdd, 0x5b, 0x20]);
    return bytes;
  }
  let bytes = random.pick(corpus);
  for (let left = random.int(4); left > 0; left -= 1) bytes = damaged(bytes, random);
  return bytes;
}

function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.int(bytes.byteLength + 1);
  const before = bytes.subarray(0, at);
  switch (random.int(6)) {
    case 0:
      return Buffer.concat([before, Buffer.from([byte(random)]), bytes.subarray(at)]);
    case 1:
      return Buffer.concat([before, bytes.subarray(at + 1 + random.int(4))]);
    case 2:
      return before;
    case 3: {
      // A length, as large as can be.
      const large = Buffer.concat([before, Buffer.from([0xff, 0xff, 0xff, 0xff]), bytes.subarray(at + 4)]);
      return large.subarray(0, Math.max(bytes.byteLength, 1));
    }
    default: {
      const changed = new Uint8Array(bytes);
      if (changed.byteLength > 0) changed[at % changed.byteLength] = byte(random);
      return changed;
    }
  }
}

/** Everything the services might do with it. */
function use(term: Term): void {
  isUnset(term);
  textOf(term, { integers: true });
  atomOf(term);
  integerOf(term);
  listOf(term, { charLists: true });
  for (const field of recordOf(term)?.fields ?? []) use(field);
  const echo = echoed(term);
  decodeTerm(encodeTerm(echo));
  encodePayload("msgpack", echo);
  encodePayload("json", echo);
}

/** Gives whether it was a term. */
function decodesOrRefuses(bytes: Uint8Array, limits: TermLimits): boolean {
  let term: Term;
  try {
    term = decodePayload(bytes, isRecordName, limits).term;
  } catch (error) {
    if (error instanceof TermError) return false;
    throw error;
  }
  use(term);
  const written = encodeFull(term);
  expect(hexOf(encodeFull(decodeTerm(written)))).toBe(hexOf(written));
  return true;
}

test(
  `${payloads} payloads are terms or refused`,
  () => {
    const refusals = { terms: 0, refused: 0 };
    let slowestMs = 0;
    const fuzz = (seed: number): void => {
      const random = createRandom(seed);
      const bytes = payload(random);
      const startedMs = performance.now();
      try {
        if (decodesOrRefuses(bytes, random.chance(0.5) ? narrow : termLimits)) refusals.terms += 1;
        else refusals.refused += 1;
      } catch (cause) {
        throw new Error(`failed with seed ${seed}: ${hexOf(bytes).slice(0, 1000)}`, { cause });
      }
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    };
    // What is made once is made before memory is compared.
    for (let seed = 0; seed < 2000; seed += 1) fuzz(seed);
    const liveBefore = liveMemoryBytes();
    for (let n = 0; n < payloads; n += 1) fuzz(firstSeed + n);
    expect(liveMemoryBytes() - liveBefore).toBeLessThan(8 * 1024 * 1024);
    expect(slowestMs).toBeLessThan(millisecondsMax);
    // Neither only good nor only bad ones.
    expect(refusals.terms).toBeGreaterThan(payloads / 10);
    expect(refusals.refused).toBeGreaterThan(payloads / 10);
    console.log(`fuzz, seed ${firstSeed}: ${JSON.stringify(refusals)}, the slowest ${slowestMs.toFixed(1)} ms`);
  },
  Math.max(60_000, payloads / 2),
);
