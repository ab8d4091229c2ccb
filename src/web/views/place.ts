/**
 * Where the user is. It stands in the address behind `#`, so that the browser's back button works: `#chat=10002`,
 * `#chat=10002&side=settings.privacy`, `#chat=10002&details`.
 */
import { computed, signal } from "@preact/signals";
import type { Id } from "../state/model.ts";

export interface Place {
  readonly chat?: Id;
  /** What stands in the first pane in place of the list of chats. */
  readonly side?: string;
  /** The details of the chat are open. */
  readonly details?: boolean;
}

/** What an address brings that is used once: an invitation, a code to reset a password, a log-in passed on. */
export type Errand = { readonly kind: "invite" | "reset" | "link"; readonly value: string };

export function placeOf(hash: string): Place {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const chat = fields.get("chat");
  const side = fields.get("side");
  return {
    ...(chat !== null && /^\d{1,16}$/.test(chat) ? { chat } : {}),
    ...(side !== null && /^[a-z.]{1,32}$/.test(side) ? { side } : {}),
    ...(fields.has("details") ? { details: true } : {}),
  };
}

export function hashOf({ chat, side, details }: Place): string {
  const parts = [
    ...(chat === undefined ? [] : [`chat=${chat}`]),
    ...(side === undefined ? [] : [`side=${side}`]),
    ...(details === true ? ["details"] : []),
  ];
  return parts.length === 0 ? "" : `#${parts.join("&")}`;
}

export function errandOf(hash: string): Errand | undefined {
  const [, kind, value] = /^#(invite|reset|link)=(.{0,300})$/.exec(hash) ?? [];
  if (kind === undefined || value === undefined) return undefined;
  return { kind: kind as Errand["kind"], value: decoded(value) };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

const current = signal<Place>({});
/** Set when the page was opened by such an address, until it is done. */
export const errand = signal<Errand | undefined>(undefined);
export const place = computed(() => current.value);

/** Goes there. `replace`: the back button does not lead here again. */
export function go(next: Place, how: "push" | "replace" = "push"): void {
  const hash = hashOf(next);
  if (hash === hashOf(current.peek())) return;
  const address = location.pathname + location.search + hash;
  if (how === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  current.value = next;
}

/** Changes some of the place, and leaves the rest; undefined takes a part away. */
export function move(change: { [Key in keyof Place]?: Place[Key] | undefined }, how?: "push" | "replace"): void {
  const next = { ...current.peek(), ...change };
  go(
    {
      ...(next.chat === undefined ? {} : { chat: next.chat }),
      ...(next.side === undefined ? {} : { side: next.side }),
      ...(next.details === true ? { details: true } : {}),
    },
    how,
  );
}

/** Reads the address now and whenever it changes. Call it once. */
export function followAddress(): void {
  const read = () => {
    const found = errandOf(location.hash);
    if (found !== undefined) {
      errand.value = found;
      // The secret does not stay in the history of the browser.
      history.replaceState(null, "", location.pathname + location.search);
    }
    current.value = placeOf(location.hash);
  };
  read();
  addEventListener("popstate", read);
  addEventListener("hashchange", read);
}
