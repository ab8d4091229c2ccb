/** What was committed is told to all who listen, and then to the caller. */
import type { DomainEvent, EventOf, EventType } from "../../domain/events.ts";
import type { CommitListener } from "../../domain/store.ts";
import type { Asked } from "./engine/writer.ts";
import { eventsOf, MovedPositions, movesPositions } from "./events.ts";

type EventListener = (event: DomainEvent) => void;

export function createTelling() {
  const listeners = new Set<CommitListener>();
  const listenersOf = new Map<EventType, EventListener[]>();
  const moved = new MovedPositions();

  /** `value` is what the caller gets for the outcome. */
  function settle({ name, args, resolve }: Asked, outcome: unknown, value: unknown): void {
    const events = eventsOf(name, value, args);
    if (movesPositions.has(name) && hears("position.moved")) moved.note(outcome);
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

  function onEvent<Type extends EventType>(type: Type, listener: (event: EventOf<Type>) => void): void {
    const there = listenersOf.get(type) ?? [];
    listenersOf.set(type, there);
    there.push(listener as EventListener);
  }

  function hears(type: EventType): boolean {
    for (const listener of listeners) if (listener.hears(type)) return true;
    return false;
  }

  function tell(events: readonly DomainEvent[]): Promise<unknown> | undefined {
    for (const event of events) {
      const ofType = listenersOf.get(event.type);
      if (ofType !== undefined) for (const listener of ofType) listener(event);
    }
    let pending: Promise<void>[] | undefined;
    for (const listener of listeners) {
      const told = listener.committed(events);
      if (told === undefined) continue;
      pending ??= [];
      pending.push(told);
    }
    return pending === undefined ? undefined : Promise.all(pending);
  }

  return { settle, batchSettled, onCommitted, onEvent };
}
