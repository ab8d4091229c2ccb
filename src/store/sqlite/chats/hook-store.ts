/** Hooks in the store: reads of this thread's connection, and changes sent to the writer. */
import type { Database } from "bun:sqlite";
import { chatMembersMax } from "../../../domain/bounds.ts";
import type { Hook, HookStore } from "../../../domain/chats/hook-store.ts";
import { chatKeyOf } from "../../../domain/keys.ts";
import { hexOf } from "../../../lib/hex.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { Submit } from "../submit.ts";
import type { WireHook } from "./hook-changes.ts";

/** Of its chat what makes the key: see `chatKeyOf`. A hook is in a group. */
type Row = Omit<WireHook, "chatKey"> & { readonly chatKey: string | null };

const rows = `SELECT h.user_id userId, h.chat_id chatId, c.chat_key chatKey, u.nick name, h.created_at_ms createdAtMs
  FROM hooks h JOIN users u USING (user_id) JOIN chats c USING (chat_id)`;

export function createHookStore(
  db: Database,
  { submit, membersMax = chatMembersMax }: { submit: Submit; membersMax: number | undefined },
): HookStore {
  const byHash = lazily(() => db.prepare<Row, [Uint8Array]>(`${rows} WHERE h.hash = ?`));
  const page = lazily(() =>
    db.prepare<Row, [number, number]>(`${rows} WHERE h.user_id > ? ORDER BY h.user_id LIMIT ?`),
  );
  const pageOfChat = lazily(() =>
    db.prepare<Row, [number, number, number]>(
      `${rows} WHERE h.chat_id = ? AND h.user_id > ? ORDER BY h.user_id LIMIT ?`,
    ),
  );

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    findHook: async (hash) => {
      const row = byHash().get(Buffer.from(hash));
      return row === null ? undefined : toHook(row);
    },
    listHooks: async ({ chatId, after, limit }) =>
      (chatId === undefined ? page().all(after, limit) : pageOfChat().all(chatId, after, limit)).map(toHook),
    addHook: ({ hash, ...hook }) =>
      submit("addHook", { ...hook, hash: hexOf(hash), membersMax }).then(({ hook: made }) => made as Hook),
    removeHook: (hook) => submit("removeHook", hook).then(({ chat }) => chat),
  };
}

const toHook = (row: Row): Hook =>
  ({ ...row, chatKey: chatKeyOf({ ...row, kind: "group", directLow: null, directHigh: null }) }) as Hook;
