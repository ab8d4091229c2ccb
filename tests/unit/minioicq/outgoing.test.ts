/** What is written to a client next: answers in the order of the requests, pushes in theirs, and what is both in both. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { UserId } from "../../../src/domain/model.ts";
import { DialectBuilder } from "../../../src/minioicq/dialect.ts";
import { defaultMiniOicqLimits as limits } from "../../../src/minioicq/limits.ts";
import { defaultMiniOicqOptions } from "../../../src/minioicq/options.ts";
import { Acknowledgements } from "../../../src/minioicq/outgoing/acknowledgements.ts";
import { Outgoing } from "../../../src/minioicq/outgoing/outgoing.ts";
import { type ClientConnection, PushQueue, type QueuedFrame } from "../../../src/minioicq/outgoing/push-queue.ts";
import type { Answer } from "../../../src/minioicq/requests/answer.ts";
import { type PendingRequest, pendingRequest, RequestQueue } from "../../../src/minioicq/requests/queue.ts";

const user = { userId: 1 as UserId };

function stage() {
  const connection: ClientConnection = {
    bufferedBytes: 0,
    schedule() {},
    close() {},
    client: () => ({
      door: "minioicq",
      name: undefined,
      address: "",
      tokenId: undefined,
      phoneSessionId: undefined,
      end() {},
    }),
  };
  const requests = new RequestQueue(limits);
  const outgoing = new Outgoing(requests, new DialectBuilder(defaultMiniOicqOptions, 1000));
  const pushes = new PushQueue(connection);
  const listener = { messageConfirmed() {}, chatConfirmed() {} };
  outgoing.pushFrom({ user, pushes, acknowledgements: new Acknowledgements({ limits, connection, listener }) });
  const written: string[] = [];
  return {
    outgoing,
    pushes,
    written,
    ask(): PendingRequest {
      const request = pendingRequest({ action: "heartbeat" }, 1, "json");
      requests.add(request);
      requests.started(request);
      return request;
    },
    push(name: string, ready = true): QueuedFrame {
      const queued: QueuedFrame = {
        bytes: 1,
        ready,
        written: false,
        answers: undefined,
        encode: () => JSON.stringify({ action: name }),
        wrote() {},
        sent() {},
      };
      pushes.push(queued);
      return queued;
    },
    /** What is due now. */
    flush(): string[] {
      const now: string[] = [];
      for (let frame = outgoing.next(); frame !== undefined; frame = outgoing.next()) {
        now.push((JSON.parse(String(frame)) as { action: string }).action);
      }
      written.push(...now);
      return now;
    },
  };
}

const body = (action: string) => ({ is: "body", body: { action } }) as const;

