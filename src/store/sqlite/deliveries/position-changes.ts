/** Changes to how far members have got, and to the durable events they confirmed. */
import type { Door } from "../../../domain/model.ts";
import { freeing } from "../engine/change.ts";
import type { MovedPosition, Positions, WireAdvance, WireConfirmed } from "./positions.ts";
import type { UserEvents } from "./user-events.ts";

export function createDeliveryChanges(positions: Positions, events: UserEvents) {
  /** Gives the members' positions that moved. */
  function advance(args: { moves: readonly WireAdvance[] }): MovedPosition[] {
    const moved: MovedPosition[] = [];
    for (const move of args.moves) positions.advance(move, moved);
    return moved;
  }

  /** The same of messages that clients confirmed one by one, and not always in order. */
  function confirmMessages(args: { moves: readonly WireConfirmed[] }): MovedPosition[] {
    const moved: MovedPosition[] = [];
    for (const move of args.moves) positions.confirm(move, moved);
    return moved;
  }

  function confirmEvents(args: { userId: number; door: Door; eventIds: readonly number[] }): null {
    for (const eventId of args.eventIds) events.confirm(args.userId, args.door, eventId);
    events.dropOld();
    return null;
  }

  return {
    advance: freeing(advance),
    confirmMessages: freeing(confirmMessages),
    confirmEvents: freeing(confirmEvents),
  };
}
