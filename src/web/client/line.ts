/**
 * The line to the server: a channel that is logged in, and a new one whenever it breaks, at growing distances. Who wants
 * to know follows `state`.
 */
import { type Answer, Channel, type Closed, type MakeSocket, noLine, type Refusal, type Timing } from "./channel.ts";
import type { Fields } from "./json.ts";

export type LineState = "connecting" | "online" | "offline";

export interface LineHooks {
  /** Logs in on a channel that has just opened. `retry`: not now. `stop`: not until `open` is called again. */
  readonly greet: (channel: Channel) => Promise<"in" | "retry" | "stop">;
  readonly pushed: (action: string, fields: Fields) => void;
  readonly changed: () => void;
  /** It is not tried again where this gives true. */
  readonly ended: (closed: Closed) => boolean;
}

export class Line {
  readonly #parts: { url: string; timing: Timing; makeSocket: MakeSocket; hooks: LineHooks };
  #channel: Channel | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #wanted = false;
  /** Of the monotonic clock. */
  #onlineSince: number | undefined;
  state: LineState = "offline";
  /** Milliseconds until the next try, counted from when the state became `offline`. */
  retryInMs: number | undefined;

  constructor(parts: { url: string; timing: Timing; makeSocket: MakeSocket; hooks: LineHooks }) {
    this.#parts = parts;
  }

  /** From here on there is to be a line. */
  open(): void {
    this.#wanted = true;
    this.#failures = 0;
    this.nudge();
  }

  close(): void {
    this.#wanted = false;
    clearTimeout(this.#timer);
    const channel = this.#channel;
    this.#channel = undefined;
    channel?.drop();
    this.#become("offline", undefined);
  }

  /** Something speaks for the line: it is tried at once, or asked whether it lives. */
  nudge(): void {
    if (!this.#wanted) return;
    if (this.#channel !== undefined) this.#channel.check();
    else this.#connect();
  }

  /** A request can go out now. A socket that is closing takes none, though its end is not told yet. */
  get isOpen(): boolean {
    return this.state === "online" && this.#channel?.isOpen === true;
  }

  ask(action: string, fields: Fields = {}, isMine?: (fields: Fields) => boolean): Promise<Answer | Refusal> {
    return this.state === "online" && this.#channel !== undefined
      ? this.#channel.ask(action, fields, isMine)
      : Promise.resolve(noLine);
  }

  say(action: string, fields: Fields = {}): void {
    if (this.state === "online") this.#channel?.say(action, fields);
  }

  #become(state: LineState, retryInMs: number | undefined): void {
    this.state = state;
    this.retryInMs = retryInMs;
    this.#parts.hooks.changed();
  }

  #connect(): void {
    clearTimeout(this.#timer);
    const { url, timing, makeSocket, hooks } = this.#parts;
    let channel: Channel;
    const isCurrent = () => this.#channel === channel;
    try {
      channel = new Channel({
        url,
        timing,
        makeSocket,
        hooks: {
          opened: () => void this.#greet(channel),
          pushed: (action, fields) => {
            if (isCurrent()) hooks.pushed(action, fields);
          },
          closed: (closed) => {
            if (isCurrent()) this.#lost(closed);
          },
        },
      });
    } catch {
      this.#later();
      return;
    }
    this.#channel = channel;
    this.#become("connecting", undefined);
  }

  async #greet(channel: Channel): Promise<void> {
    const outcome = await this.#parts.hooks.greet(channel);
    if (this.#channel !== channel) return;
    if (outcome === "in") {
      this.#onlineSince = performance.now();
      this.#become("online", undefined);
      return;
    }
    if (outcome === "stop") this.close();
    else channel.drop();
  }

  #lost(closed: Closed): void {
    this.#channel = undefined;
    // A server that takes log-ins and closes is not asked twice a second.
    const { quietMs } = this.#parts.timing;
    if (this.#onlineSince !== undefined && performance.now() - this.#onlineSince > quietMs) this.#failures = 0;
    this.#onlineSince = undefined;
    if (this.#parts.hooks.ended(closed)) this.close();
    else if (this.#wanted) this.#later();
  }

  /** Between half the wait and all of it, so that the clients of a server that comes back do not come at once. */
  #later(): void {
    const { retryMs, retryMsMax } = this.#parts.timing;
    const wait = Math.min(retryMs * 2 ** Math.min(this.#failures, 16), retryMsMax);
    const ms = wait / 2 + (Math.random() * wait) / 2;
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connect(), ms);
    this.#become("offline", ms);
  }
}
