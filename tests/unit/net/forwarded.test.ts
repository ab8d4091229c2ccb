/** Who sent a request behind proxies: lists read from the right, up to the first hop that is not trusted. */
import { expect, test } from "bun:test";
import { type Log, silentLog } from "../../../src/lib/log.ts";
import { createHttpClientOf } from "../../../src/net/forwarded.ts";
import { createTrust, networksOf } from "../../../src/net/trusted-proxies.ts";

const trusted = ["loopback", "10.1.0.0/16", "2001:db8:aa::/48"];
const clientOf = createHttpClientOf({ isTrusted: createTrust(trusted), log: silentLog });
const proxy = "127.0.0.1";
const xff = (list: string) => clientOf(new Headers({ "X-Forwarded-For": list }), proxy).address;
const standard = (list: string) => clientOf(new Headers({ Forwarded: list }), proxy);

test.each([
  ["one client", "192.0.2.7", "192.0.2.7"],
  ["what the client wrote itself stands further left", "198.51.100.1, 192.0.2.7", "192.0.2.7"],
  ["trusted hops are passed over", "192.0.2.7, 10.1.2.3,10.1.0.9", "192.0.2.7"],
  ["a hop outside of the named networks is the client", "192.0.2.7, 10.2.0.1", "10.2.0.1"],
  ["trusted to its end: the furthest one", "10.1.0.1, 10.1.0.2", "10.1.0.1"],
  ["with a port", "192.0.2.7:4711", "192.0.2.7"],
  ["with a hidden port", "192.0.2.7:_x", "192.0.2.7"],
  ["IPv6", "2001:db8::7", "2001:db8::7"],
  ["IPv6 in another spelling is the same address", "2001:DB8:0:0::0007", "2001:db8::7"],
  ["IPv6 in brackets, with a port", "[2001:db8::7]:443", "2001:db8::7"],
  ["a trusted IPv6 network", "192.0.2.7, [2001:db8:aa::1]:1", "192.0.2.7"],
  ["IPv4 within IPv6", "::ffff:192.0.2.7", "192.0.2.7"],
  ["IPv4 within IPv6, in hexadecimal", "::ffff:c000:207", "192.0.2.7"],
  ["a trusted one in such a form", "192.0.2.7, ::ffff:10.1.0.1", "192.0.2.7"],
  ["with a zone", "fe80::1%eth0", "fe80::1"],
  ["blanks and tabs", " \t192.0.2.7\t , 10.1.0.1 ", "192.0.2.7"],
  ["nothing", "", proxy],
  ["nothing at the end", "192.0.2.7,", proxy],
  ["unknown", "192.0.2.7, unknown", proxy],
  ["unknown behind a trusted hop: that hop", "192.0.2.7, unknown, 10.1.0.1", "10.1.0.1"],
  ["hidden", "192.0.2.7, _gateway", proxy],
  ["a name", "client.example.org", proxy],
  ["a number too many", "192.0.2.7.1", proxy],
  ["a number too large", "192.0.2.256", proxy],
  ["a port that is none", "192.0.2.7:port", proxy],
  ["cut short in its brackets", "[2001:db8::7", proxy],
  ["IPv4 in brackets", "[192.0.2.7]", proxy],
  ["two addresses without a comma", "192.0.2.7 192.0.2.8", proxy],
  ["a quote that the client left open", '"192.0.2.9, 192.0.2.7', "192.0.2.7"],
  ["an address in quotes", '"192.0.2.7"', proxy],
  ["1 MiB of one word", "1".repeat(1024 * 1024), proxy],
  ["1 MiB of commas", ",".repeat(1024 * 1024), proxy],
  ["1 MiB of made-up hops before the client", `${"192.0.2.9,".repeat(100_000)}192.0.2.7`, "192.0.2.7"],
  ["1 MiB of quotes and backslashes", `${'\\\\"'.repeat(350_000)},192.0.2.7`, "192.0.2.7"],
])("X-Forwarded-For: %s", (_, list, address) => {
  expect(xff(list)).toBe(address);
});

test("no more than 32 trusted proxies in a row are believed", () => {
  const hops = (count: number) => Array.from({ length: count }, (_, n) => `10.1.0.${n + 1}`).toReversed();
  expect(xff(["192.0.2.7", ...hops(31)].join(","))).toBe("192.0.2.7");
  expect(xff(["192.0.2.7", ...hops(40)].join(","))).toBe("10.1.0.32");
});

