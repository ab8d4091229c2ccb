/**
 * Standard error without the runtime's stream as long as it takes what it is given: making that stream takes longer than
 * anything else a start does, and 5 MiB. A reader that is slow, a terminal or a socket get the stream.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";

export interface StandardError {
  readonly isTerminal: boolean;
  /** `done` once the system has the text, or no reader is left. Never waits. */
  write(text: string, done: () => void): void;
}

const fd = 2;
/** The devices of memory, `/dev/null` among them; terminals have others. */
const memoryMajor = 1;

export function openStandardError(): StandardError {
  let direct = directDescriptor();
  let stream: NodeJS.WriteStream | undefined;

  function streamed(): NodeJS.WriteStream {
    if (stream === undefined) {
      stream = process.stderr;
      // A reader that went away must not take the server with it.
      stream.on("error", () => {});
    }
    return stream;
  }

  /** What is left of `text`, as bytes. */
  function writeDirectly(to: number, text: string): Uint8Array | undefined {
    const bytes = Buffer.from(text);
    try {
      const written = writeSync(to, bytes);
      return written < bytes.byteLength ? bytes.subarray(written) : undefined;
    } catch (error) {
      return codeOf(error) === "EAGAIN" ? bytes : undefined;
    }
  }

  return {
    isTerminal: direct === undefined && streamed().isTTY === true,
    write(text, done) {
      const left = direct === undefined ? text : writeDirectly(direct, text);
      if (left === undefined) return done();
      // From here on the stream keeps the order.
      direct = undefined;
      streamed().write(left, () => done());
    },
  };
}

/** Where text may be written without ever waiting; undefined where only the stream can promise that. */
function directDescriptor(): number | undefined {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) return fd;
    if (stat.isCharacterDevice()) return stat.rdev >> 8 === memoryMajor ? fd : undefined;
    if (!stat.isFIFO()) return undefined;
    // Opened anew, so that other processes that write to the pipe still wait for it.
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined; // Closed, or not on Linux.
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
