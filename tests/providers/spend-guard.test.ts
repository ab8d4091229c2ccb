/** Money is spent within the limits, however many ask from however many addresses. */
import { describe, expect, test } from "bun:test";
import { loadConfig } from "../../src/config.ts";
import { parsePhoneNumber } from "../../src/providers/phone-number.ts";
import premiumRangesInUse from "../../src/providers/premium-ranges.json" with { type: "json" };
import { createSpendGuard, type SpendLimits } from "../../src/providers/spend-guard.ts";
import type { CountedMessage } from "../../src/providers/spend-windows.ts";
import { createTestNumbers } from "../../src/providers/test-numbers.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { premiumRanges } from "../support/premium-ranges.ts";

const hourMs = 3_600_000;
/** The `at`-th of a million numbers of Kyivstar, and of Vodafone Germany. */
const ukrainian = (at: number): string => `38067${String(1_000_000 + at)}`;
const german = (at: number): string => `49152${String(10_000_000 + at)}`;
const address = (at: number): string => `127.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`;

/** What an operator gets who sets none. */
const defaultLimits: SpendLimits = loadConfig({ flags: {}, env: {}, readFile: () => undefined }).sms.limits;

function guard(given: Partial<SpendLimits> = {}, countries?: readonly string[]) {
  const clock = createManualClock();
  const { admit } = createSpendGuard({ limits: { ...defaultLimits, ...given }, countries, clock });
  return { clock, admit };
}

const unlimited = 1_000_000;

describe("each limit", () => {
  test("five an hour to a number, from any address, and again as the first of them are an hour ago", () => {
    const { admit, clock } = guard();
    for (let at = 0; at < 5; at++) {
      expect(admit(ukrainian(0), address(at))).toBe("ok");
      clock.advance(60_000);
    }
    expect(admit(ukrainian(0), address(9))).toBe("number");
    expect(admit(`+${ukrainian(0)}`, address(9))).toBe("number");
    expect(admit(ukrainian(1), address(9))).toBe("ok");
    clock.advance(hourMs - 5 * 60_000);
    expect(admit(ukrainian(0), address(9))).toBe("ok");
    expect(admit(ukrainian(0), address(9))).toBe("number");
  });

  test("twenty an hour for an address, an IPv6 /64 being one", () => {
    const { admit, clock } = guard();
    for (let at = 0; at < 20; at++) expect(admit(ukrainian(at), `2001:db8::${at.toString(16)}`)).toBe("ok");
    expect(admit(ukrainian(20), "2001:db8:0:0:ffff::1")).toBe("address");
    expect(admit(ukrainian(20), "2001:db8:0:1::1")).toBe("ok");
    clock.advance(hourMs);
    expect(admit(ukrainian(21), "2001:db8::1")).toBe("ok");
  });

  test("an IPv4 address is the same through a dual-stack socket", () => {
    const { admit } = guard({ perAddressHour: 1 });
    expect(admit(ukrainian(0), "::ffff:192.0.2.1")).toBe("ok");
    expect(admit(ukrainian(1), "192.0.2.1")).toBe("address");
    expect(admit(ukrainian(1), "192.0.2.2")).toBe("ok");
  });

  test("two hundred an hour to a country's prefix; another country's goes on", () => {
    const { admit, clock } = guard();
    for (let at = 0; at < 200; at++) expect(admit(ukrainian(at), address(at))).toBe("ok");
    expect(admit(ukrainian(200), address(200))).toBe("prefix");
    expect(admit(german(0), address(200))).toBe("ok");
    clock.advance(hourMs);
    expect(admit(ukrainian(200), address(200))).toBe("ok");
  });

  test("a thousand in any 24 hours", () => {
    const { admit, clock } = guard({ perPrefixHour: unlimited }, ["UA"]);
    for (let at = 0; at < 1000; at++) expect(admit(ukrainian(at), address(at))).toBe("ok");
    clock.advance(24 * hourMs - 1);
    expect(admit(ukrainian(0), address(0))).toBe("day");
    clock.advance(1);
    for (let at = 0; at < 1000; at++) expect(admit(ukrainian(at), address(at))).toBe("ok");
    expect(admit(ukrainian(1000), address(0))).toBe("day");
  });

  test("of a day's last quarter a country that had more than its share gets none, until the day has moved on", () => {
    const { admit, clock } = guard({ perPrefixHour: unlimited });
    for (let at = 0; at < 750; at++) expect(admit(ukrainian(at), address(at))).toBe("ok");
    expect(admit(ukrainian(750), address(750))).toBe("day");
    // The others have a tenth of what is left, each.
    let others = 0;
    while (admit(german(others), address(others)) === "ok") others++;
    expect(others).toBe(23);
    expect(admit("420601123456", address(0))).toBe("ok");
    clock.advance(24 * hourMs);
    expect(admit(ukrainian(750), address(750))).toBe("ok");
  });

  test("what was counted before a restart still is, and falls out of the hour and the day when its time has come", () => {
    const clock = createManualClock();
    const counted: CountedMessage[] = [];
    const countries = ["UA"];
    const limits = { ...defaultLimits, perPrefixHour: unlimited, perDay: 8 };
    const before = createSpendGuard({ limits, countries, clock });
    for (let at = 0; at < 5; at++) {
      before.admit(ukrainian(0), "2001:db8::1", (message) => counted.push(message));
      clock.advance(60_000);
    }
    before.admit(ukrainian(0), "2001:db8::1", (message) => counted.push(message)); // Refused, so not told.
    expect(counted.length).toBe(5);
    const { admit } = createSpendGuard({ limits, countries, clock, earlier: counted });
    expect(admit(ukrainian(0), address(1))).toBe("number");
    clock.advance(hourMs - 5 * 60_000);
    expect(admit(ukrainian(0), address(1))).toBe("ok");
    expect(admit(ukrainian(0), address(1))).toBe("number");
    expect([admit(ukrainian(1), address(1)), admit(ukrainian(1), address(1))]).toEqual(["ok", "ok"]);
    expect(admit(ukrainian(1), address(1))).toBe("day");
    clock.advance(23 * hourMs);
    expect([admit(ukrainian(1), address(1)), admit(ukrainian(1), address(1))]).toEqual(["ok", "day"]);
    // What is kept of a time to come counts as of now.
    const behind = createManualClock(Date.UTC(2025, 11, 1));
    const late = createSpendGuard({ limits, countries, clock: behind, earlier: counted });
    expect(late.admit(ukrainian(0), address(1))).toBe("number");
    behind.advance(hourMs);
    expect(late.admit(ukrainian(0), address(1))).toBe("ok");
  });

  test("what is refused is not counted", () => {
    const { admit, clock } = guard();
    for (let at = 0; at < 5; at++) admit(ukrainian(0), address(0));
    for (let at = 0; at < 1000; at++) {
      expect(admit(ukrainian(0), address(0))).toBe("number");
      clock.advance(1);
    }
    for (let at = 1; at <= 15; at++) expect(admit(ukrainian(at), address(0))).toBe("ok");
    expect(admit(ukrainian(16), address(0))).toBe("address");
  });

  test.each([100_000 * hourMs, -100_000 * hourMs])(
    "a clock that is set by %d ms forgets nothing early and keeps nothing for long",
    (ms) => {
      const { admit, clock } = guard();
      for (let at = 0; at < 5; at++) expect(admit(ukrainian(0), address(0))).toBe("ok");
      clock.set(ms);
      expect(admit(ukrainian(0), address(0))).toBe("number");
      clock.advance(hourMs);
      expect(admit(ukrainian(0), address(0))).toBe("ok");
    },
  );
});

