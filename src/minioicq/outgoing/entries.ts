/** What waits to be written to one client, in order, with its weight; the session takes it from the front. */
import type { Client } from "../../domain/people/log-ins.ts";
import type { Frame } from "../requests/codec.ts";
import type { Dialect } from "./push.ts";

/** One thing to be written, in its turn. */
export interface StreamEntry {
  bytes: number;
  /** False while what it says is still being read from the store; everything behind it waits. */
  ready: boolean;
  written: boolean;
  /** The request it answers, where it is this client's own doing. */
  answers: object | undefined;
  /** Undefined where there turned out to be nothing to say. */
  frame(dialect: Dialect): Frame | undefined;
  /** It is being written now; `said` is whether there was a frame. */
  wrote(said: boolean): void;
  /** The socket took all of it. */
  settled(): void;
}

/** The session, as its stream sees it. */
export interface StreamHost {
  /** Something can be written, or a request may start. */
  schedule(): void;
  /** See `Dialect`. */
  contentBytesMax(): number;
  /** In the socket's own buffer. */
  bufferedBytes(): number;
  /** Whether this client is told what the document has no message for. */
  extended(): boolean;
  close(code: number, reason: string): void;
  client(): Client;
}

export class Entries {
  readonly #host: StreamHost;
  #entries: StreamEntry[] = [];
  #bytes = 0;
  #ended = false;
  #waitingForRoom: (() => void) | undefined;

  constructor(host: StreamHost) {
    this.#host = host;
  }

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** With what the socket has not sent. */
  get waitingBytes(): number {
    return this.#bytes + this.#host.bufferedBytes();
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(entry: StreamEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    this.#host.schedule();
  }

  /** An entry that waited for its contents has them now. */
  ready(entry: StreamEntry, bytes: number): void {
    entry.ready = true;
    if (this.#ended) return;
    entry.bytes = bytes;
    this.#bytes += bytes;
    this.#host.schedule();
  }

  first(): StreamEntry | undefined {
    return this.#entries[0];
  }

  shift(): void {
    const entry = this.#entries.shift();
    if (entry === undefined) return;
    entry.written = true;
    this.#bytes -= entry.bytes;
  }

  /** Puts an answer behind everything that waits here, except for what answers later requests. Undefined if nothing does. */
  fence(frame: Frame, answers: object): StreamEntry | undefined {
    const later = this.#entries.findIndex((entry) => entry.answers !== undefined);
    const index = later === -1 ? this.#entries.length : later;
    if (index === 0) return undefined;
    const entry: StreamEntry = {
      bytes: 0,
      ready: true,
      written: false,
      answers,
      frame: () => frame,
      wrote() {},
      settled() {},
    };
    this.#entries.splice(index, 0, entry);
    return entry;
  }

  /** Everything written so far left the socket's buffer. */
  roomAgain(): void {
    this.#waitingForRoom?.();
  }

  /** Resolves when all that waits here was written and has left the socket's buffer. */
  drained(): Promise<void> {
    if (this.#ended || (this.empty && this.#host.bufferedBytes() === 0)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waitingForRoom = () => {
        if (!this.#ended && !this.empty) return;
        this.#waitingForRoom = undefined;
        resolve();
      };
    });
  }

  end(): void {
    this.#ended = true;
    this.#entries = [];
    this.#bytes = 0;
    this.#waitingForRoom?.();
  }
}
