/** What is counted within an hour and must survive a restart: mails of a profile. */
import type { SteadyMs } from "../../../lib/clock.ts";
import type { Tx } from "../engine/tx.ts";

const windowMs = 3_600_000;
/** Rows whose time is over, removed with one change, so that no commit is long. */
export const sweptMax = 100;

export type HourlyCounts = ReturnType<typeof createHourlyCounts>;

export function createHourlyCounts(tx: Tx) {
  const { db } = tx;
  const select = db.prepare<{ startedAtMs: SteadyMs; count: number }, [string]>(
    "SELECT started_at_ms startedAtMs, count FROM hourly_counts WHERE subject = ?",
  );
  const upsert = db.prepare(
    `INSERT INTO hourly_counts (subject, started_at_ms, count) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET started_at_ms = excluded.started_at_ms, count = excluded.count`,
  );
  const deleteOld = db.prepare(
    `DELETE FROM hourly_counts WHERE subject IN
     (SELECT subject FROM hourly_counts WHERE started_at_ms <= ? ORDER BY started_at_ms LIMIT ${sweptMax})`,
  );

  const current = (subject: string) => {
    const row = select.get(subject);
    return row !== null && tx.steadyMs - row.startedAtMs < windowMs ? row : undefined;
  };

  function add(subject: string): void {
    const row = current(subject);
    tx.writes += 1;
    upsert.run(subject, row?.startedAtMs ?? tx.steadyMs, (row?.count ?? 0) + 1);
  }

  /** Forgets some of what is over an hour old. */
  function sweep(): void {
    tx.writes += 1;
    deleteOld.run(tx.steadyMs - windowMs);
  }

  return { of: (subject: string): number => current(subject)?.count ?? 0, add, sweep };
}
