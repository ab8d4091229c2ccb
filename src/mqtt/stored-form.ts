/**
 * Between the wire and the store without a parser: messages are stored as MQTT 5 writes a PUBLISH, and most come from and
 * go to clients of earlier versions, for whom that is one byte more. Packets here are at QoS 1 or 2.
 */
import type { Outbox } from "../net/outbox.ts";
import { publishByte, varintBytes, writeVarint } from "./wire.ts";
import type { PacketBuffer, WireForm } from "./wire-form.ts";

const qosAbove0 = 1 << 1;

/** Writes a packet of an earlier version as MQTT 5 would write it, with a packet id that means nothing. */
export function appendAsStored(pile: PacketBuffer, form: WireForm, retain: 0 | 1): void {
  const { buffer, start, end, packetIdOffset } = form;
  let bodyStart = start + 1;
  while ((buffer[bodyStart++] as number) > 127);
  const remaining = end - bodyStart + 1;
  let at = pile.reserve(1 + varintBytes(remaining) + remaining);
  const out = pile.buffer;
  out[at] = publishByte | qosAbove0 | retain;
  at = writeVarint(out, at + 1, remaining);
  const idStart = start + packetIdOffset;
  at += buffer.copy(out, at, bodyStart, idStart);
  out[at++] = 0;
  out[at++] = 1; // any but the invalid 0
  out[at++] = 0; // no properties
  buffer.copy(out, at, idStart + 2, end);
}

/** Appends a stored packet as it stands, or, for an earlier version, without its properties. */
export function appendStored(
  outbox: Outbox,
  packet: Buffer,
  place: { start: number; end: number },
  sent: { before5: boolean; flags: number; packetId: number },
): void {
  const { start, end } = place;
  const { flags, packetId } = sent;
  const first = publishByte | flags | ((packet[start] as number) & 1);
  let bodyStart = start + 1;
  while ((packet[bodyStart++] as number) > 127);
  const idStart = bodyStart + 2 + (((packet[bodyStart] as number) << 8) | (packet[bodyStart + 1] as number));
  if (!sent.before5) {
    const at = outbox.reserve(end - start);
    const out = outbox.buffer;
    packet.copy(out, at, start, end);
    out[at] = first;
    out[at + idStart - start] = packetId >> 8;
    out[at + idStart - start + 1] = packetId & 0xff;
    return;
  }
  let payloadStart = idStart + 2;
  let propertiesBytes = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = packet[payloadStart++] as number;
    propertiesBytes |= (byte & 127) << shift;
    if (byte < 128) break;
  }
  payloadStart += propertiesBytes;
  const remaining = idStart + 2 - bodyStart + end - payloadStart;
  let at = outbox.reserve(1 + varintBytes(remaining) + remaining);
  const out = outbox.buffer;
  out[at] = first;
  at = writeVarint(out, at + 1, remaining);
  at += packet.copy(out, at, bodyStart, idStart);
  out[at++] = packetId >> 8;
  out[at++] = packetId & 0xff;
  packet.copy(out, at, payloadStart, end);
}
