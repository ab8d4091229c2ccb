/**
 * Asks the kernel whether an address is free, before anything is opened that a refusal would leave half started. It
 * also finds what a listener with reusePort would not: such a listener binds beside another server and takes half its
 * connections.
 */
import { lstatSync, unlinkSync } from "node:fs";
import { type Address, formatAddress, formatListen, type SocketPath } from "../lib/address.ts";

/** `reason` is a sentence for the operator and holds the address. */
export class AddressError extends Error {
  readonly code: "address_in_use" | "address_unavailable";

  constructor(code: AddressError["code"], reason: string) {
    super(reason);
    this.name = "AddressError";
    this.code = code;
  }
}

/**
 * Gives the address to bind: the given one, or `0.0.0.0` for `::` on a machine without IPv6. Throws `AddressError`.
 * Nothing stays bound, so port 0 stays 0.
 */
export function probeAddress(address: Address, bind: (address: Address) => string | undefined = tryToBind): Address {
  const { hostname, port } = address;
  const failure = bind(address);
  if (failure === undefined) return address;
  if (failure === "EADDRINUSE") {
    throw new AddressError("address_in_use", `${formatAddress(address)} is in use by another program`);
  }
  if (hostname === "::" && failure !== "EACCES") return probeAddress({ hostname: "0.0.0.0", port }, bind);
  const reason =
    failure === "EACCES"
      ? "may not be bound by this user (ports below 1024 need a permission)"
      : "is not an address of this machine";
  throw new AddressError("address_unavailable", `${formatAddress(address)} ${reason}`);
}

/**
 * The same for a Unix socket. One that a killed server left behind is removed, and nothing else: not what is no socket, and
 * not what another program listens on.
 */
export async function probeSocket(listen: SocketPath): Promise<SocketPath> {
  const { path } = listen;
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return listen;
  if (!found.isSocket()) throw new AddressError("address_unavailable", `${path} is there and is no socket`);
  try {
    (await Bun.connect({ unix: path, socket: { data() {} } })).terminate();
  } catch {
    unlinkSync(path);
    return listen;
  }
  throw new AddressError("address_in_use", `${formatListen(listen)} is in use by another program`);
}

/** Gives the kernel's code for a refusal; undefined where the address may be bound. */
function tryToBind({ hostname, port }: Address): string | undefined {
  try {
    Bun.listen({ hostname, port, socket: { data() {} } }).stop(true);
    return undefined;
  } catch (error) {
    const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
    return typeof code === "string" ? code : "unknown";
  }
}
