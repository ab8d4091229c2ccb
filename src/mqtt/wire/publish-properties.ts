/**
 * The properties of a PUBLISH, MQTT 5 § 3.3.2.3: checked in place as a packet is read, and made into values only on
 * demand.
 */
import { ProtocolError } from "./errors.ts";
import { type PublishProperties, propertyId } from "./properties.ts";
import { checkResponseTopic, flag, propertiesEnd, Walker } from "./property-walker.ts";
import { reasonCodes } from "./reason-codes.ts";

const { protocolError } = reasonCodes;

/** The position of a packet's properties, and the values that the broker itself uses. */
export interface PublishFields {
  buffer: Buffer;
  /** Without their length. */
  propertiesStart: number;
  propertiesEnd: number;
  /** 0: none. */
  topicAlias: number;
  /** -1: none. */
  expirySeconds: number;
  /** The position of the message expiry interval's four bytes; 0: none. */
  expiryAt: number;
  /** The broker wrote the packet: it may have subscription identifiers. */
  readonly stored: boolean;
}

/** One for all packets, since reading never waits. */
const walker = new Walker();

/** Fills the fields from the properties at `at`, which begin with their length, and gives the offset after them. */
export function readPublishProperties(fields: PublishFields, at: number, packetEnd: number): number {
  fields.topicAlias = 0;
  fields.expirySeconds = -1;
  fields.expiryAt = 0;
  walker.over(fields.buffer, at, packetEnd);
  const end = propertiesEnd(walker);
  fields.propertiesStart = walker.at;
  fields.propertiesEnd = end;
  walker.end = end;
  let seen = 0;
  while (walker.at < end) {
    const id = walker.varint();
    // No identifier is 0, so bit 0 is the topic alias's, whose id lies beyond 31; user properties may repeat.
    const bit = id === propertyId.topicAlias ? 1 : id < 32 ? 1 << id : 0;
    if ((seen & bit) !== 0 && !(fields.stored && id === propertyId.subscriptionId))
      throw new ProtocolError(`property ${id} twice`, protocolError);
    seen |= bit;
    readProperty(fields, id);
  }
  return end;
}

function readProperty(fields: PublishFields, id: number): void {
  switch (id) {
    case propertyId.payloadFormat:
      flag(walker.byte());
      return;
    case propertyId.messageExpiry:
      fields.expiryAt = walker.at;
      fields.expirySeconds = walker.uint32();
      return;
    case propertyId.contentType:
      walker.skipString();
      return;
    case propertyId.responseTopic:
      walker.skipString();
      checkResponseTopic(walker.bytes, walker.fieldStart, walker.at);
      return;
    case propertyId.correlationData:
      walker.skipBinary();
      return;
    case propertyId.topicAlias:
      fields.topicAlias = walker.uint16();
      if (fields.topicAlias === 0) throw new ProtocolError("topic alias 0", reasonCodes.topicAliasInvalid); // [MQTT-3.3.2-8]
      return;
    case propertyId.userProperty:
      walker.skipString();
      walker.skipString();
      return;
    case propertyId.subscriptionId: // [MQTT-3.3.4-6]
      if (fields.stored) {
        walker.varint();
        return;
      }
      throw new ProtocolError("a subscription identifier from a client", protocolError);
    default:
      throw new ProtocolError(`property ${id} does not belong in PUBLISH`);
  }
}

/** Gives the values of a packet that was read, in memory of their own. */
export function publishProperties(fields: PublishFields): PublishProperties {
  let payloadFormat: 0 | 1 | undefined;
  let contentType: string | undefined;
  let responseTopic: string | undefined;
  let correlationData: Uint8Array | undefined;
  const userProperties: [name: string, value: string][] = [];
  walker.over(fields.buffer, fields.propertiesStart, fields.propertiesEnd);
  while (!walker.atEnd) {
    const id = walker.varint();
    if (id === propertyId.payloadFormat) payloadFormat = flag(walker.byte());
    else if (id === propertyId.contentType) contentType = walker.string();
    else if (id === propertyId.responseTopic) responseTopic = walker.string();
    else if (id === propertyId.correlationData) correlationData = Uint8Array.from(walker.binary());
    else if (id === propertyId.userProperty) userProperties.push([walker.string(), walker.string()]);
    else readProperty(fields, id);
  }
  return { payloadFormat, contentType, responseTopic, correlationData, userProperties };
}

/**
 * Gives the properties that are forwarded to subscribers, as on the wire. Left out are the topic alias and the
 * subscription identifiers, which are for one hop [MQTT-3.3.2-18], and the expiry, which changes. In memory of their
 * own; undefined: none.
 */
export function forwardedProperties(fields: PublishFields): Buffer | undefined {
  return withoutProperties(fields.buffer, fields.propertiesStart, fields.propertiesEnd, oneHop);
}

const oneHop: ReadonlySet<number> = new Set([
  propertyId.topicAlias,
  propertyId.messageExpiry,
  propertyId.subscriptionId,
]);
/** A will's delay is for the server alone, § 3.1.3.2.2. */
export const willOnly: ReadonlySet<number> = new Set([propertyId.willDelay, propertyId.messageExpiry]);

/** Gives a copy of checked properties without those in `left`, which are numbers; undefined where nothing remains. */
export function withoutProperties(
  buffer: Buffer,
  start: number,
  end: number,
  left: ReadonlySet<number>,
): Buffer | undefined {
  if (start === end) return undefined;
  const out = Buffer.allocUnsafeSlow(end - start);
  let length = 0;
  walker.over(buffer, start, end);
  while (!walker.atEnd) {
    const from = walker.at;
    const id = walker.varint();
    skipValue(id);
    if (!left.has(id)) length += buffer.copy(out, length, from, walker.at);
  }
  return length === 0 ? undefined : out.subarray(0, length);
}

function skipValue(id: number): void {
  switch (id) {
    case propertyId.payloadFormat:
      walker.at += 1;
      return;
    case propertyId.topicAlias:
      walker.at += 2;
      return;
    case propertyId.messageExpiry:
    case propertyId.willDelay:
      walker.at += 4;
      return;
    case propertyId.subscriptionId:
      walker.varint();
      return;
    case propertyId.userProperty:
      walker.skipBinary();
      walker.skipBinary();
      return;
    default:
      walker.skipBinary();
  }
}
