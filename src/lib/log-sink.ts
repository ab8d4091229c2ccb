/** Where log lines go: LogTape behind our `Log`, text for people on a terminal, JSON lines for everybody else. */
import {
  configureSync,
  getJsonLinesFormatter,
  getLogger,
  type LogLevel,
  type LogRecord,
  resetSync,
} from "@logtape/logtape";
import type { Fields, Log } from "./log.ts";

export type Level = "debug" | "info" | "warn" | "error";

export interface LogSink {
  readonly log: Log;
  setLevel(level: Level): void;
  /** Nothing is written after it. */
  close(): void;
}

const category = ["roost"];
const levels: Readonly<Record<Level, LogLevel>> = { debug: "debug", info: "info", warn: "warning", error: "error" };

/** One sink for the process; opening a second one closes the first. */
export function openLog(options: { level: Level; format: "text" | "json"; write(line: string): void }): LogSink {
  const format = options.format === "json" ? getJsonLinesFormatter({ properties: "nest:fields" }) : formatText;
  const apply = (level: Level): void =>
    configureSync({
      reset: true,
      sinks: { out: (record) => options.write(format(record)) },
      loggers: [
        { category, sinks: ["out"], lowestLevel: levels[level] },
        { category: ["logtape", "meta"], sinks: ["out"], lowestLevel: "warning" },
      ],
    });
  apply(options.level);
  const logger = getLogger(category);
  return {
    log: {
      debug: (message, fields) => logger.debug(escapeTemplate(message), guard(fields)),
      info: (message, fields) => logger.info(escapeTemplate(message), guard(fields)),
      warn: (message, fields) => logger.warn(escapeTemplate(message), guard(fields)),
      error: (message, fields) => logger.error(escapeTemplate(message), guard(fields)),
    },
    setLevel: apply,
    close: resetSync,
  };
}

/** Our messages are constant sentences, not templates. */
const escapeTemplate = (message: string): string => message.replaceAll("{", "{{").replaceAll("}", "}}");

const secretNames = /^(?:password|secret|token|access_?token|refresh_?token|authorization|backend_?key)$/i;

/** The last line of defence: a field named like a secret is never written. Errors become what a reader needs of them. */
function guard(fields: Fields = {}): Record<string, unknown> {
  const guarded: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (secretNames.test(name)) guarded[name] = "***";
    else if (value instanceof Error) guarded[name] = plainError(value);
    else guarded[name] = value instanceof Uint8Array ? `${value.byteLength} bytes` : value;
  }
  return guarded;
}

function plainError(error: Error): Record<string, unknown> {
  const code = "code" in error ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: String(error.cause) };
  return { name: error.name, message: error.message, ...code, ...cause, stack: error.stack };
}

/** `15:04:05.123 WARN  a sentence  name=value other="two words"`, an error's stack on the lines below. */
function formatText(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString().slice(11, 23);
  const level = (record.level === "warning" ? "warn" : record.level).toUpperCase().padEnd(5);
  const stacks: string[] = [];
  let fields = "";
  for (const [name, value] of Object.entries(record.properties)) {
    fields += `${fields === "" ? "  " : " "}${name}=${formatValue(value)}`;
    const stack = typeof value === "object" && value !== null && "stack" in value ? value.stack : undefined;
    if (typeof stack === "string") stacks.push(stack);
  }
  return [`${time} ${level} ${record.message.join("")}${fields}`, ...stacks, ""].join("\n");
}

function formatValue(value: unknown): string {
  if (typeof value === "object" && value !== null && "stack" in value && "message" in value) {
    return JSON.stringify(value.message);
  }
  if (typeof value === "string") return /^[\w.:/@[\]-]+$/.test(value) ? value : JSON.stringify(value);
  return typeof value === "object" && value !== null ? printJson(value) : String(value);
}

/** JSON, whatever the object holds. */
function printJson(value: object): string {
  try {
    return JSON.stringify(value, (_name, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)) ?? "";
  } catch {
    return "[circular]";
  }
}
