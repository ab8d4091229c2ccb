/** A log that a test reads as an operator's collector does: JSON lines. */
import { type Level, openLog } from "../../src/lib/log-sink.ts";
import { withDeadline } from "./deadline.ts";

export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function recordLog(level: Level = "info") {
  const lines: LoggedLine[] = [];
  let waiting: (() => void)[] = [];
  let text = "";
  const { log } = openLog({
    level,
    format: "json",
    write(line) {
      text += line;
      lines.push(JSON.parse(line) as LoggedLine);
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    },
  });

  async function find(message: string, fields: LoggedLine["fields"]): Promise<LoggedLine> {
    const wanted = Object.entries(fields);
    for (;;) {
      const line = lines.find(
        (one) => one.message === message && wanted.every(([name, is]) => one.fields[name] === is),
      );
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  return {
    log,
    lines,
    /** All that was written. */
    text: () => text,
    of: (message: string): LoggedLine["fields"][] =>
      lines.flatMap((line) => (line.message === message ? [line.fields] : [])),
    /** Waits for a line with these fields. */
    until: (message: string, fields: LoggedLine["fields"] = {}): Promise<LoggedLine> =>
      withDeadline(`a line "${message}" with ${JSON.stringify(fields)}`, find(message, fields)),
  };
}
