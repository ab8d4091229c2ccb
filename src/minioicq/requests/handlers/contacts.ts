/** Friends: asked, agreed, ended, listed; blocking a user, and unblocking (docs/protocols/minioicq.md). */
import { isoTime } from "../../../delivery/shapes.ts";
import type { Contact } from "../../../domain/contacts/contact-store.ts";
import { DomainError } from "../../../domain/errors.ts";
import { userBodies, wireId } from "../../outgoing/push.ts";
import type { Handler, UserCall } from "../action.ts";
import { answerWith } from "../answer.ts";
import { isAbsent, Refused, type WireId } from "../fields.ts";

/** Contacts of one `contact.list.success`. */
const pageContacts = 200;

interface OfContact<Name> {
  readonly action: Name;
  readonly userId: WireId;
}

/** By rising id; `next` goes into `after` of the next page, and is missing at the end. */
export const listContacts: Handler<{ readonly action: "contact.list"; readonly after: number }> = {
  parse: ({ after }, reader) => {
    const id = isAbsent(after) ? 0 : reader.id(after, "Invalid after");
    if (id === undefined) throw new Refused("Invalid after");
    return { action: "contact.list", after: id };
  },
  handle: async (call, { after }) => {
    const { shared, caller, user } = call;
    const rows = await shared.domain.store.contactPage({ userId: user.userId, after, limit: pageContacts + 1 });
    const page = rows.slice(0, pageContacts);
    const last = page.at(-1);
    return answerWith({
      action: "contact.list.success",
      contacts: await contactBodies(call, page),
      next: rows.length > page.length && last !== undefined ? wireId(last.user.userId, caller.dialect) : undefined,
    });
  },
};

/** Throws `user_not_found`, `too_many_contacts`. */
export const requestContact: Handler<OfContact<"contact.request">> = {
  parse: ({ user_id: id }, reader) => ({ action: "contact.request", userId: reader.id(id, "User not found") }),
  handle: async ({ shared, caller, user }, { userId }) => {
    const contactId = known(userId);
    const status = await shared.domain.contacts.ask(user.userId, contactId);
    return answerWith({ action: "contact.request.success", user_id: wireId(contactId, caller.dialect), status });
  },
};

/** Throws `user_not_found`. */
export const confirmContact: Handler<OfContact<"contact.confirm">> = {
  parse: ({ user_id: id }, reader) => ({ action: "contact.confirm", userId: reader.id(id, "User not found") }),
  handle: async ({ shared, caller, user }, { userId }) => {
    const contactId = known(userId);
    await shared.domain.contacts.agree(user.userId, contactId);
    return answerWith({
      action: "contact.confirm.success",
      user_id: wireId(contactId, caller.dialect),
      status: "friend",
    });
  },
};

/** Throws `user_not_found`. */
export const revokeContact: Handler<OfContact<"contact.revoke">> = {
  parse: ({ user_id: id }, reader) => ({ action: "contact.revoke", userId: reader.id(id, "User not found") }),
  handle: async ({ shared, caller, user }, { userId }) => {
    const contactId = known(userId);
    await shared.domain.contacts.end(user.userId, contactId);
    return answerWith({ action: "contact.revoke.success", user_id: wireId(contactId, caller.dialect) });
  },
};

export const block = changeOf("contact.block");
export const unblock = changeOf("contact.unblock");

/** Idempotent. Throws `user_not_found`, `too_many_contacts`. */
function changeOf<Name extends "contact.block" | "contact.unblock">(action: Name): Handler<OfContact<Name>> {
  return {
    parse: ({ user_id: id }, reader) => ({ action, userId: reader.id(id, "User not found") }),
    handle: async ({ shared, caller, user }, { userId }) => {
      const { contacts } = shared.domain;
      const contactId = known(userId);
      if (action === "contact.block") await contacts.block(user.userId, contactId);
      else await contacts.unblock(user.userId, contactId);
      return answerWith({ action: `${action}.success`, user_id: wireId(contactId, caller.dialect) });
    },
  };
}

function known(id: WireId): number {
  if (id === undefined) throw new DomainError("user_not_found");
  return id;
}

/** Uploaded avatars are shown while they fit, then generated ones. */
export async function contactBodies({ shared, caller, user }: UserCall, page: readonly Contact[]) {
  const { dialect } = caller;
  const { domain, limits } = shared;
  const people = userBodies(
    page.map((contact) => contact.user),
    dialect,
    limits.avatarBytesMax,
  );
  return Promise.all(
    page.map(async (contact, at) => ({
      ...((await domain.contacts.mayBeNamed(user.userId, contact))
        ? people[at]
        : { user_id: wireId(contact.user.userId, dialect) }),
      status: contact.status,
      updated: isoTime(contact.updatedAtMs),
    })),
  );
}
