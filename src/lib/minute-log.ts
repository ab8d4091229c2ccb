/**
 * Lines that clients cause, at `info`: one for each key and minute, and at most 60 in a minute, the last of which counts
 * the others. So many clients, or one that does not stop, are no flood of lines.
 */
import type { Fields, Log } from "./log.ts";

const minuteMs = 60_000;
/** One more counts the rest. */
const linesMax = 59;

export interface MinuteLog {
  /** `fields` is called where the line is written. */
  note(key: string, message: string, fields: () => Fields): void;
  /** Ends the minute early: the rest of it is written. */
  close(): void;
}

export function createMinuteLog(parts: {
  log: Pick<Log, "info">;
  /** The line that counts the rest of a minute. */
  rest: string;
  /** Calls `end` a minute later; gives how to give that up. */
  afterMinute?: (end: () => void) => () => void;
}): MinuteLog {
  const { log, rest, afterMinute = byTimer } = parts;
  const written = new Set<string>();
  let more = 0;
  let cancel: (() => void) | undefined;

  function end(): void {
    cancel = undefined;
    written.clear();
    if (more === 0) return;
    const times = more;
    more = 0;
    log.info(rest, { times });
  }

  return {
    note(key, message, fields) {
      cancel ??= afterMinute(end);
      if (written.has(key) || written.size >= linesMax) {
        more += 1;
        return;
      }
      written.add(key);
      log.info(message, fields());
    },
    close() {
      cancel?.();
      end();
    },
  };
}

function byTimer(end: () => void): () => void {
  const timer = setTimeout(end, minuteMs);
  timer.unref(); // it keeps no process from ending
  return () => clearTimeout(timer);
}
