/**
 * Checks what mqtt-packet accepts and the specification does not: strings that are not UTF-8, bytes after the last
 * field, reserved bits, contradicting fields, properties in the wrong packet. Each function walks one packet's bytes
 * after the fixed header and gives what MQTT 5 added to it, since mqtt-packet loses some of that.
 */

import { ProtocolError, UnsupportedVersion } from "./errors.ts";
import { packetType } from "./packet-bytes.ts";
import { propertyId } from "./properties.ts";
import { checkResponseTopic, type Properties, readProperties, Walker } from "./property-walker.ts";
import type { ProtocolVersion } from "./protocol.ts";
import { clientAuthCodes, clientDisconnectCodes, reasonCodes } from "./reason-codes.ts";

const { protocolError } = reasonCodes;

const allowedInConnect: ReadonlySet<number> = new Set([
  propertyId.sessionExpiry,
  propertyId.receiveMaximum,
  propertyId.maximumPacketSize,
  propertyId.topicAliasMaximum,
  propertyId.requestResponseInformation,
  propertyId.requestProblemInformation,
  propertyId.userProperty,
  propertyId.authenticationMethod,
  propertyId.authenticationData,
]);
const allowedInWill: ReadonlySet<number> = new Set([
  propertyId.willDelay,
  propertyId.payloadFormat,
  propertyId.messageExpiry,
  propertyId.contentType,
  propertyId.responseTopic,
  propertyId.correlationData,
  propertyId.userProperty,
]);
const allowedInSubscribe: ReadonlySet<number> = new Set([propertyId.subscriptionId, propertyId.userProperty]);
const allowedInUnsubscribe: ReadonlySet<number> = new Set([propertyId.userProperty]);
const allowedInDisconnect: ReadonlySet<number> = new Set([
  propertyId.sessionExpiry,
  propertyId.reasonString,
  propertyId.userProperty,
]);
const allowedInAuth: ReadonlySet<number> = new Set([
  propertyId.authenticationMethod,
  propertyId.authenticationData,
  propertyId.reasonString,
  propertyId.userProperty,
]);

/** What a CONNECT means where its bytes say more or less than mqtt-packet takes, and its properties. */
export interface CheckedConnect {
  /** The position of the protocol level; the connect flags follow it. */
  readonly levelAt: number;
  /** The level without the bit of a bridge. */
  readonly level: ProtocolVersion;
  /** A broker that passes messages on to its own clients; Mosquitto's bridges say so by the level's highest bit. */
  readonly bridge: boolean;
  /** Without the bits that mean nothing in MQTT 3.1. */
  readonly flags: number;
  /** Undefined before MQTT 5, as is `will`. */
  readonly connect: Properties | undefined;
  readonly will: Properties | undefined;
  /** The start of the will's properties in the packet, without their length. */
  readonly willStart: number;
  readonly willEnd: number;
}

const connectFlag = { reserved: 1, will: 4, willQosAndRetain: 0x38, password: 0x40, username: 0x80 } as const;
const bridgeBit = 0x80;

/** Throws `UnsupportedVersion` for a protocol level that is answered, `ProtocolError` for any malformed packet. */
export function checkConnect(bytes: Buffer, bodyStart: number): CheckedConnect {
  const walker = new Walker().over(bytes, bodyStart, bytes.length);
  const name = walker.string();
  if (name !== "MQTT" && name !== "MQIsdp") throw new ProtocolError("not an MQTT client"); // [MQTT-3.1.2-1]
  const levelAt = walker.at;
  const given = walker.byte();
  const level = versionOf(name, given);
  if (level === undefined) throw new UnsupportedVersion(given); // [MQTT-3.1.2-2]
  if (level !== 3 && bytes[0] !== packetType.connect << 4) throw new ProtocolError("wrong fixed header flags"); // [MQTT-2.2.2-2]
  let flags = walker.byte();
  if (level === 3) {
    flags &= ~connectFlag.reserved;
    if ((flags & connectFlag.will) === 0) flags &= ~connectFlag.willQosAndRetain;
  }
  const has = {
    username: flags & connectFlag.username,
    password: flags & connectFlag.password,
    will: flags & connectFlag.will,
  };
  if ((flags & connectFlag.reserved) !== 0) throw new ProtocolError("the reserved connect flag is set"); // [MQTT-3.1.2-3]
  const willQos = (flags >> 3) & 3;
  if (willQos === 3) throw new ProtocolError("will QoS 3"); // [MQTT-3.1.2-14]
  if (!has.will && (flags & connectFlag.willQosAndRetain) !== 0) {
    throw new ProtocolError("will flags without a will"); // [MQTT-3.1.2-11]
  }
  if (level < 5 && !has.username && has.password) throw new ProtocolError("a password without a username"); // [MQTT-3.1.2-22]
  walker.uint16(); // keep alive
  const connect = level === 5 ? readConnectProperties(walker) : undefined;
  walker.string(); // client id
  let will: Properties | undefined;
  let [willStart, willEnd] = [0, 0];
  if (has.will) {
    if (level === 5) {
      will = readProperties(walker, allowedInWill);
      willEnd = walker.at;
      willStart = walker.propertiesStart;
      checkWillProperties(will);
    }
    walker.string();
    walker.binary();
  }
  // MQTT 3.1 § 3.1: a flag may promise a name or a password that is not there.
  if (level === 3 && walker.atEnd) flags &= ~(connectFlag.username | connectFlag.password);
  else if (has.username) walker.string();
  if (level === 3 && walker.atEnd) flags &= ~connectFlag.password;
  else if (has.password) walker.binary();
  walker.finish();
  const bridge = (given & bridgeBit) !== 0;
  return { levelAt, level, bridge, flags, connect, will, willStart, willEnd };
}

