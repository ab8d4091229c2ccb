/**
 * Walks over the fields of a packet and its MQTT 5 properties, and trusts none of them: every length stays within the
 * packet, every string is UTF-8, every number has its shortest form and is within its range.
 */
import { ProtocolError } from "./errors.ts";
import { propertyId, propertyTypes, type UserProperties } from "./properties.ts";
import { reasonCodes } from "./reason-codes.ts";
import { checkUtf8, decodeUtf8 } from "./utf8.ts";

const { protocolError } = reasonCodes;
const noBytes: Buffer = Buffer.alloc(0);

export class Walker {
  bytes: Buffer = noBytes;
  at = 0;
  end = 0;
  /** The start of the last string or binary field; it ended at `at`. */
  fieldStart = 0;
  /** The start of the current properties, after their length. */
  propertiesStart = 0;

  /** Points the walker at other bytes. */
  over(bytes: Buffer, at: number, end: number): this {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    return this;
  }

  get atEnd(): boolean {
    return this.at === this.end;
  }

  byte(): number {
    if (this.at >= this.end) throw new ProtocolError("a packet is too short");
    return this.bytes[this.at++] as number;
  }

  uint16(): number {
    return (this.byte() << 8) | this.byte();
  }

  uint32(): number {
    return this.uint16() * 65_536 + this.uint16();
  }

  /** A variable byte integer of at most four bytes, in its shortest form [MQTT-1.5.5-1]. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) {
        if (byte === 0 && shift > 0) throw new ProtocolError("a variable byte integer in more bytes than it needs");
        return value;
      }
    }
    throw new ProtocolError("a variable byte integer has more than four bytes");
  }

  /** Skips a field that has its length before it; its bytes are from `fieldStart` to `at`. */
  skipBinary(): void {
    const length = this.uint16();
    this.fieldStart = this.at;
    this.at += length;
    if (this.at > this.end) throw new ProtocolError("a field is longer than its packet");
  }

  binary(): Buffer {
    this.skipBinary();
    return this.bytes.subarray(this.fieldStart, this.at);
  }

  skipString(): void {
    this.skipBinary();
    checkUtf8(this.bytes, this.fieldStart, this.at);
  }

  string(): string {
    this.skipBinary();
    return decodeUtf8(this.bytes, this.fieldStart, this.at);
  }

  /** Nothing may follow the last field. */
  finish(): void {
    if (!this.atEnd) throw new ProtocolError("bytes after the last field");
  }
}

/** The value of each property of a packet other than PUBLISH. Binary values point into the packet. */
export class Properties {
  readonly #values = new Map<number, number | string | Buffer>();
  #userProperties: [name: string, value: string][] | undefined;

  get userProperties(): UserProperties {
    return this.#userProperties ?? [];
  }

  number(id: number): number | undefined {
    const value = this.#values.get(id);
    return typeof value === "number" ? value : undefined;
  }

  string(id: number): string | undefined {
    const value = this.#values.get(id);
    return typeof value === "string" ? value : undefined;
  }

  binary(id: number): Buffer | undefined {
    const value = this.#values.get(id);
    return typeof value === "object" ? value : undefined;
  }

  /** A property comes at most once, except for user properties. */
  add(id: number, walker: Walker): void {
    if (id === propertyId.userProperty) {
      this.#userProperties ??= [];
      this.#userProperties.push([walker.string(), walker.string()]);
      return;
    }
    if (this.#values.has(id)) throw new ProtocolError(`property ${id} twice`, protocolError);
    this.#values.set(id, readValue(id, walker));
  }
}

function readValue(id: number, walker: Walker): number | string | Buffer {
  switch (propertyTypes.get(id)) {
    case "flag":
      return flag(walker.byte());
    case "uint16":
      return walker.uint16();
    case "uint32":
      return walker.uint32();
    case "varint":
      return walker.varint();
    case "string":
      return walker.string();
    case "binary":
      return walker.binary();
    default:
      throw new ProtocolError(`unknown property ${id}`);
  }
}

/** §§ 3.1.2.11.6, 3.1.2.11.7 and 3.3.2.3.2. */
export function flag(value: number): 0 | 1 {
  if (value > 1) throw new ProtocolError("a property is neither 0 nor 1", protocolError);
  return value as 0 | 1;
}

/** A response topic is a topic name [MQTT-3.3.2-14] [MQTT-4.7.3-1]. */
export function checkResponseTopic(bytes: Buffer, start: number, end: number): void {
  if (start === end) throw new ProtocolError("an empty response topic", protocolError);
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 0x23 || byte === 0x2b) throw new ProtocolError("a wildcard in a response topic", protocolError);
  }
}

/** Reads the length of the properties at the walker and gives their end. */
export function propertiesEnd(walker: Walker): number {
  const length = walker.varint();
  walker.propertiesStart = walker.at;
  const end = walker.at + length;
  if (end > walker.end) throw new ProtocolError("properties are longer than their packet");
  return end;
}

/** Reads the properties at the walker with their length; only the `allowed` ones may occur, § 2.2.2.2. */
export function readProperties(walker: Walker, allowed: ReadonlySet<number>): Properties {
  const packetEnd = walker.end;
  walker.end = propertiesEnd(walker);
  const properties = new Properties();
  while (!walker.atEnd) {
    const id = walker.varint();
    if (!allowed.has(id)) throw new ProtocolError(`property ${id} does not belong in its packet`);
    properties.add(id, walker);
  }
  walker.end = packetEnd;
  return properties;
}

/** Checks the properties of an acknowledgement, which are not used, and builds nothing from them. */
export function checkReasonProperties(walker: Walker): void {
  const packetEnd = walker.end;
  walker.end = propertiesEnd(walker);
  let explained = false;
  while (!walker.atEnd) {
    const id = walker.varint();
    if (id === propertyId.userProperty) {
      walker.skipString();
      walker.skipString();
    } else if (id === propertyId.reasonString) {
      if (explained) throw new ProtocolError(`property ${id} twice`, protocolError);
      explained = true;
      walker.skipString();
    } else throw new ProtocolError(`property ${id} does not belong in its packet`);
  }
  walker.end = packetEnd;
}
