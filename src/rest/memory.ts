/** What this door asks of the account of memory, which all doors share. */
import type { UserId } from "../domain/model.ts";

/** What waits for a reader. */
export interface Holder {
  readonly heldBytes: number;
  readonly holder: string | undefined;
  readonly isUnshared?: boolean;
  endForRoom(): void;
}

export interface BodySender {
  /** An account, or a network. Undefined: it has no share of its own. */
  readonly sender: string | undefined;
  readonly bytes: number;
  readonly isStranger: boolean;
}

export interface BodyBudget {
  /** Room for a body until the function that it gives is called; undefined where there is none. */
  takeBody(body: BodySender): (() => void) | undefined;
}

export interface AnswerBudget {
  /** What one account may leave unread of answers. */
  readonly answersBytesMax: number;
  grew(holder: Holder, bytes: number): void;
}

/** Who shows a right secret. */
export interface Caller {
  /** Undefined: a backend, which has no share as an account has. */
  readonly account: string | undefined;
}

export type CallerOf = (request: Request) => Promise<Caller | undefined>;

export interface PageRoom {
  /**
   * Reads a page for the user, when they may be answered with another one. Refuses where that takes too long. Only a page
   * that waits asks for the request's signal, which Bun makes when it is asked.
   */
  page<T>(userId: UserId, request: { readonly signal: AbortSignal }, read: () => Promise<T>): Promise<T>;
}
