/** Starts what is measured, each in a process and a temporary folder of its own: Roost, or Mosquitto to compare it with. */

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Subprocess } from "bun";
import { compiledBinary } from "../support/binary.ts";
import type { CertificateOnDisk } from "../support/certificate.ts";
import { type SlowFsyncOptions, slowFsyncEnvironment } from "../support/slow-fsync.ts";

export interface RunningServer {
  pid: number;
  /** Addresses as the server printed them, "host:port". */
  http: string;
  mqtt: string;
  mqttHost: string;
  mqttPort: number;
  /** Port of the TLS listener, where a certificate was given. */
  mqttsPort: number | undefined;
  backendKey: string | undefined;
  /** The data folder. */
  data: string;
  /** From spawn until the line that says all listeners are bound. */
  readyMs: number;
  /** Resolves with the exit code, or the signal's number plus 128. */
  exited: Promise<number>;
  /** Ends it by SIGTERM, after a deadline by SIGKILL, and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface StartOptions {
  /** An existing data folder, which is kept; otherwise a temporary one, which is removed. */
  data?: string;
  /** Loads the disk shim before all else; `library` is what `buildSlowFsync` gave. */
  slowFsync?: SlowFsyncOptions & { library: string };
  /** Opens a listener with TLS beside the plain one. */
  tls?: CertificateOnDisk;
  /** Further environment, for example ROOST_… settings. */
  env?: Record<string, string>;
  /** With the limits that a server has by itself; otherwise with those for all load from one address. */
  defaults?: boolean;
  /** The command without its arguments; by default the compiled binary, built where it is older than the sources. */
  command?: string[];
  startTimeoutMs?: number;
  stopTimeoutMs?: number;
}

export const repository = resolve(import.meta.dir, "../..");

