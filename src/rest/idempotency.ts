/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request sent again with the key of an earlier one gets
 * the earlier answer, for a day and over restarts, and nothing is done twice. The answer is sent once it is on disk.
 *
 * An answer may hold tokens, so it is sealed with a key made of what the caller sent: the idempotency key and, where a
 * backend asks, the backend key. Neither is stored.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { KeptAnswer } from "../domain/answer-store.ts";
import type { Domain } from "../domain/domain.ts";
import type { Log } from "../lib/log.ts";
import { accessToken, asksAsBackend, requireBackend, requireParticipant, secretInHeaders } from "./auth.ts";
import { type BodyLimits, readBytes } from "./body.ts";
import { type Handler, queryOf, type RestContext } from "./context.ts";
import {
  answerDocumented,
  answerProblem,
  badRequest,
  conflict,
  mismatch,
  Refusal,
  unavailable,
  type Words,
} from "./errors.ts";
import { takeLarge } from "./json.ts";
import { isStream } from "./token-stream.ts";

/** Answers kept for each caller; the oldest go first. */
const answersMax = { backend: 100_000, participant: 1000 } as const;
/** No route gives a longer answer. */
const answerBytesMax = 4 * 1024 * 1024;
/** Requests with a key that are under way. */
const underWayMax = 10_000;
/** Repeats that may wait for the same request. */
const waitingMax = 16;

interface UnderWay {
  readonly settled: Promise<void>;
  waiting: number;
}

interface Caller {
  /** The answer is kept under this name. */
  readonly name: string;
  /** Names the caller in hashes; a backend's holds its key. */
  readonly identity: string;
  readonly answersMax: number;
}

export type Once = ReturnType<typeof createOnce>;

export function createOnce({ domain, limits, log }: { domain: Domain; limits: BodyLimits; log: Log }) {
  const { accounts, store } = domain;
  const underWay = new Map<string, UnderWay>();

  /** A route whose requests may carry a key. Refusals of the key are worded by `words`, or are problem documents. */
  function once(kind: keyof typeof answersMax, words: Words | undefined, handle: Handler): Handler {
    return async (c) => {
      const key = c.req.raw.headers.get("idempotency-key");
      // The lines of a stream have answers of their own.
      if (key === null || isStream(c.req.raw)) return handle(c);
      try {
        return await handleOnce(c, { kind, key, handle });
      } catch (error) {
        const request = { method: c.req.method, path: c.req.path };
        // The documents do not know 409 and 422, so these are problem documents on every route.
        const ours =
          words === undefined ||
          (error instanceof Refusal && error.answer.status !== 401 && error.answer.status !== 413);
        return ours ? answerProblem(error, log, request) : answerDocumented(words, error, log, request);
      }
    };
  }

  async function handleOnce(
    c: RestContext,
    { kind, key, handle }: { kind: keyof typeof answersMax; key: string; handle: Handler },
  ): Promise<Response> {
    if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw new Refusal(badRequest, "Idempotency-Key must have 1 to 255 printable ASCII characters without spaces");
    }
    const { raw } = c.req;
    const caller = kind === "backend" ? await backendOf(c) : await participantOf(c);
    // A token in the body names its user only once the body is read; such requests have clientIDs.
    if (caller === undefined) return handle(c);
    const body = await readBytes(raw, limits);
    const hash = sha256("kept answer", caller.identity, key);
    const fingerprint = sha256("request", raw.method, targetOf(raw), body);
    const name = hash.toString("base64");
    for (;;) {
      const kept = await store.findAnswer(hash);
      if (kept !== undefined) return replay(kept, { fingerprint, seal: sealOf(caller, key) });
      const other = underWay.get(name);
      if (other === undefined) break;
      if (other.waiting >= waitingMax) throw new Refusal(conflict, "a request with this Idempotency-Key is under way");
      other.waiting += 1;
      await other.settled;
    }
    if (underWay.size >= underWayMax) throw new Refusal(unavailable, "too many requests with a key are under way");
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    underWay.set(name, { settled, waiting: 0 });
    try {
      c.req.raw = withBody(raw, body);
      const response = await handle(c);
      return await keep(response, { caller, hash, fingerprint, seal: sealOf(caller, key) });
    } finally {
      underWay.delete(name);
      resolve();
    }
  }

  async function backendOf(c: RestContext): Promise<Caller | undefined> {
    const secret = secretInHeaders(c.req.raw.headers);
    // Whether a caller without a token may do this, its route decides; there is no name to keep an answer under.
    if (secret === undefined) return undefined;
    await requireBackend(accounts, c.req.raw, c.env.address);
    return backendWith(secret);
  }

  async function participantOf(c: RestContext): Promise<Caller | undefined> {
    const token = accessToken(c.req.raw, queryOf(c.req.raw));
    if (token === undefined) return undefined;
    if (await asksAsBackend(accounts, token)) return backendWith(token);
    const { user, longToken } = await requireParticipant(accounts, token, c.env);
    const name = `user.${user.userId}`;
    // A token with scopes is given no answer to what another token asked.
    const identity = longToken?.scopes === undefined ? name : `${name} ${longToken.tokenId}`;
    return { name, identity, answersMax: answersMax.participant };
  }

  /** Answers that may be different next time are not kept: faults, and refusals that do not depend on the request. */
  async function keep(
    response: Response,
    { caller, hash, fingerprint, seal }: { caller: Caller; hash: Buffer; fingerprint: Buffer; seal: Buffer },
  ): Promise<Response> {
    const { status, headers } = response;
    if (status >= 500 || status === 401 || status === 413 || status === 429) return response;
    const body = takeLarge(response) ?? (await response.bytes());
    if (body.byteLength <= answerBytesMax) {
      const contentType = headers.get("content-type") ?? "application/json";
      const detail = headers.get("x-error-detail");
      const answer = { status, contentType, body: sealed({ body, detail }, seal), fingerprint };
      await store
        .keepAnswer({ ...answer, hash, caller: caller.name, answersMax: caller.answersMax })
        // The change is on disk, so the caller must learn of it even where the answer could not be kept.
        .catch((error: unknown) => log.warn("an answer was not kept for its repeat", { error }));
    }
    return new Response(body, { status, headers });
  }

  return once;
}

