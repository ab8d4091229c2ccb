/** What a compressed term holds (tag 80), bounded while it is inflated. */
import { inflateSync } from "node:zlib";
import { TermError } from "./term.ts";

/** Exactly `inflatedBytes`, or `TermError`. Inflating stops at that size, whatever the stream would go on to. */
export function inflate(stream: Uint8Array, inflatedBytes: number): Uint8Array {
  if (inflatedBytes === 0) throw new TermError("cut short");
  let inflated: { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
  try {
    // @types/node does not know that `info` changes what is given.
    inflated = inflateSync(stream, { info: true, maxOutputLength: inflatedBytes }) as unknown as typeof inflated;
  } catch (cause) {
    throw new TermError("cannot be inflated to the size it says", { cause });
  }
  if (inflated.buffer.byteLength !== inflatedBytes) throw new TermError("cannot be inflated to the size it says");
  if (inflated.engine.bytesWritten !== stream.byteLength) throw new TermError("bytes after the term");
  return inflated.buffer;
}
