/**
 * POST /token as a stream (R32): a participant per line, an answer per line, in order, each written once its change is
 * on disk. The request is read as fast as its answers are taken. With an `Idempotency-Key` the tokens are derived, so a
 * client may send a stream that broke off again, from the start or from any line on, and gets the same ones.
 */
import type { TokenRun, Tokens } from "../domain/people/tokens.ts";
import type { Log } from "../lib/log.ts";
import { parseJson } from "./body.ts";
import { answerInLine, badRequest, Refusal, words } from "./errors.ts";
import type { RestLimits } from "./limits.ts";
import { type Line, Lines, overlongLine } from "./lines.ts";
import { participantOf } from "./participant.ts";
import { parse, type Schemas } from "./schemas.ts";

export interface StreamedBy {
  readonly run: TokenRun | undefined;
  readonly onlyNew: boolean;
}

export const isStream = (request: Request): boolean =>
  /^application\/(?:x-)?ndjson\b/i.test(request.headers.get("content-type") ?? "");

export function createTokenStream(parts: { tokens: Tokens; limits: RestLimits; schemas: Schemas; log: Log }) {
  const { tokens, limits, schemas, log } = parts;
  const place = { method: "POST", path: "/token" };
  const spent = {
    status: 409,
    error: "The tokens were used or revoked",
    detail: "send the line with another Idempotency-Key to get new ones",
  };

  return function answer(body: ReadableStream<Uint8Array>, by: StreamedBy): Response {
    const idleMs = limits.streamIdleSeconds * 1000;
    const lines = new Lines(body, { lineBytesMax: limits.lineBytesMax, idleMs });
    let stalled: ReturnType<typeof setTimeout> | undefined;
    const answers = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          clearTimeout(stalled);
          const end = async (error: unknown): Promise<void> => {
            // The client broke off or stalled. What was answered stands; the client will send the rest again.
            log.debug("a stream of participants ended early", { error });
            controller.error(error);
            await lines.cancel();
          };
          try {
            const batch = await lines.next(limits.linesAtOnceMax);
            if (batch === undefined) return controller.close();
            controller.enqueue(Buffer.from(await answerLines(batch, by)));
            stalled = setTimeout(() => void end(new Error("the answers are not taken")), idleMs);
          } catch (error) {
            await end(error);
          }
        },
        cancel() {
          clearTimeout(stalled);
          return lines.cancel();
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(answers, {
      headers: {
        "Content-Type": "application/x-ndjson",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
      },
    });
  };

  async function answerLines(batch: readonly Line[], by: StreamedBy): Promise<string> {
    const parsed = batch.map(parseLine);
    const requests = parsed.flatMap((one) => ("request" in one ? [one.request] : []));
    const made = requests.length === 0 ? [] : await provision(requests, by);
    let next = 0;
    return parsed.map((one) => `${JSON.stringify("request" in one ? made[next++] : one.answer)}\n`).join("");
  }

  function parseLine(line: Line) {
    let userID: string | null = null;
    try {
      if (line === overlongLine) throw new Refusal(badRequest, "the line is too long");
      const value = parseJson(line, limits);
      userID = shownName(value);
      return { request: participantOf(parse(schemas.token, value), limits) };
    } catch (error) {
      return { answer: { userID, ...answerInLine(words.token, error, log, place) } };
    }
  }

  type Requests = Parameters<Tokens["provision"]>[0];

  /** All of a batch in one change; where one of them is refused, each in its own. */
  async function provision(requests: Requests, by: StreamedBy): Promise<object[]> {
    try {
      const pairs = await tokens.provision(requests, by);
      return pairs.map(({ spent: ended, accessToken, refreshToken }, index) => {
        const userID = requests[index]?.username;
        return ended ? { userID, ...spent } : { userID, status: 201, accessToken, refreshToken };
      });
    } catch (error) {
      const [only, second] = requests;
      if (only === undefined) return [];
      if (second === undefined) return [{ userID: only.username, ...answerInLine(words.token, error, log, place) }];
      const answers: object[] = [];
      for (const request of requests) answers.push(...(await provision([request], by)));
      return answers;
    }
  }
}

/** The userID of a line that is refused, where it can be shown. */
function shownName(value: unknown): string | null {
  if (typeof value !== "object" || value === null || !("userID" in value)) return null;
  const { userID } = value;
  return typeof userID === "string" && userID.length <= 256 ? userID : null;
}
