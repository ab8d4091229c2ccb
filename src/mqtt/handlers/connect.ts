/** CONNECT, § 3.1: which client it is, which session it gets, and the CONNACK. */
import { randomUUID } from "node:crypto";
import type { Log } from "../../lib/log.ts";
import type { MemoryBudget } from "../../net/memory-budget.ts";
import type { Connection } from "../connection/connection.ts";
import type { Counters } from "../counters.ts";
import type { Authentication, Identity, Principal } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import { storedServingOf } from "../routing/subscription.ts";
import type { Will, Wills } from "../routing/wills.ts";
import type { Services } from "../services.ts";
import type { Session } from "../session/session.ts";
import { SessionRefused, type Sessions, tooManyWebSockets } from "../session/sessions.ts";
import type { BrokerStore } from "../store.ts";
import { type ConnackProperties, type ConnectPacket, encodeConnack5, sessionNeverExpires } from "../wire/codec.ts";
import { ProtocolError } from "../wire/errors.ts";
import { reasonCodes } from "../wire/reason-codes.ts";
import { countLevels, isTopicName } from "../wire/topic-names.ts";
import { type AuthParts, authenticateByMethod } from "./auth.ts";
import { type InstallParts, installSubscription } from "./subscribe.ts";

export interface ConnectParts extends AuthParts, RestoreParts {
  readonly identity: Pick<Identity, "methods" | "authenticate" | "refused" | "nameOf">;
  readonly logConnections: Log["debug"];
  readonly services: InstallParts["services"] & Pick<Services, "opened">;
  readonly identityChanges: {
    /** Records what a client asked for that may have no session beyond its connection with its present principal. */
    remember(connection: Connection, lifetime: Lifetime): void;
  };
  readonly memory: Pick<MemoryBudget, "mayBegin">;
  readonly sessions: Pick<Sessions, "open">;
  readonly wills: Pick<Wills, "put" | "discard">;
  readonly counters: Pick<Counters, "connectsReceived">;
  readonly limits: AuthParts["limits"] &
    Pick<
      BrokerLimits,
      | "packetBytesMax"
      | "topicBytesMax"
      | "topicLevelsMax"
      | "topicAliasesMax"
      | "keepAliveSecondsMax"
      | "inboundInflightMax"
      | "sessionExpirySecondsMax"
    >;
}

export interface RestoreParts extends InstallParts {
  readonly store: Pick<BrokerStore, "unsubscribe">;
  readonly log: Log;
}

/**
 * Answers when the session is open. Until then nothing more of the connection is read. A client whose address connects
 * too often waits for its turn.
 */
export function handleConnect(parts: ConnectParts, connection: Connection, packet: ConnectPacket): void {
  parts.counters.connectsReceived++;
  connection.admitting(packet);
  const { will } = packet;
  if (will !== undefined && !isWillTopic(parts, will.topic)) {
    throw new ProtocolError("the will's topic is not a topic name", reasonCodes.topicNameInvalid);
  }
  // [MQTT-3.1.3-8]; MQTT 3.1 requires an id in any case. Its upper bound of 23 characters is no longer applied.
  if (
    packet.clientId === "" &&
    (packet.protocolVersion === 3 || (packet.protocolVersion === 4 && !packet.cleanStart))
  ) {
    connection.refuse("identifier_rejected", { text: "no client id" });
    return;
  }
  connection.inTurn(() => {
    parts.work.started();
    admit(parts, connection, packet)
      .catch((error: unknown) => failed(parts, connection, { packet, error }))
      .finally(() => parts.work.done());
  });
}

function failed(
  { log }: ConnectParts,
  connection: Connection,
  { packet, error }: { packet: ConnectPacket; error: unknown },
): void {
  if (error instanceof SessionRefused) {
    const { reason, principal } = error;
    connection.refuse("quota_exceeded", reason, { principal, clientId: packet.clientId });
    return;
  }
  log.error("connecting a client failed", { clientId: packet.clientId, address: connection.address, error });
  if (connection.session === undefined) connection.refuse("unavailable", { text: "internal error" });
  else connection.close("internal_error");
}

