/** Structured logging as the parts of the program see it; where the lines go is decided once, at start. */
export type Fields = Readonly<Record<string, unknown>>;

/** Messages are constant sentences, what varies stands in the fields: never a password, code, token or message body. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

/** Says nothing: for commands whose answers are their output, and for tests of single parts. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
