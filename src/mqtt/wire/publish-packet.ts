/**
 * Reads a PUBLISH in place. One view is filled again for every packet, so that a message costs one string (its topic)
 * and no other object. The view and its buffer are valid until the handler returns.
 */

import { ProtocolError } from "./errors.ts";
import type { ProtocolVersion, Qos } from "./protocol.ts";
import { type PublishFields, readPublishProperties } from "./publish-properties.ts";
import { reasonCodes } from "./reason-codes.ts";
import { decodeUtf8 } from "./utf8.ts";

const noBytes: Buffer = Buffer.alloc(0);

const { protocolError, topicNameInvalid } = reasonCodes;

export class PublishView implements PublishFields {
  /** The whole packet is `buffer` from `start` to `end`. */
  buffer: Buffer = noBytes;
  start = 0;
  end = 0;
  /** After the fixed header: the topic's length field. */
  bodyStart = 0;
  /** After the topic: the packet id at QoS 1 and 2. */
  topicEnd = 0;
  /** MQTT 5 properties, without their length; empty in other versions. */
  propertiesStart = 0;
  propertiesEnd = 0;
  topicAlias = 0;
  expirySeconds = -1;
  expiryAt = 0;
  /** The broker wrote it. */
  stored = false;
  payloadStart = 0;
  /** Empty where an alias stands for the topic; the connection, which knows the alias, sets it. */
  topic = "";
  qos: Qos = 0;
  dup = false;
  retain = false;
  /** 0 at QoS 0. */
  packetId = 0;
  protocolVersion: ProtocolVersion = 4;
}

export interface TopicLimits {
  readonly topicBytesMax: number;
  readonly topicLevelsMax: number;
}

/** Fills `view` from one whole packet, or throws a `ProtocolError`. */
export function readPublish(
  view: PublishView,
  packet: { buffer: Buffer; start: number; bodyStart: number; end: number },
  protocolVersion: ProtocolVersion,
  limits: TopicLimits,
): void {
  const { buffer, start, bodyStart, end } = packet;
  const first = buffer[start] as number;
  const qos = (first >> 1) & 3;
  if (qos === 3) throw new ProtocolError("QoS 3 in PUBLISH"); // [MQTT-3.3.1-4]
  const dup = (first & 8) !== 0;
  if (dup && qos === 0) throw new ProtocolError("DUP at QoS 0"); // [MQTT-3.3.1-2]
  if (end - bodyStart < 2) throw new ProtocolError("PUBLISH is too short");
  const topicStart = bodyStart + 2;
  const topicEnd = topicStart + (((buffer[bodyStart] as number) << 8) | (buffer[bodyStart + 1] as number));
  if (topicEnd > end) throw new ProtocolError("a topic is longer than its packet");
  view.topic = readTopicName(buffer, topicStart, topicEnd, protocolVersion, limits);
  let at = topicEnd;
  let packetId = 0;
  if (qos > 0) {
    if (at + 2 > end) throw new ProtocolError("PUBLISH without its packet id");
    packetId = ((buffer[at] as number) << 8) | (buffer[at + 1] as number);
    if (packetId === 0) throw new ProtocolError("packet id 0", protocolError); // [MQTT-2.3.1-1]
    at += 2;
  }
  view.buffer = buffer;
  if (protocolVersion === 5) {
    at = readPublishProperties(view, at, end);
    if (topicEnd === topicStart && view.topicAlias === 0) {
      throw new ProtocolError("neither a topic nor an alias", protocolError); // § 3.3.2.1
    }
  } else {
    view.propertiesStart = at;
    view.propertiesEnd = at;
    view.topicAlias = 0;
    view.expirySeconds = -1;
    view.expiryAt = 0;
  }
  view.start = start;
  view.bodyStart = bodyStart;
  view.end = end;
  view.topicEnd = topicEnd;
  view.payloadStart = at;
  view.qos = qos as Qos;
  view.dup = dup;
  view.retain = (first & 1) !== 0;
  view.packetId = packetId;
  view.protocolVersion = protocolVersion;
}

/**
 * The topic read last. Publishes of a chunk mostly repeat it. Comparing bytes costs less than checking them, making a
 * string and hashing that string for the route's lookup.
 */
const last = { bytes: Buffer.alloc(256), length: 0, topic: "", limits: undefined as TopicLimits | undefined };

function readTopicName(
  buffer: Buffer,
  start: number,
  end: number,
  protocolVersion: ProtocolVersion,
  limits: TopicLimits,
): string {
  if (isLastTopic(buffer, start, end, limits)) return last.topic;
  if (end === start) {
    // In MQTT 5 it stands for an alias; before it is an error [MQTT-4.7.3-1].
    if (protocolVersion === 5) return "";
    throw new ProtocolError("an empty topic");
  }
  if (end - start > limits.topicBytesMax) throw new ProtocolError("a topic is too long", topicNameInvalid);
  let levels = 1;
  let ascii = true;
  for (let at = start; at < end; at++) {
    const byte = buffer[at] as number;
    if (byte === 0x2f) levels++;
    else if (byte === 0x23 || byte === 0x2b)
      throw new ProtocolError("a wildcard in a topic name", topicNameInvalid); // [MQTT-3.3.2-2]
    else if (byte === 0)
      throw new ProtocolError("U+0000 in a string"); // [MQTT-1.5.3-2]
    else if (byte >= 0x80) ascii = false;
  }
  if (levels > limits.topicLevelsMax) throw new ProtocolError("a topic has too many levels", topicNameInvalid);
  const topic = ascii ? buffer.toString("latin1", start, end) : decodeUtf8(buffer, start, end);
  if (end - start <= last.bytes.length) {
    last.length = buffer.copy(last.bytes, 0, start, end);
    last.topic = topic;
    last.limits = limits;
  }
  return topic;
}

function isLastTopic(buffer: Buffer, start: number, end: number, limits: TopicLimits): boolean {
  const { bytes, length } = last;
  if (length === 0 || end - start !== length || last.limits !== limits) return false;
  // From the end, where topics differ most.
  for (let at = length - 1; at >= 0; at--) if (bytes[at] !== buffer[start + at]) return false;
  return true;
}
