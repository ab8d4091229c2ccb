/** Changes to how far members have got, and to the durable events they confirmed. */
import type { Door } from "../../../domain/model.ts";
import { freeing } from "../engine/change.ts";
import { type Moves, noMoves, type Positions, type WireAdvance, type WireConfirmed } from "./positions.ts";
import type { UserEvents } from "./user-events.ts";

export function createDeliveryChanges(positions: Positions, events: UserEvents) {
  function advance(args: { moves: readonly WireAdvance[] }): Moves {
    const moves = noMoves();
    for (const move of args.moves) positions.advance(move, moves);
    return moves;
  }

  /** The same of messages that clients confirmed one by one, and not always in order. */
  function confirmMessages(args: { moves: readonly WireConfirmed[] }): Moves {
    const moves = noMoves();
    for (const move of args.moves) positions.confirm(move, moves);
    return moves;
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
