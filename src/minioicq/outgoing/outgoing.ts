/**
 * What is written to one client next. Answers leave in the order of the requests, pushes in the order of what happened.
 * A push that is also an answer (a client's own message, a chat it made; O8, O15) leaves once, when both orders have
 * come to it.
 */
import type { Sent, User } from "../../domain/model.ts";
import type { DialectBuilder } from "../dialect.ts";
import type { Answer } from "../requests/answer.ts";
import { type Encoding, encodeFrame, type Frame } from "../requests/codec.ts";
import type { PendingRequest, RequestQueue } from "../requests/queue.ts";
import type { Acknowledgements } from "./acknowledgements.ts";
import { livePush } from "./push.ts";
import type { PushQueue, QueuedFrame } from "./push-queue.ts";

/** The pushes of one log-in. */
export interface PushSource {
  readonly user: Pick<User, "userId">;
  readonly pushes: PushQueue;
  readonly acknowledgements: Acknowledgements;
}

export class Outgoing {
  readonly #requests: RequestQueue;
  readonly #dialects: DialectBuilder;
  #source: PushSource | undefined;
  /** Written, but not known to have left the socket's buffer. */
  #unsent: QueuedFrame[] = [];
  #closing: Extract<Answer, { is: "close" }> | undefined;

  constructor(requests: RequestQueue, dialects: DialectBuilder) {
    this.#requests = requests;
    this.#dialects = dialects;
  }

  /** From here on its pushes are written. */
  pushFrom(source: PushSource | undefined): void {
    this.#source = source;
  }

  /** Of the pushes that wait. */
  get pushBytes(): number {
    return this.#source?.pushes.bytes ?? 0;
  }

  /** Set once `next` has come to an answer that ends the connection. */
  get closing(): Extract<Answer, { is: "close" }> | undefined {
    return this.#closing;
  }

  answer(request: PendingRequest, answer: Answer): void {
    request.answer = answer;
    if (answer.is === "queued") answer.queued.answers ??= request;
  }

  /** Undefined where nothing is due. */
  next(): Frame | undefined {
    for (;;) {
      const request = this.#requests.first;
      const answer = request?.answer;
      if (request !== undefined && answer !== undefined && !isQueued(answer)) {
        if (answer.is === "close") {
          this.#closing = answer;
          return undefined;
        }
        const frame = this.#frameOf(answer, request.encoding);
        if (answer.is === "fence" && frame !== undefined && this.#fence(request, frame)) continue;
        this.#requests.shift();
        if (frame !== undefined) return frame;
        continue;
      }
      const pushes = this.#source?.pushes;
      const queued = pushes?.first;
      if (pushes === undefined || queued === undefined || !queued.ready) return undefined;
      // It answers a request, but an earlier one has no answer yet. (The push that is the first request's answer may go.)
      if (queued.answers !== undefined && queued.answers !== request && answer === undefined) return undefined;
      pushes.shift();
      const frame = queued.encode(this.#dialects.dialect());
      queued.wrote(frame !== undefined);
      this.#unsent.push(queued);
      if (frame !== undefined) return frame;
    }
  }

  /** The socket's buffer is empty: what was written has been handed over (O26). */
  sent(): void {
    if (this.#unsent.length === 0) return;
    const frames = this.#unsent;
    this.#unsent = [];
    for (const frame of frames) frame.sent();
  }

  end(): void {
    this.#source = undefined;
    this.#requests.clear();
    this.#unsent = [];
  }

  /** Puts an answer behind everything the client is to be told before it. False where nothing is. */
  #fence(request: PendingRequest, frame: Frame): boolean {
    const pushes = this.#source?.pushes;
    if (pushes === undefined || pushes.empty) return false;
    const queued: QueuedFrame = {
      bytes: 0,
      ready: true,
      written: false,
      answers: request,
      encode: () => frame,
      wrote() {},
      sent() {},
    };
    if (!pushes.insertBeforeAnswers(queued)) return false;
    request.answer = { is: "queued", queued };
    return true;
  }

  #frameOf(answer: Answer, encoding: Encoding): Frame | undefined {
    switch (answer.is) {
      case "body":
      case "fence":
        return encodeFrame(encoding, answer.body);
      case "frame":
        return answer.frame;
      case "sent":
        return this.#ownPush(answer.sent, encoding);
      default:
        return undefined;
    }
  }

  #ownPush({ message }: Sent, encoding: Encoding): Frame {
    const source = this.#source;
    if (source?.user.userId === message.senderId) source.acknowledgements.wrote([message]);
    return livePush(message, this.#dialects.dialect(encoding), message.senderId);
  }
}

/** The answer is a push that was not reached yet. */
const isQueued = (answer: Answer): boolean => answer.is === "queued" && !answer.queued.written;
