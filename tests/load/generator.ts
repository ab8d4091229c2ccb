/** The load generator as a process of its own, on a core of its own, for what compares servers. */
import { join } from "node:path";
import type { Report } from "./report.ts";
import type { Scenario } from "./rows.ts";
import { type RunningServer, repository } from "./server.ts";

export const serverCore = "0";
const generatorCore = "1";

export interface Run {
  /** Which server, as arguments of the generator. */
  readonly target: readonly string[];
  readonly protocol: string;
  readonly isShort: boolean;
}

/** Runs one scenario; throws where a message was lost, came twice or came out of order, or a connection failed. */
export async function load(scenario: Scenario, { target, protocol, isShort }: Run): Promise<Report> {
  const generator = [process.execPath, join(repository, "tests/load/main.ts")];
  const how = ["--payload", "64", "--protocol", protocol, ...lengths(scenario, isShort)];
  const child = Bun.spawn(pinned(generatorCore, [...generator, ...how, ...scenario.load, ...target, "--json"]), {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, text, errors] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (code !== 0) throw new Error(`${scenario.title}: ${text} ${errors}`);
  return JSON.parse(text) as Report;
}

export function pinned(core: string, command: readonly string[]): string[] {
  return Bun.which("taskset") === null ? [...command] : ["taskset", "-c", core, ...command];
}

/** Tells the generator where the server is and how to make users there. */
export function roostArguments(server: RunningServer, { tls }: Scenario): string[] {
  if (server.backendKey === undefined) throw new Error("the server showed no backend key");
  const port = tls ? server.mqttsPort : server.mqttPort;
  if (port === undefined) throw new Error("the server has no TLS listener");
  const target = ["--host", server.mqttHost, "--port", String(port), "--http", `http://${server.http}`];
  return [...target, "--backend-key", server.backendKey, "--pid", String(server.pid)];
}

function lengths({ warmupSeconds = 1 }: Scenario, isShort: boolean): readonly string[] {
  return isShort ? ["--duration", "1.5", "--warmup", "0.5"] : ["--duration", "4", "--warmup", String(warmupSeconds)];
}
