/**
 * /links (docs/protocols/rest.md § One person, one user): a backend links a `userID`, or a first password, to the user whose
 * token it was given, and takes the `userID` back. Its key and the token are the two proofs.
 */
import { DomainError } from "../../domain/errors.ts";
import type { User } from "../../domain/model.ts";
import type { CredentialKind } from "../../domain/people/link-store.ts";
import { isLongToken, isToken } from "../../domain/people/secrets.ts";
import { requireBackend } from "../auth.ts";
import { readJson } from "../body.ts";
import { type Handler, own, type RouteParts } from "../context.ts";
import { json } from "../json.ts";
import { parse } from "../schemas.ts";

export function createLinkRoutes({ domain, log, limits, schemas }: RouteParts) {
  const { accounts, links, phoneSessions, store } = domain;

  const put: Handler = own(log, async (c) => {
    await requireBackend(accounts, c.req.raw, c.env.address);
    const { accessToken, ...link } = parse(schemas.link, await readJson(c.req.raw, limits));
    const user = await userOf(accessToken, c.env.address);
    const credentials =
      "userID" in link
        ? await links.linkUsername(user, link.userID)
        : await links.linkVouchedPassword(user, { password: link.password, address: c.env.address });
    return answer(user, credentials);
  });

  const remove: Handler = own(log, async (c) => {
    await requireBackend(accounts, c.req.raw, c.env.address);
    const { accessToken } = parse(schemas.unlink, await readJson(c.req.raw, limits));
    const user = await userOf(accessToken, c.env.address);
    return answer(user, await links.unlinkUsername(user));
  });

  /** The user of an access token, or of the token of a log-in by phone. Throws `token_invalid`, `out_of_scope`, `user_disabled`, `try_later`. */
  async function userOf(token: string, address: string): Promise<User> {
    if (isLongToken(token)) throw new DomainError("out_of_scope");
    if (isToken(token)) return (await accounts.logInWithToken(token, address)).user;
    const session = await phoneSessions.logInWithToken(token, { address });
    const user = session === undefined ? undefined : await store.findUser(session.userId);
    if (user === undefined) throw new DomainError("token_invalid");
    return user;
  }

  async function answer({ userId }: User, credentials: readonly CredentialKind[]): Promise<Response> {
    const user = await store.findUser(userId);
    if (user === undefined) throw new DomainError("user_disabled");
    return json(JSON.stringify({ user_id: String(userId), userID: user.userKey, GUID: user.guid, credentials }));
  }

  return { put, remove };
}
