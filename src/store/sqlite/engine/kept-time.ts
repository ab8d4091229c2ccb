/** Steady time from one run to the next: what of it stands in the table `sequence` beside the ids. */
import type { Database } from "bun:sqlite";
import type { SteadyMs } from "../../../lib/clock.ts";
import type { KeptTime } from "../../../lib/steady-clock.ts";
import { freeing } from "./change.ts";
import type { Tx } from "./tx.ts";

/** Undefined in a new database. In one of before steady time was kept, it begins with the time of the last batch. */
export function readKeptTime(db: Database): KeptTime | undefined {
  const rows = db.query<{ name: string; next: number }, []>("SELECT name, next FROM sequence").all();
  const of = (name: string): number => rows.find((row) => row.name === name)?.next ?? 0;
  const steadyMs = (of("steady") || of("time")) as SteadyMs;
  return steadyMs === 0 ? undefined : { steadyMs, stepsMs: of("steps"), lagMs: of("lag") };
}

export function createKeptTimeChanges(tx: Tx) {
  const put = tx.db.prepare(
    "INSERT INTO sequence (name, next) VALUES (?, ?) ON CONFLICT DO UPDATE SET next = excluded.next",
  );

  /** The wall clock was set, or a lag was believed. The steady time itself is kept with every batch. */
  function keepTime({ stepsMs, lagMs }: Omit<KeptTime, "steadyMs">): null {
    tx.writes += 1;
    put.run("steps", stepsMs);
    put.run("lag", lagMs);
    put.run("steady", tx.steadyMs);
    return null;
  }

  return { keepTime: freeing(keepTime) };
}
