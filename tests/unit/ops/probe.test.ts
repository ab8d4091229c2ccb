import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { AddressError, probeAddress, probeSocket } from "../../../src/ops/probe.ts";
import { temporaryFolder } from "../../cli/roost.ts";

test("a free address is given back and not kept", () => {
  const address = { hostname: "127.0.0.1", port: 0 };
  expect(probeAddress(address)).toEqual(address);
});

test("an address that another server listens on is in use, even when that server would share it", () => {
  using listener = Bun.serve({ hostname: "127.0.0.1", port: 0, reusePort: true, fetch: () => new Response() });
  const port = listener.port ?? 0;
  const failure = catchError(() => probeAddress({ hostname: "127.0.0.1", port }));
  expect(failure).toBeInstanceOf(AddressError);
  expect(failure).toMatchObject({
    code: "address_in_use",
    message: `127.0.0.1:${port} is in use by another program`,
  });
  // Every interface includes that one.
  expect(catchError(() => probeAddress({ hostname: "0.0.0.0", port }))).toBeInstanceOf(AddressError);
});

test("an address of another machine is named", () => {
  // TEST-NET-3, RFC 5737.
  expect(catchError(() => probeAddress({ hostname: "203.0.113.9", port: 0 }))).toMatchObject({
    code: "address_unavailable",
    message: "203.0.113.9:0 is not an address of this machine",
  });
});

test("every interface means IPv4 on a machine without IPv6, unless it is the port that is the trouble", () => {
  const everywhere = { hostname: "::", port: 80 };
  const table: [why: string | undefined, then: string | undefined, found: unknown][] = [
    [undefined, undefined, everywhere],
    ["EAFNOSUPPORT", undefined, { hostname: "0.0.0.0", port: 80 }],
    ["EADDRNOTAVAIL", undefined, { hostname: "0.0.0.0", port: 80 }],
    ["EAFNOSUPPORT", "EADDRINUSE", "address_in_use"],
    ["EADDRINUSE", undefined, "address_in_use"],
    ["EACCES", undefined, "address_unavailable"],
  ];
  for (const [onIpv6, onIpv4, found] of table) {
    const bind = ({ hostname }: { hostname: string }) => (hostname === "::" ? onIpv6 : onIpv4);
    let outcome: unknown;
    try {
      outcome = probeAddress(everywhere, bind);
    } catch (error) {
      outcome = error instanceof AddressError ? error.code : error;
    }
    expect([onIpv6, onIpv4, outcome]).toEqual([onIpv6, onIpv4, found]);
  }
});

function catchError(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("a Unix socket is taken over from a server that was killed, and from nothing that lives", async () => {
  using folder = temporaryFolder();
  const path = folder.in("http.sock");
  expect(await probeSocket({ path })).toEqual({ path });
  const listener = Bun.listen({ unix: path, socket: { data() {} } });
  await expect(probeSocket({ path })).rejects.toMatchObject({
    code: "address_in_use",
    message: `unix:${path} is in use by another program`,
  });
  listener.stop(true);
  const killed = Bun.spawn(
    [process.execPath, "-e", `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); console.log("up")`],
    { stdout: "pipe" },
  );
  await killed.stdout.getReader().read();
  killed.kill("SIGKILL");
  await killed.exited;
  expect(existsSync(path)).toBe(true);
  expect(await probeSocket({ path })).toEqual({ path });
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, "a letter");
  await expect(probeSocket({ path })).rejects.toMatchObject({ code: "address_unavailable" });
  expect(existsSync(path)).toBe(true);
});
