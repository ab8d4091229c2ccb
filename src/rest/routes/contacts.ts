/** /contacts: a participant's friends, asked, agreed and ended (docs/protocols/rest.md § Contacts). */
import type { ShownPresence } from "../../delivery/presence.ts";
import { isoTime, presenceShape } from "../../delivery/shapes.ts";
import type { Contact } from "../../domain/contacts/contact-store.ts";
import { DomainError } from "../../domain/errors.ts";
import type { User, UserId } from "../../domain/model.ts";
import { accessToken, requireParticipant } from "../auth.ts";
import { type Handler, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { json } from "../json.ts";
import { idOfPageCursor, pageCursorOf, pageOf } from "../pages.ts";
import { parse, pick } from "../schemas.ts";

export function createContactRoutes({ domain, presence, log, schemas }: RouteParts) {
  const { accounts, contacts, store } = domain;

  const callerOf = async (c: RestContext): Promise<User> =>
    (await requireParticipant(accounts, accessToken(c.req.raw, queryOf(c.req.raw)), c.env)).user;

  /** By rising user id; `next` is the `after` of the page that follows, null where nothing follows. */
  const list: Handler = own(log, async (c) => {
    const { userId } = await callerOf(c);
    const query = pick(queryOf(c.req.raw) ?? new URLSearchParams(), ["after", "limit"]);
    const { after, limit } = parse(schemas.contactsQuery, query);
    const rows = await store.contactPage({ userId, after: idOfPageCursor("k", after), limit: limit + 1 });
    const { page, next } = pageOf(rows, limit, ({ user }) => pageCursorOf("k", user.userId));
    const shown = await Promise.all(page.map((contact) => shapeOf(userId, contact)));
    return json(JSON.stringify({ contacts: shown, next }));
  });

  const get: Handler = own(log, async (c) => {
    const { userId } = await callerOf(c);
    return answer(userId, await namedId(c));
  });

  /** Asks, or agrees where the other user asked. */
  const put: Handler = own(log, async (c) => {
    const { userId } = await callerOf(c);
    const contactId = await namedId(c);
    await contacts.ask(userId, contactId);
    return answer(userId, contactId);
  });

  const remove: Handler = own(log, async (c) => {
    const { userId } = await callerOf(c);
    await contacts.end(userId, await namedId(c));
    return json("{}");
  });

  /** Whom the path names. No user and a user who is no contact get the same answer. */
  async function namedId(c: RestContext): Promise<UserId> {
    const user = await store.findUserByKey(c.req.param("user") ?? "");
    if (user === undefined) throw new DomainError("user_not_found");
    return user.userId;
  }

  async function answer(userId: UserId, contactId: UserId): Promise<Response> {
    const contact = await store.findContact(userId, contactId);
    if (contact === undefined || contact.user.disabled) throw new DomainError("user_not_found");
    const seen = await presence.seenBy(userId, contactId);
    return json(JSON.stringify({ ...(await shapeOf(userId, contact)), presence: seen && shownPresence(seen) }));
  }

  async function shapeOf(userId: UserId, contact: Contact) {
    const { user, status, updatedAtMs } = contact;
    const named = await contacts.mayBeNamed(userId, contact);
    return {
      user_id: String(user.userId),
      userID: named ? user.userKey : `user.${user.userId}`,
      ...(named ? { GUID: user.guid } : {}),
      ...(named && user.nick !== "" && user.nick !== user.userKey ? { displayName: user.nick } : {}),
      status,
      updated: isoTime(updatedAtMs),
    };
  }

  return { list, get, put, remove };
}

/** Without the id, which stands beside it. */
function shownPresence(seen: ShownPresence) {
  const { user_id: _, ...shape } = presenceShape(seen);
  return shape;
}
