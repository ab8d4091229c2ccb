/** The operator's picture, `web.logo`: a file of their own machine, and still looked at before it is served. */
import type { Log } from "../lib/log.ts";
import type { ClientFile } from "./client.ts";
import { hashOf } from "./content-hash.ts";

const bytesMax = 256 * 1024;

export interface Logo {
  /** `/_/logo-3v78q500.png` */
  readonly path: string;
  readonly file: ClientFile;
  /** As a manifest says it: `512x512`, or `any`. */
  readonly sizes: string;
}

/** Undefined where it cannot be used; the log says why. */
export async function readLogo(path: string, log: Pick<Log, "warn">): Promise<Logo | undefined> {
  try {
    const file = Bun.file(path);
    if (file.size > bytesMax) throw new Error(`it has ${file.size} bytes, and may have ${bytesMax}`);
    const bytes = await file.bytes();
    const { end, type, sizes } = kindOf(bytes);
    return { path: `/_/logo-${hashOf(bytes)}.${end}`, file: { type, encodings: { identity: bytes } }, sizes };
  } catch (error) {
    log.warn("web.logo cannot be shown", { path, error });
    return undefined;
  }
}

const pngMark = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

function kindOf(bytes: Uint8Array): { end: string; type: string; sizes: string } {
  if (bytes.byteLength >= 24 && pngMark.every((byte, at) => bytes[at] === byte)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return { end: "png", type: "image/png", sizes: `${view.getUint32(16)}x${view.getUint32(20)}` };
  }
  const beginning = new TextDecoder().decode(bytes.subarray(0, 4096));
  if (/^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]/i.test(beginning)) {
    return { end: "svg", type: "image/svg+xml", sizes: "any" };
  }
  throw new Error("it is neither an SVG nor a PNG");
}
