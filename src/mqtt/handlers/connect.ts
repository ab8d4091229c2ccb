/** CONNECT, MQTT 3.1.1 § 3.1: who is it, which session is theirs, and the CONNACK. */
import { randomUUID } from "node:crypto";
import { type ConnectPacket, encodeConnack } from "../codec.ts";
import type { Connection } from "../connection.ts";
import type { BrokerCore } from "../core.ts";
import { connectReturnCode, ProtocolError } from "../errors.ts";
import type { Session } from "../session.ts";
import { countLevels, isTopicName } from "../topic-names.ts";
import { installSubscription } from "./subscribe.ts";

/** Answers when the session is open; until then nothing more of the connection is read. */
export function handleConnect(core: BrokerCore, connection: Connection, packet: ConnectPacket): void {
  const { will } = packet;
  if (will !== undefined && !isWillTopic(core, will.topic))
    throw new ProtocolError("the will's topic is not a topic name");
  connection.protocolVersion = packet.protocolVersion;
  connection.authenticating();
  // [MQTT-3.1.3-8]; MQTT 3.1 wants an id in any case. Its upper bound of 23 characters is nobody's any more.
  if (packet.clientId === "" && (packet.protocolVersion === 3 || !packet.cleanSession)) {
    connection.refuse(connectReturnCode.identifier_rejected, "no client id");
    return;
  }
  core.work.started();
  admit(core, connection, packet)
    .catch((error: unknown) => {
      core.log.error("connecting a client failed", { clientId: packet.clientId, address: connection.address, error });
      if (connection.session === undefined) connection.refuse(connectReturnCode.unavailable, "internal error");
      else connection.close("internal_error");
    })
    .finally(() => core.work.done());
}

async function admit(core: BrokerCore, connection: Connection, packet: ConnectPacket): Promise<void> {
  const { username, password, protocolVersion, cleanSession } = packet;
  const { address } = connection;
  const answer = await core.hooks.authenticate({
    clientId: packet.clientId,
    username,
    password,
    address,
    protocolVersion,
    cleanSession,
  });
  if (connection.closed) return;
  if ("refused" in answer) {
    connection.refuse(connectReturnCode[answer.refused], answer.refused);
    return;
  }
  const { principal } = answer;
  const clientId = packet.clientId === "" ? `auto-${randomUUID()}` : packet.clientId; // [MQTT-3.1.3-6]
  const persistent = !cleanSession && answer.persistent;
  await core.sessions.open({ connection, principal, clientId, persistent }, (session, resumed) => {
    connection.open(session, packet);
    // The byte that says "session present" is reserved in MQTT 3.1.
    const sessionPresent = resumed && protocolVersion !== 3;
    connection.outbox.append(encodeConnack({ sessionPresent, returnCode: connectReturnCode.accepted }));
    core.log.debug("client connected", { clientId, principal: principal.key, address, resumed });
    session.resume(); // before a service delivers anything, so that it keeps its packet ids
    core.hooks.opened(session, { resumed });
    restoreSubscriptions(core, session);
    connection.startReading();
  });
}

/** The service hears of every stored subscription; after a restart the trie does too. */
function restoreSubscriptions(core: BrokerCore, session: Session): void {
  const refused: string[] = [];
  for (const [filter, { qos }] of [...session.subscriptions]) {
    if (installSubscription(core, session, { filter, qos }) === "refused") refused.push(filter);
  }
  if (refused.length === 0 || session.storedId === undefined) return;
  core.store.unsubscribe(session.storedId, refused).catch((error: unknown) => {
    core.log.error("ending refused subscriptions failed", { clientId: session.clientId, error });
  });
}

function isWillTopic({ limits }: BrokerCore, topic: string): boolean {
  return (
    isTopicName(topic) &&
    Buffer.byteLength(topic) <= limits.topicBytesMax &&
    countLevels(topic) <= limits.topicLevelsMax
  );
}