describe("which numbers", () => {
  const table: [number: string, admission: string, why?: string][] = [
    ["380671234567", "ok"],
    ["+380671234567", "ok"],
    ["4915212345678", "ok"],
    ["12025550123", "ok"],
    ["", "invalid_number"],
    ["+", "invalid_number"],
    ["0671234567", "invalid_number", "national form"],
    ["380671234", "invalid_number", "too short"],
    ["3806712345678", "invalid_number", "too long"],
    ["3800671234567", "invalid_number", "the national prefix inside"],
    ["99912345678", "invalid_number", "no such country code"],
    ["38067123456a", "invalid_number"],
    ["380671234567;ext=1", "invalid_number"],
    ["٣٨٠٦٧١٢٣٤٥٦٧", "invalid_number", "digits of another script"],
    ["9".repeat(100_000), "invalid_number"],
    ["19002345678", "country", "premium rate in North America"],
    ["449091234567", "country", "premium rate in Britain"],
    ["33899123456", "country", "premium rate in France"],
    ["380900212345", "country", "premium rate in Ukraine"],
    ["979123456789", "country", "international premium rate"],
    ["881612345678", "country", "a satellite telephone"],
    ["88299912345", "country", "a network of no country"],
  ];
  for (const [number, admission, why = ""] of table) {
    test(`${number.slice(0, 32)} ${why}: ${admission}`, () => {
      expect<string>(guard().admit(number, "192.0.2.1")).toBe(admission);
    });
  }

  test("a list of countries admits these alone, without their premium ranges", () => {
    const { admit } = guard({}, ["UA", "US"]);
    expect(admit("380671234567", "192.0.2.1")).toBe("ok");
    expect(admit("12025550123", "192.0.2.1")).toBe("ok");
    expect(admit("14165550123", "192.0.2.1")).toBe("country"); // Toronto.
    expect(admit("4915212345678", "192.0.2.1")).toBe("country");
    expect(admit("380900212345", "192.0.2.1")).toBe("country");
  });

  test("first digits admit whatever begins with them", () => {
    const { admit } = guard({}, ["+881", "+38067"]);
    expect(admit("881612345678", "192.0.2.1")).toBe("ok");
    expect(admit("380671234567", "192.0.2.1")).toBe("ok");
    expect(admit("380501234567", "192.0.2.1")).toBe("country");
  });

  test("the table of premium ranges is what libphonenumber's full metadata says", () => {
    expect(premiumRangesInUse as Record<string, string>).toEqual(premiumRanges());
    for (const pattern of Object.values(premiumRanges())) expect(() => new RegExp(pattern)).not.toThrow();
  });

  test("a number knows its country", () => {
    expect(parsePhoneNumber("+380671234567")).toEqual({
      digits: "380671234567",
      callingCode: "380",
      country: "UA",
      premium: false,
    });
  });
});

