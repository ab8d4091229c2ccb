/** Where log lines go: text for people on a terminal, JSON lines for everything else. */
import { escapeControls } from "./control-characters.ts";
import type { Fields, Log } from "./log.ts";

export type Level = "debug" | "info" | "warn" | "error";

export interface LogSink {
  readonly log: Log;
  setLevel(level: Level): void;
  /** Nothing is written after this call. */
  close(): void;
}

const levels: readonly Level[] = ["debug", "info", "warn", "error"];

export function openLog(options: { level: Level; format: "text" | "json"; write(line: string): void }): LogSink {
  const format = options.format === "json" ? formatJson : formatText;
  let lowest = levels.indexOf(options.level);
  const at = (level: Level): Log[Level] => {
    const rank = levels.indexOf(level);
    return (message, fields) => {
      if (rank >= lowest) options.write(format({ atMs: Date.now(), level, message, fields: guard(fields) }));
    };
  };
  return {
    log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") },
    setLevel(level) {
      lowest = levels.indexOf(level);
    },
    close() {
      lowest = levels.length;
    },
  };
}

interface Line {
  readonly atMs: number;
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const secretNames = /^(?:password|secret|token|access_?token|refresh_?token|authorization|backend_?key)$/i;

/** The last line of defence: the value of a field named like a secret is never written. Errors become plain objects. */
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

/**
 * `15:04:05.123 WARN  a sentence  name=value other="two words"`; an error's stack follows on the next lines, indented, so
 * that no text in it looks like a line of the log.
 */
function formatText({ atMs, level, message, fields: given }: Line): string {
  const time = new Date(atMs).toISOString().slice(11, 23);
  const stacks: string[] = [];
  let fields = "";
  for (const [name, value] of Object.entries(given)) {
    fields += `${fields === "" ? "  " : " "}${name}=${formatValue(value)}`;
    const stack = typeof value === "object" && value !== null && "stack" in value ? value.stack : undefined;
    if (typeof stack === "string") stacks.push(...stack.split("\n").map((line) => `  ${escapeControls(line)}`));
  }
  return [escapeControls(`${time} ${level.toUpperCase().padEnd(5)} ${message}${fields}`), ...stacks, ""].join("\n");
}

function formatValue(value: unknown): string {
  if (typeof value === "object" && value !== null && "stack" in value && "message" in value) {
    return JSON.stringify(value.message);
  }
  if (typeof value === "string") return /^[\w.:/@[\]-]+$/.test(value) ? value : JSON.stringify(value);
  return typeof value === "object" && value !== null ? printJson(value) : String(value);
}

/** One object per line, with the names that log collectors use. */
function formatJson({ atMs, level, message, fields }: Line): string {
  const time = new Date(atMs).toISOString();
  const start = `{"@timestamp":"${time}","level":"${level.toUpperCase()}","message":${JSON.stringify(message)},"logger":"roost"`;
  return `${escapeControls(`${start},"fields":${printJson(fields)}}`)}\n`;
}

/** Gives JSON for any object, also a circular one. */
function printJson(value: object): string {
  try {
    return JSON.stringify(value, (_name, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)) ?? "";
  } catch {
    return '"[circular]"';
  }
}
