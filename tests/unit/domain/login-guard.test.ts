/** Wrong secrets per address and per account: when the answer becomes "try later", and when it is over. */
import { expect, test } from "bun:test";
import { DomainError } from "../../../src/domain/errors.ts";
import { createLoginGuard, defaultLoginLimits, type LoginGuard } from "../../../src/domain/people/login-guard.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const limits = { failuresPerAddressMinute: 5, failuresPerAccountHour: 3, registrationsPerAddressHour: 2 };

function isRefused(guard: LoginGuard, address: string, account?: string): boolean {
  try {
    guard.check(address, account);
    return false;
  } catch (error) {
    if (error instanceof DomainError && error.code === "try_later") return true;
    throw error;
  }
}

test("an address may fail so often in a minute, then waits for the minute to end", () => {
  const clock = createManualClock();
  const guard = createLoginGuard({ clock, limits });
  for (let n = 0; n < 5; n += 1) {
    expect(isRefused(guard, "a")).toBe(false);
    guard.failed("a");
    clock.advance(10_000);
  }
  expect(isRefused(guard, "a")).toBe(true);
  expect(isRefused(guard, "b")).toBe(false);
  clock.advance(9_999);
  expect(isRefused(guard, "a")).toBe(true);
  clock.advance(1);
  expect(isRefused(guard, "a")).toBe(false);
});

test("an account may fail so often in an hour, wherever it is tried from", () => {
  const clock = createManualClock();
  const guard = createLoginGuard({ clock, limits });
  for (const address of ["a", "b", "c"]) {
    expect(isRefused(guard, address, "ann")).toBe(false);
    guard.tried("ann");
    guard.failed(address);
  }
  expect(isRefused(guard, "d", "ann")).toBe(true);
  expect(isRefused(guard, "d", "bob")).toBe(false);
  expect(isRefused(guard, "d")).toBe(false);
  clock.advance(3_600_000 - 1);
  expect(isRefused(guard, "d", "ann")).toBe(true);
  clock.advance(1);
  expect(isRefused(guard, "d", "ann")).toBe(false);
});

test("a right secret clears the account's failures, not the address's", () => {
  const guard = createLoginGuard({ clock: createManualClock(), limits });
  for (let n = 0; n < 2; n += 1) {
    guard.tried("ann");
    guard.failed("a");
  }
  guard.succeeded("ann");
  for (let n = 0; n < 2; n += 1) {
    guard.tried("ann");
    guard.failed("a");
  }
  expect(isRefused(guard, "b", "ann")).toBe(false);
  expect(isRefused(guard, "a")).toBe(false);
  guard.failed("a");
  expect(isRefused(guard, "a")).toBe(true);
});

test("an address and an account of the same name are counted apart", () => {
  const guard = createLoginGuard({ clock: createManualClock(), limits });
  for (let n = 0; n < 3; n += 1) {
    guard.tried("127.0.0.1");
    guard.failed("elsewhere");
  }
  expect(isRefused(guard, "127.0.0.1")).toBe(false);
  expect(isRefused(guard, "x", "127.0.0.1")).toBe(true);
});

test("the tables are bounded: past 50,000 the oldest window goes first", () => {
  const guard = createLoginGuard({ clock: createManualClock(), limits: { ...limits, failuresPerAddressMinute: 1 } });
  guard.failed("oldest");
  for (let n = 1; n < 50_000; n += 1) guard.failed(`address-${n}`);
  expect(isRefused(guard, "oldest")).toBe(true);
  guard.failed("newest");
  expect(isRefused(guard, "oldest")).toBe(false);
  expect(isRefused(guard, "address-1")).toBe(true);
  expect(isRefused(guard, "newest")).toBe(true);
});

test("thirty a minute, ten an hour and sixty registrations are the defaults", () => {
  expect(defaultLoginLimits).toEqual({
    failuresPerAddressMinute: 30,
    failuresPerAccountHour: 10,
    registrationsPerAddressHour: 60,
  });
});

test("a try that was taken back does not count", () => {
  const guard = createLoginGuard({ clock: createManualClock(), limits });
  for (let n = 0; n < 3; n += 1) guard.tried("ann");
  expect(isRefused(guard, "a", "ann")).toBe(true);
  guard.untried("ann");
  guard.untried("nobody");
  expect(isRefused(guard, "a", "ann")).toBe(false);
});

test("an address may register so many accounts in an hour", () => {
  const clock = createManualClock();
  const guard = createLoginGuard({ clock, limits });
  guard.registering("a");
  guard.registering("a");
  expect(() => guard.registering("a")).toThrow("too many registrations");
  guard.registering("b");
  clock.advance(3_600_000);
  guard.registering("a");
});
