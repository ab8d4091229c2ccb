/**
 * Accepts MQTT connections where trusted proxies begin each of theirs with a PROXY header (`mqtt.proxy_protocol`). The
 * header comes before TLS, and may share its first bytes' packet with it: Bun's `upgradeTLS` would lose those, so TLS
 * runs over a stream that is given them.
 */
import { Duplex } from "node:stream";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Socket } from "bun";
import { later, type MonotonicMs } from "../../lib/clock.ts";
import { nameOfLines } from "../../lib/distinguished-name.ts";
import { withoutMapping } from "../../lib/networks.ts";
import { proxyHeaderBytesMax, readProxyHeader } from "../../net/proxy-header.ts";
import type { Transport } from "../../net/transport.ts";
import type { IsTrusted } from "../../net/trusted-proxies.ts";
import { Connection } from "./connection.ts";
import { admit } from "./connection-limits.ts";
import type { Watched } from "./keep-alive.ts";
import {
  type AcceptingParts,
  type Certificate,
  type ListenAddress,
  type Listener,
  refuseCertificate,
} from "./listener.ts";

/** What takes a socket's bytes: at first the header's reader, then the connection or its TLS. Undefined: not admitted. */
type SocketData = AwaitedHeader | Connection | TlsTransport | undefined;
type ClientSocket = Socket<SocketData>;

/** What is done with a socket once its client's address is known. `rest`: what came behind the header. */
type Begin = (socket: ClientSocket, address: string, rest: Buffer, deadlineMs?: MonotonicMs) => void;

export function listenProxied(
  parts: AcceptingParts,
  isTrusted: IsTrusted,
  address: ListenAddress,
  tls?: Certificate,
): Listener {
  let security = tls === undefined ? undefined : secure(tls);
  const waiting = new Set<AwaitedHeader>();

  function begin(socket: ClientSocket, client: string, rest: Buffer, deadlineMs?: MonotonicMs): void {
    const addressCount = admit(parts, client);
    if (addressCount === undefined) {
      socket.data = undefined;
      socket.terminate();
      return;
    }
    const proxied = new ProxiedSocket(socket, client);
    const transport = security === undefined ? proxied : new TlsTransport(parts, proxied, security);
    const connection = new Connection(parts, transport, addressCount);
    if (deadlineMs !== undefined) {
      // The time that the header took is part of what a client has for CONNECT.
      connection.deadlineMs = deadlineMs;
      parts.wheel.watch(connection);
    }
    if (transport instanceof TlsTransport) transport.serve(connection);
    const data = transport instanceof TlsTransport ? transport : connection;
    socket.data = data;
    if (rest.length > 0) data.receive(rest);
  }

  const listen = (port: number) =>
    Bun.listen<SocketData>({
      hostname: address.hostname,
      port,
      socket: {
        open(socket) {
          socket.setNoDelay(true);
          const peer = withoutMapping(socket.remoteAddress);
          if (!isTrusted(peer)) {
            begin(socket, peer, Buffer.alloc(0));
          } else if (parts.stopping || waiting.size + parts.connections.size >= parts.limits.connectionsMax) {
            parts.counters.connectionsRefused++;
            socket.data = undefined;
            socket.terminate();
          } else {
            socket.data = new AwaitedHeader(parts, { socket, peer, waiting, begin });
          }
        },
        data(socket, chunk) {
          socket.data?.receive(chunk);
        },
        drain(socket) {
          socket.data?.drained();
        },
        close(socket) {
          socket.data?.gone();
        },
        error(socket, error) {
          parts.log.warn("socket error", { address: socket.remoteAddress, error });
        },
      },
    });
  let server = listen(address.port);
  const { port } = server;
  /** They accept nothing, but connections they accepted may still be open. */
  const earlier: (typeof server)[] = [];

  return {
    port,
    useCertificate(certificate) {
      if (tls === undefined) throw new Error("this listener has no TLS");
      security = secure(certificate);
    },
    stopAccepting() {
      server.stop(false);
      for (const header of waiting) header.end();
    },
    pause: () => server.stop(false),
    resume() {
      const listening = listen(port);
      earlier.push(server);
      server = listening;
    },
    close() {
      for (const each of [...earlier, server]) each.stop(true);
    },
  };
}

interface Arrival {
  readonly socket: ClientSocket;
  /** The proxy's address. */
  readonly peer: string;
  readonly waiting: Set<AwaitedHeader>;
  readonly begin: Begin;
}

/** A connection of a trusted proxy whose header is not complete. */
class AwaitedHeader implements Watched {
  deadlineMs: MonotonicMs;
  wheelPlace = -1;
  readonly #parts: AcceptingParts;
  readonly #on: Arrival;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(parts: AcceptingParts, on: Arrival) {
    this.#parts = parts;
    this.#on = on;
    this.deadlineMs = later(parts.clock.monotonicMs(), parts.limits.connectTimeoutMs);
    on.waiting.add(this);
    parts.sockets.started();
    parts.wheel.watch(this);
  }

  receive(chunk: Buffer): void {
    const bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const header = readProxyHeader(bytes);
    if (header === "incomplete") {
      // A copy: the chunk may be a small part of a large buffer.
      this.#bytes = Buffer.from(bytes.subarray(0, proxyHeaderBytesMax));
    } else if ("wrong" in header) {
      this.#refuse(header.wrong);
    } else {
      const { socket, peer, begin } = this.#on;
      this.gone();
      begin(socket, header.address ?? peer, bytes.subarray(header.headerBytes), this.deadlineMs);
    }
  }

  deadlinePassed(): void {
    this.#refuse("its PROXY header did not come in time");
  }

  #refuse(why: string): void {
    this.#parts.counters.connectionsRefused++;
    this.#parts.log.warn("a connection of a trusted proxy was refused", { address: this.#on.peer, why });
    this.end();
  }

  end(): void {
    this.gone();
    this.#on.socket.data = undefined;
    this.#on.socket.terminate();
  }

  drained(): void {}

  /** It is no longer waited for. */
  gone(): void {
    if (!this.#on.waiting.delete(this)) return;
    this.#parts.wheel.unwatch(this);
    this.#parts.sockets.done();
  }
}

