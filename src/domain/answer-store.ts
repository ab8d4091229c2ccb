/**
 * An answer to a request with an idempotency key. It is kept for a day, so that a repeated request gets the same
 * answer.
 */

export interface KeptAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Sealed by the caller of the store, since the body may hold a secret. */
  readonly body: Uint8Array;
  /** SHA-256 of the request that it answers. */
  readonly fingerprint: Uint8Array;
}

export interface NewAnswer extends KeptAnswer {
  /** `backend` or `user.<userId>`. The number of answers kept per caller is bounded. */
  readonly caller: string;
  /** SHA-256 of caller and key. */
  readonly hash: Uint8Array;
  readonly answersMax: number;
}

export interface AnswerReads {
  /** Undefined also for an answer older than a day. */
  findAnswer(hash: Uint8Array): Promise<KeptAnswer | undefined>;
}

export interface AnswerStore extends AnswerReads {
  /** An answer that is kept under the same hash already stays, unless it has expired. */
  keepAnswer(answer: NewAnswer): Promise<void>;
}

export const answerKeptMs = 86_400_000;
