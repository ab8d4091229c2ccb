/** The PROXY protocol on the MQTT ports: from trusted proxies alone, and then every limit and every line is the client's own. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { generate } from "mqtt-packet";
import { createTrust } from "../../src/net/trusted-proxies.ts";
import { temporaryFolder } from "../cli/roost.ts";
import { type CertificateOnDisk, makeCertificate, makeClientCertificate } from "../support/certificate.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { requireProgram } from "../support/programs.ts";
import { proxyHeader2 } from "../support/proxy-header.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { openIdentity, startTestBroker, type TestBrokerOptions } from "../support/test-broker.ts";

const openssl = requireProgram("openssl");
const proxies = createTrust(["127.0.0.1"]);
const line = (address: string): Buffer => Buffer.from(`PROXY TCP4 ${address} 192.0.2.1 4711 1883\r\n`);

/** A broker behind the proxy 127.0.0.1, which notes from where its clients log in. */
async function behindProxy(options: TestBrokerOptions = {}) {
  const addresses: string[] = [];
  const broker = await startTestBroker({
    ...options,
    listener: { proxies, ...options.listener },
    identity: {
      authenticate(connecting) {
        addresses.push(connecting.address);
        return openIdentity.authenticate(connecting);
      },
    },
  });
  return { ...broker, addresses };
}

test.each([
  ["version 1", line("192.0.2.7"), "192.0.2.7"],
  ["version 2", proxyHeader2("192.0.2.7"), "192.0.2.7"],
  ["version 2, IPv6, with TLVs", proxyHeader2("2001:db8::7", { tlvs: Buffer.alloc(700) }), "2001:db8::7"],
  ["version 1, UNKNOWN", Buffer.from("PROXY UNKNOWN\r\n"), "127.0.0.1"],
  ["version 2, LOCAL", proxyHeader2("", { command: 0, family: 0 }), "127.0.0.1"],
  ["version 2, UNIX", proxyHeader2("", { family: 0x31, tlvs: Buffer.alloc(216) }), "127.0.0.1"],
])("%s: the client is whom the header names, however its bytes come", async (_, header, address) => {
  await using server = await behindProxy();
  // In one piece with CONNECT, and byte by byte: each in a segment of its own, since the server has read the one before.
  const whole = await RawMqtt.open(server.port);
  whole.send(header, connectPacket());
  await whole.expect("connack");
  const slow = await RawMqtt.open(server.port);
  for (const byte of Buffer.concat([header.subarray(0, 120), header.subarray(120)]).subarray(0, 60)) {
    slow.send(Buffer.from([byte]));
    await whole.fence();
  }
  slow.send(header.subarray(60), connectPacket());
  await slow.expect("connack");
  await slow.subscribe("t");
  whole.send(publishPacket("t", "x".repeat(100_000)));
  expect(await slow.expect("publish")).toMatchObject({ topic: "t" });
  expect(server.addresses).toEqual([address, address]);
  expect([server.warnings, server.errors]).toEqual([[], []]);
});

test("a peer that is no trusted proxy speaks for itself, and its header is no MQTT", async () => {
  await using server = await behindProxy();
  await using direct = await RawMqtt.connect(server.port, {}, { localAddress: "127.0.0.2" });
  await using liar = await RawMqtt.open(server.port, { localAddress: "127.0.0.2" });
  liar.send(line("192.0.2.7"), connectPacket());
  await withDeadline("the end", liar.ended);
  await direct.fence();
  expect(server.addresses).toEqual(["127.0.0.2"]);
});

