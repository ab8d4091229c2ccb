/**
 * Asks the kernel whether an address is free, before anything is opened that a refusal would leave half started. It also
 * sees what a listener with reusePort would not: that one binds beside another server and takes half its connections.
 */
import { type Address, formatAddress } from "../lib/address.ts";

/** `reason` in a sentence for the operator, the address included. */
export class AddressError extends Error {
  readonly code: "address_in_use" | "address_unavailable";

  constructor(code: AddressError["code"], reason: string) {
    super(reason);
    this.name = "AddressError";
    this.code = code;
  }
}

/**
 * The address to bind: the given one, or `0.0.0.0` for `::` on a machine without IPv6. Throws `AddressError`. Nothing
 * stays bound, so port 0 stays 0.
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

/** The kernel's code for the refusal; undefined when it may be bound. */
function tryToBind({ hostname, port }: Address): string | undefined {
  try {
    Bun.listen({ hostname, port, socket: { data() {} } }).stop(true);
    return undefined;
  } catch (error) {
    const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
    return typeof code === "string" ? code : "unknown";
  }
}
