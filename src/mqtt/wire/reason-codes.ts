/** The reason codes of MQTT 5 § 2.4, by their names there. Codes from 0x80 on mean a failure. */

export const reasonCodes = {
  success: 0x00,
  normalDisconnection: 0x00,
  grantedQos0: 0x00,
  grantedQos1: 0x01,
  grantedQos2: 0x02,
  disconnectWithWillMessage: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierInUse: 0x91,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedSubscriptionsNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdentifiersNotSupported: 0xa1,
  wildcardSubscriptionsNotSupported: 0xa2,
} as const;

const { success, unspecifiedError, implementationSpecificError, notAuthorized, topicNameInvalid } = reasonCodes;
const { packetIdentifierInUse, packetIdentifierNotFound, quotaExceeded, payloadFormatInvalid } = reasonCodes;

/** The codes of PUBACK and PUBREC, §§ 3.4.2.1 and 3.5.2.1. */
export const receiptCodes: ReadonlySet<number> = new Set([
  success,
  reasonCodes.noMatchingSubscribers,
  unspecifiedError,
  implementationSpecificError,
  notAuthorized,
  topicNameInvalid,
  packetIdentifierInUse,
  quotaExceeded,
  payloadFormatInvalid,
]);

/** The codes of PUBREL and PUBCOMP, §§ 3.6.2.1 and 3.7.2.1. */
export const releaseCodes: ReadonlySet<number> = new Set([success, packetIdentifierNotFound]);

/** The codes of a client's DISCONNECT, § 3.14.2.1. */
export const clientDisconnectCodes: ReadonlySet<number> = new Set([
  reasonCodes.normalDisconnection,
  reasonCodes.disconnectWithWillMessage,
  unspecifiedError,
  reasonCodes.malformedPacket,
  reasonCodes.protocolError,
  implementationSpecificError,
  topicNameInvalid,
  reasonCodes.receiveMaximumExceeded,
  reasonCodes.topicAliasInvalid,
  reasonCodes.packetTooLarge,
  reasonCodes.messageRateTooHigh,
  quotaExceeded,
  reasonCodes.administrativeAction,
  payloadFormatInvalid,
]);

/** The codes of a client's AUTH, § 3.15.2.1. */
export const clientAuthCodes: ReadonlySet<number> = new Set([
  reasonCodes.continueAuthentication,
  reasonCodes.reAuthenticate,
]);
