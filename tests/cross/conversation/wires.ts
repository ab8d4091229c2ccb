/** What carries a history to a server: to one in this process without sockets, or to the program by its sockets. */
import type { Action } from "../../minioicq/client.ts";
import type { Line } from "../../support/line.ts";

export interface Reply {
  readonly status: number;
  readonly text: string;
}

/** A MiniOICQ connection, in JSON. */
export interface FrameLine {
  readonly isClosed: boolean;
  say(action: Readonly<Record<string, unknown>>): void;
  drop(): void;
}

export interface Wires {
  readonly backendKey: string;
  call(request: string, options: { as: string; body?: unknown }): Promise<Reply>;
  frames(heard: (frame: Action) => void): Promise<FrameLine>;
  packets(): Promise<Line>;
  /** Resolves as soon as `condition` holds; rejects where it does not come to that. */
  until(what: string, condition: () => boolean): Promise<void>;
  /** What follows at once from what was done has come by then. */
  rest(): Promise<void>;
  /** Time passes. */
  pass(ms: number): void;
}
