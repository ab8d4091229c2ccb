/**
 * Which web pages may open a WebSocket (RFC 6455 § 10.2). A browser tells the page's origin and lets no page change it;
 * other programs send none. Without this check, any page that a user opens could talk to a server in the user's own
 * network.
 */

import type { HttpClient } from "./forwarded.ts";

/** @param allowed origins such as `https://chat.example.org`; `null` for pages without one, `*` for all. */
export function createOriginPolicy(
  allowed: readonly string[],
): (request: Request, client: Pick<HttpClient, "scheme" | "host">) => boolean {
  const everyone = allowed.includes("*");
  const listed = new Set(allowed);
  return ({ headers }, { scheme, host }) => {
    const origin = headers.get("origin");
    if (everyone || origin === null || origin === "") return true;
    return listed.has(origin.toLowerCase()) || isOwn(origin, scheme, host ?? headers.get("host"));
  };
}

/**
 * Whether the page came from the host it now connects to, and by the scheme that a proxy told. A port that the scheme
 * implies may be left out on either side.
 */
function isOwn(origin: string, scheme: HttpClient["scheme"], host: string | null): boolean {
  if (host === null || !/^https?:\/\//i.test(origin)) return false;
  const page = URL.parse(origin);
  if (scheme !== undefined && page?.protocol !== `${scheme}:`) return false;
  const here = URL.parse(`${page?.protocol}//${host}`);
  return page !== null && here !== null && page.host !== "" && page.host === here.host;
}
