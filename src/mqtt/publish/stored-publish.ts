/**
 * Messages between the wire and the store without a parser. A message is stored as its publisher's version writes a
 * PUBLISH, and most clients take it in that form. Packets here are at QoS 1 or 2.
 */
import type { Outbox } from "../../net/outbox.ts";
import { dupBit, publishByte, varintBytes, writeVarint } from "../wire/packet-bytes.ts";
import type { PacketBuffer, PublishForm } from "./publish-form.ts";

const qosAbove0 = 1 << 1;

/**
 * In the first byte of a stored packet, where DUP has no meaning: the packet has the form of the versions before MQTT
 * 5.
 */
export const storedBefore5 = dupBit;

/** Stores a packet of an earlier version; its packet id has no meaning any more. */
export function appendAsStored(pile: PacketBuffer, { buffer, start, end }: PublishForm, retain: 0 | 1): void {
  const at = pile.reserve(end - start);
  buffer.copy(pile.buffer, at, start, end);
  pile.buffer[at] = publishByte | qosAbove0 | storedBefore5 | retain;
}

/** Gives the topic of a stored packet. */
export function storedTopic(packet: Uint8Array): string {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  let bodyStart = 1;
  while ((bytes[bodyStart++] as number) > 127);
  return bytes.toString("utf8", bodyStart + 2, bodyStart + 2 + bytes.readUInt16BE(bodyStart));
}

/** Appends a stored packet unchanged, or with or without the properties that only MQTT 5 has. */
export function appendStored(
  outbox: Outbox,
  packet: Buffer,
  place: { start: number; end: number },
  sent: { before5: boolean; flags: number; packetId: number },
): void {
  const { start, end } = place;
  const { before5, flags, packetId } = sent;
  const storedFirst = packet[start] as number;
  const first = publishByte | flags | (storedFirst & 1);
  let bodyStart = start + 1;
  while ((packet[bodyStart++] as number) > 127);
  const idStart = bodyStart + 2 + (((packet[bodyStart] as number) << 8) | (packet[bodyStart + 1] as number));
  const isStoredBefore5 = (storedFirst & storedBefore5) !== 0;
  if (before5 === isStoredBefore5) {
    const at = outbox.reserve(end - start);
    const out = outbox.buffer;
    packet.copy(out, at, start, end);
    out[at] = first;
    out[at + idStart - start] = packetId >> 8;
    out[at + idStart - start + 1] = packetId & 0xff;
    return;
  }
  let restStart = idStart + 2;
  if (before5) restStart = afterProperties(packet, restStart);
  const remaining = idStart + 2 - bodyStart + (before5 ? 0 : 1) + end - restStart;
  let at = outbox.reserve(1 + varintBytes(remaining) + remaining);
  const out = outbox.buffer;
  out[at] = first;
  at = writeVarint(out, at + 1, remaining);
  at += packet.copy(out, at, bodyStart, idStart);
  out[at++] = packetId >> 8;
  out[at++] = packetId & 0xff;
  if (!before5) out[at++] = 0; // no properties
  packet.copy(out, at, restStart, end);
}

function afterProperties(packet: Buffer, start: number): number {
  let at = start;
  let bytes = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = packet[at++] as number;
    bytes |= (byte & 127) << shift;
    if (byte < 128) return at + bytes;
  }
}
