/** Decodes UTF-8 strictly. */
import { isUtf8 } from "node:buffer";

/** Undefined where the bytes are not UTF-8. A byte order mark is kept. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? view(bytes).toString("utf8") : undefined;
}

export const latin1Text = (bytes: Uint8Array): string => view(bytes).toString("latin1");

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
