/** `Search`: users by their phones or their nick, as contacts of the list that answers. */
import type { Domain } from "../../domain/domain.ts";
import type { User, UserId } from "../../domain/model.ts";
import { echoed, type WireTerm } from "../../etf/encode.ts";
import { type ActingParts, actorOf } from "../acting.ts";
import { error, okRef } from "../records/answers.ts";
import { contact15, unknownContact } from "../records/contact-records.ts";
import { foundRecord } from "../records/profile-answer.ts";
import { readSearch } from "../records/search-record.ts";
import type { TermRequest } from "../request.ts";

export interface SearchParts extends ActingParts {
  readonly domain: Pick<Domain, "contacts" | "people" | "findNumbers">;
}

export async function handleSearch(parts: SearchParts, request: TermRequest): Promise<WireTerm | undefined> {
  const record = readSearch(request.fields);
  if (record === undefined) return error("invalid_data");
  const userId = actorOf(request);
  const own = userId === undefined ? undefined : parts.findUserNow(userId);
  if (own === undefined) return error("not_authorized");
  const contacts =
    "nick" in record ? await byNick(parts, own.userId, record.nick) : await byPhone(parts, own.userId, record.phones);
  return okRef(echoed(record.ref), foundRecord(own, contacts));
}

async function byNick(parts: SearchParts, userId: UserId, nick: string): Promise<WireTerm[]> {
  const users = await parts.domain.people.search(userId, { query: nick });
  return Promise.all(users.map((user) => found(parts, userId, user)));
}

async function byPhone(parts: SearchParts, userId: UserId, phones: readonly string[]): Promise<WireTerm[]> {
  const users = await parts.domain.findNumbers(userId, phones);
  return Promise.all(
    phones.map((phone, at) => {
      const user = users[at];
      return user === undefined ? unknownContact(phone) : found(parts, userId, user);
    }),
  );
}

/** With the status that the asking user's own list has. */
async function found({ domain }: SearchParts, userId: UserId, user: User): Promise<WireTerm> {
  const contact = await domain.contacts.find(userId, user.userId);
  return contact15({ user, status: contact?.status ?? "internal", updatedAtMs: user.updatedAtMs });
}
