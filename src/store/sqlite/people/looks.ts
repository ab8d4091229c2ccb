/** Which friends are told that a user looks different: each of them has the user in a list. */
import type { ContactChange } from "../../../domain/contacts/contact-store.ts";
import type { UserId } from "../../../domain/model.ts";
import type { WireLook } from "./user-parts.ts";

export const friendsTold = ({ userId, updatedAtMs, friendIds }: WireLook): ContactChange[] =>
  friendIds.map((friendId) => ({
    userId: friendId as UserId,
    contactId: userId as UserId,
    status: "friend",
    updatedAtMs,
  }));
