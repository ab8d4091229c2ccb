/** Which addresses count as one source of requests, and which as one site. */
import { expect, test } from "bun:test";
import { networkOf, siteOf } from "../../../src/lib/client-network.ts";

test.each([
  ["192.0.2.1", "192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"],
  ["::ffff:c000:201", "192.0.2.1", "192.0.2.1"],
  ["0:0:0:0:0:FFFF:192.0.2.1", "192.0.2.1", "192.0.2.1"],
  ["2001:db8::1", "2001:db8:0:0::/64", "2001:db8:0::/48"],
  ["2001:DB8:0:0:1:2:3:4", "2001:db8:0:0::/64", "2001:db8:0::/48"],
  ["2001:db8:a:b::", "2001:db8:a:b::/64", "2001:db8:a::/48"],
  ["2001:db8:a:c::7", "2001:db8:a:c::/64", "2001:db8:a::/48"],
  ["fe80::1%eth0", "fe80:0:0:0::/64", "fe80:0:0::/48"],
  ["::1", "0:0:0:0::/64", "0:0:0::/48"],
  ["::", "0:0:0:0::/64", "0:0:0::/48"],
  ["1:2:3:4:5:6:7:8", "1:2:3:4::/64", "1:2:3::/48"],
  // No addresses: each stands for itself.
  ["1:2:3", "1:2:3", "1:2:3"],
  ["1::2::3", "1::2::3", "1::2::3"],
  ["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"],
  ["::ffff:1.2.3.999", "::ffff:1.2.3.999", "::ffff:1.2.3.999"],
  ["::ffff:1.2.3", "::ffff:1.2.3", "::ffff:1.2.3"],
  ["g::1", "g::1", "g::1"],
  ["unix", "unix", "unix"],
  ["x".repeat(1000), "x".repeat(64), "x".repeat(64)],
])("%p is of the network %p and the site %p", (address, network, site) => {
  expect([networkOf(address), siteOf(address)]).toEqual([network, site]);
});
