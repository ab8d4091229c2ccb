/** Payloads of a few characters of JSON. */

const bytesMax = 1024;

/** Undefined for what is longer, or no JSON. */
export function parseSmallJson(payload: Uint8Array): unknown {
  if (payload.byteLength > bytesMax) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch {
    return undefined;
  }
}
