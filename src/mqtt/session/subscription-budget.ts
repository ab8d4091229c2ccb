/** The bytes that subscriptions take in memory: a share for each session, for each principal, and for all. */
import type { MemoryBudget } from "../../net/memory-budget.ts";
import type { BrokerLimits } from "../limits.ts";
import { countLevels, hasWildcard } from "../wire/topic-names.ts";

/** Of a filter besides its text, in the session and in the tree. */
const aroundFilterBytes = 128;
/** Of a level in the tree, where a filter with wildcards stands. */
const levelBytes = 256;
/** What most sessions have is not worth an entry. */
const uncountedBytes = 1024;

/** What a filter takes in memory, about. */
export const filterBytes = (filter: string): number =>
  2 * filter.length + aroundFilterBytes + (hasWildcard(filter) ? levelBytes * countLevels(filter) : 0);

export interface SubscriptionBudgetParts {
  readonly limits: Pick<
    BrokerLimits,
    "subscriptionBytesPerSessionMax" | "subscriptionBytesPerPrincipalMax" | "subscriptionBytesMax"
  >;
  readonly memory: Pick<MemoryBudget, "keep" | "hasRoomFor">;
}

export class SubscriptionBudget {
  bytes = 0;
  readonly #parts: SubscriptionBudgetParts;
  readonly #ofPrincipals = new Map<string, number>();

  constructor(parts: SubscriptionBudgetParts) {
    this.#parts = parts;
  }

  /** Whether a session whose subscriptions take `held` bytes may have `more`. */
  hasRoom(principalKey: string, held: number, more: number): boolean {
    const { limits, memory } = this.#parts;
    if (held + more > limits.subscriptionBytesPerSessionMax) return false;
    const counted = countedOf(held + more) - countedOf(held);
    if (counted === 0) return true;
    const ofPrincipal = this.#ofPrincipals.get(principalKey) ?? 0;
    return (
      ofPrincipal + counted <= limits.subscriptionBytesPerPrincipalMax &&
      this.bytes + counted <= limits.subscriptionBytesMax &&
      memory.hasRoomFor(counted)
    );
  }

  /** A session's subscriptions take `after` bytes, where they took `before`. */
  changed(principalKey: string, before: number, after: number): void {
    const counted = countedOf(after) - countedOf(before);
    if (counted === 0) return;
    this.bytes += counted;
    this.#parts.memory.keep("subscriptions", counted);
    const ofPrincipal = (this.#ofPrincipals.get(principalKey) ?? 0) + counted;
    if (ofPrincipal > 0) this.#ofPrincipals.set(principalKey, ofPrincipal);
    else this.#ofPrincipals.delete(principalKey);
  }
}

const countedOf = (bytes: number): number => (bytes > uncountedBytes ? bytes : 0);
