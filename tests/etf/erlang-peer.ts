/** Erlang beside a test: packets of four bytes' length over its standard input and output. */
import type { Subprocess } from "bun";
import { withDeadline } from "../support/deadline.ts";

/** It ended before it was done, by itself or by a signal (`code` above 128). */
export class ErlangEnded extends Error {
  readonly code: number;
  constructor(code: number, stderr: string) {
    super(`Erlang ended with ${code}: ${stderr}`);
    this.code = code;
  }
}

export class ErlangPeer implements AsyncDisposable {
  readonly #child: Subprocess<"pipe", "pipe", "pipe">;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #stderr: Promise<string>;
  #received: Buffer = Buffer.alloc(0);

  constructor(script: string, args: readonly string[]) {
    this.#child = Bun.spawn(["escript", script, ...args], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    this.#chunks = this.#child.stdout[Symbol.asyncIterator]();
    this.#stderr = new Response(this.#child.stderr).text();
  }

  /** The next packet. */
  async receive(): Promise<Buffer> {
    const header = await this.#take(4);
    return this.#take(header.readUInt32BE());
  }

  async send(packet: Uint8Array): Promise<void> {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(packet.byteLength);
    this.#child.stdin.write(header);
    this.#child.stdin.write(packet);
    await this.#child.stdin.flush();
  }

  /** How it ended, and what it had to say. */
  async ended(): Promise<{ readonly code: number; readonly stderr: string }> {
    const code = await withDeadline("Erlang ends", this.#child.exited, 15_000);
    return { code, stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #take(count: number): Promise<Buffer> {
    const parts = [this.#received];
    let length = this.#received.byteLength;
    while (length < count) {
      const { done, value } = await withDeadline("a packet of Erlang's", this.#chunks.next(), 30_000);
      if (done) throw new ErlangEnded(await this.#child.exited, await this.#stderr);
      parts.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      length += value.byteLength;
    }
    const whole = parts.length === 1 ? this.#received : Buffer.concat(parts);
    this.#received = whole.subarray(count);
    return whole.subarray(0, count);
  }
}
