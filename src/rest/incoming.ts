/**
 * The addresses of hooks, `POST /in/<secret>` (docs/hooks.md). The path is the log-in: it is in no
 * log, and one that leads nowhere is answered alike, whatever is wrong with it.
 */
import { sentJson } from "../delivery/message-json.ts";
import { hookPath } from "../domain/chats/hooks.ts";
import { isHookSecret } from "../domain/people/secrets.ts";
import { type TokenBucket, TokenRate } from "../lib/token-bucket.ts";
import type { Bodies } from "./bodies.ts";
import { readBytes } from "./body.ts";
import type { RequestInfo, RestParts } from "./context.ts";
import { answerNoHook, answerProblem, answerTooOften, answerWrongMethod } from "./errors.ts";
import { readIncoming } from "./incoming-text.ts";
import { json } from "./json.ts";
import { pathOf } from "./paths.ts";
import type { RateLimiter } from "./rate-limit.ts";

export const incomingBytesMax = 256 * 1024;
/** Of one hook; as many may come at once. */
export const postsPerMinuteMax = 60;
const minuteMs = 60_000;
/** Beyond this the bucket made longest ago goes; its hook begins with a full one again. */
const bucketsMax = 10_000;

export function createIncoming({
  domain: { hooks },
  clock,
  log,
  limits,
  bodies,
  rates,
}: Pick<RestParts, "domain" | "clock" | "log" | "limits"> & {
  readonly bodies: Bodies;
  /** Addresses that lead nowhere count as what strangers ask. */
  readonly rates: Pick<RateLimiter, "takeOfAddress">;
}) {
  const rate = new TokenRate({ clock, capacity: postsPerMinuteMax, fillMs: minuteMs });
  const buckets = new Map<number, TokenBucket>();

  async function answer(request: Request, { address }: RequestInfo): Promise<Response> {
    if (request.method !== "POST") return answerWrongMethod(["POST"]);
    const secret = pathOf(request).slice(hookPath.length);
    const hook = isHookSecret(secret) ? await hooks.find(secret) : undefined;
    if (hook === undefined) {
      const standing = rates.takeOfAddress(address);
      return standing?.admitted === false ? answerTooOften(false, standing.resetSeconds) : answerNoHook();
    }
    const bucket = bucketOf(hook.userId);
    if (!rate.take(bucket)) {
      return answerTooOften(false, Math.ceil(((1 - bucket.tokens) * minuteMs) / postsPerMinuteMax / 1000));
    }
    const bytes = await readBytes(request, { bodyBytesMax: incomingBytesMax, bodies });
    const { isSlack, ...message } = readIncoming(bytes, request.headers.get("content-type"), limits);
    const sent = await hooks.post(hook, message);
    if (sent === undefined) return answerNoHook();
    return isSlack ? new Response("ok", { headers: slackHeaders }) : json(sentJson(sent));
  }

  function bucketOf(userId: number): TokenBucket {
    const known = buckets.get(userId);
    if (known !== undefined) return known;
    if (buckets.size >= bucketsMax) {
      const oldest = buckets.keys().next();
      if (!oldest.done) buckets.delete(oldest.value);
    }
    const bucket = rate.full();
    buckets.set(userId, bucket);
    return bucket;
  }

  return async (request: Request, info: RequestInfo): Promise<Response> => {
    try {
      return await answer(request, info);
    } catch (error) {
      return answerProblem(error, log, { method: request.method, path: `${hookPath}…` });
    }
  };
}

const slackHeaders = { "Content-Type": "text/plain;charset=utf-8", "Cache-Control": "no-store" };
