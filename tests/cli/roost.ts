/** The program as an operator meets it: a process with arguments, variables, output and an exit code. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withDeadline } from "../support/deadline.ts";

export const fromSources = [process.execPath, join(import.meta.dir, "../../src/main.ts")];

/** A folder that goes when the test ends. */
export function temporaryFolder(): Disposable & { readonly path: string; in(...names: string[]): string } {
  const path = mkdtempSync(join(tmpdir(), "roost-cli-"));
  return {
    path,
    in: (...names) => join(path, ...names),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

interface Surroundings {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** What runs instead of the sources: a built executable. */
  readonly program?: readonly string[];
}

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function spawn(args: readonly string[], { cwd, env = {}, stdin, program = fromSources }: Surroundings) {
  return Bun.spawn([...program, ...args], {
    cwd,
    // Nothing of the developer's own settings reaches the program under test.
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd, ...env },
    stdin: stdin === undefined ? "ignore" : new TextEncoder().encode(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Runs a command to its end. */
export async function roost(args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  await using child = spawn(args, surroundings);
  const work = Promise.all([child.exited, new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const [exitCode, stdout, stderr] = await withDeadline(`roost ${args.join(" ")}`, work, 20_000);
  return { exitCode, stdout, stderr };
}

export interface Serving extends AsyncDisposable {
  readonly pid: number;
  /** The first line of standard output. */
  readonly firstLine: string;
  /** Logged so far. */
  logged(): string;
  /** Waits for a log line that holds `text`. */
  untilLogged(text: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Sends the signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<Ended>;
}

/** Starts `roost serve …` and waits until it says that it runs. */
export async function serving(args: readonly string[], surroundings: Surroundings): Promise<Serving> {
  const child = spawn(["serve", ...args], surroundings);
  const stdout = new Lines(child.stdout);
  const stderr = new Lines(child.stderr);
  const first = await withDeadline("the start of the server", stdout.lineWith(""), 20_000);
  if (first === undefined) {
    await stderr.ended;
    throw new Error(`the server did not start (exit code ${await child.exited}): ${stderr.text}`);
  }
  async function end(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
    child.kill(signal);
    const exitCode = await withDeadline("the end of the server", child.exited, 15_000);
    await Promise.all([stdout.ended, stderr.ended]);
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  }
  return {
    pid: child.pid,
    firstLine: first,
    logged: () => stderr.text,
    async untilLogged(text) {
      const line = await withDeadline(`a log line with "${text}"`, stderr.lineWith(text));
      if (line === undefined) throw new Error(`the server ended without logging "${text}"`);
    },
    signal: (name) => child.kill(name),
    end,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Reads a stream to its end and tells when a line came. */
class Lines {
  text = "";
  readonly ended: Promise<void>;
  #over = false;
  #waiting: (() => void)[] = [];

  constructor(stream: ReadableStream<Uint8Array>) {
    this.ended = this.#read(stream);
  }

  /** The first whole line that holds `part`, past ones included; undefined at the end of the stream. */
  async lineWith(part: string): Promise<string | undefined> {
    for (;;) {
      const whole = this.text.slice(0, this.text.lastIndexOf("\n") + 1);
      const line = whole
        .split("\n")
        .slice(0, -1)
        .find((one) => one.includes(part));
      if (line !== undefined || this.#over) return line;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true });
      this.#wake();
    }
    this.#over = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** What REST answers a backend with this key: 201, or 401 for a wrong one. */
export async function provision(http: string, key: string): Promise<number> {
  const response = await fetch(`http://${http}/token`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ userID: "ann" }),
  });
  await response.body?.cancel();
  return response.status;
}
