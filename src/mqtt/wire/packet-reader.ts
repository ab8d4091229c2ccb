/**
 * Cuts a connection's bytes into control packets, in any chunks, and reads the publish family in place. A packet is
 * judged by its fixed header before a byte of its body is kept. Only an incomplete packet is kept between chunks, in
 * memory of its own, because a part of a chunk would keep the whole chunk (up to 512 KiB).
 */

import { free } from "../../lib/freed.ts";
import { type ClientPacket, decodePacket } from "./codec.ts";
import { ProtocolError } from "./errors.ts";
import { packetType } from "./packet-bytes.ts";
import { checkReasonProperties, Walker } from "./property-walker.ts";
import type { ProtocolVersion } from "./protocol.ts";
import { PublishView, readPublish, type TopicLimits } from "./publish-packet.ts";
import { reasonCodes, receiptCodes, releaseCodes } from "./reason-codes.ts";

const { protocolError, packetTooLarge } = reasonCodes;

export interface PacketSink {
  /** While false the reader stops after the current packet; `resume` continues. */
  readonly reading: boolean;
  readonly protocolVersion: ProtocolVersion;
  /** True where the next packet must be a CONNECT; otherwise none may be. */
  readonly awaitsConnect: boolean;
  /** An enhanced authentication is under way: only AUTH and DISCONNECT may come [MQTT-3.1.2-30]. */
  readonly awaitsAuth: boolean;
  /** `view` is valid until the call returns. */
  readPublish(view: PublishView): void;
  /** PUBACK, PUBREC, PUBREL or PUBCOMP; the reason code is 0 before MQTT 5. */
  readAcknowledgement(type: number, packetId: number, reasonCode: number): void;
  readPingreq(): void;
  readPacket(packet: ClientPacket): void;
  /** What the reader keeps between chunks; the reader sets it. An idle connection keeps nothing. */
  kept?: Kept | undefined;
  /** It keeps so many bytes now. */
  keptGrew?(bytes: number): void;
}

export interface PacketReaderLimits extends TopicLimits {
  readonly packetBytesMax: number;
  readonly connectPacketBytesMax: number;
}

/**
 * The flags that each packet type must have [MQTT-2.2.2-1]; -1: a client may not send it, or (PUBLISH) the flags vary.
 */
const requiredFlags = [-1, 0, -1, -1, 0, 0, 2, 0, 2, -1, 2, -1, 0, -1, 0, 0];

/**
 * In MQTT 3.1, § 2.1, only the QoS counts, and only in packets that have one: DUP marks a repeat, and the other flags are
 * not used.
 */
const qosBits = 6;

/** A fixed header has at most five bytes. */
const headerBytesMax = 5;
const firstPartialBytes = 1024;

const view = new PublishView();
const walker = new Walker();
/** The position of the packet being read; one object for all readers, since reading never waits. */
const cut = { buffer: view.buffer, start: 0, bodyStart: 0, end: 0 };

/** Bytes of one connection that could not be read yet. */
export class Kept {
  /** The beginning of a packet. It grows with the bytes that arrive, not with the size the packet claims. */
  partial: Buffer<ArrayBuffer> | undefined;
  filled = 0;
  /** What arrived while the sink was not reading. */
  unread: Buffer | undefined;
}

/** One for all connections with the same limits: what it keeps of a connection stands in the sink. */
export class PacketReader {
  readonly #limits: PacketReaderLimits;
  /** The reader that `limited` gave last. */
  #narrower: PacketReader | undefined;

  constructor(limits: PacketReaderLimits) {
    this.#limits = limits;
  }

