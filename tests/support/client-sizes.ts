/** What a browser loads of the web client, in bytes, by encoding: printed by the build and bounded by a test. */
import type { Client } from "../../src/pages/client.ts";
import { manifestOf, type PageParts, pageOf, workerOf } from "../../src/pages/page.ts";

export interface ClientSizes {
  readonly br: number;
  readonly gzip: number;
}

/** The page, its scripts and style, the service worker and the manifest: what a first visit cannot do without. */
export function firstVisitOf(client: Client): ClientSizes {
  const parts: PageParts = { ...client, name: "Roost", accent: undefined, accentStyle: undefined, logo: undefined };
  const texts = [pageOf(parts), workerOf(parts, "00000000"), manifestOf(parts)];
  const made = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const files = [client.script, client.style, ...client.preloads, client.icons.logo];
  const of = (encoding: "br" | "gzip"): number =>
    files.reduce((sum, path) => {
      const encodings = client.files.get(path)?.encodings;
      return sum + (encodings?.[encoding] ?? encodings?.identity ?? "").length;
    }, made);
  return { br: of("br"), gzip: of("gzip") };
}

/** What the executable holds of the client. */
export const embeddedOf = ({ files, worker }: Client): number =>
  [...files.values()]
    .flatMap(({ encodings }) => Object.values(encodings))
    .reduce((sum, bytes) => sum + bytes.byteLength, Buffer.byteLength(worker));
