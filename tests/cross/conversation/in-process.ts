/**
 * A whole server in this process whose HTTP port is called without sockets: requests go to its `fetch`, and the frames of its
 * WebSockets, MQTT's too, from hand to hand.
 */
import { spyOn } from "bun:test";
import type { Line, LineListener } from "../../support/line.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { startTestServer } from "../../support/server.ts";
import type { Wires } from "./wires.ts";

interface Handlers {
  fetch(request: Request, server: unknown): Response | Promise<Response> | undefined;
  readonly websocket: {
    open(ws: FakeSocket): void;
    message(ws: FakeSocket, frame: string | Buffer): void;
    close(ws: FakeSocket): void;
  };
}

/** The server's end of a WebSocket. */
class FakeSocket {
  readonly data: unknown;
  readonly #handlers: Handlers["websocket"];
  /** The client's end. */
  heard: (frame: string | Buffer) => void = () => {};
  closed: () => void = () => {};
  isClosed = false;

  constructor(data: unknown, handlers: Handlers["websocket"]) {
    this.data = data;
    this.#handlers = handlers;
    handlers.open(this);
  }

  send(frame: string | Uint8Array): number {
    if (this.isClosed) return 0;
    this.heard(typeof frame === "string" ? frame : Buffer.from(frame));
    wake();
    return frame.length;
  }

  sendBinary = (bytes: Uint8Array): number => this.send(bytes);

  say(frame: string | Buffer): void {
    if (!this.isClosed) this.#handlers.message(this, frame);
  }

  cork(work: () => void): void {
    work();
  }

  getBufferedAmount = (): number => 0;

  pause(): void {}

  resume(): void {}

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handlers.close(this);
    this.closed();
    wake();
  }

  terminate = (): void => this.close();
}

class FakeLine implements Line {
  readonly opened: Promise<void> = Promise.resolve();
  readonly unsentBytes = 0;
  readonly #socket: FakeSocket;

  constructor(socket: FakeSocket) {
    this.#socket = socket;
  }

  listen({ bytes, closed }: LineListener): void {
    this.#socket.heard = (frame) => bytes(Buffer.from(frame as Buffer));
    this.#socket.closed = closed;
  }

  write(bytes: Uint8Array): void {
    this.#socket.say(Buffer.from(bytes));
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    this.#socket.close();
  }

  drop(): void {
    this.#socket.close();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Those who wait until a client hears something. */
let woken = Promise.withResolvers<void>();

function wake(): void {
  const { resolve } = woken;
  woken = Promise.withResolvers<void>();
  resolve();
}

/** So long nothing at all happens in a process that is not stuck. */
const waitMs = 20_000;

export async function startInProcess(): Promise<Wires & AsyncDisposable> {
  const serve = spyOn(Bun, "serve");
  const clock = createManualClock();
  const server = await startTestServer({ clock, env: { ROOST_SEARCH: "off" } });
  // The operator's socket has none.
  const handlers = serve.mock.calls
    .map(([options]) => options)
    .find((options) => "websocket" in options) as unknown as Handlers;
  serve.mockRestore();
  const requestIP = () => ({ address: "127.0.0.1" });

  async function open(path: string, protocol: Record<string, string>): Promise<FakeSocket> {
    let socket: FakeSocket | undefined;
    const upgrade = (_: Request, { data }: { data: unknown }): boolean => {
      socket = new FakeSocket(data, handlers.websocket);
      return true;
    };
    const request = new Request(`http://localhost${path}`, { headers: { upgrade: "websocket", ...protocol } });
    const refused = await handlers.fetch(request, { requestIP, upgrade });
    if (socket === undefined) throw new Error(`no WebSocket: ${refused?.status}`);
    return socket;
  }

  return {
    backendKey: server.backendKey,
    async call(request, { as, body }) {
      const [method = "", path = ""] = request.split(" ");
      const init = { method, headers: { Authorization: `Bearer ${as}` } };
      const asked = new Request(
        `http://localhost${path}`,
        body === undefined ? init : { ...init, body: JSON.stringify(body) },
      );
      const answer = await handlers.fetch(asked, { requestIP, timeout() {} });
      if (answer === undefined) throw new Error(`${request} was not answered`);
      return { status: answer.status, text: await answer.text() };
    },
    async frames(heard) {
      const socket = await open("/ws", {});
      socket.heard = (frame) => heard(JSON.parse(String(frame)));
      return {
        get isClosed() {
          return socket.isClosed;
        },
        say: (action) => socket.say(JSON.stringify(action)),
        drop: () => socket.close(),
      };
    },
    packets: async () => new FakeLine(await open("/mqtt", { "sec-websocket-protocol": "mqtt" })),
    async until(what, condition) {
      // What is waited for is something that is heard. To look again and again would leave the store's thread less time.
      const late = Promise.withResolvers<never>();
      let timer: ReturnType<typeof setTimeout> | undefined;
      try {
        while (!condition()) {
          timer ??= setTimeout(() => late.reject(new Error(`${what}: it does not come`)), waitMs);
          await Promise.race([woken.promise, late.promise]);
        }
      } finally {
        clearTimeout(timer);
      }
    },
    async rest() {
      for (let turns = 0; turns < 3; turns += 1) await turn();
    },
    pass: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
