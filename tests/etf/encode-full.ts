/**
 * Terms to the whole External Term Format, so that Erlang reads back exactly what it sent. For tests: to a client goes
 * only what `encode.ts` writes.
 */
import { ByteWriter } from "../../src/etf/byte-writer.ts";
import { writeInteger } from "../../src/etf/integers.ts";
import {
  Atom,
  BitString,
  binary,
  CharList,
  Float,
  ImproperList,
  Opaque,
  type Term,
  TermMap,
  Text,
  Tuple,
} from "../../src/etf/term.ts";

export function encodeFull(term: Term): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.uint8(131);
  write(writer, term);
  return writer.written();
}

function write(writer: ByteWriter, term: Term): void {
  if (typeof term === "number" || typeof term === "bigint") {
    writeInteger(writer, term);
  } else if (term instanceof Uint8Array) {
    writeBinary(writer, term);
  } else if (term instanceof Text) {
    writeBinary(writer, binary(term.value));
  } else if (term instanceof Float) {
    writer.uint8(70);
    writer.float64(term.value);
  } else if (term instanceof Atom) {
    writeAtom(writer, binary(term.name));
  } else if (term instanceof Tuple) {
    writeTuple(writer, term);
  } else if (term instanceof CharList) {
    writeCharList(writer, term.bytes);
  } else if (term instanceof ImproperList) {
    writeList(writer, term.items);
    write(writer, term.tail);
  } else if (term instanceof BitString) {
    writer.uint8(77);
    writer.uint32(term.bytes.byteLength);
    writer.uint8(term.bits);
    writer.bytes(term.bytes);
  } else if (term instanceof TermMap) {
    writer.uint8(116);
    writer.uint32(term.entries.length);
    for (const [key, value] of term.entries) {
      write(writer, key);
      write(writer, value);
    }
  } else if (term instanceof Opaque) {
    writer.bytes(term.bytes);
  } else {
    if (term.length > 0) writeList(writer, term);
    writer.uint8(106);
  }
}

function writeBinary(writer: ByteWriter, bytes: Uint8Array): void {
  writer.uint8(109);
  writer.uint32(bytes.byteLength);
  writer.bytes(bytes);
}

function writeAtom(writer: ByteWriter, name: Uint8Array): void {
  if (name.byteLength <= 255) {
    writer.uint8(119);
    writer.uint8(name.byteLength);
  } else {
    writer.uint8(118);
    writer.uint16(name.byteLength);
  }
  writer.bytes(name);
}

function writeTuple(writer: ByteWriter, { items }: Tuple): void {
  if (items.length <= 255) {
    writer.uint8(104);
    writer.uint8(items.length);
  } else {
    writer.uint8(105);
    writer.uint32(items.length);
  }
  for (const item of items) write(writer, item);
}

/** STRING_EXT where its two bytes of length are enough. */
function writeCharList(writer: ByteWriter, bytes: Uint8Array): void {
  if (bytes.byteLength > 0xffff) {
    writeList(writer, [...bytes]);
    writer.uint8(106);
    return;
  }
  writer.uint8(107);
  writer.uint16(bytes.byteLength);
  writer.bytes(bytes);
}

/** All but the tail. */
function writeList(writer: ByteWriter, items: readonly Term[]): void {
  writer.uint8(108);
  writer.uint32(items.length);
  for (const item of items) write(writer, item);
}
