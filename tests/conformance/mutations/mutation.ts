/**
 * One rule of MQTT switched off: where the broker keeps it, the smallest change that makes it not, and the test that
 * must fail then.
 */

/** A test by its file, and as much of its name as no other test of the file has. */
export type MutationTest = readonly [file: string, name: string];

export interface Mutation {
  /** As `--only` names it. */
  readonly name: string;
  readonly version: "3.1" | "3.1.1" | "5.0";
  /** A statement of the specification, or its section where there is no statement. */
  readonly rule: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  readonly test: MutationTest;
}

/** The files the tests are in. */
export const testFiles = {
  connect3: "tests/conformance/v3.1.1/connect.test.ts",
  messages3: "tests/conformance/v3.1.1/messages.test.ts",
  packets3: "tests/conformance/v3.1.1/packets.test.ts",
  strings3: "tests/conformance/v3.1.1/strings.test.ts",
  acknowledgements5: "tests/conformance/v5.0/acknowledgements.test.ts",
  connack5: "tests/conformance/v5.0/connack.test.ts",
  connect5: "tests/conformance/v5.0/connect.test.ts",
  ending5: "tests/conformance/v5.0/ending.test.ts",
  format5: "tests/conformance/v5.0/format.test.ts",
  operation5: "tests/conformance/v5.0/operation.test.ts",
  publish5: "tests/conformance/v5.0/publish.test.ts",
  subscribe5: "tests/conformance/v5.0/subscribe.test.ts",
  pubsub: "tests/mqtt/pubsub.test.ts",
  qos2: "tests/mqtt/qos2.test.ts",
  queues: "tests/mqtt/queues.test.ts",
  retained: "tests/mqtt/retained.test.ts",
  services: "tests/mqtt/services.test.ts",
  sessions: "tests/mqtt/sessions.test.ts",
  version3: "tests/mqtt/version-3.test.ts",
} as const;
