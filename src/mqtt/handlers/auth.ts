/** AUTH, MQTT 5 § 3.15: the messages of an enhanced authentication, at CONNECT and again later. */
import type { Log } from "../../lib/log.ts";
import { Authenticating } from "../connection/authenticating.ts";
import type { Connection } from "../connection/connection.ts";
import type { Authentication, AuthenticationStep, Identity, Principal } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import { type AuthPacket, type ConnectPacket, encodeAuth5 } from "../wire/codec.ts";
import { ProtocolError } from "../wire/errors.ts";
import { reasonCodes } from "../wire/reason-codes.ts";
import type { Work } from "../work.ts";

export interface AuthParts {
  readonly identity: Pick<Identity, "methods">;
  readonly limits: Pick<BrokerLimits, "authenticationRoundsMax">;
  readonly work: Work;
  readonly log: Log;
}

/**
 * Authenticates a CONNECT that names a method. Resolves with the outcome once the client has answered every challenge;
 * undefined if it was refused already. The connection may be closed by then.
 */
export async function authenticateByMethod(
  parts: AuthParts,
  connection: Connection,
  packet: ConnectPacket,
  clientId: string,
): Promise<{ authentication: Authentication<Principal>; data: Uint8Array | undefined } | undefined> {
  const { username } = packet;
  const name = packet.authenticationMethod ?? "";
  const method = parts.identity.methods.get(name);
  if (method === undefined) {
    connection.refuse("bad_authentication_method", { text: "this authentication method is not known" }, { clientId }); // [MQTT-4.12.0-1]
    return undefined;
  }
  const client = { clientId, username, address: connection.address };
  const authenticating = new Authenticating(name, () => method.begin(client));
  connection.authenticating = authenticating;
  let data: Uint8Array | undefined = packet.authenticationData;
  for (let round = 0; round < parts.limits.authenticationRoundsMax; round++) {
    const step: AuthenticationStep<Principal> = await authenticating.next(data);
    if (connection.closed) return undefined;
    if ("done" in step) {
      authenticating.end();
      return { authentication: step.done, data: step.data };
    }
    const { challenge } = step;
    const auth = encodeAuth5({ reasonCode: reasonCodes.continueAuthentication, method: name, data: challenge });
    if (!connection.hasRoomFor(auth.length)) {
      connection.refuse("packet_too_large", { text: tooLarge }, { clientId });
      return undefined;
    }
    const answered = authenticating.answer();
    connection.outbox.append(auth);
    connection.awaitAuth();
    data = await answered;
    if (connection.closed) return undefined;
  }
  connection.refuse("not_authorized", { text: "too many messages" }, { clientId });
  return undefined;
}

const tooLarge = "AUTH is larger than the client takes";

export function handleAuth(parts: AuthParts, connection: Connection, packet: AuthPacket): void {
  const { authenticating } = connection;
  // Without a method in CONNECT there is none to continue [MQTT-4.12.0-6]; and the method stays the same
  // [MQTT-4.12.0-5].
  if (authenticating === undefined) throw new ProtocolError("AUTH without a method", reasonCodes.protocolError);
  if (packet.method !== authenticating.method) {
    throw new ProtocolError("another authentication method", reasonCodes.protocolError);
  }
  if (packet.reasonCode === reasonCodes.continueAuthentication) {
    if (!authenticating.isAsked) throw new ProtocolError("AUTH was not asked for", reasonCodes.protocolError);
    if (connection.session === undefined) connection.stopReading();
    authenticating.answered(packet.data);
    return;
  }
  if (connection.session === undefined || authenticating.underWay) {
    throw new ProtocolError("authentication is under way", reasonCodes.protocolError);
  }
  parts.work.started();
  authenticateAgain(parts, connection, authenticating, packet.data)
    .catch((error: unknown) => {
      parts.log.error("re-authentication failed", { address: connection.address, error });
      connection.close("internal_error");
    })
    .finally(() => parts.work.done());
}

function sendAuth(connection: Connection, step: Parameters<typeof encodeAuth5>[0]): void {
  const bytes = encodeAuth5(step);
  if (connection.hasRoomFor(bytes.length)) connection.outbox.append(bytes);
  else connection.close("packet_too_large", tooLarge);
}

/** The connection continues meanwhile; a failure ends it [MQTT-4.12.1-2]. */
async function authenticateAgain(
  parts: AuthParts,
  connection: Connection,
  authenticating: Authenticating,
  first: Uint8Array | undefined,
): Promise<void> {
  const { method } = authenticating;
  authenticating.begin();
  let data = first;
  for (let round = 0; round < parts.limits.authenticationRoundsMax; round++) {
    const step = await authenticating.next(data);
    if (connection.closed) return;
    if ("done" in step) {
      authenticating.end();
      const same = "principal" in step.done && step.done.principal.key === connection.session?.principal.key;
      if (!same) {
        connection.close("reauthentication_failed");
        return;
      }
      sendAuth(connection, { reasonCode: reasonCodes.success, method, data: step.data });
      return;
    }
    const answered = authenticating.answer();
    sendAuth(connection, { reasonCode: reasonCodes.continueAuthentication, method, data: step.challenge });
    data = await answered;
    if (connection.closed) return;
  }
  connection.close("reauthentication_failed", "too many messages");
}
