/**
 * `GET /_/files/<hash>`: large content by its hash, for members of a chat with a message that refers to it
 * (docs/protocols/files.md). Any user may have sent the bytes, so they are served as the type the server recognised and
 * never as something that runs. They never change, so a client that has them need not ask again. They go from the disk
 * to the socket piece by piece.
 */
import { isShownInline } from "../../domain/messages/media-types.ts";
import { chatsOfFileMax } from "../../domain/people/chat-reach.ts";
import type { ServedFile } from "../../domain/store.ts";
import { accessToken, reachOf, refuseUnsigned, requireParticipant } from "../auth.ts";
import { type Handler, own, queryOf, type RouteParts } from "../context.ts";
import { fileNotFound, Refusal } from "../errors.ts";
import { type ByteRange, parseRange } from "../ranges.ts";

export function createFileRoutes({ domain, log, pageSessions, requireSignature }: RouteParts) {
  const { accounts, store } = domain;

  const get: Handler = own(log, async (c) => {
    const { raw } = c.req;
    const token = accessToken(raw, queryOf(raw));
    const ofPage = token === undefined ? await pageSessions.logInOf(raw) : undefined;
    const asking = ofPage ?? (await requireParticipant(accounts, token, c.env));
    refuseUnsigned(requireSignature, asking);
    const { user } = asking;
    const hash = c.req.param("file") ?? "";
    const file = await store.findFile(user.userId, hash);
    const reach = reachOf(asking, store);
    const isReadable =
      reach === undefined ||
      (await reach.readable(await store.chatsOfFile(user.userId, hash, chatsOfFileMax))).length > 0;
    // The same where no such file exists, so that no caller learns what other users have.
    if (file === undefined || !isReadable) throw new Refusal(fileNotFound, "none of your chats has such a file");
    const etag = `"${hash}"`;
    if (isNamed(raw.headers.get("if-none-match"), etag)) {
      return new Response(null, { status: 304, headers: { ETag: etag, "Cache-Control": cacheControl } });
    }
    return answer(file, raw.headers, etag);
  });

  return { get };
}

const cacheControl = "private, max-age=31536000, immutable";

/** A file opened as a page of its own may show itself and do nothing else. */
const contentSecurityPolicy = "default-src 'none'; img-src 'self'; media-src 'self'; sandbox";

function answer({ content, bytes, mediaType, name }: ServedFile, asked: Headers, etag: string): Response {
  const headers: Record<string, string> = {
    "Content-Type": mediaType,
    "Content-Disposition": `${isShownInline(mediaType) ? "inline" : "attachment"}${nameParameter(name)}`,
    "Content-Security-Policy": contentSecurityPolicy,
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": cacheControl,
    "Accept-Ranges": "bytes",
    ETag: etag,
  };
  const range = rangeOf(asked, etag, bytes);
  if (range === "unsatisfiable") {
    return new Response(null, { status: 416, headers: { ...headers, "Content-Range": `bytes */${bytes}` } });
  }
  if (range === undefined) {
    // Bun would serve part of a file by itself wherever there is a Range, even one that must be ignored.
    const body = asked.has("range") ? content.stream().pipeThrough(new TransformStream()) : content;
    return new Response(body, { headers: { ...headers, "Content-Length": String(bytes) } });
  }
  const { first, last } = range;
  return new Response(content.slice(first, last + 1), {
    status: 206,
    headers: {
      ...headers,
      "Content-Range": `bytes ${first}-${last}/${bytes}`,
      "Content-Length": String(last - first + 1),
    },
  });
}

/** RFC 6266 § 4.3, in the form that takes any name (RFC 8187). */
const nameParameter = (name: string | undefined): string =>
  name === undefined
    ? ""
    : `; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`)}`;

/** A range of another version is not served from this one (RFC 9110 § 13.1.5). */
function rangeOf(asked: Headers, etag: string, bytes: number): ByteRange | "unsatisfiable" | undefined {
  const condition = asked.get("if-range");
  if (condition !== null && condition.trim() !== etag) return undefined;
  return parseRange(asked.get("range"), bytes);
}

/** `If-None-Match` compares weakly (RFC 9110 § 13.1.2). */
function isNamed(list: string | null, etag: string): boolean {
  if (list === null) return false;
  return list.split(",").some((one) => {
    const tag = one.trim();
    return tag === "*" || tag === etag || tag === `W/${etag}`;
  });
}
