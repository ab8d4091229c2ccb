/** Listening addresses as an operator writes them: `[::]:8080`, `127.0.0.1:0`, `localhost:1883`, `:8080`, `8080`. */
export interface Address {
  /** Without brackets. `::` means every interface, IPv4 included where the machine allows it. */
  readonly hostname: string;
  /** With port 0 the kernel chooses a port. */
  readonly port: number;
}

/**
 * Parses one of the forms above; undefined for any other text. A bare IPv6 address is ambiguous and needs its brackets.
 */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]/]+))?:)?(\d{1,5})$/.exec(text.trim());
  if (match === null) return undefined;
  const port = Number(match[3]);
  return port > 65_535 ? undefined : { hostname: match[1] ?? match[2] ?? "::", port };
}

export const formatAddress = ({ hostname, port }: Address): string =>
  hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;

export const isWildcard = ({ hostname }: Address): boolean => hostname === "::" || hostname === "0.0.0.0";

/** A Unix socket to listen on; written `unix:/run/roost/http.sock`. */
export interface SocketPath {
  /** Absolute. */
  readonly path: string;
}

export const isSocketPath = (listen: Address | SocketPath): listen is SocketPath => "path" in listen;

export const formatListen = (listen: Address | SocketPath): string =>
  isSocketPath(listen) ? `unix:${listen.path}` : formatAddress(listen);