  /**
   * Reads the packets of `chunk`, whose memory is the reader's from now on: it is freed as soon as it was read. Throws what
   * the codec or the sink throws; the caller must close the connection then.
   */
  read(chunk: Buffer, sink: PacketSink): void {
    const { kept } = sink;
    if (kept?.unread !== undefined || !sink.reading) {
      keepUnread(sink, kept?.unread === undefined ? chunk : joined(kept.unread, chunk));
      return;
    }
    let at = kept?.partial === undefined ? 0 : this.#complete(kept, kept.partial, chunk, sink);
    while (at < chunk.length) {
      if (!sink.reading) {
        keepUnread(sink, chunk.subarray(at));
        return;
      }
      if (!findPacket(chunk, at, chunk.length, sink, this.#limits) || cut.end > chunk.length) {
        keepPartial(sink, chunk, at);
        break;
      }
      at = cut.end;
      dispatch(sink, this.#limits);
    }
    free(chunk);
  }

  /** Gives a reader that accepts no packet above this size, the same one for the same size. */
  limited(packetBytesMax: number): PacketReader {
    const known = this.#narrower;
    if (known !== undefined && known.#limits.packetBytesMax === packetBytesMax) return known;
    this.#narrower = new PacketReader({ ...this.#limits, packetBytesMax });
    return this.#narrower;
  }

  /** Continues after the sink stopped reading. */
  resume(sink: PacketSink): void {
    const { kept } = sink;
    if (kept?.unread === undefined) return;
    const { unread } = kept;
    kept.unread = undefined;
    this.read(unread, sink);
  }

  /** Adds to the incomplete packet and reads it when it is complete. Gives the offset where the chunk continues. */
  #complete(kept: Kept, partial: Buffer<ArrayBuffer>, chunk: Buffer, sink: PacketSink): number {
    let at = 0;
    while (!findPacket(partial, 0, kept.filled, sink, this.#limits)) {
      if (at === chunk.length) return at;
      partial[kept.filled++] = chunk[at++] as number;
    }
    const missing = Math.min(cut.end - kept.filled, chunk.length - at);
    const whole = kept.filled + missing === cut.end;
    let buffer = partial;
    if (kept.filled + missing > buffer.length) {
      buffer = resized(partial, Math.min(cut.end, Math.max(kept.filled + missing, 2 * buffer.length)));
      kept.partial = buffer;
      if (!whole) sink.keptGrew?.(buffer.length);
    }
    chunk.copy(buffer, kept.filled, at, at + missing);
    kept.filled += missing;
    if (whole) {
      kept.partial = undefined;
      cut.buffer = buffer;
      dispatch(sink, this.#limits);
      free(buffer);
    }
    return at + missing;
  }
}

/**
 * The same bytes in a buffer of another length. The old one is freed at once, and not when the collector comes to it: the
 * beginnings of many large packets would be much memory by then.
 */
const resized = (buffer: Buffer<ArrayBuffer>, bytes: number): Buffer<ArrayBuffer> =>
  Buffer.from(buffer.buffer.transfer(bytes));

/** The connection has ended: what it keeps is freed. No view of it was given to anyone, since it was not read yet. */
export function freeKept({ partial, unread }: Kept): void {
  if (partial !== undefined) free(partial);
  if (unread !== undefined) free(unread);
}

function joined(first: Buffer, second: Buffer): Buffer {
  const both = Buffer.concat([first, second]);
  free(first);
  free(second);
  return both;
}

function keepUnread(sink: PacketSink, bytes: Buffer): void {
  sink.kept ??= new Kept();
  sink.kept.unread = bytes;
  sink.keptGrew?.(bytes.length);
}

function keepPartial(sink: PacketSink, chunk: Buffer, at: number): void {
  sink.kept ??= new Kept();
  const partial = Buffer.allocUnsafeSlow(Math.max(firstPartialBytes, chunk.length - at));
  sink.kept.partial = partial;
  sink.kept.filled = chunk.copy(partial, 0, at);
  sink.keptGrew?.(partial.length);
}

/** Points `cut` at the packet that starts at `start`; its end may lie beyond `end`. False: the header is incomplete. */
function findPacket(buffer: Buffer, start: number, end: number, sink: PacketSink, limits: PacketReaderLimits): boolean {
  if (start >= end) return false;
  checkFirstByte(buffer[start] as number, sink);
  let remaining = 0;
  for (let at = start + 1, shift = 0; at < end; at++, shift += 7) {
    const byte = buffer[at] as number;
    remaining |= (byte & 127) << shift;
    if (byte < 128) {
      if (byte === 0 && shift > 0) throw new ProtocolError("a remaining length in more bytes than it needs");
      cut.buffer = buffer;
      cut.start = start;
      cut.bodyStart = at + 1;
      cut.end = at + 1 + remaining;
      checkLength(remaining, sink, limits);
      return true;
    }
    if (at - start === headerBytesMax - 1) throw new ProtocolError("malformed remaining length"); // § 2.2.3
  }
  return false;
}

function checkFirstByte(first: number, sink: PacketSink): void {
  const type = first >> 4;
  if (sink.awaitsConnect !== (type === packetType.connect)) {
    // [MQTT-3.1.0-1] and [MQTT-3.1.0-2]
    throw new ProtocolError(sink.awaitsConnect ? "the first packet is not CONNECT" : "a second CONNECT", protocolError);
  }
  if (sink.awaitsAuth && type !== packetType.auth && type !== packetType.disconnect) {
    throw new ProtocolError("neither AUTH nor DISCONNECT during an authentication", protocolError);
  }
  // The flags of CONNECT are judged with its version.
  if (type === packetType.publish || type === packetType.connect) return;
  const flags = requiredFlags[type] as number;
  if (flags === -1 || (type === packetType.auth && sink.protocolVersion !== 5)) {
    throw new ProtocolError(`a client may not send packet type ${type}`, protocolError);
  }
  const counts = sink.protocolVersion !== 3 ? 15 : flags === 0 ? 0 : qosBits;
  if ((first & counts) !== flags) {
    throw new ProtocolError("wrong fixed header flags"); // [MQTT-2.2.2-2]
  }
}

function checkLength(remaining: number, sink: PacketSink, limits: PacketReaderLimits): void {
  const max = sink.awaitsConnect || sink.awaitsAuth ? limits.connectPacketBytesMax : limits.packetBytesMax;
  if (cut.end - cut.start > max) throw new ProtocolError(`a packet of ${remaining} bytes`, packetTooLarge);
  const type = (cut.buffer[cut.start] as number) >> 4;
  if (type === packetType.publish) return;
  if (type === packetType.pingreq || (type === packetType.disconnect && sink.protocolVersion !== 5)) {
    if (remaining !== 0) throw new ProtocolError("bytes after the last field");
  } else if (type >= packetType.puback && type <= packetType.pubcomp) {
    if (remaining < 2) throw new ProtocolError("a packet is too short");
    if (remaining > 2 && sink.protocolVersion !== 5) throw new ProtocolError("bytes after the last field");
  }
}

/** Reads the reason code of an acknowledgement that has more than its packet id, and checks all that follows. */
function readReason(type: number): number {
  walker.over(cut.buffer, cut.bodyStart + 2, cut.end);
  const reasonCode = walker.byte();
  const codes = type === packetType.puback || type === packetType.pubrec ? receiptCodes : releaseCodes;
  if (!codes.has(reasonCode)) throw new ProtocolError("a reason code that does not belong there", protocolError);
  // § 3.4.2.2.1: without properties their length may be left out.
  if (!walker.atEnd) checkReasonProperties(walker);
  walker.finish();
  return reasonCode;
}

/** Reads the packet at `cut` and hands it to the sink. */
function dispatch(sink: PacketSink, limits: PacketReaderLimits): void {
  const { buffer, bodyStart } = cut;
  const type = (buffer[cut.start] as number) >> 4;
  switch (type) {
    case packetType.publish:
      readPublish(view, cut, sink.protocolVersion, limits);
      sink.readPublish(view);
      return;
    case packetType.puback:
    case packetType.pubrec:
    case packetType.pubrel:
    case packetType.pubcomp: {
      const packetId = ((buffer[bodyStart] as number) << 8) | (buffer[bodyStart + 1] as number);
      if (packetId === 0) throw new ProtocolError("packet id 0", protocolError); // [MQTT-2.3.1-1]
      const reasonCode = cut.end - bodyStart > 2 ? readReason(type) : reasonCodes.success;
      sink.readAcknowledgement(type, packetId, reasonCode);
      return;
    }
    case packetType.pingreq:
      sink.readPingreq();
      return;
    default: {
      // A copy: the packet's strings and password must not keep the chunk in memory.
      const bytes = Buffer.from(buffer.subarray(cut.start, cut.end));
      if (sink.protocolVersion === 3 && type !== packetType.connect)
        bytes[0] = (type << 4) | (requiredFlags[type] as number);
      const packet = decodePacket(bytes, bodyStart - cut.start, sink.protocolVersion);
      // These two have numbers and strings alone.
      if (type === packetType.subscribe || type === packetType.unsubscribe) free(bytes);
      sink.readPacket(packet);
    }
  }
}