test.each([
  ["no header", generate(connectPacket()), "it did not begin with a PROXY header"],
  ["version 3", Buffer.from(proxyHeader2("192.0.2.7").with(12, 0x31)), "PROXY version 3"],
  ["an endless line", Buffer.alloc(200, "PROXY "), "a PROXY line of more than 107 bytes"],
  ["64 KiB of TLVs", proxyHeader2("192.0.2.7", { tlvs: Buffer.alloc(65_000) }), "a PROXY header of 65028 bytes"],
])("a trusted proxy that sends %s is refused, and the log says why", async (_, bytes, why) => {
  await using server = await behindProxy();
  await using client = await RawMqtt.open(server.port);
  client.send(bytes);
  await withDeadline("the end", client.ended);
  expect(server.warnings).toEqual([
    { message: "a connection of a trusted proxy was refused", fields: { address: "127.0.0.1", why } },
  ]);
  expect(server.addresses).toEqual([]);
  expect(server.broker.stats()).toMatchObject({ connections: 0, connectionsRefused: 1 });
});

test("a proxy's check that only connects leaves no line", async () => {
  await using server = await behindProxy();
  const check = await RawMqtt.open(server.port);
  await check.drop();
  await using client = await RawMqtt.open(server.port);
  client.send(line("192.0.2.7"), connectPacket());
  await client.expect("connack");
  expect([server.warnings, server.closeReasons]).toEqual([[], []]);
});

test("limits of an address are those of the client's own", async () => {
  await using server = await behindProxy({ limits: { connectionsPerAddressMax: 2 } });
  const open = async (address: string): Promise<RawMqtt> => {
    const client = await RawMqtt.open(server.port);
    client.send(line(address), connectPacket());
    return client;
  };
  const clients = await Promise.all(["192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.8", "192.0.2.9"].map(open));
  for (const client of clients) await client.expect("connack");
  await withDeadline("the end of one too many", (await open("192.0.2.7")).ended);
  // A spelling of its own is no way round.
  const disguised = await RawMqtt.open(server.port);
  disguised.send(Buffer.from("PROXY TCP6 ::ffff:c000:207 ::1 1 2\r\n"), connectPacket());
  await withDeadline("the end of one in disguise", disguised.ended);
  await clients[0]?.drop();
  await until("it is gone", () => server.broker.stats().connections === 4);
  await (await open("192.0.2.7")).expect("connack");
  expect(server.broker.stats()).toMatchObject({ connections: 5, refusedByAddress: 2 });
});

test("the time for the header is part of the time for CONNECT", async () => {
  const limits = { connectTimeoutMs: 10_000 };
  await using server = await behindProxy({ limits });
  const silent = await RawMqtt.open(server.port);
  const begun = await RawMqtt.open(server.port);
  begun.send(Buffer.from("PROXY TCP4 192.0."));
  const named = await RawMqtt.open(server.port);
  await using other = await RawMqtt.connect(server.port, {}, { localAddress: "127.0.0.2" });
  server.advance(9000);
  named.send(line("192.0.2.7"));
  await until("its header is read", () => server.broker.stats().connections === 2);
  await other.fence();
  expect([silent.closed, begun.closed, named.closed]).toEqual([false, false, false]);
  server.advance(3000);
  await withDeadline("the ends", Promise.all([silent.ended, begun.ended, named.ended]));
  const late = {
    message: "a connection of a trusted proxy was refused",
    fields: { address: "127.0.0.1", why: "its PROXY header did not come in time" },
  };
  expect(server.warnings).toEqual([late, late]);
  expect(server.closeReasons).toEqual(["connect_timeout"]);
  await other.fence();
});

test("connections that wait for their header count among all, and end when the server stops", async () => {
  await using server = await behindProxy({ limits: { connectionsMax: 3 } });
  await using other = await RawMqtt.connect(server.port, {}, { localAddress: "127.0.0.2" });
  const waiting = [await RawMqtt.open(server.port), await RawMqtt.open(server.port)];
  await other.fence();
  const tooMany = await RawMqtt.open(server.port).catch(() => undefined);
  await withDeadline("one too many", tooMany?.ended ?? Promise.resolve());
  expect(waiting.map(({ closed }) => closed)).toEqual([false, false]);
  const stopped = server.broker.stop();
  await withDeadline("the others", Promise.all(waiting.map(({ ended }) => ended)));
  await withDeadline("the stop", stopped);
});

