/**
 * Finds users by their phones, as far as the asking user may find them (`people-search.ts`). So that no one learns who of a list of
 * numbers is here by asking for all of them, an account may ask for so many numbers a day.
 */
import type { Clock, MonotonicMs } from "../../lib/clock.ts";
import { DomainError } from "../errors.ts";
import type { User, UserId } from "../model.ts";
import type { Reads } from "../store.ts";
import type { PeopleSearch } from "./people-search.ts";

export const numbersPerDayMax = 100;
const dayMs = 86_400_000;
/** Accounts that are counted at a time; beyond that the one that began first is forgotten. */
const accountsMax = 10_000;

export type NumberSearch = ReturnType<typeof createNumberSearch>;

export function createNumberSearch(parts: {
  store: Pick<Reads, "listUserIdsOfPhone">;
  people: Pick<PeopleSearch, "get">;
  clock: Pick<Clock, "monotonicMs">;
}) {
  const { store, people, clock } = parts;
  /** By the user who asks; the one that began first stands first. */
  const asked = new Map<UserId, { readonly sinceMs: MonotonicMs; count: number }>();

  /** All or none of them. Throws `try_later`. */
  function count(userId: UserId, numbers: number): void {
    const nowMs = clock.monotonicMs();
    const known = asked.get(userId);
    const current = known !== undefined && nowMs - known.sinceMs < dayMs ? known : { sinceMs: nowMs, count: 0 };
    if (current.count + numbers > numbersPerDayMax) {
      throw new DomainError("try_later", `at most ${numbersPerDayMax} numbers a day`);
    }
    current.count += numbers;
    if (current === known) return;
    asked.delete(userId);
    asked.set(userId, current);
    const [oldest] = asked.keys();
    if (asked.size > accountsMax && oldest !== undefined) asked.delete(oldest);
  }

  /** For each phone its first user; undefined where there is none whom the asking user may find. Throws `try_later`. */
  return async function findNumbers(userId: UserId, phones: readonly string[]): Promise<(User | undefined)[]> {
    count(userId, phones.length);
    const found: (User | undefined)[] = [];
    for (const phone of phones) found.push(await findNumber(userId, phone));
    return found;
  };

  async function findNumber(userId: UserId, phone: string): Promise<User | undefined> {
    const [first] = await store.listUserIdsOfPhone(phone);
    if (first === undefined) return undefined;
    return people.get(userId, first).catch((error: unknown) => {
      if (error instanceof DomainError && error.code === "user_not_found") return undefined;
      throw error;
    });
  }
}
