/**
 * The packets of a client except the publish family and PINGREQ, as values. Before MQTT 5 the fields of MQTT 5 have
 * their defaults.
 */

import type { UserProperties } from "./properties.ts";
import type { ProtocolVersion, Qos } from "./protocol.ts";

export interface WillMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly delaySeconds: number;
  readonly expirySeconds: number | undefined;
  /** The properties that are forwarded with its PUBLISH, as on the wire and without their length; undefined: none. */
  readonly properties: Buffer | undefined;
}

export interface ConnectPacket {
  readonly type: "connect";
  readonly protocolVersion: ProtocolVersion;
  /** A broker that passes on what it gets; never in MQTT 5. */
  readonly bridge: boolean;
  readonly clientId: string;
  /** "Clean session" before MQTT 5. */
  readonly cleanStart: boolean;
  readonly keepaliveSeconds: number;
  readonly will: WillMessage | undefined;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  /** Undefined before MQTT 5, else 0 where the client gives none; `sessionNeverExpires` means no end. */
  readonly sessionExpirySeconds: number | undefined;
  readonly receiveMaximum: number;
  readonly maximumPacketBytes: number;
  readonly topicAliasMaximum: number;
  readonly requestResponseInformation: boolean;
  readonly requestProblemInformation: boolean;
  readonly userProperties: UserProperties;
  readonly authenticationMethod: string | undefined;
  readonly authenticationData: Buffer | undefined;
}

/** MQTT 5 § 3.1.2.11.2. */
export const sessionNeverExpires = 0xffffffff;

export interface SubscribePacket {
  readonly type: "subscribe";
  readonly packetId: number;
  readonly subscriptionId: number | undefined;
  readonly subscriptions: readonly RequestedSubscription[];
}

export interface RequestedSubscription {
  readonly filter: string;
  readonly qos: Qos;
  /** The option bits above the QoS, in their positions; 0 before MQTT 5. */
  readonly options: number;
}

/** MQTT 5 § 3.8.3.1. */
export const noLocalBit = 4;
export const retainAsPublishedBit = 8;

/** Retain Handling 1. */
export const retainOnlyForNew = 1 << 4;

/** 0: retained messages are sent, 1: only for a new subscription, 2: never. */
export function retainHandlingOf(options: number): 0 | 1 | 2 {
  return ((options >> 4) & 3) as 0 | 1 | 2;
}

export interface UnsubscribePacket {
  readonly type: "unsubscribe";
  readonly packetId: number;
  readonly filters: readonly string[];
}

export interface DisconnectPacket {
  readonly type: "disconnect";
  readonly reasonCode: number;
  /** Undefined: the value of CONNECT stays. */
  readonly sessionExpirySeconds: number | undefined;
}

export interface AuthPacket {
  readonly type: "auth";
  readonly reasonCode: number;
  readonly method: string;
  readonly data: Buffer | undefined;
}

export type ClientPacket = ConnectPacket | SubscribePacket | UnsubscribePacket | DisconnectPacket | AuthPacket;
