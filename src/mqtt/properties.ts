/** MQTT 5 properties, § 2.2.2.2. */

export interface PublishProperties {
  /** 1: the payload is UTF-8. */
  readonly payloadFormat: 0 | 1 | undefined;
  readonly contentType: string | undefined;
  readonly responseTopic: string | undefined;
  readonly correlationData: Uint8Array | undefined;
  readonly userProperties: readonly (readonly [name: string, value: string])[];
}
