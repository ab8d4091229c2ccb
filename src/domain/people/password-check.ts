/**
 * Checks a password that a client shows, for users and devices alike. What was found out about a password of a record is
 * remembered in memory, under a secret of the process: a fleet that comes back at once costs one hash, and so does a
 * client that shows the same wrong password again and again. A record that changes has another hash, so what was
 * remembered of it is never found again.
 */

import { networkOf } from "../../lib/client-network.ts";
import type { Clock } from "../../lib/clock.ts";
import { DomainError } from "../errors.ts";
import type { LoginGuard } from "./login-guard.ts";
import type { Passwords } from "./passwords.ts";
import { BoundedMap, createWaits } from "./waits.ts";

const rightMax = 100_000;
const wrongMax = 10_000;

export interface PasswordShown {
  /** What the password opens, `user:10001`; `name:…` where there is no such account. */
  readonly subject: string;
  readonly exists: boolean;
  /** As stored; undefined where there is no password. */
  readonly hash: string | undefined;
  readonly password: string;
  readonly address: string;
}

export type PasswordCheck = ReturnType<typeof createPasswordCheck>;

export function createPasswordCheck(parts: { guard: LoginGuard; passwords: Pick<Passwords, "verify">; clock: Clock }) {
  const { guard, passwords } = parts;
  const processKey = crypto.getRandomValues(new Uint8Array(32));
  const right = new BoundedMap<true>(rightMax);
  /** The same wrong password again tells nothing new. It has to wait by itself, and holds up no other. */
  const repeats = createWaits(parts.clock, wrongMax);
  const wrong = new BoundedMap<true>(wrongMax);
  /** Being hashed. */
  const underWay = new Map<string, Promise<boolean>>();

  /** Whether the password is the record's. Throws `try_later`, `busy`. */
  async function isRight(shown: PasswordShown): Promise<boolean> {
    const { subject, exists, hash, password, address } = shown;
    const claim = await guard.claim({
      kind: "password",
      subject,
      account: exists ? subject : undefined,
      address,
    });
    claim.check();
    const key = keyOf(shown);
    for (;;) {
      if (right.get(key) !== undefined) {
        claim.right();
        return true;
      }
      if (wrong.get(key) !== undefined) {
        repeats.check(key);
        repeats.failed(key, guard.freeFailures);
        return false;
      }
      const others = underWay.get(key);
      if (others === undefined) break;
      // Who waits for the hash of others is not refused with them.
      const outcome = await others.catch(ifBusy);
      if (outcome === true) return true;
      if (outcome === false) continue;
    }
    claim.begin();
    const hashing = passwords.verify(password, hash, { network: networkOf(address), account: subject });
    underWay.set(key, hashing);
    try {
      const outcome = await hashing;
      if (outcome) {
        right.set(key, true);
        claim.right();
      } else {
        wrong.set(key, true);
        repeats.failed(key, guard.freeFailures);
        claim.wrong();
      }
      return outcome;
    } catch (error) {
      claim.untried();
      throw error;
    } finally {
      underWay.delete(key);
    }
  }

  /** A name without a password is remembered by the name. */
  function keyOf({ subject, hash, password }: PasswordShown): string {
    const hmac = new Bun.CryptoHasher("sha256", processKey);
    return hmac
      .update(hash ?? subject)
      .update("\0")
      .update(password)
      .digest("base64");
  }

  return { isRight };
}

function ifBusy(error: unknown): undefined {
  if (error instanceof DomainError && error.code === "busy") return undefined;
  throw error;
}
