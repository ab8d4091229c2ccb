/**
 * Control packets other than the publish family: cut out by the packet reader, checked, and given to mqtt-packet. Only
 * this file and `library.ts` know that library, which has no size limit, accepts malformed packets and reads on after
 * an error. It never gets a byte that was not bounded and checked, and no parser is used for more after an error.
 */
import type { IConnackPacket, Packet } from "mqtt-packet";
import { lazily } from "../../lib/lazily.ts";
import {
  type AuthPacket,
  type ClientPacket,
  type ConnectPacket,
  type DisconnectPacket,
  noLocalBit,
  retainAsPublishedBit,
  type SubscribePacket,
  type UnsubscribePacket,
} from "./client-packets.ts";
import { ProtocolError } from "./errors.ts";
import { packetType } from "./packet-bytes.ts";
import {
  type CheckedConnect,
  checkAuth,
  checkConnect,
  checkDisconnect,
  checkSubscribe,
  checkUnsubscribe,
  type Reason,
} from "./packet-checks.ts";
import { propertyId } from "./properties.ts";
import type { Properties } from "./property-walker.ts";
import type { ProtocolVersion } from "./protocol.ts";
import { willOnly, withoutProperties } from "./publish-properties.ts";
import { reasonCodes } from "./reason-codes.ts";

export * from "./client-packets.ts";

/** Loaded by the first connection. A packet is read within a turn of the event loop, so it cannot be `import`. */
const library = lazily((): typeof import("./library.ts") => require("./library.ts"));

/** The protocol name and level that CONNECT begins with. */
const mqtt5Name = Buffer.from("\0\u0004MQTT\u0005", "latin1");
const namesMqtt5 = (bytes: Buffer, bodyStart: number): boolean =>
  mqtt5Name.equals(bytes.subarray(bodyStart, bodyStart + mqtt5Name.length));

/**
 * Reads one whole packet from memory of its own: the result may point into `bytes`. `protocolVersion` is the
 * connection's, and is ignored for CONNECT. Throws `ProtocolError` or `UnsupportedVersion`.
 */
export function decodePacket(bytes: Buffer, bodyStart: number, protocolVersion: ProtocolVersion): ClientPacket {
  switch ((bytes[0] as number) >> 4) {
    case packetType.connect: {
      try {
        const checked = checkConnect(bytes, bodyStart);
        bytes[0] = packetType.connect << 4;
        bytes[checked.levelAt] = checked.level;
        bytes[checked.levelAt + 1] = checked.flags;
        return toConnect(parse(bytes, protocolVersion), checked, bytes);
      } catch (error) {
        if (error instanceof ProtocolError && namesMqtt5(bytes, bodyStart)) error.protocolVersion = 5;
        throw error;
      }
    }
    case packetType.subscribe: {
      const properties = checkSubscribe(bytes, bodyStart, protocolVersion);
      return toSubscribe(parse(bytes, protocolVersion), properties);
    }
    case packetType.unsubscribe:
      checkUnsubscribe(bytes, bodyStart, protocolVersion);
      return toUnsubscribe(parse(bytes, protocolVersion));
    case packetType.disconnect:
      return toDisconnect(protocolVersion === 5 ? checkDisconnect(bytes, bodyStart) : undefined);
    case packetType.auth:
      return toAuth(checkAuth(bytes, bodyStart));
    default:
      throw new ProtocolError("an unexpected packet", reasonCodes.protocolError);
  }
}

type Parser = ReturnType<typeof import("mqtt-packet").parser>;

/** A parser between packets, with the result of the last one. Making one costs more than reading a CONNECT. */
class IdleParser {
  readonly #parser = library().parser() as Parser & { settings: { protocolVersion: ProtocolVersion } };
  #packets: Packet[] = [];
  #errors: Error[] = [];

  constructor() {
    this.#parser.on("packet", (packet: Packet) => this.#packets.push(packet));
    this.#parser.on("error", (error: Error) => this.#errors.push(error));
  }

