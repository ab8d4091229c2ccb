/** Cursors of lists by rising id: opaque text, which tells pages of one list from those of another. */
import { badRequest, Refusal } from "./errors.ts";

/** Of which list: the callers' own chats, all chats, users, the callers' contacts. */
type List = "c" | "a" | "u" | "k";

export const pageCursorOf = (list: List, id: number): string => Buffer.from(`${list}1.${id}`).toString("base64url");

/** 0 where the list begins. */
export function idOfPageCursor(list: List, text: string | undefined): number {
  if (text === undefined) return 0;
  const [, of, id] = /^([acuk])1\.(\d{1,15})$/.exec(Buffer.from(text, "base64url").toString("latin1")) ?? [];
  if (of !== list) throw new Refusal(badRequest, "after: not a value of next");
  return Number(id);
}

/** A page of `rows`, which are one more than the page has where another page follows. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  cursorOf: (last: Row) => string,
): { readonly page: readonly Row[]; readonly next: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { page, next: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}
