/** Long-lived tokens that a user makes for themselves, with their password (docs/protocols/minioicq.md). */
import { isoTime } from "../../../delivery/shapes.ts";
import type { LongToken } from "../../../domain/people/long-token-store.ts";
import { longTokenLifetimeMsMax, longTokenNameCharactersMax } from "../../../domain/people/long-tokens.ts";
import type { ScopeRequest } from "../../../domain/people/scopes.ts";
import type { Shared } from "../../shared.ts";
import type { Handler, UserCall } from "../action.ts";
import { answerWith } from "../answer.ts";
import { type Fields, isAbsent, isFields, optionalText, Refused, text } from "../fields.ts";

const expiresInSecondsMin = 60;
const expiresInSecondsMax = longTokenLifetimeMsMax / 1000;
/** Longer lists and texts are no scopes and no ids. */
const scopesMax = 64;
const patternCharactersMax = 1024;
const tokenIdCharactersMax = 64;

interface AddToken {
  readonly action: "token.add";
  readonly password: string;
  readonly name: string | undefined;
  readonly expiresInSeconds: number | undefined;
  readonly scopes: readonly ScopeRequest[] | undefined;
}

/** Throws `wrong_password`, `try_later`, `busy`, `too_many_tokens`, `invalid_scope`. */
export const addToken: Handler<AddToken> = {
  parse: (fields) => ({
    action: "token.add",
    password: parsePassword(fields),
    name: optionalText(fields["name"], { wrong: "Invalid name", charactersMax: longTokenNameCharactersMax }),
    expiresInSeconds: parseExpiry(fields["expires_in"]),
    scopes: parseScopes(fields["scopes"]),
  }),
  handle: async (call, { password, name, expiresInSeconds, scopes }) => {
    const { domain } = call.shared;
    await prove(call, password);
    const lifetimeMs = expiresInSeconds === undefined ? undefined : expiresInSeconds * 1000;
    const { secret, token } = await domain.ownTokens.add(call.user, { name, scopes, lifetimeMs, madeBy: "minioicq" });
    return answerWith({ action: "token.add.success", token: secret, ...tokenFields(domain, token) });
  },
};

/** Throws `wrong_password`, `try_later`, `busy`. */
export const listTokens: Handler<{ readonly action: "token.list"; readonly password: string }> = {
  parse: (fields) => ({ action: "token.list", password: parsePassword(fields) }),
  handle: async (call, { password }) => {
    const { domain } = call.shared;
    await prove(call, password);
    const tokens = await domain.ownTokens.list(call.user);
    return answerWith({ action: "token.list.success", tokens: tokens.map((token) => tokenFields(domain, token)) });
  },
};

/** Throws `wrong_password`, `try_later`, `busy`, `token_not_found`. */
export const revokeToken: Handler<{
  readonly action: "token.revoke";
  readonly password: string;
  readonly tokenId: string;
}> = {
  parse: (fields) => {
    const wrong = "Token not found";
    const password = parsePassword(fields);
    const tokenId = text(fields["token_id"], { empty: wrong, wrong });
    if (tokenId.length > tokenIdCharactersMax) throw new Refused(wrong);
    return { action: "token.revoke", password, tokenId };
  },
  handle: async (call, { password, tokenId }) => {
    await prove(call, password);
    await call.shared.domain.ownTokens.revoke(call.user, tokenId);
    return answerWith({ action: "token.revoke.success", token_id: tokenId });
  },
};

const prove = ({ shared, caller, user }: UserCall, password: string): Promise<void> =>
  shared.domain.ownTokens.prove(user, { password, address: caller.address });

const parsePassword = (fields: Fields): string =>
  text(fields["password"], { empty: "Incorrect password", wrong: "Invalid password" });

function parseExpiry(value: unknown): number | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== "number" || !(value >= expiresInSecondsMin && value <= expiresInSecondsMax)) {
    throw new Refused("Invalid expires_in");
  }
  return Math.floor(value);
}

/** Their form alone: what they may say, the domain judges. */
function parseScopes(value: unknown): ScopeRequest[] | undefined {
  const wrong = "Invalid scopes";
  if (isAbsent(value)) return undefined;
  if (!Array.isArray(value) || value.length > scopesMax) throw new Refused(wrong);
  return value.map((one: unknown) => {
    if (!isFields(one)) throw new Refused(wrong);
    return {
      allow: text(one["allow"], { empty: wrong, wrong }),
      topic: optionalText(one["topic"], { wrong, charactersMax: patternCharactersMax }),
      chat: optionalText(one["chat"], { wrong, charactersMax: patternCharactersMax }),
    };
  });
}

function tokenFields({ longTokens }: Shared["domain"], token: LongToken) {
  const { lastUsedAtMs } = token;
  const expiresAtMs = longTokens.expiryOf(token);
  return {
    token_id: token.tokenId,
    name: token.name,
    scopes: token.scopes,
    made_by: token.madeBy,
    created: isoTime(token.createdAtMs),
    last_used: lastUsedAtMs === undefined ? undefined : isoTime(lastUsedAtMs),
    expires: expiresAtMs === undefined ? undefined : isoTime(expiresAtMs),
  };
}
