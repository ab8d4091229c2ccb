/** Who acts by a record of conversation, and whom and what it names. */
import type { FriendRef } from "../domain/contacts/contact-store.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError } from "../domain/errors.ts";
import type { ChatRef, User, UserId } from "../domain/model.ts";
import type { WireTerm } from "../etf/encode.ts";
import { wordOf } from "./errors.ts";
import { error } from "./records/answers.ts";
import type { Feed } from "./records/feeds.ts";
import type { TermRequest } from "./request.ts";

export interface ActingParts {
  readonly store: Pick<Domain["store"], "listUserIdsOfPhone">;
  findUserNow(userId: number): User | undefined;
}

/** The user of the log-in on the connection, or of the account that the client has anyway. */
export function actorOf({ client, session }: Pick<TermRequest, "client" | "session">): UserId | undefined {
  const { phoneSession, loggedOut } = client;
  return phoneSession?.userId ?? (loggedOut ? undefined : session.principal.userId);
}

/** Undefined where the reference finds no user. */
export async function findPerson({ store, findUserNow }: ActingParts, ref: FriendRef): Promise<User | undefined> {
  if (typeof ref === "number") return findUserNow(ref);
  const { phone, userId } = ref;
  if (userId === undefined) {
    const [first] = await store.listUserIdsOfPhone(phone);
    return first === undefined ? undefined : findUserNow(first);
  }
  const user = findUserNow(userId);
  return (user?.phone ?? "") === phone ? user : undefined;
}

/** The chat that a feed means for the acting user. Throws `chat_not_found`, also where they are not part of it. */
export async function chatOfFeed(parts: ActingParts, feed: Feed, userId: UserId): Promise<ChatRef> {
  if ("room" in feed) return feed.room;
  const people = await Promise.all(feed.people.map((ref) => findPerson(parts, ref)));
  const [first, second] = people;
  if (first === undefined || people.includes(undefined)) throw new DomainError("chat_not_found");
  if (second === undefined || second.userId === userId) return { id: first.userId };
  if (first.userId !== userId) throw new DomainError("chat_not_found");
  return { id: second.userId };
}

/** A handler whose errors of the domain are answered in the words of conversation. */
export function answering<Request>(
  handle: (request: Request) => Promise<WireTerm | undefined>,
): (request: Request) => Promise<WireTerm | undefined> {
  return async (request) => {
    try {
      return await handle(request);
    } catch (failure) {
      const word = failure instanceof DomainError ? wordOf[failure.code] : undefined;
      if (word === undefined) throw failure;
      return error(word);
    }
  };
}
