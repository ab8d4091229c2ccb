/** What the HTTP port serves of the web client, from the sources, and what stays as it was. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { ROOST_NAME: 'Anna & "Bo" <3' } });
});
afterAll(() => server.stop());

const get = (path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> =>
  fetch(`http://${server.http}${path}`, { method, headers, decompress: false });
const page = async (): Promise<string> => (await get("/")).text();
/** Paths of the files that the page names. */
const filesOf = (html: string): string[] =>
  [...html.matchAll(/(?:src|href)="(\/_\/[^"]+)"/g)].map(([, path = ""]) => path);

test("the page is answered under a policy that admits its own files and nothing else", async () => {
  const { status, headers } = await get("/");
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(headers.get("cache-control")).toBe("no-cache");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  expect(headers.get("content-security-policy")?.split("; ")).toEqual([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types roost",
  ]);
});

test("the page has the server's name as text, and nothing that the policy would refuse", async () => {
  const html = await page();
  expect(html).toContain("<title>Anna &amp; &quot;Bo&quot; &lt;3</title>");
  expect(html).not.toMatch(/<script>|<style|\bstyle=|\bon\w+=|https?:/);
});

test("a browser that has the page is told so", async () => {
  const first = await get("/");
  const etag = first.headers.get("etag") ?? "";
  expect(etag).toMatch(/^"\w{8}"$/);
  for (const asked of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const again = await get("/", { "if-none-match": asked });
    expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    expect(again.headers.get("content-security-policy")).toBe(first.headers.get("content-security-policy"));
  }
  expect((await get("/", { "if-none-match": '"other"' })).status).toBe(200);
});

test("HEAD is answered as GET without the body", async () => {
  const [head, whole] = [await get("/", {}, "HEAD"), await get("/")];
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect(head.headers.get("content-length")).toBe(String(Buffer.byteLength(await whole.text())));
  expect(head.headers.get("etag")).toBe(whole.headers.get("etag"));
});

test("every file that the page names is there for ever, in the encoding that the browser takes", async () => {
  const paths = filesOf(await page());
  expect(paths.length).toBeGreaterThan(3);
  for (const path of paths) {
    const plain = await get(path, { "accept-encoding": "identity" });
    expect([plain.status, plain.headers.get("cache-control")]).toEqual([200, "public, max-age=31536000, immutable"]);
    expect(plain.headers.get("x-content-type-options")).toBe("nosniff");
    if (!/\.(?:js|css)$/.test(path)) continue;
    const text = await plain.text();
    const br = await get(path, { "accept-encoding": "gzip, deflate, br, zstd" });
    const gzip = await get(path, { "accept-encoding": "br;q=0, gzip;q=0.5" });
    expect([br, gzip].map(({ headers }) => headers.get("content-encoding"))).toEqual(["br", "gzip"]);
    expect(brotliDecompressSync(await br.arrayBuffer()).toString()).toBe(text);
    expect(gunzipSync(await gzip.arrayBuffer()).toString()).toBe(text);
    expect(new Set([plain, br, gzip].map(({ headers }) => headers.get("etag"))).size).toBe(3);
    expect(br.headers.get("vary")).toBe("Accept-Encoding");
  }
});

test("the service worker keeps the page and what it needs, and the browser asks for it anew", async () => {
  const worker = await get("/sw.js");
  expect([worker.status, worker.headers.get("cache-control")]).toEqual([200, "no-cache"]);
  expect(worker.headers.get("content-type")).toContain("text/javascript");
  const [, shell = ""] = /^self\.shell=(.*);\n/.exec(await worker.text()) ?? [];
  const { files } = JSON.parse(shell);
  for (const path of filesOf(await page()).filter((one) => /\.(?:js|css)$/.test(one))) expect(files).toContain(path);
  for (const path of files) expect((await get(path)).status).toBe(200);
});

test("the manifest names the server and its icons", async () => {
  const answer = await get("/manifest.webmanifest");
  expect(answer.headers.get("content-type")).toBe("application/manifest+json");
  const { name, start_url, display, icons } = JSON.parse(await answer.text());
  expect({ name, start_url, display }).toEqual({ name: 'Anna & "Bo" <3', start_url: "/", display: "standalone" });
  expect(icons.map(({ sizes }: { sizes: string }) => sizes)).toEqual(["192x192", "512x512", "512x512"]);
  for (const { src } of icons) expect((await get(src)).headers.get("content-type")).toBe("image/png");
  expect((await get("/favicon.ico")).headers.get("content-type")).toBe("image/png");
});

test.each([
  "/nothing",
  "/_/nothing-00000000.js",
  "/_/files",
  "/public/",
  "/public",
  "/backend/sw.js",
  "/api/v3/nothing",
  "/index.html",
])("%s is no page: it is answered in JSON", async (path) => {
  const { status, headers } = await get(path);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(headers.get("content-type")).toContain("json");
});

test("no other method is one of the page's", async () => {
  for (const method of ["POST", "PUT", "DELETE"]) {
    const { status, headers } = await get("/", {}, method);
    expect([status, headers.get("content-type")]).toEqual([404, "application/problem+json"]);
  }
});

test("an upgrade of the page's address is MiniOICQ still", async () => {
  const socket = new WebSocket(`ws://${server.http}/`);
  const answer = await new Promise<string>((resolve, reject) => {
    socket.onopen = () => socket.send('{"action":"server.info"}');
    socket.onmessage = ({ data }) => resolve(String(data));
    socket.onerror = reject;
  });
  expect(JSON.parse(answer).name).toBe('Anna & "Bo" <3');
  socket.close();
});
