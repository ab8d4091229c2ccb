/** Accepts MQTT connections over TCP and TLS and gives each its `Connection`. */
import type { Socket, SocketHandler } from "bun";
import { nameOfLines } from "../../lib/distinguished-name.ts";
import type { Transport } from "../../net/transport.ts";
import { Connection, type ConnectionParts } from "./connection.ts";
import { type AdmissionParts, admit } from "./connection-limits.ts";

export interface ListenAddress {
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Clients are asked for certificates: those signed by `ca` are believed, others refused; `required`: none is too. */
  readonly clients?: { readonly ca: string; readonly required: boolean } | undefined;
}

export interface Listener {
  readonly port: number;
  /** With TLS: new connections are shown this one, those there are stay as they are. */
  useCertificate(tls: Certificate): void;
  /** Accepts nothing more; what is connected stays. */
  stopAccepting(): void;
  /** Drops what is still connected. */
  close(): void;
}

/** What accepting connections takes, over whichever transport. */
export type AcceptingParts = AdmissionParts & ConnectionParts;

/** Undefined: not admitted. */
type SocketData = Connection | undefined;

export function listenTcp(parts: AcceptingParts, address: ListenAddress, tls?: Certificate): Listener {
  let server = accept(parts, address, tls);
  const { port } = server;
  /** Listeners whose certificate was replaced: they accept nothing, but connections they accepted may live on. */
  const replaced: (typeof server)[] = [];
  return {
    port,
    useCertificate(certificate) {
      if (tls === undefined) throw new Error("this listener has no TLS");
      // `reload` ignores a certificate without saying so. Two listeners share the port for a moment instead.
      const next = accept(parts, { hostname: address.hostname, port }, certificate);
      server.stop(false);
      replaced.push(server);
      server = next;
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
        socket.setNoDelay(true); // the outbox gathers already; Nagle would only delay
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

/** Where no certificate is required, one that does not verify is let through by Bun: it is refused here. */
function verifying(parts: AcceptingParts): NonNullable<SocketHandler<SocketData>["handshake"]> {
  return (socket, _, error) => {
    if (socket.authorized || socket.getPeerX509Certificate() === undefined) return;
    const reason = error === null || !("code" in error) ? undefined : error.code;
    parts.log.info("a client's certificate was refused", { address: socket.remoteAddress, reason });
    socket.terminate();
  };
}

/** A TLS socket of which the certificate counts. The others are transports as they stand. */
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
