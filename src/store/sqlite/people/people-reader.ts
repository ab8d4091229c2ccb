/** Lists of users and of a user's chats. Each stops at what its caller wants, so that none is a scan of everything. */
import type { Database } from "bun:sqlite";
import { userKeyOf } from "../../../domain/keys.ts";
import type { ChatId, UserId } from "../../../domain/model.ts";
import { personCondition } from "../../../domain/people/kinds.ts";
import type { UserStore } from "../../../domain/store.ts";
import { lazily } from "../../../lib/lazily.ts";

type Parts = Pick<
  UserStore,
  "countUsers" | "userListVersion" | "recentChats" | "namesOfAcquaintances" | "usersNamed"
> & {
  acquaintanceIds(userId: UserId, limit: number): UserId[];
};

/** Members looked at for every acquaintance wanted: friends meet in several chats. */
const looksEach = 4;
const chatsLookedAtMax = 10_000;

export type PeopleReader = ReturnType<typeof createPeopleReader>;

export function createPeopleReader(db: Database): Parts {
  const counted = lazily(() =>
    db.prepare<{ count: number }, [number]>(
      `SELECT count(*) count FROM (SELECT 1 FROM users WHERE disabled = 0 AND ${personCondition} LIMIT ?)`,
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
  const names = lazily(() =>
    db.prepare<{ userId: UserId; username: string | null; nick: string }, [string]>(
      `SELECT user_id userId, username, nick FROM users
       WHERE user_id IN (SELECT value FROM json_each(?)) AND disabled = 0 AND ${personCondition} ORDER BY user_id`,
    ),
  );
  const beginning = lazily(() => db.prepare<{ userId: UserId }, [string, string, number]>(beginningQuery));
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
    namesOfAcquaintances: async (userId, limit) =>
      names()
        .all(JSON.stringify(acquaintanceIds(userId, limit)))
        .map((row) => ({ userId: row.userId, nick: row.nick, userKey: userKeyOf(row) })),
    usersNamed: async (text, limit) =>
      beginning()
        .all(text, `${text}${lastCharacter}`, limit)
        .map(({ userId }) => userId),
  };
}

/** No name has it, and none comes behind it. */
const lastCharacter = "\u{10ffff}";

/** By the index `users_nick`, from the first name that begins so to the last. */
export const beginningQuery = `SELECT user_id userId FROM users
WHERE nick COLLATE NOCASE >= ?1 AND nick COLLATE NOCASE < ?2 AND disabled = 0 AND ${personCondition}
ORDER BY nick COLLATE NOCASE LIMIT ?3`;

const recent =
  "SELECT m.chat_id chatId FROM members m JOIN chats c USING (chat_id) WHERE m.user_id = ?1 ORDER BY c.last_message_id DESC, m.chat_id DESC LIMIT ?2";
