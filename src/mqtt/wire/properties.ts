/** MQTT 5 properties, § 2.2.2.2: their identifiers and data types. */

export interface PublishProperties {
  /** 1: the payload is UTF-8. */
  readonly payloadFormat: 0 | 1 | undefined;
  readonly contentType: string | undefined;
  readonly responseTopic: string | undefined;
  readonly correlationData: Uint8Array | undefined;
  readonly userProperties: UserProperties;
}

/** In the order received; names may repeat. */
export type UserProperties = readonly (readonly [name: string, value: string])[];

export const propertyId = {
  payloadFormat: 0x01,
  messageExpiry: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionId: 0x0b,
  sessionExpiry: 0x11,
  authenticationMethod: 0x15,
  authenticationData: 0x16,
  requestProblemInformation: 0x17,
  willDelay: 0x18,
  requestResponseInformation: 0x19,
  reasonString: 0x1f,
  receiveMaximum: 0x21,
  topicAliasMaximum: 0x22,
  topicAlias: 0x23,
  userProperty: 0x26,
  maximumPacketSize: 0x27,
} as const;

/** How the value of a property is written. */
export type PropertyType = "flag" | "uint16" | "uint32" | "varint" | "string" | "binary" | "pair";

/** The properties that a client may send. A flag is a byte that is 0 or 1. */
export const propertyTypes: ReadonlyMap<number, PropertyType> = new Map<number, PropertyType>([
  [propertyId.payloadFormat, "flag"],
  [propertyId.messageExpiry, "uint32"],
  [propertyId.contentType, "string"],
  [propertyId.responseTopic, "string"],
  [propertyId.correlationData, "binary"],
  [propertyId.subscriptionId, "varint"],
  [propertyId.sessionExpiry, "uint32"],
  [propertyId.authenticationMethod, "string"],
  [propertyId.authenticationData, "binary"],
  [propertyId.requestProblemInformation, "flag"],
  [propertyId.willDelay, "uint32"],
  [propertyId.requestResponseInformation, "flag"],
  [propertyId.reasonString, "string"],
  [propertyId.receiveMaximum, "uint16"],
  [propertyId.topicAliasMaximum, "uint16"],
  [propertyId.topicAlias, "uint16"],
  [propertyId.userProperty, "pair"],
  [propertyId.maximumPacketSize, "uint32"],
]);
