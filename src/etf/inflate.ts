/** Inflates the content of a compressed term (tag 80), with a bound. */
import { inflateSync } from "node:zlib";
import { TermError } from "./term.ts";

/**
 * Gives exactly `inflatedBytes` bytes or throws `TermError`. Inflating stops at that size, however much the stream
 * holds.
 */
export function inflate(stream: Uint8Array, inflatedBytes: number): Uint8Array {
  if (inflatedBytes === 0) throw new TermError("cut short");
  let inflated: { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
  try {
    // @types/node does not know that `info` changes the type of the result.
    inflated = inflateSync(stream, { info: true, maxOutputLength: inflatedBytes }) as unknown as typeof inflated;
  } catch (cause) {
    throw new TermError("cannot be inflated to the size it says", { cause });
  }
  if (inflated.buffer.byteLength !== inflatedBytes) throw new TermError("cannot be inflated to the size it says");
  if (inflated.engine.bytesWritten !== stream.byteLength) throw new TermError("bytes after the term");
  return inflated.buffer;
}
