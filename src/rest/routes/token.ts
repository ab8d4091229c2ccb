/**
 * POST /token (REST.md, step 2; PROTOCOLS R19, R29, R30): a backend asks for the token pairs of its participants, one or
 * an array of them, all or nothing. A participant that does not exist is made; a new key replaces the older one.
 */
import type { ParticipantRequest } from "../../domain/accounts.ts";
import { requireBackend } from "../auth.ts";
import { readJson } from "../body.ts";
import { documented, type Handler, type RouteParts } from "../context.ts";
import { words } from "../errors.ts";
import { json } from "../json.ts";
import { parseUserKey } from "../public-key.ts";
import { parse } from "../schemas.ts";

/** Parsing a key takes some 50 µs; between so many other work gets its turn. */
const keysAtOnce = 32;

export function createTokenRoutes({ domain, log, limits, schemas }: RouteParts) {
  const create: Handler = documented(words.token, log, async (c) => {
    await requireBackend(domain.accounts, c.req.raw, c.env.address);
    const body = await readJson(c.req.raw, limits);
    const many = Array.isArray(body);
    const participants = many ? parse(schemas.tokens, body) : [parse(schemas.token, body)];
    const requests: ParticipantRequest[] = [];
    for (const { userID, userKey, clientID, displayName } of participants) {
      requests.push({
        username: userID,
        publicKey: userKey === null || userKey === undefined ? undefined : parseUserKey(userKey, limits.rsaBitsMin),
        clientId: clientID ?? undefined,
        displayName: displayName ?? undefined,
      });
      if (requests.length % keysAtOnce === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const pairs = (await domain.accounts.provision(requests)).map(({ accessToken, refreshToken }) => ({
      accessToken,
      refreshToken,
    }));
    return json(JSON.stringify(many ? pairs : pairs[0]), 201);
  });

  return { create };
}
