/** Which addresses may be called: those that are public, and those in the networks the operator named. */
import { expect, test } from "bun:test";
import { parseNetwork } from "../../src/lib/networks.ts";
import { createAddressRule } from "../../src/providers/address-rules.ts";

const networks = (...texts: string[]) => texts.flatMap((text) => parseNetwork(text) ?? []);

test("nothing but public addresses may be called", () => {
  const mayCall = createAddressRule([]);
  for (const address of ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "::ffff:808:808"]) {
    expect([address, mayCall(address)]).toEqual([address, true]);
  }
  for (const address of [
    ...[
      "0.0.0.0",
      "10.1.2.3",
      "100.64.0.1",
      "127.0.0.1",
      "127.255.255.254",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
    ],
    ...["192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "255.255.255.255"],
    ...["::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:a00:1", "64:ff9b::a00:1"],
    ...["fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1", "2002:7f00:1::"],
    ...["", "localhost", "127.1", "0x7f000001", "8.8.8.8/0"],
  ]) {
    expect([address, mayCall(address)]).toEqual([address, false]);
  }
});

test("networks that were named may be called too, and no more", () => {
  const mayCall = createAddressRule(networks("10.1.0.0/16", "127.0.0.1", "fd00::/8"));
  for (const address of ["10.1.2.3", "127.0.0.1", "::ffff:10.1.0.9", "fd12::1", "8.8.8.8"]) {
    expect([address, mayCall(address)]).toEqual([address, true]);
  }
  for (const address of ["10.2.0.1", "127.0.0.2", "fc00::1", "::1"]) {
    expect([address, mayCall(address)]).toEqual([address, false]);
  }
});

test("what is no network is refused", () => {
  for (const text of [
    "",
    "10.0.0.0/33",
    "10.0.0.0/x",
    "10.0.0.0/8/8",
    "::/129",
    "example.org",
    "10.0.0/8",
    "10.0.0.0/-1",
  ]) {
    expect([text, parseNetwork(text)]).toEqual([text, undefined]);
  }
});
