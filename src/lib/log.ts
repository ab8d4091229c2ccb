/** Structured logging as the parts of the program see it. Where the lines go is decided once, at start. */
export type Fields = Readonly<Record<string, unknown>>;

/** A message is a constant sentence; what varies is a field. No field holds a password, code, token or message body. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

/** Writes nothing. For commands whose answers are their output, and for tests of single parts. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
