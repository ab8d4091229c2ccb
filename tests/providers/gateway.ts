/** A server that stands for somebody outside: it remembers what it was asked, and answers as a test wants. */
import type { Fields, Log } from "../../src/lib/log.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: string;
}

export interface Gateway {
  readonly url: string;
  /** How the next requests are answered. */
  answer(respond: (asked: Asked) => Response | Promise<Response>): void;
  /** The next request gets no answer. */
  hang(): void;
  last(): Asked;
  count(): number;
  stop(): Promise<void>;
}

export async function startGateway(): Promise<Gateway> {
  const asked: Asked[] = [];
  const ok = (): Response => new Response("ok");
  let respond: (one: Asked) => Response | Promise<Response> = ok;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname: path, searchParams: query } = new URL(request.url);
      const { method, headers } = request;
      const one = { method, path, query, headers, body: await request.text() };
      asked.push(one);
      const answer = respond;
      respond = ok;
      return answer(one);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    answer(next) {
      respond = next;
    },
    hang() {
      respond = () => new Promise<Response>(() => undefined);
    },
    last() {
      const one = asked.at(-1);
      if (one === undefined) throw new Error("nobody asked");
      return one;
    },
    count: () => asked.length,
    stop: () => server.stop(true),
  };
}

/** What a promise was rejected with; fails where it was not, or with something that is no error. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error("it did not fail");
}

export interface LogLine {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields: Fields | undefined;
}

export function recordingLog(): { log: Log; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (level: keyof Log) => (message: string, fields?: Fields) => {
    lines.push({ level, message, fields });
  };
  return { lines, log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") } };
}
