/** The committer on a real database, without the Worker. */
import type { Database } from "bun:sqlite";
import {
  type BatchOutcome,
  type Committer,
  createCommitter,
  type NamedChange,
} from "../../src/store/sqlite/engine/committer.ts";
import { migrate } from "../../src/store/sqlite/engine/migrations.ts";
import { openForWriting } from "../../src/store/sqlite/engine/open.ts";
import { createReserve, type Reserve } from "../../src/store/sqlite/engine/reserve.ts";
import { at } from "../support/manual-clock.ts";
import { temporaryFolder } from "./open-sqlite.ts";

export const nowMs = Date.UTC(2026, 0, 1);
export const steadyMs = at(nowMs);

export interface Stage extends Disposable {
  readonly db: Database;
  readonly dataDir: string;
  readonly reserve: Reserve;
  readonly committer: Committer;
  commit(...changes: NamedChange[]): BatchOutcome;
  /** Makes users; the first owns a chat of all, 10001 + the number of users. */
  chatOf(...nicks: string[]): { chatId: number; ids: number[] };
  rows(sql: string): unknown[][];
}

export function openStage(): Stage {
  const folder = temporaryFolder();
  const db = openForWriting(folder.path, "os");
  migrate(db, nowMs);
  const reserve = createReserve(folder.path);
  const committer = createCommitter(db, reserve);
  let batches = 0;
  const commit = (...changes: NamedChange[]): BatchOutcome =>
    committer.commit({ nowMs, steadyMs, seed: `batch ${batches++}`, changes });
  return {
    db,
    dataDir: folder.path,
    reserve,
    committer,
    commit,
    chatOf(...nicks) {
      const ids = userIdsOf(commit(...nicks.map((nick): NamedChange => ["createUser", { nick }])));
      const [entered] = valuesOf(commit(["createChat", { ownerId: ids[0], members: ids, name: "x" }]));
      return { chatId: (entered as { chat: { chatId: number } }).chat.chatId, ids };
    },
    rows: (sql) => db.prepare(sql).values(),
    [Symbol.dispose]() {
      db.close();
      folder[Symbol.dispose]();
    },
  };
}

/** The users that a batch made. */
export const userIdsOf = (batch: BatchOutcome): number[] =>
  (valuesOf(batch) as { userId: number }[]).map(({ userId }) => userId);

/** The values of a batch in which everything was done. */
export function valuesOf({ outcomes }: BatchOutcome): unknown[] {
  return outcomes.map((outcome) => {
    if (outcome[0] !== 0) throw new Error(`not done: ${JSON.stringify(outcome)}`);
    return outcome[1];
  });
}
