/** Other people's programs as clients in a test: run one to its end, or keep one and read its lines. */
import type { Subprocess } from "bun";
import { withDeadline } from "./deadline.ts";

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function run(command: readonly string[], stdin?: string): Promise<Finished> {
  const child = Bun.spawn([...command], {
    stdin: stdin === undefined ? "ignore" : new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, stdout, stderr] = await withDeadline(
    `${command[0]} ends`,
    Promise.all([child.exited, new Response(child.stdout).text(), new Response(child.stderr).text()]),
    30_000,
  );
  return { code, stdout, stderr };
}

/** Runs a command that must succeed; gives its standard output. */
export async function output(command: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, stdin);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

/** A program that goes on, read line by line. */
export class LineProcess implements AsyncDisposable {
  readonly #child: Subprocess<"pipe", "pipe", "pipe">;
  readonly #lines: string[] = [];
  readonly #waiting: (() => void)[] = [];
  #ended = false;
  #stderr = "";

  constructor(command: readonly string[]) {
    this.#child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    void this.#read();
    void new Response(this.#child.stderr).text().then((text) => {
      this.#stderr = text;
    });
  }

  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
    void this.#child.stdin.flush();
  }

  /** The next line not yet taken. */
  async line(what: string): Promise<string> {
    return withDeadline(what, this.#next(), 15_000);
  }

  /** The next line that fits; the ones before it are dropped. */
  async lineThat(fits: (line: string) => boolean, what: string): Promise<string> {
    for (;;) {
      const line = await this.line(what);
      if (fits(line)) return line;
    }
  }

  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    await withDeadline("a client ends", this.#child.exited, 15_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.end("SIGKILL");
  }

  async #next(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      if (this.#ended) throw new Error(`the program ended: ${this.#stderr}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      this.#lines.push(...parts);
      this.#wake();
    }
    await this.#child.exited;
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
