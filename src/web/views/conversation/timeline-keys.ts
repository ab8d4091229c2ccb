/** The keys among messages: up, down, first, last, and what to do with the one that has the focus. */
import type { Message } from "../../state/model.ts";
import { abilities, deleting, focusComposer, menuOf, startEdit, startReply } from "./conversation-state.ts";

/** The message that an element of the list shows. */
const shownBy = new WeakMap<Element, Message>();
export function rememberShown(element: Element | null, message: Message): void {
  if (element !== null) shownBy.set(element, message);
}

function focusRow(row: Element | undefined | null): void {
  if (!(row instanceof HTMLElement)) return;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

export function timelineKey(event: KeyboardEvent): void {
  const scroller = event.currentTarget;
  if (!(scroller instanceof HTMLElement) || !(event.target instanceof HTMLElement)) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...scroller.querySelectorAll(".messages > .message")];
  const row = event.target.closest(".message");
  const at = row === null ? -1 : rows.indexOf(row);
  const goals: Readonly<Record<string, Element | undefined>> = {
    ArrowUp: at < 0 ? rows.at(-1) : rows[Math.max(0, at - 1)],
    ArrowDown: at < 0 ? rows.at(-1) : rows[at + 1],
    Home: rows[0],
    End: rows.at(-1),
  };
  const goal = goals[event.key];
  if (goal !== undefined) {
    event.preventDefault();
    focusRow(goal);
    return;
  }
  if (event.key === "ArrowDown" && at === rows.length - 1) {
    event.preventDefault();
    focusComposer();
    return;
  }
  const message = row === null ? undefined : shownBy.get(row);
  if (row === null || message === undefined || event.target !== row) return;
  const may = abilities(message);
  const act: Readonly<Record<string, (() => void) | false>> = {
    Enter: () => {
      const box = row.getBoundingClientRect();
      menuOf.value = { message, x: box.left + 48, y: Math.max(box.top, 64) + 24 };
    },
    r: may.reply && (() => startReply(message)),
    e: may.edit && (() => startEdit(message)),
    Delete:
      may.remove &&
      (() => {
        deleting.value = message;
      }),
  };
  const action = act[event.key];
  if (action === undefined || action === false) return;
  event.preventDefault();
  action();
}
