/**
 * Tokens that were found good a moment ago. Looking one up costs more than the page of history it is shown for, so for
 * reading history a good one stays good for a second. Bad ones are never kept, and nothing that changes anything asks here.
 */
import type { Accounts, LoggedIn } from "../domain/accounts.ts";
import type { Clock } from "../lib/clock.ts";
import { requireParticipant } from "./auth.ts";

const goodForMs = 1000;
const tokensMax = 10_000;

interface Recent {
  readonly login: LoggedIn;
  readonly untilMs: number;
}

export function createRecentLogins({ accounts, clock }: { accounts: Accounts; clock: Clock }) {
  const recent = new Map<string, Recent>();

  /** Like `requireParticipant`. */
  return (token: string | undefined, address: string): LoggedIn | Promise<LoggedIn> => {
    const known = token === undefined ? undefined : recent.get(token);
    if (known !== undefined && clock.nowMs() < known.untilMs) return known.login;
    return lookUp(token, address);
  };

  async function lookUp(token: string | undefined, address: string): Promise<LoggedIn> {
    if (token !== undefined) recent.delete(token);
    const login = await requireParticipant(accounts, token, address);
    if (recent.size >= tokensMax) recent.clear();
    if (token !== undefined) recent.set(token, { login, untilMs: clock.nowMs() + goodForMs });
    return login;
  }
}
