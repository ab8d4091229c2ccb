/** UNSUBSCRIBE, § 3.10: acknowledged even if nothing matched [MQTT-3.10.4-5]. */

import type { Log } from "../../lib/log.ts";
import { reserveAnswer, settleWith } from "../connection/acknowledgements.ts";
import type { Connection } from "../connection/connection.ts";
import { parseShared } from "../routing/subscription.ts";
import type { Session } from "../session/session.ts";
import type { BrokerStore } from "../store.ts";
import { encodeUnsuback, type UnsubscribePacket } from "../wire/codec.ts";
import { ProtocolError } from "../wire/errors.ts";
import { reasonCodes } from "../wire/reason-codes.ts";
import { isTopicFilter } from "../wire/topic-names.ts";
import { type RemoveParts, removeSubscription } from "./subscribe.ts";

export interface UnsubscribeParts extends RemoveParts {
  readonly store: Pick<BrokerStore, "unsubscribe">;
  readonly log: Log;
}

export function handleUnsubscribe(
  parts: UnsubscribeParts,
  connection: Connection,
  session: Session,
  packet: UnsubscribePacket,
): void {
  if (!packet.filters.every((filter) => isTopicFilter(filter) && parseShared(filter) !== "malformed")) {
    throw new ProtocolError("a malformed topic filter", reasonCodes.topicFilterInvalid);
  }
  const removed: string[] = [];
  const codes = packet.filters.map((filter) => {
    if (!removeSubscription(parts, session, filter)) return reasonCodes.noSubscriptionExisted;
    removed.push(filter);
    return reasonCodes.success;
  });
  const reply = reserveAnswer(connection);
  const answer = encodeUnsuback(packet.packetId, codes, connection.protocolVersion);
  const settle = (): void => {
    if (connection.hasRoomFor(answer.length)) settleWith(connection, reply, answer);
    else connection.close("packet_too_large", "UNSUBACK is larger than the client takes");
  };
  if (session.storedId === undefined || removed.length === 0) {
    settle();
    return;
  }
  connection.workStarted(0);
  parts.store
    .unsubscribe(session.storedId, removed)
    .then(settle, (error: unknown) => {
      // UNSUBACK before MQTT 5 has no refusal: without an answer the client tries again.
      parts.log.error("removing subscriptions failed", { clientId: session.clientId, error });
      connection.close("internal_error");
    })
    .finally(() => connection.workDone(0));
}
