/** A broker on a free port, with an identity that lets everyone do everything unless a test says otherwise. */
import { type Fields, type Log, silentLog } from "../../src/lib/log.ts";
import { type Broker, createBroker } from "../../src/mqtt/broker.ts";

import type { AuthenticationMethod, Identity, Principal } from "../../src/mqtt/identity.ts";
import { type BrokerLimits, defaultBrokerLimits } from "../../src/mqtt/limits.ts";
import { noTopics, type Service, type ServiceBroker } from "../../src/mqtt/service.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { MemoryBrokerStore } from "./memory-broker-store.ts";

/** What the method "TEST-ECHO" wants to hear back. */
export const echoChallenge = "say this";

/**
 * One round of challenge and answer, then the client is whom its user name says; data that says "at once" needs no
 * challenge, and "broken" is our own fault.
 */
const testEcho: AuthenticationMethod<Principal> = {
  begin({ username }) {
    let challenged = false;
    return {
      async next(data) {
        const said = data === undefined ? "" : Buffer.from(data).toString();
        if (said === "broken") throw new Error("the method is broken");
        if (!challenged && said !== "at once") {
          challenged = true;
          return { challenge: Buffer.from(echoChallenge) };
        }
        if (challenged && said !== echoChallenge) return { done: { refused: "not_authorized" } };
        const principal = { key: `user:${username ?? "anonymous"}` };
        return { done: { principal, persistent: true }, data: Buffer.from("welcome") };
      },
    };
  },
};

/** A client is the principal its username says; wrong passwords are "wrong". */
export const openIdentity: Identity = {
  methods: new Map([["TEST-ECHO", testEcho]]),
  principalOf: (key) => ({ key }),
  async authenticate({ username, password }) {
    if (password !== undefined && Buffer.from(password).toString() === "wrong") return { refused: "bad_credentials" };
    return { principal: { key: `user:${username ?? "anonymous"}` }, persistent: true };
  },
  authorize: () => true,
  refused() {},
  nameOf: ({ key }) => key,
  permissionsVersion: () => 0,
};

/** Every client of a test comes from the same address, and many within a second that a manual clock never ends. */
const oneAddress = { connectionsPerAddressMax: 1_000_000, connectsPerAddressSecondMax: 1_000_000 };

export interface TestBroker extends AsyncDisposable {
  readonly broker: Broker;
  readonly port: number;
  readonly clock: ManualClock;
  readonly store: MemoryBrokerStore;
  /** Closed connections, with the reason that was logged. */
  readonly closeReasons: string[];
  /** What was logged as an error. */
  readonly errors: string[];
  /** What was logged as a warning. */
  readonly warnings: { readonly message: string; readonly fields: Fields | undefined }[];
  /** Ends a principal's sessions, where there is a service. */
  endSessions(principalKey: string): void;
  /** Moves the clock and lets the broker see it. */
  advance(ms: number): void;
}

export interface TestBrokerOptions {
  identity?: Partial<Identity>;
  /** The broker's one service, without topics unless it says so. */
  service?: Partial<Service>;
  limits?: Partial<BrokerLimits>;
  store?: MemoryBrokerStore;
  /** Of an earlier broker, for one that is started again. */
  clock?: ManualClock;
  hostname?: string;
  /** How its one listener listens. */
  listener?: Parameters<Broker["listen"]>[1];
}

export async function startTestBroker({
  identity,
  service,
  limits,
  store = new MemoryBrokerStore(),
  clock = createManualClock(),
  listener,
}: TestBrokerOptions = {}): Promise<TestBroker> {
  const closeReasons: string[] = [];
  const errors: string[] = [];
  const warnings: TestBroker["warnings"] = [];
  const note: Log["info"] = (message, fields) => {
    if (message === "connection closed") closeReasons.push(String(fields?.["reason"]));
  };
  const error: Log["error"] = (message, fields) => void errors.push(`${message} ${fields?.["error"] ?? ""}`);
  const warn: Log["warn"] = (message, fields) => void warnings.push({ message, fields });
  const log: Log = { ...silentLog, info: note, debug: note, warn, error };
  let asService: ServiceBroker<Principal> | undefined;
  const withService = (parts: ServiceBroker<Principal>): Service<Principal> => {
    asService = parts;
    return { ...noTopics, ...service };
  };
  const broker = createBroker({
    store,
    identity: { ...openIdentity, ...identity },
    services: service === undefined ? [] : [withService],
    limits: { ...defaultBrokerLimits, ...oneAddress, ...limits },
    clock,
    log,
    sys: { version: "test", intervalSeconds: 10 },
  });
  await broker.start();
  store.changes.length = 0; // taking up what was there is not what tests count
  const { port } = broker.listen({ hostname: "127.0.0.1", port: 0 }, listener);
  return {
    broker,
    port,
    clock,
    store,
    closeReasons,
    errors,
    warnings,
    endSessions: (principalKey) => asService?.endSessions(principalKey),
    advance(ms) {
      clock.advance(ms);
      broker.turnClock();
    },
    async [Symbol.asyncDispose]() {
      await broker.stop();
    },
  };
}
