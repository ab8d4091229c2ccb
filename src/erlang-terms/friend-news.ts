/**
 * What users are told of friends on the topics of their phone, whichever door it happened at: PRIVATE § Friend Request,
 * Confirmation, Revoke. What follows from a request of these services goes out behind its answer.
 */
import type { ContactChange } from "../domain/contacts/contact-store.ts";
import type { User, UserId } from "../domain/model.ts";
import { parsePhoneId } from "../domain/phones/phones.ts";
import type { Tell } from "./phone-devices.ts";
import { asStranger, type ContactView, contact8, contact15 } from "./records/contact-records.ts";

export type FriendNews = ReturnType<typeof createFriendNews>;

/** Statuses that are sent on the phone's topic too: those that the other user causes. */
const onPhoneTopic: ReadonlySet<ContactChange["status"]> = new Set(["authorization", "friend"]);

/** The user who was asked may never have agreed to be known. */
const unconfirmed: ReadonlySet<ContactChange["status"]> = new Set(["request", "revoke", "deleted"]);

export function createFriendNews(parts: {
  tell: Pick<Tell, "phone" | "sessions">;
  findUserNow(userId: number): User | undefined;
  hidesStrangers: boolean;
}) {
  const { tell, findUserNow, hidesStrangers } = parts;
  /** By user: how many of their requests are being answered. */
  const asking = new Map<UserId, number>();
  let waiting: ContactChange[] = [];

  /** Resolves when what could be sent is stored for the devices that are away; undefined where nothing could. */
  function tellWaiting(): Promise<unknown> | undefined {
    const ready = waiting.filter(({ userId, contactId }) => !asking.has(userId) && !asking.has(contactId));
    if (ready.length === 0) return undefined;
    waiting = waiting.filter(({ userId, contactId }) => asking.has(userId) || asking.has(contactId));
    return Promise.all(ready.flatMap(tellChange));
  }

  function tellChange(change: ContactChange): Promise<void>[] {
    const { userId, contactId, status, updatedAtMs } = change;
    const phone = findUserNow(userId)?.phone;
    const user = findUserNow(contactId) ?? formerUser(change);
    if (phone === undefined || user === undefined) return [];
    const isHidden = hidesStrangers && unconfirmed.has(status);
    const contact = { user: isHidden ? asStranger(user) : user, status, updatedAtMs };
    const toPhone = onPhoneTopic.has(status) ? [tell.phone(phone, contact8(contact))] : [];
    return [...toPhone, tell.sessions(phone, contact15(contact))];
  }

  return {
    /** A user without a phone is not told. */
    async changed(changes: readonly ContactChange[]): Promise<void> {
      waiting.push(...changes);
      await tellWaiting();
    },

    /** What concerns these users is told once the function that this gives is called, which may be called twice. */
    hold(userIds: readonly UserId[]): () => Promise<void> {
      for (const userId of userIds) asking.set(userId, (asking.get(userId) ?? 0) + 1);
      let isHeld = true;
      return async () => {
        if (!isHeld) return;
        isHeld = false;
        for (const userId of userIds) {
          const left = (asking.get(userId) ?? 0) - 1;
          if (left > 0) asking.set(userId, left);
          else asking.delete(userId);
        }
        await tellWaiting();
      };
    },
  };
}

/** Of a user who is gone, the PhoneId remains. */
function formerUser({ contactId: userId, formerPhoneId }: ContactChange): ContactView["user"] | undefined {
  if (formerPhoneId === undefined) return undefined;
  const phone = parsePhoneId(formerPhoneId)?.phone;
  return { userId, phone: phone === "" ? undefined : phone, names: "", surnames: "", nick: "", avatarLink: "" };
}
