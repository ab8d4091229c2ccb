/** Changes to the answers kept for repeated requests. */
import { answerKeptMs } from "../../../domain/answer-store.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

/** All callers' together; the oldest go first. */
const bytesMax = 256 * 1024 * 1024;
/** What is too old or too much is looked for once in so many answers. */
const sweepEvery = 128;

/** Bytes as hex; the body travels beside the JSON. */
export interface WireAnswer {
  readonly hash: string;
  readonly caller: string;
  readonly fingerprint: string;
  readonly status: number;
  readonly contentType: string;
  readonly answersMax: number;
}

export function createAnswerChanges(tx: Tx) {
  const { db } = tx;
  const insert = db.prepare<{ answerId: number }, [Buffer, string, Buffer, number, string, Uint8Array, number, number]>(
    `INSERT INTO kept_answers (hash, caller, fingerprint, status, content_type, body, bytes, created_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING answer_id answerId`,
  );
  const removeExpired = db.prepare("DELETE FROM kept_answers WHERE hash = ? AND created_at_ms <= ?");
  const removeOld = db.prepare("DELETE FROM kept_answers WHERE created_at_ms <= ?");
  const removeBeyond = db.prepare(
    `DELETE FROM kept_answers WHERE caller = ?1 AND answer_id <=
     (SELECT answer_id FROM kept_answers WHERE caller = ?1 ORDER BY answer_id DESC LIMIT 1 OFFSET ?2)`,
  );
  const total = db.prepare<{ bytes: number | null }, []>("SELECT sum(bytes) bytes FROM kept_answers");
  const removeHalf = db.prepare(
    `DELETE FROM kept_answers WHERE answer_id <=
     (SELECT (min(answer_id) + max(answer_id)) / 2 FROM kept_answers)`,
  );

  function keepAnswer(answer: WireAnswer, [body = new Uint8Array()]: readonly Uint8Array[]): null {
    const hash = bytesOfHex(answer.hash);
    tx.writes += 1;
    removeExpired.run(hash, tx.steadyMs - answerKeptMs);
    const row = insert.get(
      hash,
      answer.caller,
      bytesOfHex(answer.fingerprint),
      answer.status,
      answer.contentType,
      body,
      body.byteLength,
      tx.steadyMs,
    );
    if (row !== null && row.answerId % sweepEvery === 0) sweep(answer);
    return null;
  }

  function sweep({ caller, answersMax }: WireAnswer): void {
    removeOld.run(tx.steadyMs - answerKeptMs);
    removeBeyond.run(caller, answersMax);
    if ((total.get()?.bytes ?? 0) > bytesMax) removeHalf.run();
  }

  return { keepAnswer: growing(keepAnswer) };
}
