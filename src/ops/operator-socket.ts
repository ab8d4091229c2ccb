/** The Unix socket between a running server and the operator's commands: one JSON request, one JSON answer. */
import { chmodSync, closeSync, existsSync, openSync, rmSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Operator, OperatorAnswer, OperatorOp } from "./operator.ts";

const requestBytesMax = 64 * 1024;
const answerTimeoutMs = 30_000;
/** `sun_path` holds 108 bytes on Linux and 104 elsewhere, the terminating zero included. */
const pathBytesMax = 100;

export const operatorSocketPath = (dataDir: string): string => join(dataDir, "roost.sock");

/**
 * Listens at `path`, mode 0600. The caller holds the data folder's lock, so a socket that exists already is left over
 * from a killed server and is replaced.
 */
export function serveOperator(path: string, operator: Operator): { stop(): Promise<void> } {
  if (existsSync(path)) unlinkSync(path);
  const short = shorten(path);
  const server = Bun.serve({
    unix: short.path,
    maxRequestBodySize: requestBytesMax,
    development: false,
    async fetch(request) {
      if (request.method !== "POST") return new Response("POST only\n", { status: 405 });
      return Response.json(await operator.handle(await parseBody(request)));
    },
    error: () => new Response("failed\n", { status: 500 }),
  });
  chmodSync(path, 0o600);
  return {
    async stop() {
      await server.stop();
      rmSync(path, { force: true });
      short.close();
    },
  };
}

async function parseBody(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return undefined; // Text that is not JSON is refused as a bad request, like any other wrong shape.
  }
}

/**
 * Gives the server's answer; undefined where no server listens. Throws where a server listens and the exchange fails.
 */
export async function askOperator(path: string, request: { op: OperatorOp }): Promise<OperatorAnswer | undefined> {
  const short = shorten(path);
  try {
    const response = await fetch("http://roost/", {
      unix: short.path,
      method: "POST",
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
    if (!response.ok) throw new Error(`the server answered ${response.status} on ${path}`);
    return (await response.json()) as OperatorAnswer;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  } finally {
    short.close();
  }
}

/** No socket there, or one that a killed server left behind. */
function isAbsent(error: unknown): boolean {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ECONNREFUSED" || code === "FailedToOpenSocket" || code === "ConnectionRefused";
}

/** Reaches a path too long for a socket address through the open folder, which Linux names in /proc. */
function shorten(path: string): { path: string; close(): void } {
  if (Buffer.byteLength(path) <= pathBytesMax || process.platform !== "linux") return { path, close() {} };
  let folder: number | undefined;
  try {
    folder = openSync(dirname(path), "r");
  } catch {
    return { path, close() {} }; // There is no such folder; the caller's own attempt reports it.
  }
  const fd = folder;
  return { path: `/proc/self/fd/${fd}/${basename(path)}`, close: () => closeSync(fd) };
}
