/** Reading actions: tables of what a client may write and what it means (docs/protocols/resolutions.md § MiniOICQ). */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Refusal } from "../../../src/minioicq/errors.ts";
import { defaultMiniOicqLimits as limits } from "../../../src/minioicq/limits.ts";
import { parseAction } from "../../../src/minioicq/requests/actions.ts";
import { parseTimeMs } from "../../../src/minioicq/time.ts";

const read = (value: unknown) => parseAction(value, limits);

test("any value at all is requests or refusals, never a throw", () => {
  const names = ["auth.register", "auth.login", "chat.create", "message.send", "message.get", "user.get", "nope"];
  const fields = [
    "user_name",
    "password",
    "user_id",
    "token",
    "members",
    "name",
    "message",
    "messages",
    "start",
    "end",
  ];
  const anything = fc.anything({ maxDepth: 3, withNullPrototype: true });
  fc.assert(fc.property(anything, (value) => expect(read(value).requests.length).toBeGreaterThan(0)));
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.dictionary(fc.constantFrom(...fields), anything), (action, rest) => {
      for (const request of read({ ...rest, action }).requests) {
        if (request instanceof Refusal) expect(request.action).toMatch(/^(?:error|[a-z.]+\.fail)$/);
        else expect(request.action).toBe(action as never);
      }
    }),
    { numRuns: 2000 },
  );
});

describe("ids", () => {
  const ids: [unknown, number | undefined, boolean][] = [
    ["10001", 10001, false],
    [10001, 10001, true],
    ["010001", 10001, false],
    ["9007199254740991", 9007199254740991, false],
    ["9007199254740993", undefined, false],
    [2 ** 60, undefined, true],
    [1.5, undefined, true],
    [-1, undefined, true],
    ["-1", undefined, false],
    ["1e4", undefined, false],
    [" 1", undefined, false],
    ["ann", undefined, false],
  ];
  test.each(ids)("%p is read as %p", (written, userId, numericIds) => {
    expect(read({ action: "user.get", user_id: written })).toEqual({
      requests: [{ action: "user.get", userId }],
      numericIds,
      extended: false,
    });
  });

  test("a number in a refused request tells the dialect too, one that is no id does not", () => {
    expect(read({ action: "auth.login", user_id: 5 })).toMatchObject({ numericIds: true });
    expect(read({ action: "message.get", user_id: "5", start: 3 })).toMatchObject({ numericIds: false });
  });
});

describe("ranges", () => {
  const ms = Date.UTC(2024, 0, 2);
  const open = { by: "time", fromMs: undefined, toMs: undefined };
  const ranges: [unknown, unknown, unknown][] = [
    [undefined, undefined, open],
    ["", null, open],
    ["2024-01-02", "", { ...open, fromMs: ms }],
    [undefined, "2024-01-02T00:00:00Z", { ...open, toMs: ms }],
    [ms, ms / 1000, { by: "time", fromMs: ms, toMs: ms }],
    [String(ms), undefined, { ...open, fromMs: ms }],
    [0, 9, { by: "index", first: 0, last: 9 }],
    ["3", "", { by: "index", first: 3, last: Number.MAX_SAFE_INTEGER }],
    [undefined, 999_999, { by: "index", first: 0, last: 999_999 }],
    [1_000_000, undefined, { ...open, fromMs: 1_000_000_000 }],
  ];
  test.each(ranges)("from %p to %p", (start, end, range) => {
    expect(read({ action: "message.get", user_id: "1", start, end })).toMatchObject({ requests: [{ range }] });
  });
});

describe("times", () => {
  const times: [unknown, string | undefined][] = [
    ["2024-07-13T12:00:00Z", "2024-07-13T12:00:00.000Z"],
    ["2024-07-13t12:00:00z", "2024-07-13T12:00:00.000Z"],
    ["2024-07-13T12:00", "2024-07-13T12:00:00.000Z"],
    ["2024-07-13 12:00:00.5", "2024-07-13T12:00:00.500Z"],
    ["2024-07-13T12:00:00,999999999", "2024-07-13T12:00:00.999Z"],
    ["2024-07-13T12:00:00+0530", "2024-07-13T06:30:00.000Z"],
    ["2024-07-13T12:00:00-08", "2024-07-13T20:00:00.000Z"],
    [" 2024-07-13 ", "2024-07-13T00:00:00.000Z"],
    [1720872000, "2024-07-13T12:00:00.000Z"],
    [1720872000.25, "2024-07-13T12:00:00.250Z"],
    [1720872000250, "2024-07-13T12:00:00.250Z"],
    ["1720872000250", "2024-07-13T12:00:00.250Z"],
    [0, "1970-01-01T00:00:00.000Z"],
    ["1969-12-31T23:59:59Z", undefined],
    ["2024-02-30T25:00:00Z", undefined],
    ["13.07.2024", undefined],
    ["+012345-01-01T00:00:00Z", undefined],
    ["now", undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [1e300, undefined],
    ["x".repeat(1e6), undefined],
    [true, undefined],
  ];
  test.each(times)("%p", (written, expected) => {
    const ms = parseTimeMs(written);
    expect(ms === undefined ? undefined : new Date(ms).toISOString()).toBe(expected as string);
  });
});
