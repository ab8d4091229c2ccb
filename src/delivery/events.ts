/**
 * Passes the events of commits to listeners by the type of event. All events of a change are passed on before the
 * caller of the change gets its answer. A listener may give a promise when it must finish something before the change's
 * next event, such as a farewell before log-ins end. Other changes do not wait for that promise.
 */
import type { DomainEvent, EventOf, EventType } from "../domain/events.ts";
import type { CommitListener } from "../domain/store.ts";
import type { Log } from "../lib/log.ts";

export type EventListener<Type extends EventType> = (event: EventOf<Type>) => Promise<void> | undefined | void;

export interface Events extends CommitListener {
  /**
   * Adds a listener. Listeners of one type are called in the order in which they were added. Very frequent events are made
   * only while a listener of their type `isWanted`.
   */
  on<Type extends EventType>(
    types: Type | readonly Type[],
    listener: EventListener<Type>,
    isWanted?: () => boolean,
  ): void;
}

type AnyListener = (event: DomainEvent) => Promise<void> | undefined | void;

export function createEvents({ log }: { log: Log }): Events {
  const listenersOf = new Map<EventType, AnyListener[]>();

  const wantedOf = new Map<EventType, (() => boolean)[]>();

  function on<Type extends EventType>(
    types: Type | readonly Type[],
    listener: EventListener<Type>,
    isWanted: () => boolean = always,
  ): void {
    for (const type of typeof types === "string" ? [types] : types) {
      wantedOf.set(type, [...(wantedOf.get(type) ?? []), isWanted]);
      const listeners = listenersOf.get(type) ?? [];
      listeners.push(listener as AnyListener);
      listenersOf.set(type, listeners);
    }
  }

  function committed(events: readonly DomainEvent[]): Promise<void> | undefined {
    return passFrom(events, 0);
  }

  function passFrom(events: readonly DomainEvent[], first: number): Promise<void> | undefined {
    for (let index = first; index < events.length; index += 1) {
      const event = events[index];
      const pending = event === undefined ? undefined : pass(event);
      if (pending !== undefined) return pending.then(() => passFrom(events, index + 1));
    }
    return undefined;
  }

  /** Undefined where no listener has anything left to do. */
  function pass(event: DomainEvent): Promise<void> | undefined {
    let pending: Promise<void>[] | undefined;
    for (const listener of listenersOf.get(event.type) ?? none) {
      try {
        const result = listener(event);
        if (!(result instanceof Promise)) continue;
        pending ??= [];
        pending.push(result.catch((error: unknown) => failed(event, error)));
      } catch (error) {
        failed(event, error);
      }
    }
    return pending === undefined ? undefined : Promise.all(pending).then(() => {});
  }

  function failed({ type }: DomainEvent, error: unknown): void {
    log.error("a listener failed at an event", { event: type, error });
  }

  return { on, committed, hears: (type) => wantedOf.get(type)?.some((isWanted) => isWanted()) ?? false };
}

const none: readonly AnyListener[] = [];
const always = (): boolean => true;
