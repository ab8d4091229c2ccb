/** A connection's requests in their order, each from its arrival until its answer was written; and the socket it came by. */

import { Refusal } from "../errors.ts";
import type { Request } from "./actions.ts";
import type { Encoding, Frame } from "./codec.ts";
import { type Answer, waitsForEarlier } from "./handlers/dispatch.ts";
import type { CloseRequest } from "./rates.ts";

/** What the session needs of Bun's `ServerWebSocket`. */
export interface Socket {
  /** Bytes written, -1 when they were buffered, 0 when they were dropped. */
  send(frame: Frame, compress: boolean): number;
  cork(callback: () => void): unknown;
  close(code: number, reason: string): void;
  getBufferedAmount(): number;
  pause(): void;
  resume(): void;
}

/** A request from its arrival until its answer was written. */
export interface Slot {
  readonly request: Request | Refusal | CloseRequest;
  readonly bytes: number;
  /** Answered in kind (O1). */
  readonly encoding: Encoding;
  answer: Answer | undefined;
}

/** Nothing may run beside it. */
export const mustBeAlone = ({ request }: Slot): boolean =>
  !(request instanceof Refusal) && request.action !== "close" && waitsForEarlier(request);

/** An own message, or a spawn, that stands in the stream and was not reached yet. */
export const isWaiting = (answer: Answer): boolean => answer.is === "entry" && !answer.entry.written;