/** MQTT 5 has subscription options for what a bridge needs, so there is no level for it. */
function versionOf(name: string, level: number): ProtocolVersion | undefined {
  if (name === "MQIsdp") return (level & ~bridgeBit) === 3 ? 3 : undefined;
  return level === 5 ? 5 : (level & ~bridgeBit) === 4 ? 4 : undefined;
}

function readConnectProperties(walker: Walker): Properties {
  const properties = readProperties(walker, allowedInConnect);
  if (properties.number(propertyId.receiveMaximum) === 0) throw new ProtocolError("Receive Maximum 0", protocolError);
  if (properties.number(propertyId.maximumPacketSize) === 0) {
    throw new ProtocolError("Maximum Packet Size 0", protocolError); // § 3.1.2.11.4
  }
  const method = properties.string(propertyId.authenticationMethod);
  if (method === undefined && properties.binary(propertyId.authenticationData) !== undefined) {
    throw new ProtocolError("Authentication Data without its method", protocolError); // § 3.1.2.11.10
  }
  return properties;
}

function checkWillProperties(properties: Properties): void {
  const responseTopic = properties.string(propertyId.responseTopic);
  if (responseTopic === undefined) return;
  const bytes = Buffer.from(responseTopic);
  checkResponseTopic(bytes, 0, bytes.length);
}

export function checkSubscribe(
  bytes: Buffer,
  bodyStart: number,
  protocolVersion: ProtocolVersion,
): Properties | undefined {
  const walker = new Walker().over(bytes, bodyStart, bytes.length);
  checkPacketId(walker);
  const properties = protocolVersion === 5 ? readProperties(walker, allowedInSubscribe) : undefined;
  if (properties?.number(propertyId.subscriptionId) === 0) {
    throw new ProtocolError("subscription identifier 0", protocolError); // § 3.8.2.1.2
  }
  if (walker.atEnd) throw new ProtocolError("SUBSCRIBE without a filter", protocolError); // [MQTT-3.8.3-3]
  while (!walker.atEnd) {
    const filter = walker.string();
    const options = walker.byte();
    if (protocolVersion === 5) checkOptions(filter, options);
    else if (options > 2) throw new ProtocolError("malformed subscribe options"); // [MQTT-3.8.3-4]
  }
  return properties;
}

/** MQTT 5 § 3.8.3.1. */
function checkOptions(filter: string, options: number): void {
  if ((options & 0xc0) !== 0) throw new ProtocolError("reserved bits in subscription options"); // [MQTT-3.8.3-5]
  if ((options & 3) === 3) throw new ProtocolError("QoS 3 in SUBSCRIBE", protocolError);
  if ((options & 0x30) === 0x30) throw new ProtocolError("Retain Handling 3", protocolError);
  if ((options & 4) !== 0 && filter.startsWith("$share/")) {
    throw new ProtocolError("No Local on a shared subscription", protocolError); // [MQTT-3.8.3-4]
  }
}

export function checkUnsubscribe(bytes: Buffer, bodyStart: number, protocolVersion: ProtocolVersion): void {
  const walker = new Walker().over(bytes, bodyStart, bytes.length);
  checkPacketId(walker);
  if (protocolVersion === 5) readProperties(walker, allowedInUnsubscribe);
  if (walker.atEnd) throw new ProtocolError("UNSUBSCRIBE without a filter", protocolError); // [MQTT-3.10.3-2]
  while (!walker.atEnd) walker.string();
}

export interface Reason {
  readonly reasonCode: number;
  readonly properties: Properties | undefined;
}

/** MQTT 5 § 3.14.2: the reason code may be left out, and the properties after it. */
export function checkDisconnect(bytes: Buffer, bodyStart: number): Reason {
  const walker = new Walker().over(bytes, bodyStart, bytes.length);
  const reasonCode = walker.atEnd ? reasonCodes.normalDisconnection : walker.byte();
  if (!clientDisconnectCodes.has(reasonCode)) throw wrongReason();
  const properties = walker.atEnd ? undefined : readProperties(walker, allowedInDisconnect);
  walker.finish();
  return { reasonCode, properties };
}

/** MQTT 5 § 3.15.2: only a server may leave the reason code out, since that means success. */
export function checkAuth(bytes: Buffer, bodyStart: number): Reason {
  const walker = new Walker().over(bytes, bodyStart, bytes.length);
  const reasonCode = walker.atEnd ? reasonCodes.success : walker.byte();
  if (!clientAuthCodes.has(reasonCode)) throw wrongReason();
  const properties = walker.atEnd ? undefined : readProperties(walker, allowedInAuth);
  if (properties?.string(propertyId.authenticationMethod) === undefined) {
    throw new ProtocolError("AUTH without its method", protocolError); // § 3.15.2.2.2
  }
  walker.finish();
  return { reasonCode, properties };
}

function wrongReason(): ProtocolError {
  return new ProtocolError("a reason code that does not belong there", protocolError);
}

function checkPacketId(walker: Walker): void {
  if (walker.uint16() === 0) throw new ProtocolError("packet id 0", protocolError); // [MQTT-2.3.1-1]
}
