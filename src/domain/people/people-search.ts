/**
 * Whom a user may find, as the setting `directory` has it; for changes see `store/sqlite/people/directory.ts`. By name they
 * find acquaintances by any words of a nick and, where the directory shows all, others by how their nick begins, or by
 * what names them alone (userID, number). Each look is bounded, however many people there are.
 */
import { isMatch, wordsOf } from "../../lib/words.ts";
import type { ContactReads } from "../contacts/contact-store.ts";
import { DomainError } from "../errors.ts";
import { safeInteger } from "../keys.ts";
import type { User, UserId } from "../model.ts";
import type { UserReads } from "../store.ts";
import { isPerson } from "./kinds.ts";

export const peopleQueryCharactersMax = 128;
export const foundPeopleMax = 50;
const foundPeople = 20;
/** Looked at for each search, those of the liveliest chats first. */
const acquaintancesMax = 500;

export type PeopleSearch = ReturnType<typeof createPeopleSearch>;

export function createPeopleSearch({
  store,
  directory,
}: {
  store: Pick<UserReads, "findUser" | "findUserByKey" | "namesOfAcquaintances" | "usersNamed"> &
    Pick<ContactReads, "isAcquaintance">;
  directory: "all" | "contacts";
}) {
  /** The one who is named exactly, then acquaintances, then strangers. Throws `invalid_query`. */
  async function search(userId: UserId, asked: { query: string; limit?: number }): Promise<User[]> {
    const query = asked.query.trim();
    if (query === "" || query.length > peopleQueryCharactersMax) throw new DomainError("invalid_query");
    const limit = Math.min(asked.limit ?? foundPeople, foundPeopleMax);
    const found = new Set<UserId>();
    const known = await store.namesOfAcquaintances(userId, acquaintancesMax);
    if (directory === "all") {
      const named = (await store.findUserByKey(query)) ?? (await byNumber(query));
      if (named !== undefined) found.add(named.userId);
    } else {
      for (const one of known) if (one.userKey === query || String(one.userId) === query) found.add(one.userId);
    }
    const words = wordsOf(query);
    const hasWords = words.words.length + words.runs.length + words.signs.length > 0;
    for (const { userId: id, nick } of known) {
      const begins = nick.toLowerCase().startsWith(query.toLowerCase());
      if (begins || (hasWords && isMatch(words, wordsOf(nick)))) found.add(id);
    }
    if (directory === "all") {
      for (const beginning of spellings(query)) {
        for (const id of await store.usersNamed(beginning, limit)) found.add(id);
      }
    }
    const users: User[] = [];
    for (const id of found) {
      if (users.length >= limit) break;
      const user = await store.findUser(id);
      if (user !== undefined && !user.disabled && isPerson(user)) users.push(user);
    }
    return users;
  }

  /** A user as `userId` may see them, who may be a hook of a chat of theirs. Throws `user_not_found`. */
  async function get(userId: UserId, id: number): Promise<User> {
    const user = await store.findUser(id);
    if (user === undefined || user.disabled) throw new DomainError("user_not_found");
    const isShown = (directory === "all" && isPerson(user)) || (await store.isAcquaintance(userId, user.userId));
    if (!isShown) throw new DomainError("user_not_found");
    return user;
  }

  async function byNumber(query: string): Promise<User | undefined> {
    const id = safeInteger(query);
    return id === undefined ? undefined : store.findUser(id);
  }

  return { search, get };
}

/** The index knows small and capital letters of ASCII to be the same, and of no other letter. */
function spellings(query: string): Set<string> {
  const small = query.toLowerCase();
  const [first = "", ...rest] = small;
  return new Set([query, small, query.toUpperCase(), first.toUpperCase() + rest.join("")]);
}
