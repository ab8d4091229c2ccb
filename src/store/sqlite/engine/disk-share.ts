/** How the share of the disk is set, and what is read of it. */
import type { Database } from "bun:sqlite";
import { lazily } from "../../../lib/lazily.ts";
import { freeing } from "./change.ts";
import { type Bytes, selectShare, selectTaken } from "./disk-usage.ts";
import type { Tx } from "./tx.ts";

export function createDiskShareChanges(tx: Tx) {
  const put = tx.db.prepare(
    "INSERT INTO sequence (name, next) VALUES ('disk_share', ?) ON CONFLICT DO UPDATE SET next = excluded.next",
  );

  /** What the configuration says. It stands in the database, since changes know nothing else. */
  function setDiskShare({ bytes }: { bytes: number }): null {
    tx.writes += 1;
    put.run(bytes);
    tx.disk.shareChanged();
    return null;
  }

  return { setDiskShare: freeing(setDiskShare) };
}

export function createDiskReader(db: Database) {
  const share = lazily(() => db.prepare<Bytes, []>(selectShare));
  const taken = lazily(() => db.prepare<Bytes, [number]>(selectTaken));
  const hasShare = lazily(() =>
    db.prepare<{ one: 1 }, [number]>(
      "SELECT 1 one FROM users WHERE user_id = ? AND made_by IN ('registered', 'invited')",
    ),
  );
  const shareBytes = (): number => share().get()?.bytes ?? 0;
  const takenBy = (userId: number): number => taken().get(userId)?.bytes ?? 0;

  return {
    shareBytes,
    takenBy,
    /** Whether `bytes` more fit the user's share, if the user has one. */
    hasRoom(userId: number, bytes: () => number): boolean {
      const most = shareBytes();
      return most === 0 || hasShare().get(userId) === null || takenBy(userId) + bytes() <= most;
    },
  };
}