export async function startServer(options: StartOptions = {}): Promise<RunningServer> {
  const command = options.command ?? [await compiledBinary()];
  const folder = options.data === undefined ? await mkdtemp(join(tmpdir(), "roost-load-")) : undefined;
  const data = options.data ?? join(folder ?? "", "data");
  const shim = options.slowFsync;
  const startedMs = performance.now();
  const child = Bun.spawn(
    [...command, "serve", "--data", data, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"],
    {
      cwd: repository,
      stdin: "ignore",
      stdout: "pipe",
      stderr: process.env["LOAD_SHOW_LOG"] === undefined ? "ignore" : "inherit",
      env: {
        ...withoutSettings(process.env),
        ...(await limitsFor(options)),
        ...tlsSettings(options.tls),
        ...options.env,
        ...(shim === undefined ? {} : slowFsyncEnvironment(shim.library, shim)),
      },
    },
  );
  const stop = stopper(child, folder, options.stopTimeoutMs ?? 15_000);
  try {
    const line = await firstLine(child.stdout, options.startTimeoutMs ?? 20_000);
    const readyMs = performance.now() - startedMs;
    const said: unknown = JSON.parse(line);
    const http = textOf(said, "http");
    const mqtt = textOf(said, "mqtt");
    if (http === undefined || mqtt === undefined) throw new Error(`the server did not say where it listens: ${line}`);
    const { host: mqttHost, port: mqttPort } = splitAddress(mqtt);
    const mqtts = textOf(said, "mqtts");
    return {
      pid: child.pid,
      http,
      mqtt,
      mqttHost,
      mqttPort,
      mqttsPort: mqtts === undefined ? undefined : splitAddress(mqtts).port,
      backendKey: textOf(said, "backend_key") ?? options.env?.["ROOST_BACKEND_KEY"],
      data,
      readyMs,
      exited: child.exited,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** All load comes from one address, and from users whom a backend made, on ordinary topics too. */
const oneAddress = {
  ROOST_MQTT_ANONYMOUS: "full",
  // Most clients of the tests show a short one.
  ROOST_PASSWORD_MIN_LENGTH: "1",
  // One user asks as fast as it can.
  ROOST_REST_REQUESTS_PER_MINUTE: "0",
  ROOST_LIMITS_MQTT_CONNECTIONS_PER_ADDRESS: "1000000",
  ROOST_LIMITS_MQTT_CONNECTS_PER_ADDRESS_SECOND: "1000000",
  ROOST_LIMITS_WEBSOCKETS_PER_ADDRESS: "1000000",
  ROOST_LIMITS_WEBSOCKETS_PER_ACCOUNT: "1000000",
  ROOST_LIMITS_WEBSOCKET_STRANGERS: "1000000",
  ROOST_LIMITS_WEBSOCKET_REQUESTS_PER_SECOND: "1000000",
  ROOST_LIMITS_WEBSOCKET_ACCOUNT_REQUESTS_PER_SECOND: "1000000",
};

async function limitsFor({ command, defaults = false }: StartOptions): Promise<Record<string, string>> {
  if (defaults) return {};
  return command === undefined ? oneAddress : await knownTo(command, oneAddress);
}

const settingsOf = new Map<string, Promise<ReadonlySet<string>>>();

/** Those of the variables that an executable has settings for: an older one refuses the others. */
async function knownTo(command: readonly string[], env: Readonly<Record<string, string>>) {
  const name = command.join(" ");
  const known = settingsOf.get(name) ?? readSettings(command);
  settingsOf.set(name, known);
  const names = await known;
  return Object.fromEntries(Object.entries(env).filter(([variable]) => names.has(variable)));
}

async function readSettings(command: readonly string[]): Promise<ReadonlySet<string>> {
  const shown = Bun.spawn([...command, "config", "show", "--json"], {
    cwd: repository,
    stdout: "pipe",
    stderr: "ignore",
    env: withoutSettings(process.env),
  });
  const { settings } = (await new Response(shown.stdout).json()) as { settings: readonly { readonly key: string }[] };
  return new Set(settings.map(({ key }) => `ROOST_${key.replaceAll(".", "_").toUpperCase()}`));
}

function tlsSettings(tls: CertificateOnDisk | undefined): Record<string, string> {
  if (tls === undefined) return {};
  return { ROOST_MQTTS_LISTEN: "127.0.0.1:0", ROOST_TLS_CERTIFICATE: tls.certificate, ROOST_TLS_KEY: tls.key };
}

/** The caller's own ROOST_… variables are not meant for the server under test, which refuses those it does not know. */
export function withoutSettings(env: Record<string, string | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("ROOST_")));
}

export interface RunningBroker {
  pid: number;
  host: string;
  /** Speaks TLS where a certificate was given. */
  port: number;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts Mosquitto on a free loopback port, open to everyone and keeping nothing; undefined where it is not installed. `command` goes before it. */
export async function startMosquitto(
  how: { command?: string[]; tls?: CertificateOnDisk } = {},
): Promise<RunningBroker | undefined> {
  const program = ["/usr/sbin/mosquitto", Bun.which("mosquitto")].find((path) => path !== null && existsSync(path));
  if (program === undefined || program === null) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "roost-mosquitto-"));
  const port = freePort();
  const config = join(folder, "mosquitto.conf");
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence false",
    ...(how.tls === undefined ? [] : [`certfile ${how.tls.certificate}`, `keyfile ${how.tls.key}`]),
    "set_tcp_nodelay true",
    "max_inflight_messages 0",
    "max_queued_messages 0",
    "log_type error",
    `user ${process.getuid?.() === 0 ? "root" : "mosquitto"}`,
  ];
  await writeFile(config, `${lines.join("\n")}\n`);
  const child = Bun.spawn([...(how.command ?? []), program, "-c", config], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const stop = stopper(child, folder, 5000);
  try {
    await connectable({ host: "127.0.0.1", port }, 5000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid, host: "127.0.0.1", port, stop, [Symbol.asyncDispose]: stop };
}

/** Resolves once a TCP connection to the address succeeds; throws after the deadline. */
export async function connectable({ host, port }: { host: string; port: number }, deadlineMs: number): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    try {
      const socket = await Bun.connect({ hostname: host, port, socket: { data() {} } });
      socket.end();
      return;
    } catch (error) {
      if (performance.now() >= endMs) throw error;
      await Bun.sleep(1);
    }
  }
}

export function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  const isAny = host === "0.0.0.0" || host === "::";
  return { host: isAny ? "127.0.0.1" : host, port: Number(address.slice(colon + 1)) };
}

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function stopper(
  child: Subprocess<"ignore", "pipe" | "ignore", "inherit" | "ignore">,
  folder: string | undefined,
  timeoutMs: number,
): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    await child.exited;
    clearTimeout(kill);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  return () => {
    stopping ??= stop();
    return stopping;
  };
}

export async function firstLine(output: ReadableStream<Uint8Array>, timeoutMs: number): Promise<string> {
  const reader = output.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let timer: Timer | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the server did not start within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    for (;;) {
      const { value, done } = await Promise.race([reader.read(), deadline]);
      if (done) throw new Error(`the server ended before it said where it listens: ${text.slice(0, 500)}`);
      text += decoder.decode(value, { stream: true });
      const end = text.indexOf("\n");
      if (end >= 0) {
        drop(reader).catch(() => {}); // ends with the process
        return text.slice(0, end);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Keeps reading, so that a server that prints more never waits for us. */
async function drop(reader: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await reader.read()).done) {
    // Nothing to keep.
  }
}

function textOf(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found: unknown = Reflect.get(value, name);
  return typeof found === "string" ? found : undefined;
}

/** How many files this process may have open. */
export async function openFilesMax(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8");
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
}

/** Says so when the servers' data would be in memory. */
export async function warnOfMemoryDisk(): Promise<void> {
  const tmpfs = 0x01021994;
  if ((await statfs(tmpdir())).type !== tmpfs) return;
  console.error(`${tmpdir()} is in memory, where a sync costs nothing: set TMPDIR to a folder on a disk`);
}