/** A socket whose peer may be a proxy, under the address of its client. */
class ProxiedSocket implements Transport {
  readonly remoteAddress: string;
  readonly certificateSubject: undefined;
  readonly #socket: ClientSocket;

  constructor(socket: ClientSocket, address: string) {
    this.#socket = socket;
    this.remoteAddress = address;
  }

  write(bytes: Uint8Array, byteOffset: number, byteLength: number): number {
    return this.#socket.write(bytes, byteOffset, byteLength);
  }

  shutdown(): void {
    this.#socket.shutdown();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}

interface Security {
  readonly context: SecureContext;
  readonly clients: Certificate["clients"];
}

const secure = ({ cert, key, clients }: Certificate): Security => ({
  context: createSecureContext({ cert, key, ...(clients === undefined ? {} : { ca: clients.ca }) }),
  clients,
});

/** The most that is encrypted before the kernel has taken what was encrypted before. */
const writeBytesMax = 64 * 1024;

/** TLS over a socket that may have been read already. */
class TlsTransport implements Transport {
  readonly remoteAddress: string;
  readonly #socket: ProxiedSocket;
  readonly #wire: Duplex;
  readonly #tls: TLSSocket;
  readonly #clients: Certificate["clients"];
  #connection: Connection | undefined;
  /** Encrypted bytes that the kernel has not taken, and the stream's wish to hear of it. */
  #unsent: Buffer | undefined;
  #whenSent: (() => void) | undefined;

  constructor(parts: AcceptingParts, socket: ProxiedSocket, { context, clients }: Security) {
    this.remoteAddress = socket.remoteAddress;
    this.#socket = socket;
    this.#clients = clients;
    this.#wire = new Duplex({
      read() {},
      write: (chunk: Buffer, _, done) => this.#send(chunk, done),
      final: (done) => {
        socket.shutdown();
        done();
      },
      destroy: (error, done) => {
        socket.terminate();
        done(error);
      },
    });
    this.#wire.on("error", () => {}); // shows at the socket or in TLS
    this.#tls = new TLSSocket(this.#wire, {
      isServer: true,
      secureContext: context,
      requestCert: clients !== undefined,
      rejectUnauthorized: false, // `#verify` looks
    });
    this.#tls.on("secure", () => this.#verify(parts));
    this.#tls.on("data", (bytes: Buffer) => this.#connection?.receive(bytes));
    this.#tls.on("drain", () => this.#connection?.drained());
    this.#tls.on("end", () => this.shutdown());
    this.#tls.on("error", (error) => {
      parts.log.debug("TLS failed", { address: this.remoteAddress, error });
      this.terminate();
    });
  }

  /** Decrypted bytes are this connection's. */
  serve(connection: Connection): void {
    this.#connection = connection;
  }

  /** Encrypted bytes arrived. */
  receive(chunk: Buffer): void {
    this.#wire.push(chunk);
  }

  /** The socket takes bytes again. */
  drained(): void {
    const unsent = this.#unsent;
    this.#unsent = undefined;
    const done = this.#whenSent;
    this.#whenSent = undefined;
    if (unsent !== undefined && done !== undefined) this.#send(unsent, done);
    if (this.#unsent === undefined) this.#connection?.drained();
  }

  /** The socket is closed. */
  gone(): void {
    this.#unsent = undefined;
    this.#whenSent = undefined;
    this.#tls.destroy();
    this.#wire.destroy();
    this.#connection?.gone();
  }

  get certificateSubject(): string | undefined {
    if (!this.#tls.authorized || this.#clients === undefined) return undefined;
    const certificate = this.#tls.getPeerX509Certificate();
    return certificate === undefined ? undefined : nameOfLines(certificate.subject);
  }

  write(bytes: Uint8Array, byteOffset: number, byteLength: number): number {
    let taken = 0;
    while (taken < byteLength) {
      if (this.#tls.destroyed) return -1;
      if (this.#unsent !== undefined || this.#tls.writableNeedDrain) break;
      const start = byteOffset + taken;
      const size = Math.min(writeBytesMax, byteLength - taken);
      // A copy: the stream may keep it, and the outbox uses its buffer again.
      this.#tls.write(Buffer.from(bytes.subarray(start, start + size)));
      taken += size;
    }
    return taken;
  }

  shutdown(): void {
    this.#tls.end();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
    this.#tls.pause();
  }

  resume(): void {
    this.#tls.resume();
    this.#socket.resume();
  }

  #send(chunk: Buffer, done: () => void): void {
    const taken = Math.max(0, this.#socket.write(chunk, 0, chunk.length));
    if (taken === chunk.length) {
      done();
      return;
    }
    this.#unsent = chunk.subarray(taken);
    this.#whenSent = done;
  }

  /** A certificate that does not verify is refused, and with `required` a client without one. */
  #verify(parts: AcceptingParts): void {
    if (this.#clients === undefined || this.#tls.authorized) return;
    const shown = this.#tls.getPeerX509Certificate() !== undefined;
    if (!shown && !this.#clients.required) return;
    const reason = shown ? String(this.#tls.authorizationError) : "none was shown";
    refuseCertificate(parts, this.remoteAddress, reason);
    this.terminate();
  }
}
