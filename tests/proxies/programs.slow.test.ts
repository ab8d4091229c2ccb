/**
 * caddy, nginx and HAProxy in front of a server, set up as docs/operations.md § Behind a proxy says: limits, log and
 * session.list have the client's own address.
 */
import { expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { type Log, silentLog } from "../../src/lib/log.ts";
import { temporaryFolder } from "../cli/roost.ts";
import { MiniClient } from "../minioicq/client.ts";
import { makeCertificate } from "../support/certificate.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { requireProgram } from "../support/programs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { comingFrom } from "../support/source-address.ts";

const operations = readFileSync(join(import.meta.dir, "../../docs/operations.md"), "utf8");
const section = /\n## Behind a proxy\n[\s\S]*?\n## /.exec(operations)?.[0] ?? "";
const examples = (language: string): string[] =>
  [...section.matchAll(/```(\w+)\n([\s\S]*?)```/g)]
    .filter(([, name]) => name === language)
    .map(([, , text = ""]) => text);

const openssl = requireProgram("openssl");
const streamModule = "/etc/nginx/modules-enabled/50-mod-stream.conf";

type Name = "caddy" | "nginx" | "haproxy";

/** Whether the program is here, with what it needs. */
function isHere(name: Name): boolean {
  if (!openssl || !requireProgram(name)) return false;
  if (name !== "nginx" || existsSync(streamModule)) return true;
  console.error("\n*** libnginx-mod-stream is not installed: the tests of nginx DID NOT RUN ***\n");
  if (process.env["CI"]) expect.unreachable("libnginx-mod-stream must be installed in CI");
  return false;
}

/** Each test has a loopback address of its own, so that fixed ports are free. */
const ownAddress = (): string => `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;

interface Place extends AsyncDisposable {
  readonly server: TestServer;
  /** `host:port` of the proxy. */
  readonly front: { readonly http: string; readonly mqtt: string; readonly mqtts: string };
  /** Addresses from which MQTT clients connected, as the log says. */
  readonly connected: string[];
}

async function startBehind(name: Name, env: Record<string, string> = {}): Promise<Place> {
  const folder = temporaryFolder();
  const connected: string[] = [];
  const debug: Log["debug"] = (message, fields) => {
    if (message === "client connected" && fields?.["door"] === "mqtt") connected.push(String(fields?.["address"]));
  };
  const certificate = await makeCertificate(folder.path);
  const server = await startTestServer({
    log: { ...silentLog, debug },
    env: {
      ROOST_PROXY_TRUSTED: "127.0.0.1",
      ROOST_MQTT_PROXY_PROTOCOL: "on",
      ROOST_MQTT_ANONYMOUS: "full",
      ROOST_MQTTS_LISTEN: "127.0.0.1:0",
      ROOST_TLS_CERTIFICATE: certificate.certificate,
      ROOST_TLS_KEY: certificate.key,
      ...env,
    },
  });
  const host = ownAddress();
  const front = { http: `${host}:8443`, mqtt: `${host}:1883`, mqtts: `${host}:8883` };
  const both = join(folder.path, "both.pem");
  writeFileSync(both, readFileSync(certificate.certificate, "utf8") + readFileSync(certificate.key, "utf8"));
  /** The document's example with this test's places in it. */
  const filled = (text: string): string =>
    [
      ["127.0.0.1:8080", server.http],
      ["127.0.0.1:1884", server.mqtt],
      ["127.0.0.1:8884", server.mqtts ?? ""],
      ["/etc/ssl/chat.example.org.pem", certificate.certificate],
      ["/etc/ssl/chat.example.org.key", certificate.key],
      ["/etc/haproxy/chat.example.org.pem", both],
      ["chat.example.org {", `http://:8443 {\n\tbind ${host}`],
      ["listen 443 ", `listen ${front.http} `],
      ["listen 1883", `listen ${front.mqtt}`],
      ["bind :443 ", `bind ${front.http} `],
      ["bind :1883", `bind ${front.mqtt}`],
      ["bind :8883", `bind ${front.mqtts}`],
    ].reduce((so, [from = "", to = ""]) => so.replaceAll(from, to), text);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${join(folder.path, kind)};`)
    .join("\n");
  const [nginxHttp = "", nginxStream = ""] = examples("nginx");
  const file = join(folder.path, "proxy.conf");
  const programs: Record<Name, { text: string; command: string[] }> = {
    caddy: {
      text: `{\n\tadmin off\n\tauto_https off\n}\n${examples("caddyfile").join("\n")}`,
      command: ["caddy", "run", "--adapter", "caddyfile", "--config", file],
    },
    nginx: {
      text: [
        ...["daemon off;", "master_process off;", `pid ${join(folder.path, "pid")};`, `include ${streamModule};`],
        ...["events {}", `http {\naccess_log off;\n${temporary}\n${nginxHttp}\n}`, nginxStream],
      ].join("\n"),
      command: ["nginx", "-e", "stderr", "-c", file],
    },
    haproxy: { text: examples("haproxy").join("\n"), command: ["haproxy", "-db", "-f", file] },
  };
  const { text, command } = programs[name];
  writeFileSync(file, filled(text));
  const env_ = { PATH: process.env["PATH"] ?? "", HOME: folder.path };
  const child = Bun.spawn(command, { stdout: "ignore", stderr: "pipe", env: env_ });
  const said = new Response(child.stderr).text();
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await withDeadline(`${name} ends`, child.exited);
    await server[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  };
  try {
    let ended = false;
    void child.exited.then(() => {
      ended = true;
    });
    const listening = (async () => {
      while (!(await accepts(front.http))) if (ended) throw new Error(`${name} ended: ${await said}`);
    })();
    await withDeadline(`${name} listens`, listening);
  } catch (error) {
    await stop();
    throw error;
  }
  return { server, front, connected, [Symbol.asyncDispose]: stop };
}

function accepts(to: string): Promise<boolean> {
  const [host = "", port] = to.split(":");
  const socket = connect({ host, port: Number(port) });
  return new Promise((resolve) => {
    socket.on("error", () => resolve(false));
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

interface Session {
  readonly door: string;
  readonly address?: string;
}

const sessionsOf = async (client: MiniClient): Promise<string[]> => {
  const { sessions } = (await client.ask({ action: "session.list" })) as unknown as { sessions: Session[] };
  return sessions.map(({ door, address }) => `${door} ${address}`).toSorted();
};

/** Fails at once where the broker hangs up. */
function connectMqtt(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  return withDeadline("CONNACK", mqtt.connectAsync(url, { reconnectPeriod: 0, ...options }, false));
}

const here = { caddy: isHere("caddy"), nginx: isHere("nginx"), haproxy: isHere("haproxy") };
const testWith = (name: Name) => test.skipIf(!here[name]);

for (const name of ["caddy", "nginx", "haproxy"] as const)
  testWith(name)(`${name} forwards HTTP and WebSockets`, async () => {
    await using place = await startBehind(name, { ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "3" });
    const tls = name !== "caddy"; // its certificate would come from an authority on the internet
    using anna = await comingFrom("127.0.0.2", place.front.http, { tls });
    using ben = await comingFrom("127.0.0.3", place.front.http, { tls });

    // What clients say of themselves makes no new client of them.
    const statuses = async (at: string): Promise<number[]> => {
      const all: number[] = [];
      for (let n = 1; n <= 4; n++) {
        const headers = { "X-Forwarded-For": `203.0.113.${n}`, Forwarded: `for=203.0.113.${n}` };
        all.push((await fetch(`http://${at}/users/me`, { headers })).status);
      }
      return all;
    };
    expect(await statuses(anna.at)).toEqual([401, 401, 401, 429]);
    expect(await statuses(ben.at)).toEqual([401, 401, 401, 429]);

    using first = await MiniClient.connect(anna.at);
    const { user_id: id } = await first.register("Anna");
    using second = await MiniClient.connect(ben.at);
    await second.login(id);
    expect(await sessionsOf(first)).toEqual(["minioicq 127.0.0.2", "minioicq 127.0.0.3"]);
    const page = new WebSocket(`ws://${anna.at}/ws`, { headers: { Origin: `${tls ? "https" : "http"}://${anna.at}` } });
    await withDeadline("a page's upgrade", new Promise((opened) => page.addEventListener("open", opened)));
    page.terminate();

    const web = await connectMqtt(`ws://${ben.at}/mqtt`);
    expect(place.connected).toEqual(["127.0.0.3"]);
    await web.endAsync();
  });

