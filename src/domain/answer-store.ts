/** Answers given to requests with an idempotency key, kept for a day so that a repeat gets the same one. */

export interface KeptAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Sealed by who keeps it: what stands in it may be a secret. */
  readonly body: Uint8Array;
  /** SHA-256 of the request it was given to. */
  readonly fingerprint: Uint8Array;
}

export interface NewAnswer extends KeptAnswer {
  /** `backend` or `user.<userId>`: each has room for so many. */
  readonly caller: string;
  /** SHA-256 of caller and key. */
  readonly hash: Uint8Array;
  readonly answersMax: number;
}

export interface AnswerReads {
  /** Undefined also for one older than a day. */
  findAnswer(hash: Uint8Array): Promise<KeptAnswer | undefined>;
}

export interface AnswerStore extends AnswerReads {
  /** An answer kept under the same hash before stays as it is, unless it has expired. */
  keepAnswer(answer: NewAnswer): Promise<void>;
}

export const answerKeptMs = 86_400_000;
