/**
 * What mqtt-packet lets pass and the specification does not: strings that are not UTF-8, bytes after the last field,
 * reserved bits, fields that contradict each other. Each function walks one packet's bytes after the fixed header.
 */
import { ProtocolError, UnsupportedVersion } from "./errors.ts";
import type { ProtocolVersion } from "./hooks.ts";
import { decodeUtf8 } from "./utf8.ts";

class Walker {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at === this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.at++];
    if (value === undefined) throw new ProtocolError("a packet is too short");
    return value;
  }

  uint16(): number {
    return (this.byte() << 8) | this.byte();
  }

  binary(): void {
    this.#field();
  }

  string(): string {
    const end = this.#field();
    return decodeUtf8(this.#bytes, this.#start, end);
  }

  #start = 0;

  #field(): number {
    const length = this.uint16();
    this.#start = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw new ProtocolError("a field is longer than its packet");
    return this.at;
  }

  /** Nothing may follow the last field. */
  finish(): void {
    if (!this.atEnd) throw new ProtocolError("bytes after the last field");
  }
}

/** Throws `UnsupportedVersion` for a protocol level that is answered, `ProtocolError` for anything broken. */
export function checkConnect(bytes: Buffer, bodyStart: number): void {
  const walker = new Walker(bytes, bodyStart);
  const name = walker.string();
  if (name !== "MQTT" && name !== "MQIsdp") throw new ProtocolError("not an MQTT client"); // [MQTT-3.1.2-1]
  const level = walker.byte();
  if (level !== (name === "MQTT" ? 4 : 3)) throw new UnsupportedVersion(level); // [MQTT-3.1.2-2]
  const flags = walker.byte();
  const has = { username: flags & 0x80, password: flags & 0x40, will: flags & 0x04 };
  if ((flags & 1) !== 0) throw new ProtocolError("the reserved connect flag is set"); // [MQTT-3.1.2-3]
  const willQos = (flags >> 3) & 3;
  if (willQos === 3) throw new ProtocolError("will QoS 3"); // [MQTT-3.1.2-14]
  if (!has.will && (flags & 0x38) !== 0) throw new ProtocolError("will flags without a will"); // [MQTT-3.1.2-11]
  if (!has.username && has.password) throw new ProtocolError("a password without a username"); // [MQTT-3.1.2-22]
  walker.uint16(); // keep alive
  walker.string(); // client id
  if (has.will) {
    walker.string();
    walker.binary();
  }
  if (has.username) walker.string();
  if (has.password) walker.binary();
  walker.finish();
}

export function checkSubscribe(bytes: Buffer, bodyStart: number, protocolVersion: ProtocolVersion): void {
  const walker = new Walker(bytes, bodyStart);
  checkPacketId(walker);
  if (walker.atEnd) throw new ProtocolError("SUBSCRIBE without a filter"); // [MQTT-3.8.3-3]
  while (!walker.atEnd) {
    walker.string();
    const options = walker.byte();
    if (protocolVersion !== 5 && options > 2) throw new ProtocolError("malformed subscribe options"); // [MQTT-3.8.3-4]
  }
}

export function checkUnsubscribe(bytes: Buffer, bodyStart: number): void {
  const walker = new Walker(bytes, bodyStart);
  checkPacketId(walker);
  if (walker.atEnd) throw new ProtocolError("UNSUBSCRIBE without a filter"); // [MQTT-3.10.3-2]
  while (!walker.atEnd) walker.string();
}

function checkPacketId(walker: Walker): void {
  if (walker.uint16() === 0) throw new ProtocolError("packet id 0"); // [MQTT-2.3.1-1]
}
