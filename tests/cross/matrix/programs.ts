/** curl and other people's programs, run to their end with bytes as their input. */
import { withDeadline } from "../../support/deadline.ts";

const longMs = 60_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runWith(command: readonly string[], stdin: Uint8Array | string = ""): Promise<Ran> {
  const child = Bun.spawn([...command], { stdin: Buffer.from(stdin), stdout: "pipe", stderr: "pipe" });
  const [code, stdout, stderr] = await withDeadline(
    `${command[0]} ends`,
    Promise.all([child.exited, new Response(child.stdout).text(), new Response(child.stderr).text()]),
    longMs,
  );
  return { code, stdout, stderr };
}

export interface CurlOptions {
  readonly token: string;
  readonly method?: string;
  /** Sent as JSON, or as it is where it is bytes. */
  readonly body?: unknown;
  readonly headers?: readonly string[];
}

/** @param http `host:port`. Gives the status and the body. */
export async function curl(
  http: string,
  path: string,
  options: CurlOptions,
): Promise<{ status: number; text: string }> {
  const { token, method = "GET", body, headers = [] } = options;
  const sent = body === undefined ? [] : ["--data-binary", "@-"];
  const all = [`Authorization: Bearer ${token}`, ...headers].flatMap((header) => ["-H", header]);
  const command = ["curl", "-sS", "-X", method, ...all, ...sent, "-w", "\n%{http_code}", `http://${http}${path}`];
  const input = body instanceof Uint8Array ? body : body === undefined ? "" : JSON.stringify(body);
  const { code, stdout, stderr } = await runWith(command, input);
  if (code !== 0) throw new Error(`curl ${path} ended with ${code}: ${stderr}`);
  const at = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(at + 1)), text: stdout.slice(0, at) };
}

/** What must be answered 200 or 201. */
export async function curlJson<T>(http: string, path: string, options: CurlOptions): Promise<T> {
  const { status, text } = await curl(http, path, options);
  if (status !== 200 && status !== 201) throw new Error(`${options.method ?? "GET"} ${path}: ${status} ${text}`);
  return JSON.parse(text) as T;
}

/** Content that is larger than a packet goes ahead of its message. */
export async function upload(http: string, token: string, content: Buffer, type: string): Promise<string> {
  const headers = [`Content-Type: ${type}`];
  const answer = await curlJson<{ file: string }>(http, "/_/files", { token, method: "POST", body: content, headers });
  return answer.file;
}

/** What stands at `/_/files/{hash}`, byte for byte. */
export async function download(http: string, token: string, hash: string): Promise<Buffer> {
  const child = Bun.spawn(["curl", "-sSf", "-H", `Authorization: Bearer ${token}`, `http://${http}/_/files/${hash}`], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const bytes = await withDeadline("curl ends", new Response(child.stdout).arrayBuffer(), longMs);
  if ((await child.exited) !== 0) throw new Error(`GET /_/files/${hash}: ${await new Response(child.stderr).text()}`);
  return Buffer.from(bytes);
}

/** What a client of one user needs to reach the server. */
export interface Reach {
  readonly mqtt: string;
  readonly http: string;
}
