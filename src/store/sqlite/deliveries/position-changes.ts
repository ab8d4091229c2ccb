/** Changes to how far members have got, and to the durable events they confirmed. */
import { doors } from "../../../domain/model.ts";
import { freeing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { MovedPosition, Positions, WireAdvance, WireConfirmed } from "./positions.ts";

/** So long, and not longer, an event waits for its doors. */
export const eventKeptMs = 30 * 86_400_000;

export function createDeliveryChanges(tx: Tx, positions: Positions) {
  const { db } = tx;
  const confirm = db.prepare("UPDATE events SET doors = doors & ~?1 WHERE event_id = ?2 AND user_id = ?3");
  const dropConfirmed = db.prepare("DELETE FROM events WHERE event_id = ? AND doors = 0");
  const dropOld = db.prepare("DELETE FROM events WHERE created_at_ms < ?");

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

  function confirmEvents(args: { userId: number; door: keyof typeof doors; eventIds: readonly number[] }): null {
    tx.writes += 1;
    for (const eventId of args.eventIds) {
      confirm.run(doors[args.door], eventId, args.userId);
      dropConfirmed.run(eventId);
    }
    dropOld.run(tx.nowMs - eventKeptMs);
    return null;
  }

  return {
    advance: freeing(advance),
    confirmMessages: freeing(confirmMessages),
    confirmEvents: freeing(confirmEvents),
  };
}
