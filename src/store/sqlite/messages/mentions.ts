/**
 * Whom a message names: the users that its client gave, or, in a text without them, each `@` with the exact username of a
 * member behind it. Users who are no members are left out without a word, so that no client learns who exists.
 */
import { mentionsMax } from "../../../domain/messages/messages.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";

/** Names looked up for one message. */
const namesMax = 64;
/** Behind a letter or a digit it is an e-mail address. */
const named = /(?<![\p{L}\p{N}_.-])@([a-zA-Z0-9.@_:-]{1,256})/gu;
/** A sentence may end behind the name. */
const lastMark = /[.@_:-]$/;

export type Mentions = ReturnType<typeof createMentions>;

export function createMentions(tx: Tx) {
  const byUsername = tx.db.prepare<{ userId: number }, [string]>("SELECT user_id userId FROM users WHERE username = ?");

  /** Undefined where it names no one. `text`: the content, where that is a text. */
  function find(
    chat: ChatEntry,
    { mentions, text }: { mentions: readonly number[] | undefined; text: string | undefined },
  ): readonly number[] | undefined {
    const found =
      mentions?.filter((userId) => chat.memberSet.has(userId)) ?? (text === undefined ? [] : namedIn(text, chat));
    const once = [...new Set(found)].slice(0, mentionsMax);
    return once.length === 0 ? undefined : once;
  }

  function namedIn(text: string, chat: ChatEntry): number[] {
    const found: number[] = [];
    let left = namesMax;
    for (const [, written = ""] of text.matchAll(named)) {
      for (let name = written; name !== "" && left > 0; name = name.slice(0, -1)) {
        left -= 1;
        const userId = byUsername.get(name)?.userId;
        if (userId !== undefined) {
          if (chat.memberSet.has(userId)) found.push(userId);
          break;
        }
        if (!lastMark.test(name)) break;
      }
      if (left === 0) break;
    }
    return found;
  }

  return { find };
}

/** Whether the content may name someone: nearly all texts do not, and are not looked at further. */
export const mayMention = (text: string): boolean => text.includes("@");
