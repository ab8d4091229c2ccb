/** Lists of users and of a user's chats. Each stops at what its caller wants, so that none is a scan of everything. */
import type { Database } from "bun:sqlite";
import type { ChatId, UserId } from "../../../domain/model.ts";
import type { UserStore } from "../../../domain/store.ts";
import { lazily } from "../../../lib/lazily.ts";

type Parts = Pick<UserStore, "countUsers" | "userListVersion" | "recentChats"> & {
  acquaintanceIds(userId: UserId, limit: number): UserId[];
};

/** Members looked at for every acquaintance wanted: friends meet in several chats. */
const looksEach = 4;
const chatsLookedAtMax = 10_000;

export function createPeopleReader(db: Database): Parts {
  const counted = lazily(() =>
    db.prepare<{ count: number }, [number]>(
      "SELECT count(*) count FROM (SELECT 1 FROM users WHERE disabled = 0 LIMIT ?)",
    ),
  );
  const version = lazily(() => db.prepare<{ next: number }, []>("SELECT next FROM sequence WHERE name = 'users'"));
  const contactIds = lazily(() =>
    db.prepare<{ userId: UserId }, [number, number]>(
      "SELECT contact_id userId FROM contacts WHERE user_id = ? AND status <> 'request' LIMIT ?",
    ),
  );
  const memberIds = lazily(() =>
    db.prepare<{ userId: UserId }, [number, number]>("SELECT user_id userId FROM members WHERE chat_id = ? LIMIT ?"),
  );
  const recentIds = lazily(() => db.prepare<{ chatId: ChatId }, [number, number]>(recent));
  const recentCounted = lazily(() =>
    db.prepare<{ chatId: ChatId; members: number }, [number, number, number]>(
      `SELECT chatId, (SELECT count(*) FROM (SELECT 1 FROM members o WHERE o.chat_id = chatId LIMIT ?3)) members FROM (${recent})`,
    ),
  );

  function acquaintanceIds(userId: UserId, limit: number): UserId[] {
    const found = new Set<UserId>([userId]);
    const add = (rows: readonly { userId: UserId }[]): void => {
      for (const row of rows) if (found.size < limit) found.add(row.userId);
    };
    add(contactIds().all(userId, limit));
    let looks = limit * looksEach;
    for (const { chatId } of recentIds().all(userId, chatsLookedAtMax)) {
      if (found.size >= limit || looks <= 0) break;
      const members = memberIds().all(chatId, Math.min(limit, looks));
      looks -= members.length;
      add(members);
    }
    return [...found].sort((a, b) => a - b);
  }

  return {
    countUsers: async (atMost = Number.MAX_SAFE_INTEGER) => counted().get(atMost)?.count ?? 0,
    userListVersion: async () => version().get()?.next ?? 0,
    recentChats: async (userId, { limit, membersMax }) => recentCounted().all(userId, limit, membersMax + 1),
    acquaintanceIds,
  };
}

const recent =
  "SELECT m.chat_id chatId FROM members m JOIN chats c USING (chat_id) WHERE m.user_id = ?1 ORDER BY c.last_message_id DESC, m.chat_id DESC LIMIT ?2";
