/** Accepts MQTT connections over TCP and TLS and gives each its `Connection`. */
import { admit } from "./admission.ts";
import { Connection } from "./connection.ts";
import type { BrokerCore } from "./core.ts";

export interface ListenAddress {
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
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

interface SocketData {
  connection: Connection | undefined;
}

export function listenTcp(core: BrokerCore, address: ListenAddress, tls?: Certificate): Listener {
  let server = accept(core, address, tls);
  const { port } = server;
  /** Listeners whose certificate was replaced: they accept nothing, but connections they accepted may live on. */
  const replaced: (typeof server)[] = [];
  return {
    port,
    useCertificate(certificate) {
      if (tls === undefined) throw new Error("this listener has no TLS");
      // `reload` ignores a certificate without saying so. Two listeners share the port for a moment instead.
      const next = accept(core, { hostname: address.hostname, port }, certificate);
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

function accept(core: BrokerCore, { hostname, port }: ListenAddress, tls: Certificate | undefined) {
  return Bun.listen<SocketData>({
    hostname,
    port,
    ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key }, reusePort: true }),
    socket: {
      open(socket) {
        const place = admit(core, socket.remoteAddress);
        if (place === undefined) {
          socket.data = { connection: undefined };
          socket.terminate();
          return;
        }
        socket.setNoDelay(true); // the outbox gathers already; Nagle would only delay
        socket.data = { connection: new Connection(core, socket, place) };
      },
      data(socket, chunk) {
        socket.data.connection?.receive(chunk);
      },
      drain(socket) {
        socket.data.connection?.drained();
      },
      close(socket) {
        socket.data.connection?.gone();
      },
      error(socket, error) {
        core.log.warn("socket error", { address: socket.remoteAddress, error });
      },
    },
  });
}
