/** Serves the gallery under the same policy as the client: no inline script or style, no other host. */
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types roost";
const page =
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content"><title>Roost</title><link rel="stylesheet" href="/main.css"></head><body><div id="app"></div><script type="module" src="/gallery.js"></script></body></html>';

/** To be stopped by the caller. */
export async function startGallery() {
  const built = await Bun.build({
    entrypoints: [join(root, "tests/web/gallery.tsx"), join(root, "src/web/style/main.css")],
    naming: { entry: "[name].[ext]", chunk: "[name]-[hash].[ext]" },
    splitting: true,
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
    target: "browser",
  });
  const files = new Map(built.outputs.map((output) => [`/${output.path.replace(/^\.?\//, "")}`, output]));
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/") {
        return new Response(page, { headers: { "Content-Type": "text/html", "Content-Security-Policy": policy } });
      }
      const file = files.get(pathname);
      return file === undefined ? new Response(null, { status: 404 }) : new Response(file);
    },
  });
  return { url: server.url.href, sizes: built.outputs, stop: () => server.stop(true) };
}
