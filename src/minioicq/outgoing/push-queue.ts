/** The pushes to one log-in that are not written yet, in order and with their weight. `Outgoing` takes the first. */
import type { Client } from "../../domain/people/log-ins.ts";
import type { Dialect } from "../dialect.ts";
import type { Frame } from "../requests/codec.ts";

/** One frame that waits for its turn. */
export interface QueuedFrame {
  bytes: number;
  /** False while its content is still being read from the store; everything behind it waits. */
  ready: boolean;
  written: boolean;
  /** The request it answers, where the client itself asked for it. */
  answers: object | undefined;
  /** Undefined where there turned out to be nothing to tell. */
  encode(dialect: Dialect): Frame | undefined;
  /** It is being written now; `isFrame` tells whether there was a frame. */
  wrote(isFrame: boolean): void;
  /** The socket took all of it. */
  sent(): void;
}

/** The connection, as this folder sees it. */
export interface ClientConnection {
  /** In the socket's own buffer. */
  readonly bufferedBytes: number;
  /** Something can be written, or a request may start. */
  schedule(): void;
  close(code: number, reason: string): void;
  /** How the list of log-ins shows it. */
  client(): Client;
}

export class PushQueue {
  readonly #connection: ClientConnection;
  #frames: QueuedFrame[] = [];
  #bytes = 0;
  #ended = false;
  #waitingForRoom: (() => void) | undefined;

  constructor(connection: ClientConnection) {
    this.#connection = connection;
  }

  get empty(): boolean {
    return this.#frames.length === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** With what the socket has not sent. */
  get waitingBytes(): number {
    return this.#bytes + this.#connection.bufferedBytes;
  }

  /** The log-in is over; what is still pushed is dropped. */
  get ended(): boolean {
    return this.#ended;
  }

  push(frame: QueuedFrame): void {
    this.#frames.push(frame);
    this.#bytes += frame.bytes;
    this.#connection.schedule();
  }

  /** A frame that waited for its content has it now, and weighs `bytes`. */
  ready(frame: QueuedFrame, bytes: number): void {
    frame.ready = true;
    if (this.#ended) return;
    frame.bytes = bytes;
    this.#bytes += bytes;
    this.#connection.schedule();
  }

  get first(): QueuedFrame | undefined {
    return this.#frames[0];
  }

  /** The first one is being written. */
  shift(): void {
    const frame = this.#frames.shift();
    if (frame === undefined) return;
    frame.written = true;
    this.#bytes -= frame.bytes;
  }

  /** Puts `frame` behind everything that is no answer to a request. False where nothing would stand before it. */
  insertBeforeAnswers(frame: QueuedFrame): boolean {
    const later = this.#frames.findIndex(({ answers }) => answers !== undefined);
    const index = later === -1 ? this.#frames.length : later;
    if (index === 0) return false;
    this.#frames.splice(index, 0, frame);
    return true;
  }

  /** Everything written so far left the socket's buffer. */
  roomAgain(): void {
    this.#waitingForRoom?.();
  }

  /** Resolves when all that waits here was written and has left the socket's buffer. */
  drained(): Promise<void> {
    if (this.#ended || (this.empty && this.#connection.bufferedBytes === 0)) return Promise.resolve();
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
    this.#frames = [];
    this.#bytes = 0;
    this.#waitingForRoom?.();
  }
}
