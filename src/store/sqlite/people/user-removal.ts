/** How the operator disables an account, or removes it. */
import { DomainError } from "../../../domain/errors.ts";
import { isPerson } from "../../../domain/people/kinds.ts";
import { phoneIdOf } from "../../../domain/phones/phones.ts";
import type { LeftParts } from "../chats/chat-parts.ts";
import type { ChatRemoval } from "../chats/chat-removal.ts";
import { freeing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { MessageFiles } from "../messages/message-files.ts";
import type { CredentialParts } from "./credential-parts.ts";
import { type LogInParts, noneEnded, type WireEnded } from "./log-in-changes.ts";
import type { UserParts } from "./user-parts.ts";

export interface WireUserRemoved extends WireEnded {
  readonly left: readonly LeftParts[];
  /** The users who had a contact row about this one. */
  readonly told: readonly number[];
  readonly formerPhoneId: string;
  readonly updatedAtMs: number;
}

export type UserRemoval = ReturnType<typeof createUserRemoval>;

/** How a user goes for good, which several changes share. */
export function createUserRemoval(
  tx: Tx,
  parts: {
    people: UserParts;
    chatRemoval: ChatRemoval;
    credentials: CredentialParts;
    logIns: LogInParts;
    files: () => MessageFiles;
  },
) {
  const { db } = tx;
  const { people, logIns } = parts;
  const selectCounterparties = db.prepare<{ userId: number }, [number]>(
    "SELECT user_id userId FROM contacts WHERE contact_id = ? ORDER BY user_id",
  );
  const deleteUser = db.prepare("DELETE FROM users WHERE user_id = ?");
  const anyUserOf = db.prepare<{ one: 1 }, [string]>("SELECT 1 one FROM users WHERE phone = ? LIMIT 1");
  const deleteProfile = db.prepare("DELETE FROM profiles WHERE phone = ?");
  const orphanSessions = db.prepare("UPDATE phone_sessions SET orphaned = 1 WHERE phone = ? AND user_id IS NULL");

  /**
   * The user's messages stay in the chats of others. A profile without a user left is removed too. `retainedToo`: so are
   * the messages that the user retained on MQTT topics. A hook is removed by `removeHook` alone.
   */
  function remove(userId: number, { retainedToo }: { retainedToo?: boolean | undefined } = {}): WireUserRemoved {
    const user = people.find(userId);
    if (user === undefined || !isPerson(user)) throw new DomainError("user_not_found");
    const { phone } = user;
    const told = selectCounterparties.all(userId).map((row) => row.userId);
    const ended = logIns.endAll(userId);
    const left = parts.chatRemoval.leaveAll(userId);
    parts.credentials.remove(`user:${userId}`, { retainedToo });
    parts.files().endUploadsOf(userId);
    deleteUser.run(userId); // Rows that refer to the user are removed with it.
    if (phone !== null && anyUserOf.get(phone) === null) {
      orphanSessions.run(phone);
      deleteProfile.run(phone);
    }
    tx.userChanged(userId);
    const formerPhoneId = phoneIdOf({ userId, phone: phone ?? undefined });
    return { ...ended, left, told, formerPhoneId, updatedAtMs: tx.nowMs };
  }

  return { remove };
}

export function createUserRemovalChanges(
  tx: Tx,
  { people, logIns, removal }: { people: UserParts; logIns: LogInParts; removal: UserRemoval },
) {
  const updateDisabled = tx.db.prepare("UPDATE users SET disabled = ?, updated_at_ms = ? WHERE user_id = ?");

  function setUserDisabled({ userId, disabled }: { userId: number; disabled: boolean }): WireEnded {
    const user = people.find(userId);
    if (user === undefined) throw new DomainError("user_not_found");
    if (user.disabled !== disabled) {
      tx.writes += 1;
      updateDisabled.run(disabled ? 1 : 0, tx.nowMs, userId);
      tx.userChanged(userId);
    }
    return disabled ? logIns.endAll(userId) : noneEnded;
  }

  const removeUser = ({ userId, ...how }: { userId: number; retainedToo?: boolean | undefined }): WireUserRemoved =>
    removal.remove(userId, how);

  return { setUserDisabled: freeing(setUserDisabled), removeUser: freeing(removeUser) };
}
