/** Whose memory a request takes. Only what is large is asked for. */

import type { Domain } from "../domain/domain.ts";
import { hashSecret } from "../domain/people/secrets.ts";
import { accessToken } from "./auth.ts";
import { queryOf } from "./context.ts";
import { Refusal } from "./errors.ts";
import type { CallerOf } from "./memory.ts";
import type { PageSessions } from "./page-sessions.ts";

export interface CallersParts {
  readonly store: Pick<Domain["store"], "findLongToken" | "findToken">;
  isBackendKey(secret: string): Promise<boolean>;
  readonly pageSessions: Pick<PageSessions, "logInOf">;
}

/** Who shows a secret in the headers or the query, or a page's cookie; undefined where there is none, or a wrong one. */
export const createCallers =
  ({ store, isBackendKey, pageSessions }: CallersParts): CallerOf =>
  async (request) => {
    const secret = shownIn(request);
    if (secret === undefined) {
      const shown = await pageSessions.logInOf(request);
      return shown === undefined ? undefined : { account: `user:${shown.user.userId}` };
    }
    const hash = hashSecret(secret);
    const long = await store.findLongToken(hash);
    if (long !== undefined) return { account: long.token.ownerKey };
    const owner = await store.findToken(hash, "access");
    if (owner !== undefined) return { account: `user:${owner.user.userId}` };
    return (await isBackendKey(secret)) ? { account: undefined } : undefined;
  };

/** A secret that is too long is refused by its route. */
function shownIn(request: Request): string | undefined {
  try {
    return accessToken(request, queryOf(request));
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