async function admit(parts: ConnectParts, connection: Connection, packet: ConnectPacket): Promise<void> {
  const clientId = packet.clientId === "" ? `auto-${randomUUID()}` : packet.clientId; // [MQTT-3.1.3-6]
  let answer: Authentication<Principal>;
  let authenticationData: Uint8Array | undefined;
  if (packet.authenticationMethod === undefined) answer = await authenticate(parts, connection, packet, clientId);
  else {
    const outcome = await authenticateByMethod(parts, connection, packet, clientId);
    if (outcome === undefined) return;
    answer = outcome.authentication;
    authenticationData = outcome.data;
  }
  if (connection.closed) return;
  if ("refused" in answer) {
    connection.refuseCredentials(answer.refused);
    return;
  }
  if (!parts.memory.mayBegin(answer.principal.key)) {
    connection.refuseForRoom({ principal: answer.principal, clientId });
    return;
  }
  if (!connection.identify(answer)) throw new SessionRefused(tooManyWebSockets, answer.principal);
  const { principal } = answer;
  const packetBytesMax = Math.min(answer.packetBytesMax ?? Number.POSITIVE_INFINITY, parts.limits.packetBytesMax);
  if (answer.packetBytesMax !== undefined) connection.limitPackets(packetBytesMax);
  const { persistent, expirySeconds, granted } = lifetimeOf(parts, packet, answer.persistent);
  if (!answer.persistent) parts.identityChanges.remember(connection, lifetimeOf(parts, packet, true));
  const properties = withRoom(connection, {
    ...connackProperties(parts, packet, clientId),
    maximumPacketBytes: packetBytesMax,
    sessionExpirySeconds: granted,
    authenticationMethod: packet.authenticationMethod,
    authenticationData,
  });
  if (properties === undefined) {
    connection.refuse("packet_too_large", { text: "CONNACK is larger than the client takes" }, { principal, clientId });
    return;
  }
  const { cleanStart } = packet;
  const request = { connection, principal, clientId, cleanStart, persistent, expirySeconds };
  const owner = { principalKey: principal.key, clientId };
  const will = packet.will && (await parts.wills.put(owner, packet.will));
  let taken = false;
  try {
    await parts.sessions.open(request, (session, resumed) => {
      taken = true;
      welcome(
        parts,
        connection,
        packet,
        { session, resumed, will, expirySeconds: persistent ? expirySeconds : 0 },
        properties,
      );
    });
  } finally {
    // The will belongs to a connection that was never accepted.
    if (will !== undefined && !taken) parts.wills.discard(will);
  }
}

function authenticate(
  parts: ConnectParts,
  connection: Connection,
  packet: ConnectPacket,
  clientId: string,
): Promise<Authentication<Principal>> {
  const { username, password, protocolVersion, cleanStart } = packet;
  const { address, certificateSubject } = connection;
  return parts.identity.authenticate({
    clientId,
    username,
    password,
    address,
    protocolVersion,
    cleanStart,
    certificateSubject,
  });
}

export interface Lifetime {
  readonly persistent: boolean;
  /** Undefined: the broker's setting. */
  readonly expirySeconds: number | undefined;
  /** The expiry that an MQTT 5 client is told, where it differs from what it asked for [MQTT-3.2.2-21]. */
  readonly granted: number | undefined;
}

/** How long the session lives without a connection. */
function lifetimeOf({ limits }: ConnectParts, packet: ConnectPacket, mayPersist: boolean): Lifetime {
  const { protocolVersion, cleanStart } = packet;
  if (protocolVersion !== 5) {
    return { persistent: !cleanStart && mayPersist, expirySeconds: undefined, granted: undefined };
  }
  const asked = packet.sessionExpirySeconds ?? 0;
  const most = Math.min(limits.sessionExpirySecondsMax, sessionNeverExpires);
  const seconds = mayPersist ? Math.min(asked, most) : 0;
  return { persistent: seconds > 0, expirySeconds: seconds, granted: seconds === asked ? undefined : seconds };
}

