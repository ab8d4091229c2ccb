/** Accepts MQTT connections over TCP and TLS and makes a `Connection` for each. */
import type { Socket, SocketHandler } from "bun";
import { nameOfLines } from "../../lib/distinguished-name.ts";
import { withoutMapping } from "../../lib/networks.ts";
import type { PausingListener } from "../../net/descriptors.ts";
import type { Transport } from "../../net/transport.ts";
import type { WebSocketGuard } from "../../net/websocket-guard.ts";
import { Connection, type ConnectionParts } from "./connection.ts";
import { type AdmissionParts, admit } from "./connection-limits.ts";

export interface ListenAddress {
  readonly hostname: string;
  /** With 0 the system chooses. */
  readonly port: number;
}

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /**
   * Clients are asked for certificates. Those signed by `ca` are accepted, others refused; with `required` a client
   * without one is refused too.
   */
  readonly clients?: { readonly ca: string; readonly required: boolean } | undefined;
}

export interface Listener extends PausingListener {
  readonly port: number;
  /** For TLS: new connections get this certificate, existing ones keep theirs. */
  useCertificate(tls: Certificate): void;
  /** Accepts no more connections; existing ones stay. */
  stopAccepting(): void;
  /** Drops the existing connections. */
  close(): void;
}

/** What accepting connections needs, for any transport. */
export type AcceptingParts = AdmissionParts & ConnectionParts & { readonly websocketGuard: WebSocketGuard };

/** Undefined where the connection was not admitted. */
type SocketData = Connection | undefined;

export function listenTcp(parts: AcceptingParts, address: ListenAddress, tls?: Certificate): Listener {
  let server = accept(parts, address, tls);
  const { port } = server;
  /** Listeners whose certificate was replaced. They accept nothing, but connections they accepted may still be open. */
  const replaced: (typeof server)[] = [];
  const place = { hostname: address.hostname, port };
  let certificate = tls;
  return {
    port,
    useCertificate(next) {
      if (tls === undefined) throw new Error("this listener has no TLS");
      certificate = next;
      // `reload` ignores a certificate silently. Two listeners share the port for a moment instead.
      const listening = accept(parts, place, certificate);
      server.stop(false);
      replaced.push(server);
      server = listening;
    },
    pause: () => server.stop(false),
    resume() {
      const listening = accept(parts, place, certificate);
      server.stop(false);
      replaced.push(server);
      server = listening;
    },
    stopAccepting: () => server.stop(false),
    close() {
      for (const each of [...replaced, server]) each.stop(true);
    },
  };
}

function accept(parts: AcceptingParts, { hostname, port }: ListenAddress, tls: Certificate | undefined) {
  const clients = tls?.clients;
  return Bun.listen<SocketData>({
    hostname,
    port,
    ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key, ...askFor(clients) }, reusePort: true }),
    socket: {
      open(socket) {
        const addressCount = admit(parts, socket.remoteAddress);
        if (addressCount === undefined) {
          socket.data = undefined;
          socket.terminate();
          return;
        }
        socket.setNoDelay(true); // the outbox gathers bytes already; Nagle would only delay them
        const transport = clients === undefined ? socket : new CertifiedSocket(socket);
        socket.data = new Connection(parts, transport, addressCount);
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
      ...(clients === undefined ? {} : { handshake: verifying(parts) }),
    },
  });
}

const askFor = (clients: Certificate["clients"]) =>
  clients === undefined ? {} : { ca: clients.ca, requestCert: true, rejectUnauthorized: clients.required };

/** Where no certificate is required Bun accepts one that does not verify, so it is refused here. */
function verifying(parts: AcceptingParts): NonNullable<SocketHandler<SocketData>["handshake"]> {
  return (socket, _, error) => {
    if (socket.authorized || socket.getPeerX509Certificate() === undefined) return;
    const reason = error === null || !("code" in error) ? undefined : error.code;
    refuseCertificate(parts, socket.remoteAddress, reason);
    socket.terminate();
  };
}

export function refuseCertificate({ identity }: AcceptingParts, address: string, why: unknown): void {
  const client = { principal: undefined, clientId: undefined, address: withoutMapping(address) };
  const reason = { text: `the client's certificate is not accepted (${why})` };
  identity.refused({ asked: "connect", topic: undefined, ...client, reason });
}

/** A TLS socket whose client certificate is used. Other sockets are transports as they are. */
class CertifiedSocket implements Transport {
  readonly #socket: Socket<SocketData>;

  constructor(socket: Socket<SocketData>) {
    this.#socket = socket;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress;
  }

  get certificateSubject(): string | undefined {
    if (!this.#socket.authorized) return undefined;
    const certificate = this.#socket.getPeerX509Certificate();
    return certificate === undefined ? undefined : nameOfLines(certificate.subject);
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