interface TlsPlace extends AsyncDisposable {
  readonly server: Awaited<ReturnType<typeof behindProxy>>;
  readonly authority: CertificateOnDisk;
  readonly path: string;
}

async function behindProxyWithTls(clients?: { required: boolean }, options: TestBrokerOptions = {}): Promise<TlsPlace> {
  const folder = temporaryFolder();
  const [own, authority] = [await makeCertificate(folder.path, "own"), await makeCertificate(folder.path, "authority")];
  const pem = (file: string): string => readFileSync(file, "utf8");
  const tls = {
    cert: pem(own.certificate),
    key: pem(own.key),
    clients: clients === undefined ? undefined : { ca: pem(authority.certificate), ...clients },
  };
  const server = await behindProxy({ ...options, listener: { tls } });
  return {
    server,
    authority,
    path: folder.path,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** How a header's bytes stand to those of TLS. */
const meetings = {
  "in one segment with TLS": (header: Buffer, hello: Buffer) => [Buffer.concat([header, hello])],
  "in a segment of its own": (header: Buffer, hello: Buffer) => [header, hello],
  "cut within, its end with TLS": (header: Buffer, hello: Buffer) => [
    header.subarray(0, 20),
    Buffer.concat([header.subarray(20), hello]),
  ],
  "with a part of TLS": (header: Buffer, hello: Buffer) => [
    Buffer.concat([header, hello.subarray(0, 7)]),
    hello.subarray(7),
  ],
} as const;

/** A TLS client behind a proxy that sends `header` before the client's first bytes. */
function tlsClient(
  port: number,
  header: Buffer,
  {
    meeting = "in one segment with TLS",
    from = "127.0.0.1",
    certificate,
  }: { meeting?: keyof typeof meetings; from?: string; certificate?: CertificateOnDisk | undefined } = {},
): TLSSocket {
  const raw = connect({ host: "127.0.0.1", port, localAddress: from, noDelay: true });
  let first = true;
  const wire = new Duplex({
    read() {},
    async write(chunk: Buffer, _, done) {
      const pieces = first ? meetings[meeting](header, chunk) : [chunk];
      first = false;
      for (const piece of pieces) {
        await new Promise((sent) => raw.write(piece, sent));
        // Another connection's round goes through the server in between, so that each piece is read alone.
        if (pieces.length > 1) await roundTrip(port);
      }
      done();
    },
    destroy(error, done) {
      raw.destroy();
      done(error);
    },
  });
  raw.on("data", (chunk) => wire.push(Buffer.from(chunk)));
  raw.on("error", () => {});
  const tls = connectTls({
    socket: wire,
    rejectUnauthorized: false,
    ...(certificate === undefined
      ? {}
      : { cert: readFileSync(certificate.certificate), key: readFileSync(certificate.key) }),
  });
  raw.on("close", () => tls.destroy());
  tls.on("error", () => {}); // shows as closed
  return tls;
}

/** Sends bytes without TLS. */
function plainly(port: number, bytes: string | Buffer): Socket {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {}); // shows as closed
  socket.write(bytes);
  socket.resume();
  return socket;
}

/** The server has accepted, read and refused a connection since. */
async function roundTrip(port: number): Promise<void> {
  await withDeadline("a refusal", new Promise((closed) => plainly(port, "no header").once("close", closed)));
}

/** The first answer: a CONNACK's bytes, or "closed". */
async function answerOf(tls: TLSSocket): Promise<string> {
  tls.write(generate(connectPacket()));
  const answer = new Promise<string>((resolve) => {
    tls.once("data", (bytes: Buffer) => resolve(Buffer.from(bytes).toString("hex")));
    tls.once("close", () => resolve("closed"));
  });
  return withDeadline("an answer", answer);
}

const accepted = "20020000";

test.skipIf(!openssl).each(Object.keys(meetings) as (keyof typeof meetings)[])(
  "TLS behind a header: %s",
  async (meeting) => {
    await using place = await behindProxyWithTls();
    const { server } = place;
    for (const header of [line("192.0.2.7"), proxyHeader2("2001:db8::7", { tlvs: Buffer.alloc(900) })]) {
      const client = tlsClient(server.port, header, { meeting });
      expect(await answerOf(client)).toBe(accepted);
      client.destroy();
    }
    expect(server.addresses).toEqual(["192.0.2.7", "2001:db8::7"]);
    await until("they are gone", () => server.broker.stats().connections === 0);
    expect(server.errors).toEqual([]);
  },
);

test.skipIf(!openssl)("on the TLS port too a peer that is no trusted proxy speaks for itself", async () => {
  await using place = await behindProxyWithTls();
  const { server } = place;
  const direct = tlsClient(server.port, Buffer.alloc(0), { from: "127.0.0.2" });
  expect(await answerOf(direct)).toBe(accepted);
  const liar = tlsClient(server.port, line("192.0.2.7"), { from: "127.0.0.2" });
  expect(await answerOf(liar)).toBe("closed");
  const plain = plainly(server.port, Buffer.concat([line("192.0.2.7"), generate(connectPacket())]));
  await withDeadline("the end of one without TLS", new Promise((closed) => plain.once("close", closed)));
  expect(server.addresses).toEqual(["127.0.0.2"]);
  direct.destroy();
});

test.skipIf(!openssl)("megabytes both ways, past a reader that stands still, and the end says goodbye", async () => {
  await using place = await behindProxyWithTls(undefined, { limits: { packetBytesMax: 8 * 1024 * 1024 } });
  const { server } = place;
  const [reader, writer] = ["192.0.2.7", "192.0.2.8"].map((address) => tlsClient(server.port, line(address)));
  if (reader === undefined || writer === undefined) throw new Error("two clients");
  expect(await answerOf(reader)).toBe(accepted);
  expect(await answerOf(writer)).toBe(accepted);
  reader.write(generate({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t", qos: 1 }] }));
  await withDeadline("SUBACK", once(reader, "data"));
  reader.pause();
  const payload = Buffer.alloc(3 * 1024 * 1024, "roost");
  for (let n = 1; n <= 4; n++) writer.write(generate(publishPacket("t", payload, { qos: 1, messageId: n })));
  await until("the messages are on their way", () => server.broker.stats().bytesReceived > 12 * 1024 * 1024);
  let bytes = 0;
  let repeats = 0;
  reader.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    repeats += Buffer.from(chunk).toString("latin1").split("roostroost").length - 1;
  });
  reader.resume();
  await until("all of it", () => bytes >= 4 * payload.length);
  expect(repeats).toBeGreaterThan(1_000_000);
  const ended = withDeadline("the ends", Promise.all([once(reader, "close"), once(writer, "close")]));
  await server.broker.stop();
  await ended;
});

test.skipIf(!openssl)("client certificates behind a proxy are asked for and verified", async () => {
  for (const required of [false, true]) {
    await using place = await behindProxyWithTls({ required });
    const { server, path, authority } = place;
    const other = await makeCertificate(path, "other");
    const known = await makeClientCertificate(path, { name: "known", subject: "/CN=known", authority });
    const forged = await makeClientCertificate(path, { name: "forged", subject: "/CN=known", authority: other });
    const answer = (certificate?: CertificateOnDisk) =>
      answerOf(tlsClient(server.port, line("192.0.2.7"), { certificate }));
    expect([required, await answer(known), await answer(forged), await answer()]).toEqual([
      required,
      accepted,
      "closed",
      required ? "closed" : accepted,
    ]);
  }
});