/** In force for a connection; only MQTT 5 has a way to tell the client of another one than it asked for. */
function keepAliveOf({ limits }: ConnectParts, { protocolVersion, keepaliveSeconds }: ConnectPacket): number {
  const most = limits.keepAliveSecondsMax;
  if (protocolVersion !== 5 || most === 0) return keepaliveSeconds;
  return keepaliveSeconds === 0 ? most : Math.min(keepaliveSeconds, most);
}

function connackProperties(parts: ConnectParts, packet: ConnectPacket, clientId: string): ConnackProperties {
  const { limits } = parts;
  const keepAlive = keepAliveOf(parts, packet);
  return {
    serverKeepAliveSeconds: keepAlive === packet.keepaliveSeconds ? undefined : keepAlive, // [MQTT-3.2.2-22]
    receiveMaximum: limits.inboundInflightMax,
    topicAliasMaximum: limits.topicAliasesMax,
    assignedClientId: packet.clientId === "" ? clientId : undefined, // [MQTT-3.2.2-16]
    // A client id becomes a part of a topic name here, which it need not be valid for.
    responseInformation:
      packet.requestResponseInformation && isTopicName(clientId) ? `responses/${clientId}` : undefined,
  };
}

/** What a client can do without, and what is left out first. Limits hold for a client that was not told too. */
const dispensable = ["responseInformation", "topicAliasMaximum", "receiveMaximum", "maximumPacketBytes"] as const;

/** Leaves out what the client has no room for [MQTT-3.1.2-24]; undefined where it must know more than it takes. */
function withRoom(connection: Connection, properties: ConnackProperties): ConnackProperties | undefined {
  if (!connection.boundsPackets) return properties;
  const fits = (some: ConnackProperties): boolean =>
    connection.hasRoomFor(encodeConnack5({ sessionPresent: false, reasonCode: 0, properties: some }).length);
  let left = properties;
  for (const name of dispensable) {
    if (fits(left)) return left;
    left = { ...left, [name]: undefined };
  }
  return fits(left) ? left : undefined;
}

interface Opened {
  readonly session: Session;
  readonly resumed: boolean;
  readonly will: Will | undefined;
  readonly expirySeconds: number | undefined;
}

function welcome(
  parts: ConnectParts,
  connection: Connection,
  packet: ConnectPacket,
  { session, resumed, will, expirySeconds }: Opened,
  properties: ConnackProperties,
): void {
  const keepaliveSeconds = keepAliveOf(parts, packet);
  connection.open(session, { keepaliveSeconds, will, sessionExpirySeconds: expirySeconds });
  connection.accept(resumed, properties);
  const { principal, clientId } = session;
  parts.logConnections("client connected", {
    door: "mqtt",
    clientId,
    address: connection.address,
    resumed,
    get account() {
      return parts.identity.nameOf(principal);
    },
  });
  session.resume(); // before a service delivers anything, so that the session keeps its packet ids
  parts.services.opened(session, { resumed });
  restoreSubscriptions(parts, session);
  connection.startReading();
}

/** Services are told of every stored subscription. One that a service refuses ends. */
export function restoreSubscriptions(parts: RestoreParts, session: Session): void {
  const refused: string[] = [];
  for (const [filter, subscription] of session.subscriptions()) {
    const serving = storedServingOf(parts, session, filter);
    if (installSubscription(parts, session, filter, subscription, serving) === undefined) refused.push(filter);
  }
  if (refused.length === 0 || session.storedId === undefined) return;
  parts.store.unsubscribe(session.storedId, refused).catch((error: unknown) => {
    parts.log.error("ending refused subscriptions failed", { clientId: session.clientId, error });
  });
}

function isWillTopic({ limits }: ConnectParts, topic: string): boolean {
  return (
    isTopicName(topic) &&
    Buffer.byteLength(topic) <= limits.topicBytesMax &&
    countLevels(topic) <= limits.topicLevelsMax
  );
}
