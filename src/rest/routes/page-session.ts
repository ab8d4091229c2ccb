/**
 * `/_/session` (docs/protocols/files.md § For pages): a cookie for pages, given for a token. The token counts in a header alone:
 * a page of another site can send a form here, but no header of its own, so it cannot give a browser another user's cookie.
 */
import { refuseUnsigned, requireParticipant, secretInHeaders } from "../auth.ts";
import { type Handler, own, type RouteParts } from "../context.ts";

export function createPageSessionRoutes({ domain, log, pageSessions, requireSignature }: RouteParts) {
  const open: Handler = own(log, async (c) => {
    const { raw } = c.req;
    const loggedIn = await requireParticipant(domain.accounts, secretInHeaders(raw.headers), c.env);
    refuseUnsigned(requireSignature, loggedIn);
    return withCookie(pageSessions.open(loggedIn, raw, c.env.isSecure === true));
  });

  /** The browser keeps files for a year. The next user of the same browser is not to find them. */
  const end: Handler = own(log, async (c) => {
    const answer = withCookie(pageSessions.end(c.req.raw, c.env.isSecure === true));
    answer.headers.set("Clear-Site-Data", '"cache"');
    return answer;
  });

  return { open, end };
}

const withCookie = (cookie: string): Response =>
  new Response(null, { status: 204, headers: { "Set-Cookie": cookie, "Cache-Control": "no-store" } });
