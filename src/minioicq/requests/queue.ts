/**
 * A connection's requests in their order, each from its arrival until its answer was written. They start in order; a
 * bounded number of them runs at once, and log-ins and reads run alone.
 */

import { Refusal } from "../errors.ts";
import type { MiniOicqLimits } from "../limits.ts";
import type { Action } from "./action.ts";
import { actionOf, type Request } from "./actions.ts";
import type { Answer } from "./answer.ts";
import type { Encoding } from "./codec.ts";
import type { CloseRequest } from "./rates.ts";

interface Pending {
  readonly bytes: number;
  /** Of the request, and so of its answer (O1). */
  readonly encoding: Encoding;
  answer: Answer | undefined;
}

export type PendingRequest =
  | (Pending & { readonly request: Request; readonly action: Action<Request> })
  /** Refused as it stands, in its turn. */
  | (Pending & { readonly request: Refusal | CloseRequest; readonly action: undefined });

export function pendingRequest(
  request: Request | Refusal | CloseRequest,
  bytes: number,
  encoding: Encoding,
): PendingRequest {
  const answer = undefined;
  return request instanceof Refusal || request.action === "close"
    ? { request, action: undefined, bytes, encoding, answer }
    : { request, action: actionOf(request), bytes, encoding, answer };
}

export class RequestQueue {
  readonly #limits: MiniOicqLimits;
  /** First those that were started, then those that wait. */
  readonly #requests: PendingRequest[] = [];
  #started = 0;
  #startedBytes = 0;
  #waitingBytes = 0;

  constructor(limits: MiniOicqLimits) {
    this.#limits = limits;
  }

  /** The one whose answer is to be written next. */
  get first(): PendingRequest | undefined {
    return this.#requests[0];
  }

  add(request: PendingRequest): void {
    this.#requests.push(request);
    this.#waitingBytes += request.bytes;
  }

  /** The next request, where it may start beside those that run. */
  get startable(): PendingRequest | undefined {
    const next = this.#requests[this.#started];
    const [first] = this.#requests;
    if (next === undefined || first === undefined || this.#started === 0) return next;
    const { requestsInFlightMax, requestBytesInFlightMax } = this.#limits;
    if (runsAlone(next) || runsAlone(first)) return undefined;
    if (this.#started >= requestsInFlightMax) return undefined;
    return this.#startedBytes + next.bytes > requestBytesInFlightMax ? undefined : next;
  }

  /** The next request is being started. */
  started({ bytes }: PendingRequest): void {
    this.#started += 1;
    this.#startedBytes += bytes;
    this.#waitingBytes -= bytes;
  }

  /** The first request's answer is being written. */
  shift(): void {
    const request = this.#requests.shift();
    if (request === undefined) return;
    this.#started -= 1;
    this.#startedBytes -= request.bytes;
  }

  /** So many wait to be started that the client is to be read no further. */
  get isFull(): boolean {
    const { requestsWaitingMax, requestBytesWaitingMax } = this.#limits;
    return this.#waiting > requestsWaitingMax || this.#waitingBytes > requestBytesWaitingMax;
  }

  /** So few that it may be read again. */
  get hasRoom(): boolean {
    const { requestsWaitingMax, requestBytesWaitingMax } = this.#limits;
    return this.#waiting <= requestsWaitingMax / 2 && this.#waitingBytes <= requestBytesWaitingMax / 2;
  }

  /** More than can have been on the way when reading stopped. */
  get isOverfull(): boolean {
    const { requestsWaitingHardMax, requestBytesWaitingHardMax } = this.#limits;
    return this.#waiting > requestsWaitingHardMax || this.#waitingBytes > requestBytesWaitingHardMax;
  }

  /** Of all requests that have no answer yet. */
  get bytes(): number {
    return this.#startedBytes + this.#waitingBytes;
  }

  clear(): void {
    this.#requests.length = 0;
  }

  get #waiting(): number {
    return this.#requests.length - this.#started;
  }
}

const runsAlone = ({ action }: PendingRequest): boolean => action !== undefined && !action.besideOthers;
