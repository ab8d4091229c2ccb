/** What one has begun to write in each chat. It outlives a reload of the page, and ends with the log-in. */
import type { Id } from "../../state/model.ts";

const prefix = "roost.draft.";
/** Longer ones live as long as the page: the browser's storage is for messages. */
const keptLengthMax = 20_000;
const drafts = new Map<Id, string>();

export function draftOf(chatId: Id): string {
  try {
    return drafts.get(chatId) ?? sessionStorage.getItem(prefix + chatId) ?? "";
  } catch {
    return drafts.get(chatId) ?? "";
  }
}

export function keepDraft(chatId: Id, text: string): void {
  drafts.set(chatId, text);
  try {
    if (text === "" || text.length > keptLengthMax) sessionStorage.removeItem(prefix + chatId);
    else sessionStorage.setItem(prefix + chatId, text);
  } catch {
    return;
  }
}

export function forgetDrafts(): void {
  const chats = [...drafts.keys()];
  for (const chatId of chats) keepDraft(chatId, "");
  drafts.clear();
}
