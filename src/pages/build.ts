/**
 * Makes of `src/web` what a browser loads. `bun run build` calls it once and puts the result into the executable; from the
 * sources the first request of the page does.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Client, ClientFile, IconName } from "./client.ts";
import { hashOf } from "./content-hash.ts";

const sources = join(import.meta.dir, "../web");

const icons: Readonly<Record<IconName, string>> = {
  logo: "logo.svg",
  "icon-180": "icon-180.png",
  "icon-192": "icon-192.png",
  "icon-512": "icon-512.png",
  "maskable-512": "maskable-512.png",
};

const types: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
  woff2: "font/woff2",
};

/** Beyond this the compressed form is not worth its header. */
const savedMin = 0.95;

/** Throws an `AggregateError` that names file and line where a source cannot be built. */
export async function buildClient(): Promise<Client> {
  const [pages, worker] = await Promise.all([
    Bun.build({
      entrypoints: [join(sources, "main.tsx"), join(sources, "style/main.css")],
      ...forBrowsers,
      format: "esm",
      splitting: true,
      publicPath: "/_/",
      naming: { entry: "[name]-[hash].[ext]", chunk: "[name]-[hash].[ext]", asset: "[name]-[hash].[ext]" },
    }),
    Bun.build({ entrypoints: [join(sources, "worker/sw.ts")], ...forBrowsers, format: "iife" }),
  ]);
  const files = new Map<string, ClientFile>();
  const add = (name: string, bytes: Uint8Array<ArrayBuffer>): string => {
    const path = `/_/${name}`;
    files.set(path, {
      type: types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
      ...pack(bytes),
    });
    return path;
  };
  let script = "";
  let style = "";
  const texts = new Map<string, string>();
  for (const output of pages.outputs) {
    const name = output.path.replace(/^.*\//, "");
    const path = add(name, new Uint8Array(await output.arrayBuffer()));
    if (name.endsWith(".js")) texts.set(path, await output.text());
    if (output.kind === "entry-point" && name.endsWith(".js")) script = path;
    if (name.startsWith("main-") && name.endsWith(".css")) style = path;
  }
  const iconPaths = Object.entries(icons).map(([icon, file]) => {
    const bytes = new Uint8Array(readFileSync(join(sources, "icons", file)));
    return [icon, add(file.replace(".", `-${hashOf(bytes)}.`), bytes)] as const;
  });
  const [ofWorker] = worker.outputs;
  return {
    files,
    script,
    preloads: neededBy(script, texts),
    style,
    icons: Object.fromEntries(iconPaths) as Client["icons"],
    worker: (await ofWorker?.text()) ?? "",
  };
}

const forBrowsers = {
  target: "browser",
  minify: true,
  define: { "process.env.NODE_ENV": '"production"' },
} as const satisfies Partial<Bun.BuildConfig>;

/** Scripts that a script imports before it runs, and so on. Those that it loads later are left out. */
function neededBy(script: string, texts: ReadonlyMap<string, string>): string[] {
  const needed = new Set([script]);
  for (const path of needed) {
    for (const [, imported = ""] of (texts.get(path) ?? "").matchAll(/\b(?:from|import) ?"(\/_\/[^"]+)"/g))
      needed.add(imported);
  }
  needed.delete(script);
  return [...needed];
}

function pack(bytes: Uint8Array<ArrayBuffer>): Pick<ClientFile, "encodings"> {
  const gzip = new Uint8Array(gzipSync(bytes, { level: 9 }));
  if (gzip.byteLength > bytes.byteLength * savedMin) return { encodings: { identity: bytes } };
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength };
  return { encodings: { gzip, br: new Uint8Array(brotliCompressSync(bytes, { params })) } };
}
