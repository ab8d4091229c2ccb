/**
 * /token (docs/protocols/rest-signed.md § Tokens; R19, R20, R29, R30, R32 to R34). POST: a backend asks for the token
 * pairs of its participants: one, an array of them (all or nothing), or a stream. A participant that does not exist is
 * made; a new key replaces the older one. PUT: the next pair for a refresh token. DELETE: a token is revoked, with all
 * that go back to the same request.
 */
import type { ParticipantRequest, TokenPair } from "../../domain/people/tokens.ts";
import { requireBackend, secretInHeaders } from "../auth.ts";
import { readJson, refuseCompressed } from "../body.ts";
import { documented, type Handler, keepOpen, type RestContext, type RouteParts } from "../context.ts";
import { badRequest, Refusal, unauthorized, words } from "../errors.ts";
import { json } from "../json.ts";
import { participantOf } from "../participant.ts";
import { parse } from "../schemas.ts";
import { createTokenStream, isStream } from "../token-stream.ts";

/** Parsing a key takes some 50 µs; after so many, other work gets its turn. */
const keysAtOnce = 32;
const runKeyCharactersMax = 256;

export function createTokenRoutes({ domain, log, limits, schemas, openTokens }: RouteParts) {
  const { accounts, tokens } = domain;
  const answerStream = createTokenStream({ tokens, limits, schemas, log });

  const create: Handler = documented(words.token, log, async (c) => {
    const { raw } = c.req;
    const backendKey = await callerOf(c);
    const onlyNew = backendKey === undefined;
    if (isStream(raw)) {
      refuseCompressed(raw);
      const run = await runOf(raw, backendKey);
      keepOpen(c);
      return answerStream(raw.body ?? new Blob([]).stream(), { run, onlyNew });
    }
    const body = await readJson(raw, limits);
    const many = Array.isArray(body);
    const requests: ParticipantRequest[] = [];
    for (const participant of many ? parse(schemas.tokens, body) : [parse(schemas.token, body)]) {
      requests.push(participantOf(participant, limits));
      if (requests.length % keysAtOnce === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    const pairs = (await tokens.provision(requests, { onlyNew })).map(pairShape);
    return json(JSON.stringify(many ? pairs : pairs[0]), 201);
  });

  /** The backend key; undefined where callers without it may make participants. */
  async function callerOf(c: RestContext): Promise<string | undefined> {
    const key = secretInHeaders(c.req.raw.headers);
    if (key === undefined && openTokens) return undefined;
    await requireBackend(accounts, c.req.raw, c.env.address);
    return key;
  }

  /** Without an idempotency key, or a backend key to derive from, a stream cannot be repeated. */
  async function runOf(request: Request, backendKey: string | undefined) {
    const key = request.headers.get("idempotency-key");
    if (key === null || backendKey === undefined) return undefined;
    if (key === "" || key.length > runKeyCharactersMax) {
      throw new Refusal(badRequest, `Idempotency-Key must have 1 to ${runKeyCharactersMax} characters`);
    }
    return tokens.openRun({ key, backendKey });
  }

  const refresh: Handler = documented(words.refresh, log, async (c) => {
    const { refreshToken } = parse(schemas.refresh, await readJson(c.req.raw, strangers));
    return json(JSON.stringify(pairShape(await tokens.refresh(refreshToken, c.env.address))), 201);
  });

  const remove: Handler = documented(words.token, log, async (c) => {
    const shown = secretInHeaders(c.req.raw.headers);
    if (shown !== undefined) {
      await tokens.revoke({ kind: "access", secret: shown }, c.env.address);
      return json("{}");
    }
    const body = parse(schemas.revocation, (await readJson(c.req.raw, strangers)) ?? {});
    if (body.refreshToken !== undefined) {
      await tokens.revoke({ kind: "refresh", secret: body.refreshToken }, c.env.address);
    } else if (body.accessToken !== undefined) {
      await tokens.revoke({ kind: "access", secret: body.accessToken }, c.env.address);
    } else {
      throw unauthorized("there is no token to revoke");
    }
    return json("{}");
  });

  /** Until the body is read, it is not known who asks. */
  const strangers = { ...limits, bodyBytesMax: limits.strangersBodyBytesMax, ofStranger: true };

  return { create, refresh, remove };
}

const pairShape = ({ accessToken, refreshToken }: TokenPair): TokenPair => ({ accessToken, refreshToken });
