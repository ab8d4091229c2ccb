/** The PROXY protocol's header, versions 1 and 2: what it says, what is missing, what is wrong. */
import { expect, test } from "bun:test";
import { type ProxyHeader, readProxyHeader } from "../../../src/net/proxy-header.ts";
import { proxyHeader2 } from "../../support/proxy-header.ts";

const behind = Buffer.from([0x10, 0x0d, 0x0d, 0x0a]);

const good: [name: string, header: Buffer, address: string | undefined][] = [
  ["1, TCP4", Buffer.from("PROXY TCP4 192.0.2.7 192.0.2.1 4711 1883\r\n"), "192.0.2.7"],
  ["1, TCP6", Buffer.from("PROXY TCP6 2001:DB8::7 2001:db8::1 4711 1883\r\n"), "2001:db8::7"],
  ["1, IPv4 within IPv6", Buffer.from("PROXY TCP6 ::ffff:192.0.2.7 ::1 4711 1883\r\n"), "192.0.2.7"],
  ["1, UNKNOWN", Buffer.from("PROXY UNKNOWN\r\n"), undefined],
  ["1, UNKNOWN with more", Buffer.from("PROXY UNKNOWN ffff::ffff ffff::ffff 65535 65535\r\n"), undefined],
  [
    "1, the longest",
    Buffer.from(`PROXY UNKNOWN ${"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ".repeat(2)}65535 65535\r\n`),
    undefined,
  ],
  ["2, TCP4", proxyHeader2("192.0.2.7"), "192.0.2.7"],
  ["2, TCP6", proxyHeader2("2001:db8::7"), "2001:db8::7"],
  ["2, IPv4 within IPv6", proxyHeader2("::ffff:192.0.2.7"), "192.0.2.7"],
  ["2, with TLVs", proxyHeader2("192.0.2.7", { tlvs: Buffer.alloc(500, 4) }), "192.0.2.7"],
  ["2, as long as it may be", proxyHeader2("192.0.2.7", { tlvs: Buffer.alloc(4096 - 28) }), "192.0.2.7"],
  ["2, LOCAL", proxyHeader2("", { command: 0, family: 0x00 }), undefined],
  ["2, LOCAL with an address", proxyHeader2("192.0.2.7", { command: 0 }), undefined],
  ["2, LOCAL of a family there is not", proxyHeader2("", { command: 0, family: 0xff }), undefined],
  ["2, UNSPEC", proxyHeader2("", { family: 0x00, tlvs: Buffer.alloc(20) }), undefined],
  ["2, UNIX", proxyHeader2("", { family: 0x31, tlvs: Buffer.alloc(216) }), undefined],
];

test.each(good)("%s: read, also in any two parts and with the client's bytes behind", (_, header, address) => {
  const complete: ProxyHeader = { headerBytes: header.length, address };
  expect(readProxyHeader(header)).toEqual(complete);
  expect(readProxyHeader(Buffer.concat([header, behind]))).toEqual(complete);
  for (let length = 0; length < header.length; length++) {
    expect([length, readProxyHeader(header.subarray(0, length))]).toEqual([length, "incomplete"]);
  }
});

const v2 = proxyHeader2("192.0.2.7");
const changed = (at: number, byte: number): Buffer => Buffer.from(v2.with(at, byte));

test.each([
  ["an MQTT packet", Buffer.from([0x10, 0x0c]), "it did not begin"],
  ["TLS", Buffer.from([0x16, 0x03, 0x01]), "it did not begin"],
  ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "it did not begin"],
  ["almost a line", Buffer.from("PROXZ"), "it did not begin"],
  ["almost a signature", changed(11, 0x0b), "it did not begin"],
  ["a line too long", Buffer.from(`PROXY TCP4 ${"1".repeat(200)}`), "more than 107 bytes"],
  ["a line too long by its end", Buffer.from(`PROXY UNKNOWN ${"1".repeat(92)}\r\n`), "more than 107 bytes"],
  ["no addresses", Buffer.from("PROXY TCP4\r\n"), "says nothing"],
  ["a family there is not", Buffer.from("PROXY TCP5 192.0.2.7 192.0.2.1 1 2\r\n"), "says nothing"],
  ["another family than it says", Buffer.from("PROXY TCP4 ::1 ::1 1 2\r\n"), "says nothing"],
  ["and the other way round", Buffer.from("PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n"), "says nothing"],
  ["an address that is none", Buffer.from("PROXY TCP4 192.0.2.777 192.0.2.1 1 2\r\n"), "says nothing"],
  ["a port that is none", Buffer.from("PROXY TCP4 192.0.2.7 192.0.2.1 1 65536\r\n"), "says nothing"],
  ["no destination's port", Buffer.from("PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n"), "says nothing"],
  ["two blanks", Buffer.from("PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n"), "says nothing"],
  ["small letters", Buffer.from("proxy tcp4 192.0.2.7 192.0.2.1 1 2\r\n"), "it did not begin"],
  ["version 1 in the form of 2", changed(12, 0x11), "version 1"],
  ["version 3", changed(12, 0x31), "version 3"],
  ["command 2", changed(12, 0x22), "command 2"],
  ["family 4", changed(13, 0x41), "family 65"],
  ["transport 3", changed(13, 0x13), "family 19"],
  ["a datagram", changed(13, 0x12), "datagram"],
  ["shorter than its addresses", changed(15, 11), "without its addresses"],
  ["IPv6 as long as IPv4", changed(13, 0x21), "without its addresses"],
  ["longer than it may be", proxyHeader2("192.0.2.7", { tlvs: Buffer.alloc(4096 - 27) }), "of 4097 bytes"],
  ["as long as can be said", Buffer.from(v2.with(14, 0xff).with(15, 0xff)), "of 65551 bytes"],
])("%s is refused as soon as it is seen", (_, bytes, why) => {
  expect(readProxyHeader(bytes)).toEqual({ wrong: expect.stringContaining(why) });
});
