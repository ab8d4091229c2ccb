/**
 * Large answers, of which a client may leave much unread. Bun says neither how much of an answer waits nor when it is
 * gone, and holds all of it. So Bun gets a large one piece by piece, as its reader takes it, and what is left is counted.
 * A user has few of them at once; the next page is read when one of them is gone.
 */
import type { UserId } from "../domain/model.ts";
import type { RequestInfo } from "./context.ts";
import { Refusal, tooMany } from "./errors.ts";
import { takeLarge } from "./json.ts";
import type { AnswerBudget, CallerOf, Holder, PageRoom } from "./memory.ts";

/** What Bun holds of an answer. */
const pieceBytes = 64 * 1024;
/** What a page takes while it is made, which has half as much. Where its JSON is longer it has more, but then the next one waits. */
const pageBytes = 4 * 1024 * 1024;
/** Where the last answer was as large, pages are made one after the other: until it is made, one takes several times its length. */
const aloneFromBytes = 1024 * 1024;
/** A page waits until what an account was answered has passed at this pace: what is left of a page is garbage, some times its length. */
const bytesPerMs = (32 * 1024 * 1024) / 1000;
/** So much passes at once. */
const atOnceMs = aloneFromBytes / bytesPerMs;
/** A page that is larger than others holds up the next one for no longer. */
const pacedMsMax = 1000;
/** A page waits so long for the ones before it. Bun would cut its request off a little later. */
const defaultWaitMs = 5000;
/** A reader that takes nothing for so long is cut off, also where its request might wait for longer. */
const stallSeconds = 10;

export interface LargeAnswersParts {
  readonly memory: AnswerBudget;
  readonly callerOf: CallerOf;
  readonly waitMs?: number;

  readonly monotonicMs?: () => number;
}

export class LargeAnswers implements PageRoom {
  readonly #parts: LargeAnswersParts;
  readonly #accounts = new Map<string, AnswersOfAccount>();

  constructor(parts: LargeAnswersParts) {
    this.#parts = parts;
  }

  page<T>(userId: UserId, request: { readonly signal: AbortSignal }, read: () => Promise<T>): Promise<T> {
    return this.#of(`user:${userId}`).page(request, read);
  }

  /** Gives what is sent instead of a large answer; undefined for others. */
  counted(request: Request, info: RequestInfo, answer: Response): Response | Promise<Response> | undefined {
    const bytes = takeLarge(answer);
    if (bytes === undefined) return undefined;
    const { status, headers } = answer;
    // The answer to HEAD has the length and no body.
    if (request.method === "HEAD") return new Response(bytes, { status, headers });
    return this.#counted(request, info, bytes).then((stream) => new Response(stream, { status, headers }));
  }

  async #counted(request: Request, info: RequestInfo, bytes: Uint8Array<ArrayBuffer>): Promise<ReadableStream> {
    const caller = await this.#parts.callerOf(request);
    const holder = caller !== undefined && caller.account === undefined ? "backend" : caller?.account;
    const ofAccount = caller?.account === undefined ? undefined : this.#of(caller.account);
    ofAccount?.answered(bytes.byteLength);
    const unread = new UnreadAnswer(bytes, holder, () => ofAccount?.add(-bytes.byteLength));
    this.#parts.memory.grew(unread, bytes.byteLength);
    info.timeouts.timeout(request, stallSeconds);
    return unread.stream();
  }

  #of(account: string): AnswersOfAccount {
    const known = this.#accounts.get(account);
    if (known !== undefined) return known;
    const { memory, waitMs = defaultWaitMs, monotonicMs = () => performance.now() } = this.#parts;
    const whenNone = (): void => void this.#accounts.delete(account);
    const answers = new AnswersOfAccount({ bytesMax: memory.answersBytesMax, waitMs, monotonicMs, whenNone });
    this.#accounts.set(account, answers);
    return answers;
  }
}

interface AccountParts {
  readonly bytesMax: number;
  readonly waitMs: number;
  monotonicMs(): number;
  /** Nothing is unread, and nothing waits. */
  whenNone(): void;
}

/** What one account has not read, and the pages that wait for it. */
class AnswersOfAccount {
  readonly #parts: AccountParts;
  readonly #waiting = new Set<() => void>();
  /** Unread, and expected of the pages that are being read. */
  #bytes = 0;
  /** Pages that are being read. */
  #reading = 0;
  #lastBytes = 0;
  /** When all that was answered has passed. */
  #passedAtMs = 0;
  #letsIn = false;