describe("the order of what is written", () => {
  test("answers wait for those of earlier requests, and pushes for neither", () => {
    const { outgoing, ask, push, flush } = stage();
    const [first, second] = [ask(), ask()];
    outgoing.answer(second, body("second"));
    push("push");
    expect(flush()).toEqual(["push"]);
    outgoing.answer(first, body("first"));
    expect(flush()).toEqual(["first", "second"]);
  });

  test("a push that is an answer waits for the answers before it, and holds back the pushes behind it", () => {
    const { outgoing, ask, push, flush } = stage();
    const [first, second] = [ask(), ask()];
    push("before");
    const own = push("own");
    push("behind");
    outgoing.answer(second, { is: "queued", queued: own });
    expect(flush()).toEqual(["before"]);
    outgoing.answer(first, body("first"));
    expect(flush()).toEqual(["first", "own", "behind"]);
  });

  test("a push whose content is still being read holds back those behind it, and answers of their own pass", () => {
    const { outgoing, pushes, ask, push, flush } = stage();
    const slow = push("slow", false);
    push("behind");
    outgoing.answer(ask(), body("answer"));
    expect(flush()).toEqual(["answer"]);
    pushes.ready(slow, 1);
    expect(flush()).toEqual(["slow", "behind"]);
  });

  test("a fence comes behind the pushes that wait, and before those that answer later requests", () => {
    const { outgoing, pushes, ask, push, flush } = stage();
    const [first, second] = [ask(), ask()];
    const slow = push("slow", false);
    const own = push("own");
    outgoing.answer(second, { is: "queued", queued: own });
    outgoing.answer(first, { is: "fence", body: { action: "fence" } });
    expect(flush()).toEqual([]);
    pushes.ready(slow, 1);
    expect(flush()).toEqual(["slow", "fence", "own"]);
  });

  test("an answer that ends the connection lets everything before it out, and nothing behind it", () => {
    const { outgoing, ask, push, flush } = stage();
    const [first, second, third] = [ask(), ask(), ask()];
    outgoing.answer(third, body("third"));
    outgoing.answer(second, { is: "close", code: 1000, reason: "Logged out" });
    expect([flush(), outgoing.closing]).toEqual([[], undefined]);
    outgoing.answer(first, body("first"));
    push("push");
    expect(flush()).toEqual(["first"]);
    expect(outgoing.closing).toMatchObject({ code: 1000 });
  });

  test("pushes of a log-in that is over are not written", () => {
    const { outgoing, pushes, push, flush } = stage();
    push("of before");
    outgoing.pushFrom(undefined);
    pushes.end();
    expect(flush()).toEqual([]);
    expect(outgoing.pushBytes).toBe(0);
  });
});

type By = "body" | "own" | "fence" | "none";
type Step =
  | { readonly do: "ask" | "push" | "read" | "flush" }
  | { readonly do: "answer"; readonly which: number; readonly by: By };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom("ask", "push", "read", "flush") }),
  fc.record({
    do: fc.constant("answer" as const),
    which: fc.nat(),
    by: fc.constantFrom("body", "own", "fence", "none"),
  }),
);

test("whatever happens when, both orders hold, and everything is written once", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { outgoing, pushes, written, ask, push, flush } = stage();
      const asked: { readonly request: PendingRequest; name: string | undefined; answered: boolean }[] = [];
      const pushed: string[] = [];
      const unread: QueuedFrame[] = [];
      const answerBy = (by: By, action: string): Answer => {
        if (by === "none") return { is: "none" };
        return by === "own" ? { is: "queued", queued: push(action) } : { is: by, body: { action } };
      };
      const answer = (at: number, by: By): void => {
        const one = asked[at];
        if (one === undefined || one.answered) return;
        one.answered = true;
        if (by !== "none") one.name = `${by} ${at}`;
        if (by === "own") pushed.push(`own ${at}`);
        outgoing.answer(one.request, answerBy(by, `${by} ${at}`));
      };
      // Sends settle in the order in which they were made.
      const firstUnanswered = (): number => asked.findIndex(({ answered }) => !answered);
      const read = (): void => {
        const queued = unread.shift();
        if (queued !== undefined) pushes.ready(queued, 1);
      };
      for (const [n, one] of steps.entries()) {
        if (one.do === "ask") asked.push({ request: ask(), name: undefined, answered: false });
        else if (one.do === "answer") answer(one.by === "own" ? firstUnanswered() : one.which % asked.length, one.by);
        else if (one.do === "read") read();
        else if (one.do === "flush") flush();
        else {
          pushed.push(`push ${n}`);
          const queued = push(`push ${n}`, n % 3 !== 0);
          if (!queued.ready) unread.push(queued);
        }
      }
      while (unread.length > 0) read();
      for (let at = 0; at < asked.length; at += 1) answer(at, "body");
      flush();
      const answers = asked.map(({ name }) => name).filter((name) => name !== undefined);
      expect(written.filter((name) => !name.startsWith("push"))).toEqual(answers);
      expect(written.filter((name) => /^(?:push|own)/.test(name))).toEqual(pushed);
    }),
    { numRuns: 1000 },
  );
});
