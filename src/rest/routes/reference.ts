/** The reference: the OpenAPI document at /openapi.json, and a page at /docs that shows it. Nothing is loaded from other servers. */
import { createHash } from "node:crypto";
import type { Handler, RouteParts } from "../context.ts";
import style from "../reference/page.css" with { type: "text" };
import page from "../reference/page.html" with { type: "text" };
import script from "../reference/page.js" with { type: "text" };

/** The page may run and show its own files and fetch the document, and nothing else. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export function createReferenceRoutes({ schemas, version }: RouteParts) {
  /** Made when first asked for, which most servers never are; until then its schemas are not made either. */
  let document: Promise<Handler> | undefined;

  async function describe(): Promise<Handler> {
    const { createDocument } = await import("../reference/document.ts");
    const { createOperations } = await import("../reference/operations.ts");
    return file(JSON.stringify(await createDocument(createOperations(schemas), version)), "application/json");
  }

  const openapi: Handler = async (c) => {
    document ??= describe();
    return (await document)(c);
  };

  return {
    openapi,
    page: file(page, "text/html; charset=utf-8"),
    style: file(style, "text/css; charset=utf-8"),
    script: file(script, "text/javascript; charset=utf-8"),
  };
}

/** A file of the program. It stays the same until the next version, so a browser asks only whether it changed. */
function file(text: string, contentType: string): Handler {
  const etag = `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
  const headers = {
    "Content-Type": contentType,
    "Cache-Control": "no-cache",
    "Content-Security-Policy": policy,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    ETag: etag,
  };
  return async ({ req: { raw } }) =>
    raw.headers.get("if-none-match") === etag
      ? new Response(null, { status: 304, headers })
      : new Response(text, { headers });
}
