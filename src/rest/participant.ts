/** A participant as POST /token describes them, in the domain's words. */
import type { ParticipantRequest } from "../domain/people/tokens.ts";
import type { RestLimits } from "./limits.ts";
import { parseUserKey } from "./public-key.ts";
import type { Schemas } from "./schemas.ts";

/** Throws a refusal that tells what is wrong with the key. */
export function participantOf(
  { userID, userKey, clientID, displayName }: ReturnType<Schemas["token"]["parse"]>,
  { rsaBitsMin }: Pick<RestLimits, "rsaBitsMin">,
): ParticipantRequest {
  return {
    username: userID,
    publicKey: userKey === null || userKey === undefined ? undefined : parseUserKey(userKey, rsaBitsMin),
    clientId: clientID ?? undefined,
    displayName: displayName ?? undefined,
  };
}