const backendWith = (secret: string): Caller => ({
  name: "backend",
  identity: `backend ${secret}`,
  answersMax: answersMax.backend,
});

function replay(kept: KeptAnswer, { fingerprint, seal }: { fingerprint: Buffer; seal: Buffer }): Response {
  if (!fingerprint.equals(kept.fingerprint)) {
    throw new Refusal(mismatch, "this Idempotency-Key was used with another request");
  }
  const { body, detail } = unsealed(kept.body, seal);
  return new Response(body, {
    status: kept.status,
    headers: {
      "Content-Type": kept.contentType,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      "Idempotency-Replayed": "true",
      ...(detail === null ? {} : { "X-Error-Detail": detail }),
    },
  });
}

const sealOf = (caller: Caller, key: string): Buffer => sha256("seal", caller.identity, key);

/** AES-256-GCM: nonce, tag, then the length of the detail, the detail and the body. */
function sealed({ body, detail }: { body: Uint8Array; detail: string | null }, key: Buffer): Uint8Array {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const text = Buffer.from(detail ?? "", "latin1");
  const plain = Buffer.concat([Buffer.of(text.byteLength), text, body]);
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), encrypted]);
}

function unsealed(bytes: Uint8Array, key: Buffer): { body: Uint8Array<ArrayBuffer>; detail: string | null } {
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(12, 28));
  const plain = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
  const length = plain[0] ?? 0;
  const detail = plain.subarray(1, 1 + length).toString("latin1");
  return { body: new Uint8Array(plain.subarray(1 + length)), detail: detail === "" ? null : detail };
}

/** Each part with its length, so that no two lists of parts make the same hash. */
function sha256(...parts: readonly (string | Uint8Array)[]): Buffer {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const part of parts) {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    hasher.update(`${bytes.byteLength}:`);
    hasher.update(bytes);
  }
  return hasher.digest();
}

/** Where the Host header makes no URL, Bun gives the bare target. */
const urlOf = ({ url }: Request): string => (url.startsWith("/") ? `http://localhost${url}` : url);

const targetOf = (request: Request): string => {
  const { pathname, search } = new URL(urlOf(request));
  return `${pathname}${search}`;
};

function withBody(request: Request, body: Uint8Array): Request {
  const { method, headers } = request;
  return new Request(urlOf(request), { method, headers, body: new Uint8Array(body) });
}
