/** Lines of a body however it is cut, and streams whose other side stops. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Tokens } from "../../../src/domain/people/tokens.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { defaultRestLimits } from "../../../src/rest/limits.ts";
import { Lines, overlongLine } from "../../../src/rest/lines.ts";
import { createSchemas } from "../../../src/rest/schemas.ts";
import { createTokenStream } from "../../../src/rest/token-stream.ts";
import { withDeadline } from "../../support/deadline.ts";

const bodyOf = (pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });

test("any cutting into pieces gives the same lines, blank ones left out, long ones marked", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[a-c ]{0,12}$/), { maxLength: 12 }),
      fc.array(fc.nat(20), { maxLength: 30 }),
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      async (texts, cuts, atOnce, closed) => {
        const bytes = Buffer.from(texts.join("\n") + (closed ? "\n" : ""));
        const pieces: Uint8Array[] = [];
        let from = 0;
        for (const length of cuts) {
          pieces.push(bytes.subarray(from, from + length));
          from += length;
        }
        pieces.push(bytes.subarray(from));
        const lines = new Lines(bodyOf(pieces), { lineBytesMax: 8, idleMs: 5000 });
        const got: string[] = [];
        for (let page = await lines.next(atOnce); page !== undefined; page = await lines.next(atOnce)) {
          expect(page.length).toBeGreaterThan(0);
          expect(page.length).toBeLessThanOrEqual(atOnce);
          for (const line of page) got.push(line === overlongLine ? "overlong" : Buffer.from(line).toString());
        }
        const wanted = texts.filter((text) => text.trim() !== "" || text.length > 8);
        expect(got).toEqual(wanted.map((text) => (text.length > 8 ? "overlong" : text)));
      },
    ),
  );
});

const limits = { ...defaultRestLimits, streamIdleSeconds: 0.05 };
const tokens = {
  provision: async (requests: readonly unknown[]) =>
    requests.map(() => ({ spent: false, accessToken: "a", refreshToken: "r" })),
} as unknown as Tokens;
const answer = createTokenStream({ tokens, limits, schemas: createSchemas(limits), log: silentLog });

/** A body without an end, and what becomes of it. */
function endless(line: string | undefined) {
  const cancelled = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => (line === undefined ? new Promise(() => {}) : controller.enqueue(Buffer.from(line))),
    cancel: () => cancelled.resolve(),
  });
  return { body, cancelled: cancelled.promise };
}

test("a body that brings nothing is given up", async () => {
  const { body, cancelled } = endless(undefined);
  const response = answer(body, { run: undefined, onlyNew: false });
  const ended = response.text().then(
    () => "whole",
    () => "broken off",
  );
  await withDeadline("the body to be given up", cancelled);
  expect(await withDeadline("the answer to end", ended)).toBe("broken off");
});

test("answers that are not taken are not made, and end the stream", async () => {
  const { body, cancelled } = endless('{"userID":"anna"}\n');
  const reader = answer(body, { run: undefined, onlyNew: false }).body?.getReader();
  const first = await reader?.read();
  expect(Buffer.from(first?.value ?? []).toString()).toContain('"accessToken":"a"');
  await withDeadline("the body to be given up", cancelled);
  const next = reader?.read().then(
    () => "went on",
    () => "broken off",
  );
  expect(await withDeadline("the answer to end", next ?? Promise.reject())).toBe("broken off");
});
