/** The path of a request, without what is the same for every route. */
import { DomainError } from "../domain/errors.ts";
import { safeInteger } from "../domain/keys.ts";
import type { MessageId } from "../domain/model.ts";

/** The longer ones first, since one may be the beginning of another. A path may also have no prefix. */
const prefixes = ["/api/v3/backend", "/api/v3/public", "/api/v3", "/backend", "/public"] as const;

/** Stands in the path in place of a missing chatID; no id can be spelled so. */
export const noChatId = "%";

/** The routes of the REST document, whose refusals are worded as that document prints them. */
export const documentedPath = /^\/(?:token|messages|chats\/[^/]+(?:\/users)?|users\/(?!me$)[^/]+)$/;

/** The path without its prefix, query and closing slash; percent escapes stay. */
export function pathOf(request: Request): string {
  const { url } = request;
  // Bun gives the bare target where the Host header is missing or makes no URL.
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf(":") + 3);
  if (start === -1) return "/";
  let end = url.length;
  for (const mark of ["?", "#"]) {
    const at = url.indexOf(mark, start);
    if (at !== -1 && at < end) end = at;
  }
  let path = url.slice(start, end);
  for (const prefix of prefixes) {
    if (path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/")) {
      // The server's own paths have no prefix: behind one they do not exist.
      if (!path.startsWith("/_/", prefix.length) && !path.startsWith("/in/", prefix.length))
        path = path.slice(prefix.length);
      break;
    }
  }
  // A missing chatID reaches its route, which words the answer (R25); Hono has no parameter that may be empty.
  if (path.startsWith("/chats/") && (path.length === 7 || path[7] === "/")) path = `/chats/${noChatId}${path.slice(7)}`;
  if (path.endsWith("/")) path = path.slice(0, -1);
  return path === "" ? "/" : path;
}

/** Throws `message_not_found`: an id of another form is one that no message here has. */
export function messageIdOf(text: string | undefined): MessageId {
  const id = safeInteger(text ?? "");
  if (id === undefined) throw new DomainError("message_not_found");
  return id as MessageId;
}
