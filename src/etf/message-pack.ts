/**
 * Terms in MessagePack. This is not a library, so that nothing is built before it is counted, and integers of 64 bits
 * and floats keep their values.
 */
import { Budget } from "./budget.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { WireTerm } from "./encode.ts";
import type { TermLimits } from "./limits.ts";
import { type IsRecordName, printableText, tupleOrList } from "./records.ts";
import { Atom, atom, binary, Float, integerTerm, type Term, TermError, TermMap, Text, Tuple } from "./term.ts";
import { utf8Text } from "./utf8.ts";

/** Decodes bytes that are exactly one value; nil is `[]`. Throws `TermError`, also for extension types. */
export function decodeMessagePack(bytes: Uint8Array, isRecordName: IsRecordName, limits: TermLimits): Term {
  const reader = new ByteReader(bytes);
  const term = new MessagePackDecoder(reader, isRecordName, limits).term();
  if (reader.left > 0) throw new TermError("bytes after the value");
  return term;
}

class MessagePackDecoder {
  readonly #reader: ByteReader;
  readonly #isRecordName: IsRecordName;
  readonly #budget: Budget;

  constructor(reader: ByteReader, isRecordName: IsRecordName, limits: TermLimits) {
    this.#reader = reader;
    this.#isRecordName = isRecordName;
    this.#budget = new Budget(limits);
  }

  term(): Term {
    this.#budget.element();
    const head = this.#reader.uint8();
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head < 0x90) return this.#map(head & 0x0f);
    if (head < 0xa0) return this.#array(head & 0x0f);
    if (head < 0xc0) return this.#text(head & 0x1f);
    switch (head) {
      case 0xc0:
        return [];
      case 0xc2:
        return atom("false");
      case 0xc3:
        return atom("true");
      case 0xc4:
        return this.#binary(this.#reader.uint8());
      case 0xc5:
        return this.#binary(this.#reader.uint16());
      case 0xc6:
        return this.#binary(this.#reader.uint32());
      case 0xca:
        return float(this.#reader.float32());
      case 0xcb:
        return float(this.#reader.float64());
      case 0xcc:
        return this.#reader.uint8();
      case 0xcd:
        return this.#reader.uint16();
      case 0xce:
        return this.#reader.uint32();
      case 0xcf:
        return integerTerm(this.#reader.uint64());
      case 0xd0:
        return this.#reader.int8();
      case 0xd1:
        return this.#reader.int16();
      case 0xd2:
        return this.#reader.int32();
      case 0xd3:
        return integerTerm(this.#reader.int64());
      case 0xd9:
        return this.#text(this.#reader.uint8());
      case 0xda:
        return this.#text(this.#reader.uint16());
      case 0xdb:
        return this.#text(this.#reader.uint32());
      case 0xdc:
        return this.#array(this.#reader.uint16());
      case 0xdd:
        return this.#array(this.#reader.uint32());
      case 0xde:
        return this.#map(this.#reader.uint16());
      case 0xdf:
        return this.#map(this.#reader.uint32());
      default: // 0xc1 is never used, the rest are extension types.
        throw new TermError("a type that is no term");
    }
  }

  #array(count: number): Term {
    this.#budget.claim(count, this.#reader.left);
    this.#budget.enter();
    const items: Term[] = [];
    for (let left = count; left > 0; left -= 1) items.push(this.term());
    this.#budget.leave();
    return tupleOrList(items, this.#isRecordName);
  }

  #map(count: number): TermMap {
    this.#budget.claim(count * 2, this.#reader.left);
    this.#budget.enter();
    const entries: [Term, Term][] = [];
    for (let left = count; left > 0; left -= 1) entries.push([this.term(), this.term()]);
    this.#budget.leave();
    return new TermMap(entries);
  }

  #text(count: number): Text {
    this.#budget.binaryBytes(count);
    const text = utf8Text(this.#reader.view(count));
    if (text === undefined) throw new TermError("a string is not UTF-8");
    return new Text(text);
  }

  #binary(count: number): Uint8Array {
    this.#budget.binaryBytes(count);
    return this.#reader.copy(count);
  }
}

function float(value: number): Float {
  if (!Number.isFinite(value)) throw new TermError("a float that is not finite");
  return new Float(value);
}

/**
 * Encodes a term: atoms and printable binaries as `str`, other binaries as `bin`, an integer of more than 64 bits as
 * its decimal digits.
 */
export function encodeMessagePack(term: WireTerm): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  write(writer, term);
  return writer.written();
}

function write(writer: ByteWriter, term: WireTerm): void {
  if (typeof term === "number" || typeof term === "bigint") {
    writeInteger(writer, BigInt(term));
  } else if (term instanceof Uint8Array) {
    if (printableText(term) === undefined) writeSized(writer, term, [undefined, 0xc4, 0xc5, 0xc6]);
    else writeText(writer, term);
  } else if (term instanceof Atom) {
    writeText(writer, binary(term.name));
  } else {
    const items = term instanceof Tuple ? term.items : term;
    if (items.length < 16) {
      writer.uint8(0x90 | items.length);
    } else if (items.length <= 0xffff) {
      writer.uint8(0xdc);
      writer.uint16(items.length);
    } else {
      writer.uint8(0xdd);
      writer.uint32(items.length);
    }
    for (const item of items) write(writer, item);
  }
}

function writeInteger(writer: ByteWriter, value: bigint): void {
  if (value >= -32n && value < 128n) {
    writer.uint8(Number(value) & 0xff);
  } else if (value >= 0n && value < 1n << 16n) {
    writer.uint8(0xcd);
    writer.uint16(Number(value));
  } else if (value >= 0n && value < 1n << 32n) {
    writer.uint8(0xce);
    writer.uint32(Number(value));
  } else if (value >= -(1n << 31n) && value < 0n) {
    writer.uint8(0xd2);
    writer.int32(Number(value));
  } else if (value >= 0n && value < 1n << 64n) {
    writer.uint8(0xcf);
    writer.uint64(value);
  } else if (value >= -(1n << 63n) && value < 0n) {
    writer.uint8(0xd3);
    writer.uint64(BigInt.asUintN(64, value));
  } else {
    writeText(writer, binary(value.toString()));
  }
}

const writeText = (writer: ByteWriter, bytes: Uint8Array): void => writeSized(writer, bytes, [0xa0, 0xd9, 0xda, 0xdb]);

/** `heads`: for a length in the head's lower five bits, where there is such a form, and in one, two and four bytes. */
function writeSized(
  writer: ByteWriter,
  bytes: Uint8Array,
  [inHead, one, two, four]: readonly [number | undefined, number, number, number],
): void {
  const { byteLength } = bytes;
  if (inHead !== undefined && byteLength < 32) {
    writer.uint8(inHead | byteLength);
  } else if (byteLength <= 0xff) {
    writer.uint8(one);
    writer.uint8(byteLength);
  } else if (byteLength <= 0xffff) {
    writer.uint8(two);
    writer.uint16(byteLength);
  } else {
    writer.uint8(four);
    writer.uint32(byteLength);
  }
  writer.bytes(bytes);
}
