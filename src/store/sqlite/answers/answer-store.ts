/** Answers kept for repeated requests, on SQLite. */

import type { Database } from "bun:sqlite";
import { type AnswerStore, answerKeptMs } from "../../../domain/answer-store.ts";
import type { Clock } from "../../../lib/clock.ts";
import { hexOf } from "../../../lib/hex.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { Submit } from "../submit.ts";

interface AnswerRow {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly fingerprint: Uint8Array;
}

export function createAnswerStore(db: Database, { submit, clock }: { submit: Submit; clock: Clock }): AnswerStore {
  const byHash = lazily(() =>
    db.prepare<AnswerRow, [Buffer, number]>(
      "SELECT status, content_type contentType, body, fingerprint FROM kept_answers WHERE hash = ? AND created_at_ms > ?",
    ),
  );
  return {
    keepAnswer: ({ hash, fingerprint, body, ...answer }) =>
      submit("keepAnswer", { ...answer, hash: hexOf(hash), fingerprint: hexOf(fingerprint) }, { blobs: [body] }).then(
        () => {},
      ),
    findAnswer: async (hash) => byHash().get(Buffer.from(hash), clock.steadyMs() - answerKeptMs) ?? undefined,
  };
}
