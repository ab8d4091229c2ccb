/** The binary on one data folder, killed and started again. */
import { until, withDeadline } from "../support/deadline.ts";
import { type BinaryServer, startBinary } from "./binary-server.ts";

/** The server that runs now. */
export class Running {
  readonly #data: string;
  readonly #env: Record<string, string>;
  server: BinaryServer | undefined;
  isDead = false;

  /** @param env `ROOST_*` variables */
  constructor(data: string, env: Record<string, string> = {}) {
    this.#data = data;
    this.#env = env;
  }

  async start(): Promise<BinaryServer> {
    this.server ??= await startBinary(this.#data, { env: this.#env });
    this.isDead = false;
    return this.server;
  }

  async kill(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    process.kill(server.pid, "SIGKILL");
    this.isDead = true;
    await withDeadline("the killed server to end", server.exited);
    await server[Symbol.asyncDispose]();
    this.server = undefined;
  }

  /** As `until`, with an end when the server is killed. */
  async until(what: string, condition: () => boolean): Promise<void> {
    await until(what, () => this.isDead || condition());
    if (!condition()) throw new Error(`killed before ${what}`);
  }
}
