/** `roost serve`: flags, environment, file → config → startServer → wait for a signal → stop. */
import { writeSync } from "node:fs";
import type { Config } from "../config.ts";
import { formatAddress, isWildcard, parseAddress } from "../lib/address.ts";
import type { Log } from "../lib/log.ts";
import { type LogSink, openLog } from "../lib/log-sink.ts";
import { version } from "../lib/version.ts";
import type { RunningServer } from "../server.ts";
import { startWriterThread } from "../store/sqlite/engine/writer-thread.ts";
import { exitCodes } from "./exit.ts";
import { createLogOutput } from "./log-output.ts";
import { configOf, type ServeOptions } from "./options.ts";
import { openStandardError } from "./standard-error.ts";

/** A stop that takes longer is cut off, so that a supervisor need not kill the server. */
const stopDeadlineMs = 9500;

/** Ends the process itself once the server has stopped. Standard output carries the start-up lines only. */
export async function serve(options: ServeOptions): Promise<void> {
  // Two threads load their code at once. Where the configuration is wrong, the process and with it the thread end.
  const writerThread = startWriterThread();
  const config = configOf(options);
  // Whatever is made from here on, the database first of all, is this user's alone.
  process.umask(0o077);
  const sink = openSink(config);
  const stopping = onStopSignal(sink.log);
  dieOnDefects(sink.log);

  const { startServer } = await import("../server.ts");
  const server = await startServer(config, { log: sink.log, writerThread, startEmpty: options.newDatabase });
  process.on("SIGHUP", () => reload({ options, running: config, sink, server }));
  announce(options.json ? JSON.stringify(startLine(server)) : startText(config, server));

  await stopping;
  await stop(server, sink.log);
}

function openSink(config: Config): LogSink {
  const standardError = openStandardError();
  const format = config.log.format === "auto" ? (standardError.isTerminal ? "text" : "json") : config.log.format;
  const write = createLogOutput(standardError, (lines) =>
    sink.log.warn("log lines were lost: they were not read", { lines }),
  );
  const sink = openLog({ level: config.log.level, format, write });
  return sink;
}

/** Resolves at the first SIGTERM or SIGINT; the second one ends the process at once. */
function onStopSignal(log: Log): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(exitCodes.failure);
      asked = true;
      log.info("stopping", { signal });
      resolve();
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

/** An error that no code caught is a defect of ours. What was acknowledged is on disk, so ending is safe and going on may not be. */
function dieOnDefects(log: Log): void {
  const die = (error: unknown): void => {
    log.error("the server failed and ends", { error });
    process.exit(exitCodes.failure);
  };
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);
}

async function stop(server: RunningServer, log: Log): Promise<never> {
  setTimeout(() => {
    log.error("the server did not stop in time and is cut off", { deadlineMs: stopDeadlineMs });
    process.exit(exitCodes.failure);
  }, stopDeadlineMs);
  try {
    await server.stop();
  } catch (error) {
    log.error("the server did not stop cleanly", { error });
    process.exit(exitCodes.failure);
  }
  log.info("stopped");
  process.exit(exitCodes.ok);
}

/** SIGHUP: reads the configuration again and takes what can change under a running server. */
function reload({
  options,
  running,
  sink,
  server,
}: {
  options: ServeOptions;
  running: Config;
  sink: LogSink;
  server: RunningServer;
}): void {
  try {
    const { log, tls } = configOf(options);
    if (tls !== undefined && running.tls !== undefined) server.reloadCertificate(tls);
    else if (tls !== running.tls) sink.log.warn("TLS is turned on and off by a restart only");
    sink.setLevel(log.level);
    sink.log.info("configuration reloaded", { logLevel: log.level });
  } catch (error) {
    sink.log.error("the configuration is wrong; going on with the old one", { file: running.file, error });
  }
}

function startLine(server: RunningServer): Record<string, unknown> {
  return {
    version,
    pid: process.pid,
    http: server.http,
    mqtt: server.mqtt,
    mqtts: server.mqtts,
    data: server.dataDir,
    ...(server.backendKey === undefined ? {} : { backend_key: server.backendKey }),
  };
}

/** A few lines that fit any pipe, written without the runtime's stream; a reader that went away is no reason to end. */
function announce(text: string): void {
  try {
    writeSync(1, `${text}\n`);
  } catch {
    // There is no reader; the log says the same.
  }
}

function startText(config: Config, server: RunningServer): string {
  const { mqtt, mqtts, backendKey } = server;
  const lines = [
    `Roost ${version} is running (pid ${process.pid}).`,
    `  data  ${server.dataDir}`,
    `  HTTP  ${urlOf(config.http.tls === "on" ? "https" : "http", server.http)}`,
    ...(config.web.client === "on" ? ["        Open it in a browser to chat."] : []),
    `  MQTT  ${mqtt === null ? "off" : urlOf("mqtt", mqtt)}`,
  ];
  if (mqtts !== null) lines.push(`  MQTTS ${urlOf("mqtts", mqtts)}`);
  if (backendKey !== undefined) {
    lines.push(
      "",
      "The backend key, for Authorization: Bearer on REST. It is shown this once and stored hashed;",
      "roost key rotate makes a new one:",
      `  ${backendKey}`,
    );
  }
  if (server.isEmpty && config.mqtt.anonymous !== "full") {
    lines.push(
      "",
      "Every account may chat. All other MQTT topics belong to users made by roost user add and to devices made by",
      "roost device add. To give topics to a user who registered or was made by a backend, use",
      "roost user topics NAME --publish PATTERN --subscribe PATTERN, roost group, or roost user trust NAME.",
    );
  }
  if (config.registration === "open") {
    lines.push(
      "",
      "Registration is open: anyone who reaches this server may make an account. To close it, set",
      `registration = "off" in ${config.file} or ROOST_REGISTRATION=off, and start again;`,
      `"invite" lets in those with a link made by roost user invite.`,
    );
  }
  if (config.mqtt.anonymous === "full") {
    lines.push("", "MQTT is open to anyone without a password (mqtt.anonymous = full).");
  }
  return lines.join("\n");
}

/** A URL that works on this machine: a wildcard is no place to connect to. */
function urlOf(scheme: string, bound: string): string {
  if (bound.startsWith("unix:")) return bound;
  const address = parseAddress(bound);
  if (address === undefined) return `${scheme}://${bound}`;
  if (!isWildcard(address)) return `${scheme}://${formatAddress(address)}`;
  return `${scheme}://localhost:${address.port} (on every interface)`;
}
