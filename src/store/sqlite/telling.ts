/** What was committed is told to all who listen, and then to the caller. */
import type { DomainEvent, EventType } from "../../domain/events.ts";
import type { CommitListener } from "../../domain/store.ts";
import type { Asked } from "./engine/writer.ts";
import { eventsOf, MovedPositions } from "./events.ts";

export function createTelling() {
  const listeners = new Set<CommitListener>();
  const moved = new MovedPositions();

  /** `value` is what the caller gets for the outcome. */
  function settle({ name, args, resolve }: Asked, outcome: unknown, value: unknown): void {
    const events = eventsOf(name, value, args);
    if (hears("position.moved")) moved.note(name, outcome);
    const told = events.length === 0 ? undefined : tell(events);
    if (told === undefined) resolve(value);
    else void told.then(() => resolve(value));
  }

  function batchSettled(): void {
    const events = moved.take();
    if (events.length > 0) void tell(events);
  }

  function onCommitted(listener: CommitListener): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  function hears(type: EventType): boolean {
    for (const listener of listeners) if (listener.hears(type)) return true;
    return false;
  }

  function tell(events: readonly DomainEvent[]): Promise<unknown> | undefined {
    const pending: Promise<void>[] = [];
    for (const listener of listeners) {
      const told = listener.committed(events);
      if (told !== undefined) pending.push(told);
    }
    return pending.length === 0 ? undefined : Promise.all(pending);
  }

  return { settle, batchSettled, onCommitted };
}