test.each([
  ["for=192.0.2.7", "192.0.2.7", undefined, undefined],
  ["For=192.0.2.7;Proto=HTTPS;Host=chat.example.org;by=10.1.0.1", "192.0.2.7", "https", "chat.example.org"],
  ['for="192.0.2.7:4711"; host="chat.example.org:8443"', "192.0.2.7", undefined, "chat.example.org:8443"],
  ['for="[2001:db8::7]:4711"', "2001:db8::7", undefined, undefined],
  ['for="[2001:db8::7]"', "2001:db8::7", undefined, undefined],
  // Of each hop's words those count that were said about the client.
  ["for=192.0.2.9;proto=http;host=a, for=192.0.2.7;proto=https;host=b", "192.0.2.7", "https", "b"],
  ["for=192.0.2.7;proto=https;host=outer, for=10.1.0.1;proto=http;host=inner", "192.0.2.7", "https", "outer"],
  ["for=192.0.2.7;proto=https, for=unknown;proto=http", proxy, "http", undefined],
  ["for=_hidden", proxy, undefined, undefined],
  ['for="_hidden:_port"', proxy, undefined, undefined],
  ["proto=https", proxy, "https", undefined],
  ["for=192.0.2.7;;proto=https;", "192.0.2.7", "https", undefined],
  ['for="192.0.2.\\7"', "192.0.2.7", undefined, undefined],
  // Commas and semicolons within quotes part nothing, and what a client leaves open spoils only its own part.
  ['for=192.0.2.7;ext="a,for=192.0.2.8;x"', "192.0.2.7", undefined, undefined],
  ['for="192.0.2.9, for=192.0.2.7', "192.0.2.7", undefined, undefined],
  ['for=192.0.2.9;ext="\\", for=192.0.2.7', "192.0.2.7", undefined, undefined],
  // Malformed: the proxy said nothing.
  ["192.0.2.7", proxy, undefined, undefined],
  ["for", proxy, undefined, undefined],
  ["for=", proxy, undefined, undefined],
  ["for=192.0.2.7;for=192.0.2.8", proxy, undefined, undefined],
  ['for="[2001:db8::7', proxy, undefined, undefined],
  ["for=192.0.2.7 proto=https", proxy, undefined, undefined],
  [`for=192.0.2.7;ext=${"x".repeat(1024 * 1024)}`, proxy, undefined, undefined],
  [`${"for=192.0.2.9,".repeat(75_000)}for=192.0.2.7`, "192.0.2.7", undefined, undefined],
  // A scheme or a host that is none.
  ["for=192.0.2.7;proto=gopher;host=a/b", "192.0.2.7", undefined, undefined],
  ['for=192.0.2.7;host="a b"', "192.0.2.7", undefined, undefined],
  ['for=192.0.2.7;host="[2001:db8::1]:8443"', "192.0.2.7", undefined, "[2001:db8::1]:8443"],
] as const)("Forwarded: %.80s", (list, address, scheme, host) => {
  expect(standard(list)).toEqual({ address, scheme, host });
});

