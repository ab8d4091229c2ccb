/** A program that stays, and hands over each line that it prints at once. */
import { withDeadline } from "../../support/deadline.ts";

const longMs = 30_000;

export class LineReader {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #ended: Promise<void>;
  #stderr = "";

  constructor(command: readonly string[], onLine: (line: string) => void) {
    this.#child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    const errors = new Response(this.#child.stderr).text().then((text) => {
      this.#stderr = text;
    });
    this.#ended = Promise.all([this.#read(onLine), errors, this.#child.exited]).then(() => {});
  }

  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
    void this.#child.stdin.flush();
  }

  /** Waits for `work`, and no longer than the program runs. */
  async whileRunning<T>(what: string, work: Promise<T>): Promise<T> {
    const end = this.#ended.then(() => {
      throw new Error(`${what}: the program ended: ${this.#stderr}`);
    });
    return await withDeadline(what, Promise.race([work, end]), longMs);
  }

  /** Resolves when the program has ended by itself. */
  async ended(): Promise<void> {
    await withDeadline("a program to end", this.#ended, longMs);
  }

  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    await this.ended();
  }

  async #read(onLine: (line: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    let parts: string[] = [];
    for await (const chunk of this.#child.stdout) {
      const lines = decoder.decode(chunk, { stream: true }).split("\n");
      const rest = lines.pop() ?? "";
      for (const line of lines) {
        onLine(parts.join("") + line);
        parts = [];
      }
      if (rest !== "") parts.push(rest);
    }
  }
}
