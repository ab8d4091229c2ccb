/**
 * The web client on the HTTP port: the page at `/`, its files under `/_/`, its service worker and its manifest. What answers
 * is loaded by the first request of one of them; a server that no browser asks never has it in memory.
 */
import { lazily } from "../lib/lazily.ts";
import type { Log } from "../lib/log.ts";
import type { Look } from "./look.ts";

export interface Pages {
  /** Undefined where the request is for another part of the server. */
  fetch(request: Request, path: string): Promise<Response | undefined> | undefined;
}

export function createPages(parts: { look: Look; log: Log }): Pages {
  const answers = lazily(async () => {
    const { createAnswers } = await import("./answers.ts");
    return createAnswers(parts);
  });
  return {
    fetch(request, path) {
      if (!isPage(path) || (request.method !== "GET" && request.method !== "HEAD")) return undefined;
      return answers().then((answer) => answer(request, path));
    },
  };
}

const places: ReadonlySet<string> = new Set(["/", "/sw.js", "/manifest.webmanifest", "/favicon.ico"]);

/** Files have a name with a hash and an end, which nothing else under `/_/` has. */
const isPage = (path: string): boolean =>
  places.has(path) || (path.startsWith("/_/") && /^\/_\/[\w-]{1,100}\.[a-z0-9]{2,5}$/.test(path));