  constructor(parts: AccountParts) {
    this.#parts = parts;
  }

  get #restMs(): number {
    return this.#passedAtMs - atOnceMs - this.#parts.monotonicMs();
  }

  get #hasRoom(): boolean {
    if (this.#restMs > 0) return false;
    if (this.#reading > 0 && this.#lastBytes >= aloneFromBytes) return false;
    return this.#bytes === 0 || this.#bytes + pageBytes <= this.#parts.bytesMax;
  }

  /** A large answer was made. */
  answered(bytes: number): void {
    this.#lastBytes = bytes;
    const nowMs = this.#parts.monotonicMs();
    this.#passedAtMs = Math.min(Math.max(this.#passedAtMs, nowMs) + bytes / bytesPerMs, nowMs + pacedMsMax);
    this.add(bytes);
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (bytes > 0) return;
    if (this.#waiting.size > 0 || this.#restMs > 0) this.#letInSoon();
    else if (this.#bytes === 0 && !this.#letsIn) this.#parts.whenNone();
  }

  async page<T>(request: { readonly signal: AbortSignal }, read: () => Promise<T>): Promise<T> {
    if (this.#hasRoom && this.#waiting.size === 0) this.#take();
    else await this.#room(request.signal);
    try {
      return await read();
    } finally {
      // By then the answer counts, if it is a large one.
      setImmediate(() => {
        this.#reading -= 1;
        this.add(-pageBytes);
      });
    }
  }

  #take(): void {
    this.#reading += 1;
    this.#bytes += pageBytes;
  }

  /** Resolves when another page may be read, for which it has taken the room. */
  #room(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        this.#waiting.delete(letIn);
      };
      const letIn = (): void => {
        end();
        this.#take();
        resolve();
      };
      const giveUp = (): void => {
        end();
        reject(new Refusal(tooMany, "answers to this account were not read yet"));
        this.#letInSoon();
      };
      const timer = setTimeout(giveUp, this.#parts.waitMs);
      signal.addEventListener("abort", giveUp);
      this.#waiting.add(letIn);
      // It may be the pace alone that it waits for.
      this.#letInSoon();
    });
  }

  /** At the account's pace, and one in each turn of the loop: a page takes milliseconds, and others are served between them. */
  #letInSoon(): void {
    if (this.#letsIn) return;
    this.#letsIn = true;
    const restMs = this.#restMs;
    if (restMs > 0) setTimeout(() => this.#letIn(), restMs).unref();
    else setImmediate(() => this.#letIn());
  }

  #letIn(): void {
    this.#letsIn = false;
    if (this.#restMs > 0) {
      this.#letInSoon();
      return;
    }
    const [next] = this.#waiting;
    if (next === undefined) {
      if (this.#bytes === 0) this.#parts.whenNone();
    } else if (this.#hasRoom) {
      next();
      this.#letInSoon();
    }
  }
}

class UnreadAnswer implements Holder {
  readonly holder: string | undefined;
  /** An account's answers are bounded where they are made. */
  readonly isUnshared = true;
  readonly #whenGone: () => void;
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #at = 0;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(bytes: Uint8Array<ArrayBuffer>, holder: string | undefined, whenGone: () => void) {
    this.#bytes = bytes;
    this.holder = holder;
    this.#whenGone = whenGone;
  }

  /** All of it, until Bun has the last piece: pieces are parts of one buffer. */
  get heldBytes(): number {
    return this.#bytes?.byteLength ?? (this.#controller === undefined ? 0 : pieceBytes);
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: (controller) => this.#giveTo(controller),
        cancel: () => this.#end(),
      },
      { highWaterMark: 0 },
    );
  }

  /** HTTP has no other word left: the answer breaks off. */
  endForRoom(): void {
    const controller = this.#controller;
    this.#end();
    controller?.error(new Error("too much waited for its readers"));
  }

  #giveTo(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this.#bytes === undefined) {
      this.#end();
      controller.close();
      return;
    }
    const end = this.#at + pieceBytes;
    controller.enqueue(this.#bytes.subarray(this.#at, end));
    this.#at = end;
    if (end >= this.#bytes.byteLength) this.#bytes = undefined;
  }

  #end(): void {
    if (this.#controller === undefined) return;
    this.#bytes = undefined;
    this.#controller = undefined;
    this.#whenGone();
  }
}