for (const [name, scheme, version] of [
  ["nginx", "mqtt", "version 1"],
  ["haproxy", "mqtt", "version 1"],
  ["haproxy", "mqtts", "version 2"],
] as const)
  testWith(name)(`${name} passes on ${scheme} with a PROXY header of ${version}`, async () => {
    await using place = await startBehind(name, { ROOST_LIMITS_MQTT_CONNECTIONS_PER_ADDRESS: "2" });
    using anna = await comingFrom("127.0.0.2", place.front[scheme]);
    using ben = await comingFrom("127.0.0.3", place.front[scheme]);
    const open = (at: string, options: IClientOptions = {}) =>
      connectMqtt(`${scheme}://${at}`, { rejectUnauthorized: false, ...options });
    const clients = [await open(anna.at), await open(anna.at)];
    await expect(open(anna.at)).rejects.toThrow();
    clients.push(await open(ben.at));
    expect(place.connected).toEqual(["127.0.0.2", "127.0.0.2", "127.0.0.3"]);

    using watching = await MiniClient.connect(place.server.http);
    const { user_id: id } = await watching.register("Ben");
    clients.push(await open(ben.at, { username: String(id), password: "secret" }));
    expect(await sessionsOf(watching)).toEqual(["minioicq 127.0.0.1", "mqtt 127.0.0.3"]);

    const received: string[] = [];
    const [sender, , receiver] = clients;
    receiver?.on("message", (_, payload) => received.push(String(payload.length)));
    await receiver?.subscribeAsync("t", { qos: 1 });
    await sender?.publishAsync("t", "x".repeat(200_000), { qos: 1 });
    await until("the message", () => received.length === 1);
    expect(received).toEqual(["200000"]);
    for (const client of clients) await client.endAsync();
  });