  /** Throws where it is not exactly one packet; the parser must not be used again then. */
  parse(bytes: Buffer, protocolVersion: ProtocolVersion): Packet {
    this.#packets = [];
    // A CONNECT leaves its own settings there.
    this.#parser.settings = { protocolVersion };
    const left = this.#parser.parse(bytes);
    const [packet] = this.#packets;
    if (this.#errors.length > 0 || this.#packets.length !== 1 || left !== 0 || packet === undefined) {
      throw new ProtocolError(`malformed packet: ${this.#errors[0]?.message ?? "not exactly one"}`);
    }
    return packet;
  }
}

let idle: IdleParser | undefined;

function parse(bytes: Buffer, protocolVersion: ProtocolVersion): Packet {
  const one = idle ?? new IdleParser();
  idle = undefined;
  const packet = one.parse(bytes, protocolVersion);
  idle = one;
  return packet;
}

function toConnect(
  packet: Packet,
  { bridge, connect, will, willStart, willEnd }: CheckedConnect,
  bytes: Buffer,
): ConnectPacket {
  if (packet.cmd !== "connect") throw unexpected(packet);
  return {
    type: "connect",
    protocolVersion: packet.protocolVersion ?? 4,
    bridge,
    clientId: packet.clientId,
    cleanStart: packet.clean ?? true,
    keepaliveSeconds: packet.keepalive ?? 0,
    will: packet.will && {
      topic: packet.will.topic,
      payload: Buffer.from(packet.will.payload),
      qos: packet.will.qos ?? 0,
      retain: packet.will.retain ?? false,
      delaySeconds: will?.number(propertyId.willDelay) ?? 0,
      expirySeconds: will?.number(propertyId.messageExpiry),
      properties: withoutProperties(bytes, willStart, willEnd, willOnly),
    },
    username: packet.username,
    password: packet.password,
    sessionExpirySeconds: connect && (connect.number(propertyId.sessionExpiry) ?? 0),
    receiveMaximum: connect?.number(propertyId.receiveMaximum) ?? 65_535,
    maximumPacketBytes: connect?.number(propertyId.maximumPacketSize) ?? Number.POSITIVE_INFINITY,
    topicAliasMaximum: connect?.number(propertyId.topicAliasMaximum) ?? 0,
    requestResponseInformation: connect?.number(propertyId.requestResponseInformation) === 1,
    requestProblemInformation: connect?.number(propertyId.requestProblemInformation) !== 0,
    userProperties: connect?.userProperties ?? [],
    authenticationMethod: connect?.string(propertyId.authenticationMethod),
    authenticationData: connect?.binary(propertyId.authenticationData),
  };
}

function toSubscribe(packet: Packet, properties: Properties | undefined): SubscribePacket {
  if (packet.cmd !== "subscribe") throw unexpected(packet);
  return {
    type: "subscribe",
    packetId: packet.messageId ?? 0,
    subscriptionId: properties?.number(propertyId.subscriptionId),
    subscriptions: packet.subscriptions.map(({ topic, qos, nl, rap, rh }) => ({
      filter: topic,
      qos,
      options: (nl ? noLocalBit : 0) | (rap ? retainAsPublishedBit : 0) | ((rh ?? 0) << 4),
    })),
  };
}

function toUnsubscribe(packet: Packet): UnsubscribePacket {
  if (packet.cmd !== "unsubscribe") throw unexpected(packet);
  return { type: "unsubscribe", packetId: packet.messageId ?? 0, filters: packet.unsubscriptions };
}

function toDisconnect(reason: Reason | undefined): DisconnectPacket {
  return {
    type: "disconnect",
    reasonCode: reason?.reasonCode ?? reasonCodes.normalDisconnection,
    sessionExpirySeconds: reason?.properties?.number(propertyId.sessionExpiry),
  };
}

