/** The texts that are made of the built client and the settings: the page, the manifest, the service worker. */
import type { Client } from "./client.ts";
import type { Logo } from "./logo.ts";

/** The ground of the page in each theme, `--ground` of its style, as the browser paints its own frame. */
const grounds = { light: "#f3f0ea", dark: "#151412" };

/** The client's own, `--accent` of its style. */
const ownAccent = "#2b6e5b";

/** What a page is made of besides its texts: the client as built, and what the operator puts in its place. */
export interface PageParts extends Client {
  readonly name: string;
  readonly accent: string | undefined;
  /** Of the style that sets the accent; undefined where the client's own is used. */
  readonly accentStyle: string | undefined;
  readonly logo: Logo | undefined;
}

/** The client's style makes all its colours of this one, and bounds how light it is where it carries text. */
export const accentStyleOf = (accent: string): string => `:root{--accent:${accent}}`;

export function pageOf(parts: PageParts): string {
  const { script, preloads, style, icons, reloadScript, accentStyle, logo } = parts;
  const name = escaped(parts.name);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="${grounds.light}" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="${grounds.dark}" media="(prefers-color-scheme: dark)">
<meta name="application-name" content="${name}">
<link rel="icon" href="${logo?.path ?? icons.logo}">
<link rel="apple-touch-icon" href="${logo?.path ?? icons["icon-180"]}">
<link rel="manifest" href="/manifest.webmanifest">
<link rel="stylesheet" href="${style}">
${accentStyle === undefined ? "" : `<link rel="stylesheet" href="${accentStyle}">\n`}${preloads.map((path) => `<link rel="modulepreload" href="${path}">\n`).join("")}<script type="module" src="${script}"></script>
${reloadScript === undefined ? "" : '<script type="module" src="/_/reload.js"></script>\n'}</head>
<body>
<div id="app"></div>
<noscript>${name} needs JavaScript.</noscript>
</body>
</html>
`;
}

export function manifestOf({ icons, logo, name, accent = ownAccent }: PageParts): string {
  const png = (path: string, size: number, purpose: "any" | "maskable") => ({
    src: path,
    type: "image/png",
    sizes: `${size}x${size}`,
    purpose,
  });
  return JSON.stringify({
    id: "/",
    name,
    short_name: name,
    start_url: "/",
    scope: "/",
    display: "standalone",
    background_color: grounds.light,
    theme_color: accent,
    icons:
      logo === undefined
        ? [
            png(icons["icon-192"], 192, "any"),
            png(icons["icon-512"], 512, "any"),
            png(icons["maskable-512"], 512, "maskable"),
          ]
        : [{ src: logo.path, type: logo.file.type, sizes: logo.sizes, purpose: "any" }],
  });
}

/**
 * The service worker begins with what it keeps: the page, and all files of the client, so that what is loaded later starts
 * without a line too. Another page or client makes another worker, which the browser then installs.
 */
export function workerOf({ files, style, accentStyle, logo, icons, worker }: PageParts, version: string): string {
  const scripts = [...files.keys()].filter((path) => path.endsWith(".js"));
  const kept = [...scripts, style, accentStyle, logo?.path ?? icons.logo].filter((path) => path !== undefined);
  return `self.shell=${JSON.stringify({ version, files: kept })};\n${worker}`;
}

const marks: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const escaped = (text: string): string => text.replace(/[&<>"]/g, (mark) => marks[mark] ?? mark);
