import { expect, test } from "bun:test";
import { type Address, formatAddress, isWildcard, parseAddress } from "../../../src/lib/address.ts";

const table: [text: string, address: Address | undefined][] = [
  ["[::]:8080", { hostname: "::", port: 8080 }],
  ["[::1]:0", { hostname: "::1", port: 0 }],
  ["[fe80::1%eth0]:1883", { hostname: "fe80::1%eth0", port: 1883 }],
  ["0.0.0.0:80", { hostname: "0.0.0.0", port: 80 }],
  ["127.0.0.1:65535", { hostname: "127.0.0.1", port: 65_535 }],
  ["localhost:1883", { hostname: "localhost", port: 1883 }],
  [":8080", { hostname: "::", port: 8080 }],
  ["8080", { hostname: "::", port: 8080 }],
  [" 0 ", { hostname: "::", port: 0 }],
  ["127.0.0.1:65536", undefined],
  ["::1:80", undefined], // Which colon begins the port?
  ["[::1]", undefined],
  ["[::1]80", undefined],
  ["localhost", undefined],
  ["localhost:", undefined],
  ["localhost:-1", undefined],
  ["localhost:0x50", undefined],
  ["http://localhost:80", undefined],
  ["a b:80", undefined],
  ["", undefined],
];
for (const [text, address] of table) {
  test(`${JSON.stringify(text)} is ${address === undefined ? "refused" : `${address.hostname} port ${address.port}`}`, () => {
    expect(parseAddress(text)).toEqual(address);
    if (address !== undefined) expect(parseAddress(formatAddress(address))).toEqual(address);
  });
}

test("only the two any-addresses are wildcards", () => {
  const wildcards = ["::", "0.0.0.0", "::1", "127.0.0.1", "localhost"].filter((hostname) =>
    isWildcard({ hostname, port: 1 }),
  );
  expect(wildcards).toEqual(["::", "0.0.0.0"]);
});
