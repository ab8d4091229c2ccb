/** A reader of Server-Sent Events as the HTML standard has it (§ 9.2), for what tests ask of a stream. */
import { withDeadline } from "../support/deadline.ts";
import type { RunningServer } from "./client.ts";

export interface StreamStep {
  /** `message`, `event`, or `comment`. */
  readonly name: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

export interface EventStream extends AsyncDisposable {
  readonly status: number;
  readonly headers: Headers;
  /** The next object; comments are passed over. Throws where the stream ended. */
  next(): Promise<StreamStep>;
  /** Resolves when the server has ended the stream. */
  ended(): Promise<void>;
}

export async function openStream(
  server: RunningServer,
  token: string,
  options: { query?: string; headers?: Record<string, string> } = {},
): Promise<EventStream> {
  const abort = new AbortController();
  const response = await fetch(`http://${server.http}/messages${options.query ?? ""}`, {
    headers: { Authorization: token, Accept: "text/event-stream", ...options.headers },
    signal: abort.signal,
  });
  const steps = stepsOf(response);
  return {
    status: response.status,
    headers: response.headers,
    async next() {
      for (;;) {
        const { done, value } = await withDeadline("the stream's next step", steps.next());
        if (done) throw new Error("the stream ended");
        if (value.name !== "comment") return value;
      }
    },
    async ended() {
      while (!(await withDeadline("the end of the stream", steps.next(), 20_000)).done) {
        // What came before the end is not asked about.
      }
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
    },
  };
}

async function* stepsOf(response: Response): AsyncGenerator<StreamStep> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const step = stepOf(text.slice(0, end));
      text = text.slice(end + 2);
      if (step !== undefined) yield step;
    }
  }
}

function stepOf(block: string): StreamStep | undefined {
  if (block.startsWith(":")) return { name: "comment", id: undefined, data: {} };
  const fields = new Map(
    block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const data = fields.get("data");
  return data === undefined
    ? undefined
    : { name: fields.get("event") ?? "message", id: fields.get("id"), data: JSON.parse(data) };
}
