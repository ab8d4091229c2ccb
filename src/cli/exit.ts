/** How a command ends: its exit codes, and one line for people that says what to do. */
import { isDenied } from "../lib/system-errors.ts";

export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  dataFolder: 3,
  address: 4,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesHelp = `Exit codes:
  0  done
  1  it failed, or the answer is no
  2  the command line or the configuration is wrong
  3  the data folder is in use, another system user's or cannot be opened, or its database is lost
  4  a listening address is in use, or cannot be bound`;

/** Ends the command; the message is printed without a stack. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}

/** Ends the command with a code; what there was to say is on standard output. */
export class Answered extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super("answered");
    this.name = "Answered";
    this.exitCode = exitCode;
  }
}

/** What most often is behind it: a command was run as root once. */
const ownership = "all files in the data folder must belong to the system user that runs roost (chown -R)";

const hints: Readonly<Record<string, { exitCode: ExitCode; hint?: string }>> = {
  ConfigError: { exitCode: exitCodes.usage },
  CertificateError: { exitCode: exitCodes.usage },
  DataFolderLocked: { exitCode: exitCodes.dataFolder, hint: "stop it, or choose another folder with --data" },
  DataFolderError: { exitCode: exitCodes.dataFolder },
  SchemaError: { exitCode: exitCodes.dataFolder },
  DatabaseError: { exitCode: exitCodes.dataFolder, hint: ownership },
  DatabaseRefused: {
    exitCode: exitCodes.dataFolder,
    hint: "or start with an empty one: roost serve --new-database (it deletes nothing)",
  },
  AddressError: { exitCode: exitCodes.address, hint: "choose another one with --http or --mqtt" },
};

/**
 * The exit code and the lines for an error. Errors are told apart by name, so that a command that never opens a store or
 * a port does not load the modules that do.
 */
export function describeFailure(error: unknown): { exitCode: ExitCode; message: string } {
  if (error instanceof CommandError) return { exitCode: error.exitCode, message: error.message };
  if (!(error instanceof Error)) return { exitCode: exitCodes.failure, message: String(error) };
  const known = hints[error.name];
  if (known !== undefined) {
    return { exitCode: known.exitCode, message: known.hint ? `${error.message}; ${known.hint}` : error.message };
  }
  // Another program took it between the probe and the listener.
  if ("code" in error && error.code === "EADDRINUSE") return { exitCode: exitCodes.address, message: error.message };
  if (isSqlite(error)) {
    const message = `the data cannot be opened: ${error.message}; ${ownership}`;
    return { exitCode: exitCodes.dataFolder, message };
  }
  if (isDenied(error)) return { exitCode: exitCodes.dataFolder, message: `${error.message}; ${ownership}` };
  return { exitCode: exitCodes.failure, message: error.message };
}

const isSqlite = (error: Error): boolean =>
  "code" in error && typeof error.code === "string" && error.code.startsWith("SQLITE_");
