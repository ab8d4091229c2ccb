/** The texts that are made of the built client and the settings: the page, the manifest, the service worker. */
import type { Client } from "./client.ts";
import type { Look } from "./look.ts";

/** The background of the page in each theme, as the browser paints its own frame. */
const backgrounds = { light: "#ffffff", dark: "#14181a" };

export function pageOf(client: Client, look: Look): string {
  const { script, preloads, style, icons, reloadScript } = client;
  const name = escaped(look.name);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="${backgrounds.light}" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="${backgrounds.dark}" media="(prefers-color-scheme: dark)">
<meta name="application-name" content="${name}">
<link rel="icon" href="${icons.logo}">
<link rel="apple-touch-icon" href="${icons["icon-180"]}">
<link rel="manifest" href="/manifest.webmanifest">
<link rel="stylesheet" href="${style}">
${preloads.map((path) => `<link rel="modulepreload" href="${path}">\n`).join("")}<script type="module" src="${script}"></script>
${reloadScript === undefined ? "" : '<script type="module" src="/_/reload.js"></script>\n'}</head>
<body>
<div id="app"></div>
<noscript>${name} needs JavaScript.</noscript>
</body>
</html>
`;
}

export function manifestOf({ icons }: Client, look: Look): string {
  const png = (path: string, size: number, purpose: "any" | "maskable") => ({
    src: path,
    type: "image/png",
    sizes: `${size}x${size}`,
    purpose,
  });
  return JSON.stringify({
    id: "/",
    name: look.name,
    short_name: look.name,
    start_url: "/",
    scope: "/",
    display: "standalone",
    background_color: backgrounds.light,
    theme_color: look.accent,
    icons: [
      png(icons["icon-192"], 192, "any"),
      png(icons["icon-512"], 512, "any"),
      png(icons["maskable-512"], 512, "maskable"),
    ],
  });
}

/**
 * The service worker begins with what it keeps: the page, and all files of the client, so that what is loaded later starts
 * without a line too. Another page or client makes another worker, which the browser then installs.
 */
export function workerOf({ files, style, worker }: Client, version: string): string {
  const kept = [...files.keys()].filter((path) => path.endsWith(".js") || path === style || path.endsWith(".svg"));
  return `self.shell=${JSON.stringify({ version, files: kept })};\n${worker}`;
}

const marks: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const escaped = (text: string): string => text.replace(/[&<>"]/g, (mark) => marks[mark] ?? mark);
