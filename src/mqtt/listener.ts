/** Accepts MQTT connections over TCP and gives each its `Connection`. */
import { admit } from "./admission.ts";
import { Connection } from "./connection.ts";
import type { BrokerCore } from "./core.ts";

export interface ListenAddress {
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface Listener {
  readonly port: number;
  /** Accepts nothing more; what is connected stays. */
  stopAccepting(): void;
  /** Drops what is still connected. */
  close(): void;
}

interface SocketData {
  connection: Connection | undefined;
}

export function listenTcp(core: BrokerCore, { hostname, port }: ListenAddress): Listener {
  const server = Bun.listen<SocketData>({
    hostname,
    port,
    socket: {
      open(socket) {
        if (!admit(core, socket.remoteAddress)) {
          socket.data = { connection: undefined };
          socket.terminate();
          return;
        }
        socket.setNoDelay(true); // the outbox gathers already; Nagle would only delay
        socket.data = { connection: new Connection(core, socket) };
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
  return {
    port: server.port,
    stopAccepting: () => server.stop(false),
    close: () => server.stop(true),
  };
}
