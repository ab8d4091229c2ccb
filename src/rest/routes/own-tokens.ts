/**
 * /tokens (docs/protocols/rest.md § Long-lived tokens): users make, list and revoke their own tokens with their name and
 * password (HTTP Basic), and a backend those of participants who have no password.
 */
import { isoTime } from "../../delivery/shapes.ts";
import { DomainError } from "../../domain/errors.ts";
import type { User } from "../../domain/model.ts";
import type { LongToken } from "../../domain/people/long-token-store.ts";
import { passwordBytesMax } from "../../domain/people/passwords.ts";
import { isToken } from "../../domain/people/secrets.ts";
import { basicOf, requireBackend, secretInHeaders } from "../auth.ts";
import { readJson } from "../body.ts";
import { type Handler, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { badRequest, forbidden, Refusal, unauthorized } from "../errors.ts";
import { json } from "../json.ts";
import { parse, pick } from "../schemas.ts";

/** Undefined: a backend asks. */
type Caller = User | undefined;

export function createOwnTokenRoutes({ domain, log, limits, schemas }: RouteParts) {
  const { accounts, longTokens, ownTokens, store } = domain;

  async function callerOf(c: RestContext): Promise<Caller> {
    const { address } = c.env;
    const { headers } = c.req.raw;
    const shown = basicOf(headers);
    if (shown === undefined) {
      const secret = secretInHeaders(headers);
      if (secret !== undefined && isToken(secret) && (await accounts.isTokenValid(secret))) {
        throw new Refusal(forbidden, "no token makes, lists or revokes tokens: show the user's name and password");
      }
      await requireBackend(accounts, c.req.raw, address);
      return undefined;
    }
    const { name, password } = shown;
    if (Buffer.byteLength(password) > passwordBytesMax) throw unauthorized("the password is too long");
    return ownTokens.userOf(name, { password, address }).catch(asWrong);
  }

  /** Whose tokens they are: the caller's own, or those of the user whom a backend names. */
  async function ownerOf(caller: Caller, userID: string | undefined): Promise<User> {
    if (caller !== undefined) {
      if (userID === undefined || userID === caller.userKey) return caller;
      throw new Refusal(forbidden, "userID: with a password only the tokens of its own user");
    }
    if (userID === undefined) throw new Refusal(badRequest, "userID: a backend names the user whose tokens they are");
    const user = await store.findUserByKey(userID);
    if (user === undefined || user.disabled) throw new DomainError("user_not_found");
    await ownTokens.requireWithoutPassword(user).catch(asForbidden);
    return user;
  }

  const add: Handler = own(log, async (c) => {
    const caller = await callerOf(c);
    const { userID, name, scopes, expires_in: seconds } = parse(schemas.longToken, await readJson(c.req.raw, limits));
    const { secret, token } = await ownTokens.add(await ownerOf(caller, userID ?? undefined), {
      name: name ?? undefined,
      scopes: scopes ?? undefined,
      lifetimeMs: seconds === undefined || seconds === null ? undefined : seconds * 1000,
      madeBy: caller === undefined ? "backend" : "rest",
    });
    return json(JSON.stringify({ token: secret, ...shapeOf(token) }), 201);
  });

  const list: Handler = own(log, async (c) => {
    const tokens = await ownTokens.list(await ownerOf(await callerOf(c), userIdOf(c)));
    return json(JSON.stringify({ tokens: tokens.map(shapeOf), next: null }));
  });

  const revoke: Handler = own(log, async (c) => {
    const owner = await ownerOf(await callerOf(c), userIdOf(c));
    await ownTokens.revoke(owner, c.req.param("tokenID") ?? "");
    return json("{}");
  });

  const userIdOf = (c: RestContext): string | undefined =>
    parse(schemas.longTokensQuery, pick(queryOf(c.req.raw) ?? new URLSearchParams(), ["userID"])).userID;

  function shapeOf(token: LongToken) {
    const { lastUsedAtMs } = token;
    const expiresAtMs = longTokens.expiryOf(token);
    return {
      token_id: token.tokenId,
      name: token.name ?? null,
      scopes: token.scopes ?? null,
      made_by: token.madeBy,
      created: isoTime(token.createdAtMs),
      last_used: lastUsedAtMs === undefined ? null : isoTime(lastUsedAtMs),
      expires: expiresAtMs === undefined ? null : isoTime(expiresAtMs),
    };
  }

  return { add, list, revoke };
}

/** A wrong name and a wrong password read the same, so that no caller learns who is here. */
function asWrong(error: unknown): never {
  if (error instanceof DomainError && error.code === "user_not_found") throw new DomainError("wrong_password");
  throw error;
}

/** The key is right all the same. */
function asForbidden(error: unknown): never {
  if (error instanceof DomainError && error.code === "not_authorized") throw new Refusal(forbidden, error.reason);
  throw error;
}
