/** Who has to wait for whose wrong secrets, how long, and who never. */
import { expect, test } from "bun:test";
import { DomainError } from "../../../src/domain/errors.ts";
import { type Claim, defaultLoginLimits, type LoginGuard } from "../../../src/domain/people/login-guard.ts";
import { createTestGuard, keptNetworks } from "../../support/login-guard.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const ann = "user:10001";
const home = "192.0.2.1";
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const password = (address: string, subject = ann): Claim => ({ kind: "password", subject, account: subject, address });
const code = (address: string): Claim => ({ kind: "code", subject: "phone:4479", account: ann, address });

/** Shows a secret; gives the seconds to wait where it was refused. */
async function show(guard: LoginGuard, claim: Claim, right: boolean): Promise<"right" | "wrong" | number> {
  const one = await guard.claim(claim);
  try {
    one.check();
    one.begin();
  } catch (error) {
    return secondsOf(error);
  }
  if (right) one.right();
  else one.wrong();
  return right ? "right" : "wrong";
}

function secondsOf(error: unknown): number {
  if (error instanceof DomainError && error.code === "try_later") return Math.ceil((error.retryAfterMs ?? 0) / 1000);
  throw error;
}

async function fail(guard: LoginGuard, claim: Claim, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) expect(await show(guard, claim, false)).toBe("wrong");
}

function showWrong(guard: LoginGuard, address: string): "wrong" | number {
  try {
    guard.wrongSecret(address);
    return "wrong";
  } catch (error) {
    return secondsOf(error);
  }
}

const address = (n: number): string => `198.51.${n >> 8}.${n & 255}`;

