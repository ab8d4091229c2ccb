/**
 * One WebSocket: requests and their answers, pushes, and whether it lives. The server answers a connection's requests in
 * their order; pushes come in between.
 */
import { type Fields, parseFields, textOf } from "./json.ts";

export interface Answer {
  readonly ok: true;
  readonly fields: Fields;
}
export interface Refusal {
  readonly ok: false;
  /** The server's words, or `No line`. */
  readonly reason: string;
}
export const noLine: Refusal = { ok: false, reason: "No line" };

export interface Timing {
  /** A line on which nothing came for so long is asked whether it lives. */
  readonly quietMs: number;
  /** Within which the answer must come, or anything else. */
  readonly patienceMs: number;
  /** From the first try to the next one; each further one waits twice as long. */
  readonly retryMs: number;
  readonly retryMsMax: number;
}

export const usualTiming: Timing = { quietMs: 10_000, patienceMs: 8_000, retryMs: 500, retryMsMax: 30_000 };

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export interface ChannelHooks {
  readonly opened: () => void;
  /** A frame that answers no request. */
  readonly pushed: (action: string, fields: Fields) => void;
  /** Once; every request that waits has been told `No line`. */
  readonly closed: (closed: Closed) => void;
}

export type MakeSocket = (url: string) => WebSocket;

interface Pending {
  /** Whether a frame is the answer; undefined: not this one. */
  readonly read: (action: string, fields: Fields) => Answer | Refusal | undefined;
  readonly resolve: (answer: Answer | Refusal) => void;
}

/** Answers whose name is not `<action>.success`. */
const answerNames: Readonly<Record<string, string>> = {
  "user.get": "user.push",
  "message.get": "message.retrieve",
  "message.send": "message.push",
  "avatar.set": "avatar.set.ack",
  "chat.create": "chat.spawn",
  heartbeat: "heartbeat.ack",
};

/** No frame of a server that keeps its own limits is longer. */
const frameCharactersMax = 32 * 1024 * 1024;

export class Channel {
  readonly #socket: WebSocket;
  readonly #hooks: ChannelHooks;
  readonly #timing: Timing;
  readonly #pending: Pending[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(parts: { url: string; timing: Timing; makeSocket: MakeSocket; hooks: ChannelHooks }) {
    this.#hooks = parts.hooks;
    this.#timing = parts.timing;
    this.#socket = parts.makeSocket(parts.url);
    this.#socket.onopen = () => {
      this.#heard();
      this.#hooks.opened();
    };
    this.#socket.onmessage = ({ data }) => this.#take(data);
    this.#socket.onclose = ({ code, reason }) => this.#end({ code, reason });
    this.#socket.onerror = () => {};
    // A line that swallows bytes does so from the first one on.
    this.#timer = setTimeout(() => this.drop(), this.#timing.quietMs + this.#timing.patienceMs);
  }

  get isOpen(): boolean {
    return !this.#closed && this.#socket.readyState === 1;
  }

  /** `isMine`: which of the frames with the answer's name it is; the first where it is absent. */
  ask(action: string, fields: Fields = {}, isMine?: (fields: Fields) => boolean): Promise<Answer | Refusal> {
    if (!this.isOpen) return Promise.resolve(noLine);
    const answer = answerNames[action] ?? `${action}.success`;
    const read: Pending["read"] = (name, given) => {
      if (name === answer && (isMine?.(given) ?? true)) return { ok: true, fields: given };
      // `error` names no request: the oldest is meant. A refusal that names a message may be of another one.
      const isRefusal =
        name === "error" || (name === `${action}.fail` && (!("client_id" in given) || (isMine?.(given) ?? true)));
      return isRefusal ? { ok: false, reason: textOf(given["reason"]) ?? "Unknown reason" } : undefined;
    };
    return new Promise((resolve) => {
      this.#pending.push({ read, resolve });
      this.say(action, fields);
    });
  }

  /** What is not answered. */
  say(action: string, fields: Fields = {}): void {
    if (this.isOpen) this.#socket.send(JSON.stringify({ ...fields, action }));
  }

  /** Asks at once whether the line lives. */
  check(): void {
    // A socket may be closing for as long as the other side is silent.
    if (this.#socket.readyState >= 2) this.drop();
    if (!this.isOpen) return;
    clearTimeout(this.#timer);
    void this.ask("heartbeat");
    this.#timer = setTimeout(() => this.drop(), this.#timing.patienceMs);
  }

  /** Ends it without a wait for the other side, which may be gone. */
  drop(): void {
    this.#end({ code: 1006, reason: "" });
  }

  #heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.check(), this.#timing.quietMs);
  }

  #take(data: unknown): void {
    if (this.#closed) return;
    this.#heard();
    if (typeof data !== "string" || data.length > frameCharactersMax) return;
    const fields = parseFields(data);
    const action = textOf(fields?.["action"]);
    if (fields === undefined || action === undefined) return;
    for (const [index, pending] of this.#pending.entries()) {
      const answer = pending.read(action, fields);
      if (answer === undefined) continue;
      this.#pending.splice(index, 1);
      // A message is told as a push too: it is news for the chat.
      if (action === "message.push" || action === "chat.spawn") this.#hooks.pushed(action, fields);
      pending.resolve(answer);
      return;
    }
    this.#hooks.pushed(action, fields);
  }

  #end(closed: Closed): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close();
    for (const { resolve } of this.#pending.splice(0)) resolve(noLine);
    this.#hooks.closed(closed);
  }
}
