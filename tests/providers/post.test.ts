/** One POST to an address that was looked at: over TLS too, without redirects, within its time. */
import { expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { post } from "../../src/providers/post.ts";
import { makeCertificate } from "../support/certificate.ts";
import { requireProgram } from "../support/programs.ts";

const request = (url: string, more: Partial<Parameters<typeof post>[0]> = {}) =>
  post({
    url: new URL(url),
    headers: { "Content-Type": "text/plain" },
    body: Buffer.from("hello"),
    timeoutMs: 5000,
    mayCall: () => true,
    signal: new AbortController().signal,
    ...more,
  });

const problemOf = (sent: Promise<number>): Promise<string> => sent.then(String, (error: Error) => error.message);

const openssl = requireProgram("openssl");

test.skipIf(!openssl)(
  "TLS is spoken to the name, on the address that was judged; a certificate nobody vouches for is refused",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "roost-post-"));
    const { certificate, key } = await makeCertificate(folder);
    const ca = await readFile(certificate, "utf8");
    const seen: string[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      tls: { cert: ca, key: await readFile(key, "utf8") },
      async fetch(incoming) {
        seen.push(`${incoming.method} ${incoming.headers.get("host")} ${await incoming.text()}`);
        return new Response(null, { status: 202 });
      },
    });
    const judged: string[] = [];
    const mayCall = (address: string) => judged.push(address) > 0;
    for (const host of ["localhost", "127.0.0.1"]) {
      const sent = request(`https://${host}:${server.port}/x?y`, { ca, mayCall });
      // Where localhost is ::1 first there is nobody to answer.
      expect([host, await problemOf(sent)]).toEqual([
        host,
        judged[0] === "::1" ? "could not be called (ECONNREFUSED)" : "202",
      ]);
    }
    expect(judged).toContain("127.0.0.1");
    expect(seen.at(-1)).toBe(`POST 127.0.0.1:${server.port} hello`);
    expect(await problemOf(request(`https://127.0.0.1:${server.port}/`))).toMatch(/^could not be called \(\w+\)$/);
    expect(seen.length).toBeLessThan(3);
    await server.stop(true);
    await rm(folder, { recursive: true });
  },
);

test("an answer that is none, that is late or that breaks off is told in a few words", async () => {
  const table: [answer: string | undefined, problem: string][] = [
    ["HTTP/1.1 204 No Content\r\n\r\n", "204"],
    ["HTTP/1.0 500\r\n", "500"],
    ["HTTP/1.1 301 Moved\r\nLocation: http://evil.test/\r\n\r\n", "301"],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "200"],
    ["HTTP/1.1 102 Processing\n\nHTTP/1.1 503 Busy\n\n", "503"],
    ["HTTP/1.1 103 Early Hints\r\n\r\nnothing\r\n", "the answer is no HTTP"],
    ["HTTP/1.1 101 Switching Protocols\r\n\r\n", "101"],
    ["HTTP/1.1 100 Continue\r\n\r\n", "the connection ended before an answer"],
    [`HTTP/1.1 103 Early Hints\r\n${"x: y\r\n".repeat(5000)}`, "the answer is no HTTP"],
    ["220 smtp.example\r\n", "the answer is no HTTP"],
    ["x".repeat(5000), "the answer is no HTTP"],
    ["HTTP/1.1 2", "the connection ended before an answer"],
    [undefined, "no answer (TimeoutError)"],
  ];
  for (const [answer, problem] of table) {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        if (answer !== undefined) socket.end(answer);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const sent = request(`http://127.0.0.1:${address.port}/`, { timeoutMs: answer === undefined ? 200 : 5000 });
    expect([answer?.slice(0, 20), await problemOf(sent)]).toEqual([answer?.slice(0, 20), problem]);
    server.close();
  }
});

test("a name with one address that may not be called is not called at all", async () => {
  const mayNot = { mayCall: () => false };
  expect(await problemOf(request("http://localhost:9/", mayNot))).toBe("the address is none that may be called");
  expect(await problemOf(request("http://[::1]:9/", mayNot))).toBe("the address is none that may be called");
  expect(await problemOf(request("http://nobody.invalid/"))).toMatch(/^the name cannot be resolved \(\w+\)$/);
});