test("after ten wrong passwords each further one doubles the wait, up to five minutes", async () => {
  const clock = createManualClock();
  const guard = createTestGuard(clock);
  await fail(guard, password(home), 10);
  const waits: unknown[] = [];
  for (let n = 0; n < 11; n += 1) {
    const seconds = await show(guard, password(home), true);
    waits.push(seconds);
    if (typeof seconds !== "number") break;
    clock.advance(seconds * 1000 - 1);
    expect(await show(guard, password(home), true)).toBe(1);
    clock.advance(1);
    expect(await show(guard, password(home), false)).toBe("wrong");
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
});

test("a right password clears what was held against its network, and so does an hour", async () => {
  const clock = createManualClock();
  const guard = createTestGuard(clock);
  await fail(guard, password(home), 9);
  expect(await show(guard, password(home), true)).toBe("right");
  await fail(guard, password(home), 10);
  expect(await show(guard, password(home), true)).toBe(1);
  clock.advance(hourMs);
  await fail(guard, password(home), 10);
});

test("wrong passwords of one account from one network hold up neither other accounts nor other networks", async () => {
  const guard = createTestGuard(createManualClock());
  await fail(guard, password("198.51.100.1"), 10);
  expect(await show(guard, password("198.51.100.1"), true)).toBe(1);
  expect(await show(guard, password("198.51.100.2"), true)).toBe("right");
  expect(await show(guard, password("198.51.100.1", "user:10002"), true)).toBe("right");
  expect(await show(guard, { ...code("198.51.100.1"), subject: ann }, true)).toBe("right");
});

test.each([
  ["password", 100, 36],
  ["code", 20, 180],
] as const)(
  "networks that the account never logged in from share %s tries in an hour: %d",
  async (kind, tries, wait) => {
    const clock = createManualClock();
    const guard = createTestGuard(clock);
    const claim = (at: string): Claim => ({ ...password(at), kind });
    guard.networks.loggedIn(ann, home);
    for (let n = 0; n < tries; n += 1) expect(await show(guard, claim(address(n)), false)).toBe("wrong");
    expect(await show(guard, claim("203.0.113.7"), true)).toBe(wait);
    // The owner's network is held up by none of them.
    expect(await show(guard, claim(home), true)).toBe("right");
    clock.advance(wait * 1000);
    // A right one is not counted.
    for (let n = 0; n < 5; n += 1) expect(await show(guard, claim("203.0.113.7"), true)).toBe("right");
    expect(await show(guard, claim("203.0.113.7"), false)).toBe("wrong");
    expect(await show(guard, claim("203.0.113.8"), false)).toBe(wait);
  },
);

test("an IPv6 network of the account is its /64; of strangers the /48 counts together", async () => {
  const guard = createTestGuard(createManualClock());
  guard.networks.loggedIn(ann, "2001:db8:1:1::1");
  await fail(guard, password("2001:db8:1:2::1"), 5);
  await fail(guard, password("2001:db8:1:3::1"), 5);
  expect(await show(guard, password("2001:db8:1:4::1"), true)).toBe(1);
  expect(await show(guard, password("2001:db8:1:1:ffff::9"), true)).toBe("right");
  expect(await show(guard, password("2001:db8:2:1::1"), true)).toBe("right");
});

test("right log-ins at once are not refused, wrong ones at once do not outnumber the limit", async () => {
  const guard = createTestGuard(createManualClock());
  const begin = async () => {
    const one = await guard.claim(password(home));
    try {
      one.begin();
      return one;
    } catch (error) {
      return secondsOf(error);
    }
  };
  const tries = await Promise.all(Array.from({ length: 30 }, begin));
  const begun = tries.filter((one) => typeof one !== "number");
  expect(begun).toHaveLength(10);
  for (const one of begun) one.untried();
  await fail(guard, password(home), 10);
});

test("a network is the account's own for thirty days after its last log-in, also after a restart", async () => {
  const clock = createManualClock();
  const store = keptNetworks(clock);
  const before = createTestGuard(clock, { store });
  for (let n = 0; n < 50; n += 1) before.networks.loggedIn(ann, home);
  await Promise.resolve();
  expect(store.writes()).toBe(1);
  const after = createTestGuard(clock, { store });
  expect(await after.networks.has(ann, home)).toBe(true);
  expect(await after.networks.has("user:10002", home)).toBe(false);
  after.networks.loggedIn(ann, home);
  await Promise.resolve();
  expect(store.writes()).toBe(1);
  clock.advance(dayMs);
  after.networks.loggedIn(ann, home);
  await Promise.resolve();
  await Promise.resolve();
  expect(store.writes()).toBe(2);
  clock.advance(30 * dayMs - 1);
  expect(await createTestGuard(clock, { store }).networks.has(ann, home)).toBe(true);
  clock.advance(1);
  expect(await after.networks.has(ann, home)).toBe(false);
});

test("an account that is gone leaves no network to one of the same name", async () => {
  const store = { findLogInNetwork: async () => undefined, keepLogInNetwork: async () => {} };
  const { networks } = createTestGuard(createManualClock(), { store });
  for (const account of ["device:lamp", "device:lamp2"]) networks.loggedIn(account, home);
  networks.forget("device:lamp");
  expect([await networks.has("device:lamp", home), await networks.has("device:lamp2", home)]).toEqual([false, true]);
});

test("wrong tokens of a network are told to come later beyond the limit, for the rest of the minute", () => {
  const clock = createManualClock();
  const guard = createTestGuard(clock, { limits: { failuresPerAddressMinute: 3 } });
  for (let n = 0; n < 3; n += 1) expect(showWrong(guard, "2001:db8::1")).toBe("wrong");
  clock.advance(20_000);
  expect([showWrong(guard, "2001:db8::2"), guard.isSlowed("2001:db8::3")]).toEqual([40, true]);
  expect(showWrong(guard, "2001:db8:0:1::1")).toBe("wrong");
  clock.advance(40_000);
  expect([guard.isSlowed("2001:db8::3"), showWrong(guard, "2001:db8::2")]).toEqual([false, "wrong"]);
});

test.each([60_000, -60_000, 2 * hourMs, -2 * hourMs, 24 * hourMs, -24 * hourMs])(
  "a clock that is set by %d ms makes no wait longer or shorter",
  async (ms) => {
    const clock = createManualClock();
    const guard = createTestGuard(clock, { limits: { failuresPerAddressMinute: 1, registrationsPerAddressHour: 1 } });
    await fail(guard, password(home), 10);
    guard.wrongSecret(home);
    guard.registering(home);
    clock.set(ms);
    expect(await show(guard, password(home), true)).toBe(1);
    expect(guard.isSlowed(home)).toBe(true);
    expect(() => guard.registering(home)).toThrow("too many registrations");
    clock.advance(1000);
    expect(await show(guard, password(home), true)).toBe("right");
    clock.advance(59_000);
    expect(guard.isSlowed(home)).toBe(false);
    clock.advance(hourMs);
    guard.registering(home);
  },
);

test("names of no account push out no counts of accounts", async () => {
  const guard = createTestGuard(createManualClock());
  await fail(guard, password(home), 10);
  for (let n = 0; n < 50_001; n += 1) {
    const one = await guard.claim({ ...password(home), subject: `name:${n}`, account: undefined });
    one.begin();
    one.wrong();
  }
  expect(await show(guard, password(home), true)).toBe(1);
});

test("thirty a minute, ten before the first wait and sixty registrations are the defaults", () => {
  expect(defaultLoginLimits).toEqual({
    failuresPerAddressMinute: 30,
    failuresPerAccountHour: 10,
    registrationsPerAddressHour: 60,
  });
});

test("a network may register so many accounts in an hour", () => {
  const clock = createManualClock();
  const guard = createTestGuard(clock, { limits: { registrationsPerAddressHour: 2 } });
  guard.registering("2001:db8::1");
  guard.registering("2001:db8::2");
  expect(() => guard.registering("2001:db8::3")).toThrow("too many registrations");
  guard.registering("2001:db8:0:1::1");
  clock.advance(hourMs);
  guard.registering("2001:db8::1");
});
