/** The keys that work everywhere in the client. */
import type { Model } from "../state/model.ts";
import { move, place } from "./place.ts";

const writes = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** The chat that stands `step` places below the open one. */
function otherChat(model: Model, step: number): void {
  const chats = model.chats.peek();
  const at = chats.findIndex(({ chatId }) => chatId === place.peek().chat);
  const next = chats[at < 0 ? 0 : at + step];
  if (next !== undefined) move({ chat: next.chatId }, "replace");
}

/** Leaves what is open, the innermost first. */
function leave(): boolean {
  const { side, details, chat } = place.peek();
  if (details === true) move({ details: undefined });
  else if (side !== undefined) move({ side: side.startsWith("settings.") ? "settings" : undefined });
  else if (chat !== undefined && matchMedia("(max-width: 719px)").matches) move({ chat: undefined });
  else return false;
  return true;
}

/** Listens until the function that it gives is called. */
export function followKeys(model: Model, showHelp: () => void): () => void {
  const key = (event: KeyboardEvent) => {
    if (event.defaultPrevented || model.stage.peek() !== "in") return;
    const control = event.ctrlKey || event.metaKey;
    let used = true;
    if (control && event.key === "k") move({ side: "search" });
    else if (event.altKey && event.code === "KeyN") move({ side: "people" });
    else if (event.altKey && event.key === "ArrowDown") otherChat(model, 1);
    else if (event.altKey && event.key === "ArrowUp") otherChat(model, -1);
    else if (event.key === "?" && !control && !writes(event.target)) showHelp();
    else if (event.key === "Escape") used = leave();
    else used = false;
    if (used) event.preventDefault();
  };
  addEventListener("keydown", key);
  return () => removeEventListener("keydown", key);
}
