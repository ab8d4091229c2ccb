/** What is counted within an hour and must survive a restart: wrong codes of a phone, over all its sessions, and the like. */
import type { Tx } from "../engine/tx.ts";

const windowMs = 3_600_000;
/** Rows whose time is over, removed with one change, so that no commit is long. */
export const sweptMax = 100;

export type HourlyCounts = ReturnType<typeof createHourlyCounts>;

export function createHourlyCounts(tx: Tx) {
  const { db } = tx;
  const { orm, p, eq, sql, hourlyCounts } = tx.drizzle();
  const select = orm
    .select()
    .from(hourlyCounts)
    .where(eq(hourlyCounts.subject, p("subject")))
    .prepare();
  const upsert = orm
    .insert(hourlyCounts)
    .values({ subject: p("subject"), startedAtMs: p("startedAtMs"), count: p("count") })
    .onConflictDoUpdate({
      target: hourlyCounts.subject,
      set: { startedAtMs: sql`excluded.started_at_ms`, count: sql`excluded.count` },
    })
    .prepare();
  const deleteOld = db.prepare(
    `DELETE FROM hourly_counts WHERE subject IN
     (SELECT subject FROM hourly_counts WHERE started_at_ms <= ? ORDER BY started_at_ms LIMIT ${sweptMax})`,
  );

  const current = (subject: string) => {
    const row = select.get({ subject });
    return row !== undefined && tx.nowMs - row.startedAtMs < windowMs ? row : undefined;
  };

  function add(subject: string): void {
    const row = current(subject);
    tx.writes += 1;
    upsert.run({ subject, startedAtMs: row?.startedAtMs ?? tx.nowMs, count: (row?.count ?? 0) + 1 });
  }

  /** Forgets some of what is over an hour old. */
  function sweep(): void {
    tx.writes += 1;
    deleteOld.run(tx.nowMs - windowMs);
  }

  return { of: (subject: string): number => current(subject)?.count ?? 0, add, sweep };
}
