/**
 * Control packets other than the publish family: cut out by their length by the packet reader, checked, and given to
 * mqtt-packet. This is the only file that touches that library, which has no size limit, lets malformed packets pass and
 * reads on after an error: it never sees a byte that was not bounded and checked, and no parser outlives its packet.
 */
import { generate, type Packet, parser, writeToStream } from "mqtt-packet";
import { ProtocolError } from "./errors.ts";
import type { ProtocolVersion, Qos } from "./hooks.ts";
import { checkConnect, checkSubscribe, checkUnsubscribe } from "./packet-checks.ts";
import { packetType } from "./wire.ts";

// Otherwise the first packet it writes fills a table of 65,536 buffers, several megabytes for next to nothing.
writeToStream.cacheNumbers = false;

export interface WillMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
}

export interface ConnectPacket {
  readonly type: "connect";
  readonly protocolVersion: ProtocolVersion;
  readonly clientId: string;
  readonly cleanSession: boolean;
  readonly keepaliveSeconds: number;
  readonly will: WillMessage | undefined;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
}

export interface SubscribePacket {
  readonly type: "subscribe";
  readonly packetId: number;
  readonly subscriptions: readonly { readonly filter: string; readonly qos: Qos }[];
}

export interface UnsubscribePacket {
  readonly type: "unsubscribe";
  readonly packetId: number;
  readonly filters: readonly string[];
}

export interface DisconnectPacket {
  readonly type: "disconnect";
}

export type ClientPacket = ConnectPacket | SubscribePacket | UnsubscribePacket | DisconnectPacket;

/**
 * Reads one whole packet from memory of its own: what comes back may point into `bytes`. `protocolVersion` is the
 * connection's, and means nothing for CONNECT. Throws `ProtocolError` or `UnsupportedVersion`.
 */
export function decodePacket(bytes: Buffer, bodyStart: number, protocolVersion: ProtocolVersion): ClientPacket {
  switch ((bytes[0] as number) >> 4) {
    case packetType.connect:
      checkConnect(bytes, bodyStart);
      break;
    case packetType.subscribe:
      checkSubscribe(bytes, bodyStart, protocolVersion);
      break;
    case packetType.unsubscribe:
      checkUnsubscribe(bytes, bodyStart);
      break;
    case packetType.disconnect:
      return { type: "disconnect" };
  }
  return translate(parse(bytes, protocolVersion));
}

function parse(bytes: Buffer, protocolVersion: ProtocolVersion): Packet {
  const packets: Packet[] = [];
  const errors: Error[] = [];
  const once = parser({ protocolVersion });
  once.on("packet", (packet: Packet) => packets.push(packet));
  once.on("error", (error: Error) => errors.push(error));
  const left = once.parse(bytes);
  const [packet] = packets;
  if (errors.length > 0 || packets.length !== 1 || left !== 0 || packet === undefined) {
    throw new ProtocolError(`malformed packet: ${errors[0]?.message ?? "not exactly one"}`);
  }
  return packet;
}

function translate(packet: Packet): ClientPacket {
  switch (packet.cmd) {
    case "connect":
      return {
        type: "connect",
        protocolVersion: packet.protocolVersion ?? 4,
        clientId: packet.clientId,
        cleanSession: packet.clean ?? true,
        keepaliveSeconds: packet.keepalive ?? 0,
        will: packet.will && {
          topic: packet.will.topic,
          payload: Buffer.from(packet.will.payload),
          qos: packet.will.qos ?? 0,
          retain: packet.will.retain ?? false,
        },
        username: packet.username,
        password: packet.password,
      };
    case "subscribe":
      return {
        type: "subscribe",
        packetId: packet.messageId ?? 0,
        subscriptions: packet.subscriptions.map(({ topic, qos }) => ({ filter: topic, qos })),
      };
    case "unsubscribe":
      return { type: "unsubscribe", packetId: packet.messageId ?? 0, filters: packet.unsubscriptions };
    default:
      throw new ProtocolError(`unexpected ${packet.cmd}`);
  }
}

export function encodeConnack(answer: { sessionPresent: boolean; returnCode: number }): Buffer {
  // [MQTT-3.2.2-4]: a refusal never says "session present".
  return generate({ cmd: "connack", ...answer, sessionPresent: answer.returnCode === 0 && answer.sessionPresent });
}

/** The MQTT 5 form, for a client that is told that its version is not spoken here. */
export function encodeConnack5(reasonCode: number): Buffer {
  return generate({ cmd: "connack", sessionPresent: false, reasonCode }, { protocolVersion: 5 });
}

export function encodeSuback(packetId: number, granted: readonly number[]): Buffer {
  return generate({ cmd: "suback", messageId: packetId, granted: [...granted] });
}

export function encodeUnsuback(packetId: number): Buffer {
  return generate({ cmd: "unsuback", messageId: packetId, granted: [] });
}
