/** Headers of a trusted proxy on the HTTP port, at each of its doors; and headers of others, which change nothing. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { connect } from "node:net";
import { type Log, silentLog } from "../../src/lib/log.ts";
import { temporaryFolder } from "../cli/roost.ts";
import { withDeadline } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";
import { upgrade } from "../support/upgrade.ts";

const trusting = { ROOST_PROXY_TRUSTED: "127.0.0.1, fd00::/8" };
const from = (address: string) => ({ "X-Forwarded-For": `203.0.113.66, ${address}` });

test("REST counts what strangers ask by the client's own address", async () => {
  await using server = await startTestServer({
    env: { ...trusting, ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "2" },
  });
  const status = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`http://${server.http}/users/me`, { headers })).status;
  const three = async (headers: () => Record<string, string>) => [
    await status(headers()),
    await status(headers()),
    await status(headers()),
  ];
  expect(await three(() => from("192.0.2.7"))).toEqual([401, 401, 429]);
  expect(await three(() => ({ Forwarded: 'for="192.0.2.8:4711";proto=https' }))).toEqual([401, 401, 429]);
  // What stands further left, and another spelling, make no new client.
  let n = 0;
  expect(await status({ "X-Forwarded-For": `203.0.113.${++n}, ::ffff:192.0.2.7` })).toBe(429);
  expect(await three(() => ({ "X-Forwarded-For": `203.0.113.${++n}, 192.0.2.9` }))).toEqual([401, 401, 429]);
  expect(await three(() => ({}))).toEqual([401, 401, 429]);
});

test("without the setting every request is the peer's, and the log says once what is missing", async () => {
  const warnings: unknown[][] = [];
  const log: Log = { ...silentLog, warn: (...line) => void warnings.push(line) };
  await using server = await startTestServer({ env: { ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "2" }, log });
  const ask = async (address: string) =>
    (await fetch(`http://${server.http}/users/me`, { headers: from(address) })).status;
  expect([await ask("192.0.2.7"), await ask("192.0.2.8"), await ask("192.0.2.9")]).toEqual([401, 401, 429]);
  const told = { address: "127.0.0.1", variable: "ROOST_PROXY_TRUSTED=loopback" };
  expect(warnings).toEqual([[expect.stringContaining("proxy.trusted does not name it"), told]]);
});

test("MQTT over WebSocket counts connections by the client's own address", async () => {
  await using server = await startTestServer({
    env: { ...trusting, ROOST_LIMITS_MQTT_CONNECTIONS_PER_ADDRESS: "1" },
  });
  const open = async (headers: Record<string, string>): Promise<WebSocket | undefined> => {
    const socket = new WebSocket(`ws://${server.http}/mqtt`, { protocols: ["mqtt"], headers });
    const opened = new Promise<boolean>((resolve) => {
      socket.onopen = () => resolve(true);
      socket.onclose = () => resolve(false);
    });
    return (await withDeadline("the upgrade", opened)) ? socket : undefined;
  };
  const [one, again, other] = [
    await open(from("192.0.2.7")),
    await open({ Forwarded: "for=192.0.2.7" }),
    await open(from("192.0.2.8")),
  ];
  expect([one, again, other].map((socket) => socket !== undefined)).toEqual([true, false, true]);
  one?.terminate();
  other?.terminate();
});

test("the page's host and scheme are those the proxy tells", async () => {
  await using server = await startTestServer({ env: trusting });
  await using alone = await startTestServer();
  const forwarded = (host: string, proto?: string) => ({
    "X-Forwarded-Host": host,
    ...(proto === undefined ? {} : { "X-Forwarded-Proto": proto }),
  });
  const origin = "https://chat.example.org";
  const table: [string, typeof server, Record<string, string>, number][] = [
    ["its host", server, forwarded("chat.example.org"), 101],
    ["its host and scheme", server, forwarded("chat.example.org", "https"), 101],
    ["its port spelled out", server, forwarded("chat.example.org:443", "https"), 101],
    ["in the standard's form", server, { Forwarded: "for=192.0.2.7;host=chat.example.org;proto=https" }, 101],
    ["another host", server, forwarded("example.org"), 403],
    ["another scheme", server, forwarded("chat.example.org", "http"), 403],
    ["another host, though Host fits", server, { ...forwarded("example.org"), host: "chat.example.org" }, 403],
    ["Host alone", server, { host: "chat.example.org" }, 101],
    ["of a peer that is not trusted", alone, forwarded("chat.example.org", "https"), 403],
  ];
  for (const [what, { http }, headers, status] of table) {
    expect({ what, status: (await upgrade(http, "/ws", { ...headers, origin })).status }).toEqual({ what, status });
  }
});

test("a header of 1 MiB is refused, and so is a PROXY header", async () => {
  await using server = await startTestServer({ env: trusting });
  const large = "1.1.1.1,".repeat(128 * 1024);
  for (const name of ["X-Forwarded-For", "Forwarded", "X-Forwarded-Host"]) {
    const answer = await fetch(`http://${server.http}/healthz`, { headers: { [name]: large } }).catch(() => undefined);
    // The refusal may overtake the rest of the request, which then fails.
    expect([431, undefined]).toContain(answer?.status);
  }
  const socket = connect({ host: "127.0.0.1", port: Number(server.http.split(":")[1]) });
  socket.write("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  const [answer] = await withDeadline("an answer", once(socket, "data"));
  expect(String(answer)).toStartWith("HTTP/1.1 400");
  socket.destroy();
  expect((await fetch(`http://${server.http}/healthz`)).status).toBe(200);
});

test("a proxy on a Unix socket is trusted by a word of its own, at every door", async () => {
  using folder = temporaryFolder();
  const path = folder.in("http.sock");
  const env = { ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "1", ROOST_LIMITS_MQTT_CONNECTIONS_PER_ADDRESS: "1" };
  for (const [word, others] of [
    ["unix", 401],
    ["loopback", 429],
  ] as const) {
    await using server = await startTestServer({ http: `unix:${path}`, env: { ...env, ROOST_PROXY_TRUSTED: word } });
    expect(server.http).toBe(`unix:${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o666);
    const ask = async (address: string) =>
      (await fetch("http://chat.example.org/users/me", { unix: path, headers: from(address) })).status;
    expect([await ask("192.0.2.7"), await ask("192.0.2.7"), await ask("192.0.2.8")]).toEqual([401, 429, others]);
    const socket = new WebSocket(`ws+unix://${path}:/mqtt`, { protocols: ["mqtt"], headers: from("192.0.2.7") });
    await withDeadline("the upgrade", new Promise((opened) => socket.addEventListener("open", opened)));
    socket.terminate();
    await server.stop();
    expect(existsSync(path)).toBe(false);
  }
});
