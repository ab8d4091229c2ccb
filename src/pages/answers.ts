/** Answers requests for the web client: from memory, in the encoding that the browser takes, under a strict policy. */
import { lazily } from "../lib/lazily.ts";
import type { Log } from "../lib/log.ts";
import type { Client, ClientFile, Encoding } from "./client.ts";
import { clientFiles } from "./client-files.ts";
import { hashOf } from "./content-hash.ts";
import { type Logo, readLogo } from "./logo.ts";
import type { Look } from "./look.ts";
import { accentStyleOf, manifestOf, pageOf, workerOf } from "./page.ts";

/**
 * The page runs its own script and nothing else, shows its own pictures and those it has in memory, and talks to this server
 * alone. The one address that a script may be loaded from by name is the service worker's, which the policy `roost` admits.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types roost",
].join("; ");

const always = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

/** Pictures of files that the operator chose run nothing, even as a page of their own. */
const policyOfFiles = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

export type Answer = (request: Request, path: string) => Promise<Response | undefined>;

export function createAnswers({ look, log }: { look: Look; log: Log }): Answer {
  const logo = lazily(async () => (look.logo === undefined ? undefined : readLogo(look.logo, log)));
  let made: { readonly client: Client; readonly answers: ReadonlyMap<string, Made> } | undefined;

  return async (request, path) => {
    let client: Client;
    try {
      client = await clientFiles(log);
    } catch (error) {
      return notBuilt(error);
    }
    if (made?.client !== client) made = { client, answers: makeAll(client, look, await logo()) };
    return made.answers.get(path)?.(request);
  };
}

type Made = (request: Request) => Response;

function makeAll(client: Client, { name, accent }: Look, logo: Logo | undefined): ReadonlyMap<string, Made> {
  const answers = new Map<string, Made>();
  for (const [path, file] of client.files) answers.set(path, forEver(file));
  if (logo !== undefined) answers.set(logo.path, forEver(logo.file));
  const ownStyle = accent === undefined ? undefined : accentStyleOf(accent);
  const accentStyle = ownStyle === undefined ? undefined : `/_/accent-${hashOf(ownStyle)}.css`;
  if (ownStyle !== undefined && accentStyle !== undefined) {
    answers.set(accentStyle, forEver({ type: "text/css; charset=utf-8", encodings: { identity: bytesOf(ownStyle) } }));
  }
  const parts = { ...client, name, accent, accentStyle, logo };
  const { reloadScript } = client;
  if (reloadScript !== undefined) answers.set("/_/reload.js", forNow(reloadScript, "text/javascript; charset=utf-8"));
  const page = pageOf(parts);
  answers.set(
    "/",
    forNow(page, "text/html; charset=utf-8", {
      "Content-Security-Policy": contentSecurityPolicy,
      "Cross-Origin-Opener-Policy": "same-origin",
    }),
  );
  answers.set(
    "/sw.js",
    forNow(workerOf(parts, hashOf(page)), "text/javascript; charset=utf-8", {
      // It fetches the page and its files, and nothing else.
      "Content-Security-Policy": "default-src 'none'; connect-src 'self'",
    }),
  );
  answers.set("/manifest.webmanifest", forNow(manifestOf(parts), "application/manifest+json"));
  const icon = client.files.get(client.icons["icon-192"]);
  if (icon !== undefined) answers.set("/favicon.ico", whole(icon, { "Cache-Control": "no-cache" }));
  return answers;
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A file whose path has its hash. */
const forEver = (file: ClientFile): Made => whole(file, { "Cache-Control": "public, max-age=31536000, immutable" });

/** Something that may change with the next version or another setting: the browser asks whether it did. */
function forNow(text: string, type: string, headers: Readonly<Record<string, string>> = {}): Made {
  return whole({ type, encodings: { identity: bytesOf(text) } }, { "Cache-Control": "no-cache", ...headers });
}

function whole({ type, encodings }: ClientFile, headers: Readonly<Record<string, string>>): Made {
  // A Blob is shared by all answers, where bytes would be copied for each.
  const blobs = new Map(Object.entries(encodings).map(([encoding, bytes]) => [encoding, new Blob([bytes])]));
  const [first] = Object.values(encodings);
  const tag = hashOf(first ?? "");
  const fixed = { "Content-Security-Policy": policyOfFiles, ...always, "Content-Type": type, ...headers };
  const identity = (): Blob => {
    const { gzip } = encodings;
    const blob = blobs.get("identity") ?? new Blob(gzip === undefined ? [] : [Bun.gunzipSync(gzip)]);
    blobs.set("identity", blob);
    return blob;
  };
  const varies = encodings.identity === undefined ? { Vary: "Accept-Encoding" } : {};
  return ({ headers: asked }) => {
    const encoding = encodings.identity === undefined ? encodingFor(asked.get("accept-encoding")) : "identity";
    // An encoding is a representation of its own (RFC 9110 § 8.8.3).
    const etag = `"${tag}${encoding === "identity" ? "" : `-${encoding}`}"`;
    const answer = { ...fixed, ...varies, ETag: etag };
    if (isNamed(asked.get("if-none-match"), etag)) return new Response(null, { status: 304, headers: answer });
    if (encoding === "identity") return new Response(identity(), { headers: answer });
    return new Response(blobs.get(encoding), { headers: { ...answer, "Content-Encoding": encoding } });
  };
}

/** The smallest that the browser takes. Both are always there where one is. */
function encodingFor(accepted: string | null): Encoding {
  const taken = new Set<string>();
  for (const one of (accepted ?? "").toLowerCase().split(",")) {
    const [coding = "", ...parameters] = one.split(";").map((part) => part.trim());
    if (!parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))) taken.add(coding);
  }
  return taken.has("br") ? "br" : taken.has("gzip") ? "gzip" : "identity";
}

/** `If-None-Match` compares weakly (RFC 9110 § 13.1.2). */
const isNamed = (list: string | null, etag: string): boolean =>
  (list ?? "").split(",").some((one) => ["*", etag, `W/${etag}`].includes(one.trim()));

/** From the sources alone: what is wrong with them, until a save mends it. */
const notBuilt = (error: unknown): Response =>
  new Response(`The web client could not be built. This page tries again.\n\n${String(error)}\n`, {
    status: 500,
    headers: { ...always, "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", Refresh: "2" },
  });