describe("a flood", () => {
  /** 100,000 requests of 10,000 addresses for 100,000 numbers in the course of an hour. */
  function flood(numberOf: (at: number) => string) {
    const { admit, clock } = guard();
    const sent: { number: string; address: string; atMs: number }[] = [];
    const honest: string[] = [];
    for (let at = 0; at < 100_000; at++) {
      const request = { number: numberOf(at), address: address(at % 10_000) };
      if (admit(request.number, request.address) === "ok") sent.push({ ...request, atMs: clock.nowMs() });
      if (at % 2000 === 1999) honest.push(admit(german(at), `127.200.0.${(at / 2000) | 0}`));
      clock.advance(36);
    }
    return { sent, honest };
  }
  const mostOf = (keys: readonly string[]): number =>
    Math.max(...new Map(keys.map((key) => [key, keys.filter((one) => one === key).length])).values());

  test("of numbers of one country stays under the limits, and people elsewhere get their codes", () => {
    const { sent, honest } = flood(ukrainian);
    expect(sent.length).toBe(200);
    expect(mostOf(sent.map(({ number }) => number))).toBeLessThanOrEqual(5);
    expect(mostOf(sent.map((one) => one.address))).toBeLessThanOrEqual(20);
    expect(honest).toEqual(new Array(50).fill("ok"));
  });

  test("of one number gets five messages out, and its neighbours their codes", () => {
    const { sent } = flood(() => german(999_999));
    expect(sent.length).toBe(5);
  });

  test("over many countries leaves the last quarter of the day to those of others", () => {
    const prefixes = ["380671", "4915212", "447400", "33612", "34612", "48512"];
    const { admit, clock } = guard();
    let sent = 0;
    for (let at = 0; at < 100_000; at++) {
      const number = `${prefixes[at % prefixes.length]}${100_000 + (at % 900_000)}`;
      if (admit(number, address(at % 10_000)) === "ok") sent++;
      clock.advance(36);
    }
    expect(sent).toBe(750);
    for (let at = 0; at < 20; at++) expect(admit(`42060112${3000 + at}`, address(at))).toBe("ok");
  });

  test("costs no memory, whatever is asked", () => {
    const { admit, clock } = guard();
    const before = heap();
    for (let at = 0; at < 100_000; at++) {
      admit(ukrainian(at), address(at));
      admit(ukrainian(at % 200), `2001:db8:${(at >> 8).toString(16)}:${(at & 255).toString(16)}::1`);
      clock.advance(36);
    }
    expect(heap() - before).toBeLessThan(8 * 1024 * 1024);
  });

  test("is bounded by the day's limit where that is all there is", () => {
    const limits = { perPrefixHour: unlimited, perNumberHour: unlimited, perAddressHour: unlimited };
    const { admit, clock } = guard(limits, ["UA"]);
    let sent = 0;
    for (let day = 0; day < 5; day++) {
      for (let at = 0; at < 20_000; at++) if (admit(ukrainian(at), address(at)) === "ok") sent++;
      clock.advance(24 * hourMs);
    }
    expect(sent).toBe(5000);
  });
});

function heap(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}

test("a test number has its code, with a + or without", () => {
  const { fixedCodeOf } = createTestNumbers([{ number: "15550001", code: "903182" }]);
  expect(fixedCodeOf("15550001")).toBe("903182");
  expect(fixedCodeOf("+15550001")).toBe("903182");
  expect(fixedCodeOf("15550002")).toBeUndefined();
});
