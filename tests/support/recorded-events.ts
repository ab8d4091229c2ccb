/** What follows from commits, as a test looks at it. */
import type { DomainEvent, EventType } from "../../src/domain/events.ts";
import type { Store } from "../../src/domain/store.ts";

/** Told once more for those who reach people that are away: see `contact.changed`, `session.ended`. */
const toldTwice: ReadonlySet<EventType> = new Set<EventType>(["user.changed", "profile.removed", "position.moved"]);

/** Adds every event that the store's commits tell from here on, but for `toldTwice`. */
export function recordEvents(store: Pick<Store, "onCommitted">, into: DomainEvent[]): void {
  store.onCommitted({
    hears: (type) => !toldTwice.has(type),
    committed(events) {
      into.push(...events.filter(({ type }) => !toldTwice.has(type)));
      return undefined;
    },
  });
}
