/**
 * Erlang itself is the judge: whatever it encodes, with every option, it reads back from us as the same term, and what
 * we send to clients too. `ROOST_ERLANG_TERMS=<terms>` and `ROOST_FUZZ_SEED=<seed>` change the run.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { decodeTerm } from "../../src/etf/decode.ts";
import { echoed, encodeTerm } from "../../src/etf/encode.ts";
import { termLimits } from "../../src/etf/limits.ts";
import { ImproperList, Opaque, type Term, TermError, TermMap, Tuple } from "../../src/etf/term.ts";
import { requireProgram } from "../support/programs.ts";
import { encodeFull } from "./encode-full.ts";
import { ErlangEnded, ErlangPeer } from "./erlang-peer.ts";
import { wireTags } from "./wire-tags.ts";

const terms = Number(process.env["ROOST_ERLANG_TERMS"] ?? 200_000);
const seed = Number(process.env["ROOST_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const erlang = requireProgram("escript");

/** Beyond what is sent: the limits have tests of their own. */
const limits = { ...termLimits, elementsMax: 10_000_000, inflatedBytesMax: 64 * 1024 * 1024 };

const sized = (bytes: Uint8Array): Uint8Array[] => {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(bytes.byteLength);
  return [size, bytes];
};

/** Whether the codec leaves to Erlang to say if it is right: what is within a pid, and that a map's keys differ. */
function holdsOpaque(term: Term): boolean {
  if (term instanceof Opaque || term instanceof TermMap) return true;
  if (term instanceof Tuple) return term.items.some(holdsOpaque);
  if (term instanceof ImproperList) return holdsOpaque(term.tail) || term.items.some(holdsOpaque);
  return Array.isArray(term) && term.some(holdsOpaque);
}

/** The packet in answer to one of terms. */
function answers(batch: Buffer): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < batch.byteLength; ) {
    const size = batch.readUInt32BE(at + 1);
    const bytes = batch.subarray(at + 5, at + 5 + size);
    at += 5 + size;
    try {
      const term = decodeTerm(bytes, limits);
      const wire = encodeTerm(echoed(term));
      wireTags(wire);
      parts.push(Buffer.from([holdsOpaque(term) ? 2 : 1]), ...sized(encodeFull(term)), ...sized(wire));
    } catch (error) {
      if (!(error instanceof TermError)) throw new Error(`${bytes.toString("hex")} of seed ${seed}`, { cause: error });
      parts.push(Buffer.from([0]));
    }
  }
  return Buffer.concat(parts);
}

type Totals = Readonly<Record<string, number>>;

/** Runs the judge to its end; gives its verdicts, none of them wrong. */
async function verdictsOf(kind: "sound" | "damaged", count: number, seed: number): Promise<Totals> {
  await using peer = new ErlangPeer(join(import.meta.dir, "terms.escript"), [`${seed}`, `${count}`, kind]);
  let packet = await peer.receive();
  while (packet[0] !== "E".charCodeAt(0)) {
    await peer.send(answers(packet));
    packet = await peer.receive();
  }
  await peer.send(new Uint8Array());
  const { code, stderr } = await peer.ended();
  const summary = packet.subarray(1).toString();
  expect({ code, wrong: summary.match(/WRONG.*/g) ?? [], seed }, stderr).toEqual({ code: 0, wrong: [], seed });
  const lines = summary.trim().split("\n");
  const totals = Object.fromEntries(lines.map((line) => line.split(" ")).map(([verdict, n]) => [verdict, Number(n)]));
  console.log(`Erlang, seed ${seed}: ${JSON.stringify(totals)}`);
  return totals;
}

/** The verdicts on `count` terms. The emulator itself may die of what it is fed: then another one is fed something else. */
async function verdicts(kind: "sound" | "damaged", count: number): Promise<Totals> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await verdictsOf(kind, count, seed + attempt);
    } catch (error) {
      if (!(error instanceof ErlangEnded && error.code > 128) || attempt === 2) throw error;
      console.error(`Erlang died of ${kind} terms, seed ${seed + attempt}`);
    }
  }
}

const sum = (totals: Totals): number => Object.values(totals).reduce((total, count) => total + count, 0);
const timeoutMs = Math.max(60_000, terms);

test.skipIf(!erlang)(
  `Erlang reads ${terms} of its terms as they were`,
  async () => {
    const totals = await verdicts("sound", terms);
    expect(sum(totals)).toBe(terms);
    expect(totals["full"]).toBeGreaterThan(terms / 3);
    expect(totals["wire"]).toBeGreaterThan(terms / 3);
  },
  timeoutMs,
);

test.skipIf(!erlang)(
  "of damaged terms we read nothing that Erlang does not, and nothing else in them",
  async () => {
    const count = Math.ceil(terms / 5);
    const totals = await verdicts("damaged", count);
    expect(sum(totals)).toBe(count);
    expect(totals["damaged_read_by_both"]).toBeGreaterThan(count / 50);
  },
  timeoutMs,
);