function toAuth({ reasonCode, properties }: Reason): AuthPacket {
  return {
    type: "auth",
    reasonCode,
    method: properties?.string(propertyId.authenticationMethod) ?? "",
    data: properties?.binary(propertyId.authenticationData),
  };
}

function unexpected(packet: Packet): ProtocolError {
  return new ProtocolError(`unexpected ${packet.cmd}`, reasonCodes.protocolError);
}

export function encodeConnack(answer: { sessionPresent: boolean; returnCode: number }): Buffer {
  // [MQTT-3.2.2-4]: a refusal never says "session present".
  return library().generate({
    cmd: "connack",
    ...answer,
    sessionPresent: answer.returnCode === 0 && answer.sessionPresent,
  });
}

/** What the server sends to an MQTT 5 client with CONNACK, § 3.2.2.3; undefined fields are left out. */
export interface ConnackProperties {
  readonly sessionExpirySeconds?: number | undefined;
  readonly receiveMaximum?: number | undefined;
  readonly maximumPacketBytes?: number | undefined;
  readonly assignedClientId?: string | undefined;
  readonly topicAliasMaximum?: number | undefined;
  readonly reasonString?: string | undefined;
  readonly serverKeepAliveSeconds?: number | undefined;
  readonly responseInformation?: string | undefined;
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
}

export function encodeConnack5(answer: {
  readonly sessionPresent: boolean;
  readonly reasonCode: number;
  readonly properties?: ConnackProperties;
}): Buffer {
  const { sessionPresent, reasonCode, properties = {} } = answer;
  const { authenticationData } = properties;
  const written: IConnackPacket["properties"] = present({
    sessionExpiryInterval: properties.sessionExpirySeconds,
    receiveMaximum: properties.receiveMaximum,
    maximumPacketSize: properties.maximumPacketBytes,
    assignedClientIdentifier: properties.assignedClientId,
    topicAliasMaximum: properties.topicAliasMaximum,
    reasonString: properties.reasonString,
    serverKeepAlive: properties.serverKeepAliveSeconds,
    responseInformation: properties.responseInformation,
    authenticationMethod: properties.authenticationMethod,
    authenticationData: authenticationData && asBuffer(authenticationData),
  });
  // [MQTT-3.2.2-6]: a refusal never says "session present".
  const present5 = reasonCode === 0 && sessionPresent;
  return library().generate(
    { cmd: "connack", sessionPresent: present5, reasonCode, properties: written },
    { protocolVersion: 5 },
  );
}

/** `codes` are QoS or failures, in the order of the filters; the reason string is for MQTT 5. */
export function encodeSuback(
  packetId: number,
  codes: readonly number[],
  protocolVersion: ProtocolVersion,
  reasonString?: string,
): Buffer {
  return library().generate(
    { cmd: "suback", messageId: packetId, granted: [...codes], properties: present({ reasonString }) },
    { protocolVersion },
  );
}

/** `codes` are written only in MQTT 5. */
export function encodeUnsuback(packetId: number, codes: readonly number[], protocolVersion: ProtocolVersion): Buffer {
  return library().generate({ cmd: "unsuback", messageId: packetId, granted: [...codes] }, { protocolVersion });
}

export function encodeDisconnect5(reason: {
  readonly reasonCode: number;
  readonly reasonString?: string | undefined;
}): Buffer {
  const { reasonCode, reasonString } = reason;
  return library().generate(
    { cmd: "disconnect", reasonCode, properties: present({ reasonString }) },
    { protocolVersion: 5 },
  );
}

export function encodeAuth5(step: {
  readonly reasonCode: number;
  readonly method: string;
  readonly data?: Uint8Array | undefined;
}): Buffer {
  const properties = present({
    authenticationMethod: step.method,
    authenticationData: step.data && asBuffer(step.data),
  });
  return library().generate({ cmd: "auth", reasonCode: step.reasonCode, properties } as Packet, { protocolVersion: 5 });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Gives the fields that are not undefined. */
function present<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
