/**
 * The line between one client and the server. While it is cut, what either side says is swallowed, and both believe that
 * the other one heard it. When it is mended the client's end breaks, so that the client comes again; the server's end
 * stays open behind it, as that of a phone that lost its network.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

export class CutLine implements AsyncDisposable {
  /** `127.0.0.1:port` */
  address = "";
  readonly #listener: Server;
  readonly #links = new Set<{ client: Socket; server: Socket }>();
  #isCut = false;

  /** @param to `host:port` of the server */
  static async to(to: string): Promise<CutLine> {
    const line = new CutLine(to);
    await new Promise<void>((resolve) => line.#listener.listen(0, "127.0.0.1", resolve));
    const address = line.#listener.address();
    if (address === null || typeof address === "string") throw new Error("the line has no port");
    line.address = `127.0.0.1:${address.port}`;
    return line;
  }

  private constructor(to: string) {
    const [host = "", port = ""] = to.split(":");
    this.#listener = createServer((client) => {
      const server = connect({ host, port: Number(port) });
      const link = { client, server };
      this.#links.add(link);
      let lost = this.#isCut;
      this.#losing.add(() => {
        lost = true;
      });
      for (const [from, into] of [
        [client, server],
        [server, client],
      ] as const) {
        from.setNoDelay(true);
        from.on("error", () => {});
        from.on("data", (bytes: Buffer) => {
          if (lost || into.destroyed) return;
          if (!into.write(bytes)) {
            from.pause();
            into.once("drain", () => from.resume());
          }
        });
        from.on("close", () => {
          if (!lost) into.end();
          if (from === server) this.#links.delete(link);
        });
      }
    });
  }

  readonly #losing = new Set<() => void>();

  cut(): void {
    this.#isCut = true;
    for (const lose of this.#losing) lose();
    this.#losing.clear();
  }

  mend(): void {
    this.#isCut = false;
    for (const { client } of this.#links) if (!client.destroyed) client.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client, server } of this.#links) {
      client.destroy();
      server.destroy();
    }
    this.#listener.close();
  }
}