test.each([
  [{ "X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example.org" }, "https", "chat.example.org"],
  [{ "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "wss" }, "https", undefined],
  // Where each proxy appends, the word of the one that the client called counts.
  [{ "X-Forwarded-For": "192.0.2.7, 10.1.0.1", "X-Forwarded-Proto": "https, http" }, "https", undefined],
  [{ "X-Forwarded-For": "192.0.2.9, 192.0.2.7", "X-Forwarded-Proto": "https, http" }, "http", undefined],
  // Where one of two wrote it, there is only that one.
  [{ "X-Forwarded-For": "192.0.2.7, 10.1.0.1", "X-Forwarded-Host": "a" }, undefined, "a"],
  [{ "X-Forwarded-Proto": "constructor", "X-Forwarded-Host": "a, b c" }, undefined, undefined],
  [{ "X-Forwarded-Host": `${"a".repeat(1024 * 1024)}` }, undefined, undefined],
] as const)("X-Forwarded-Proto and -Host: %.120j", (headers, scheme, host) => {
  expect(clientOf(new Headers(headers), proxy)).toMatchObject({ scheme, host });
});

test("headers of a peer that is not trusted change nothing", () => {
  const headers = new Headers({
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "chat.example.org",
    Forwarded: "for=192.0.2.7;proto=https;host=chat.example.org",
  });
  const nothing = { scheme: undefined, host: undefined };
  expect(clientOf(headers, "198.51.100.1")).toEqual({ address: "198.51.100.1", ...nothing });
  const trustsNone = createHttpClientOf({ isTrusted: undefined, log: silentLog });
  expect(trustsNone(headers, "127.0.0.1")).toEqual({ address: "127.0.0.1", ...nothing });
  expect(trustsNone(headers, "::ffff:127.0.0.1")).toEqual({ address: "127.0.0.1", ...nothing });
});

function recording(): { log: Log; warnings: unknown[][] } {
  const warnings: unknown[][] = [];
  return { log: { ...silentLog, warn: (...line) => void warnings.push(line) }, warnings };
}

test("where both headers stand they must name the same client, or nobody is believed", () => {
  const { log, warnings } = recording();
  const both = createHttpClientOf({ isTrusted: createTrust(trusted), log });
  const of = (list: string, Forwarded: string) =>
    both(new Headers({ "X-Forwarded-For": list, "X-Forwarded-Proto": "https", Forwarded }), proxy);
  expect(of("192.0.2.7", "for=192.0.2.7;proto=http")).toEqual({
    address: "192.0.2.7",
    scheme: "https",
    host: undefined,
  });
  expect(warnings).toEqual([]);
  const nobody = { address: proxy, scheme: undefined, host: undefined };
  expect(of("192.0.2.7", "for=192.0.2.9")).toEqual(nobody);
  expect(of("192.0.2.9", "for=192.0.2.7")).toEqual(nobody);
  expect(of("192.0.2.7", "garbage")).toEqual(nobody);
  expect(warnings).toEqual([[expect.stringContaining("name different clients"), { address: proxy }]]);
});

test("a proxy on this machine that is not trusted is told of once", () => {
  const { log, warnings } = recording();
  const one = createHttpClientOf({ isTrusted: createTrust(["10.1.0.0/16"]), log });
  one(new Headers(), "127.0.0.1");
  one(new Headers({ "X-Forwarded-For": "192.0.2.7" }), "192.0.2.1");
  one(new Headers({ "X-Forwarded-For": "192.0.2.7" }), "10.1.0.1");
  expect(warnings).toEqual([]);
  one(new Headers({ Forwarded: "for=192.0.2.7" }), "::1");
  one(new Headers({ "X-Forwarded-For": "192.0.2.7" }), "127.0.0.1");
  const missing = expect.stringContaining("proxy.trusted does not name it");
  expect(warnings).toEqual([[missing, { address: "::1", variable: "ROOST_PROXY_TRUSTED=loopback" }]]);

  const other = recording();
  const onSocket = createHttpClientOf({ isTrusted: createTrust(["loopback"]), log: other.log });
  onSocket(new Headers({ "X-Forwarded-For": "192.0.2.7" }), "unix");
  expect(other.warnings).toEqual([[missing, { address: "unix", variable: "ROOST_PROXY_TRUSTED=unix" }]]);
});

test("what may be trusted is an address, a network, loopback or a Unix socket", () => {
  for (const word of ["loopback", "unix", "192.0.2.1", "10.0.0.0/8", "::1", "fd00::/8"])
    expect(networksOf(word)).toBeDefined();
  for (const word of ["", "localhost", "10.0.0.0/33", "fd00::/129", "proxy.example.org", "10.0.0"]) {
    expect(networksOf(word)).toBeUndefined();
  }
  expect(["unix", "127.0.0.1"].map(createTrust(["unix"]))).toEqual([true, false]);
  const isTrusted = createTrust(trusted);
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.255.255", "2001:db8:aa::5"]) {
    expect([address, isTrusted(address)]).toEqual([address, true]);
  }
  for (const address of ["10.2.0.0", "2001:db8:ab::1", "::2", "unix", "unknown", ""]) {
    expect([address, isTrusted(address)]).toEqual([address, false]);
  }
});
