/** Who may have how many WebSockets. */
import { expect, test } from "bun:test";
import { silentLog } from "../../../src/lib/log.ts";
import { systemTime } from "../../../src/lib/steady-clock.ts";
import { WebSocketGuard, type WebSocketGuardParts, type WebSocketLimits } from "../../../src/net/websocket-guard.ts";
import { withDeadline } from "../../support/deadline.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const open = ({
  clock = systemTime,
  ...limits
}: Partial<WebSocketLimits & Pick<WebSocketGuardParts, "clock">> = {}) => {
  const guard = new WebSocketGuard({
    limits: { strangersMax: 4, loginSecondsMax: 3600, perAccountMax: 2, perAddressMax: 3, ...limits },
    log: silentLog,
    clock,
  });
  const ended: string[] = [];
  let next = 0;
  const enter = (address: string) => {
    const name = `${address} ${++next}`;
    return guard.enter(address, (why) => ended.push(`${name} ${why}`));
  };
  return { guard, ended, enter };
};

test("one stranger too many ends the oldest of the network that has most", () => {
  const { guard, ended, enter } = open();
  const places = ["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(enter);
  expect(ended).toEqual(["192.0.2.2 2 displaced"]);
  // All have one; the newcomer's network then has two.
  places.push(enter("192.0.2.3"));
  expect(ended.slice(1)).toEqual(["192.0.2.3 4 displaced"]);
  expect([guard.strangers, guard.displaced]).toEqual([4, 2]);
  for (const place of places) place.leave();
  for (const place of places) place.leave();
  expect(guard.strangers).toBe(0);
});

test("an address is full with so many, logged in or not, until one is gone", () => {
  const { guard, enter } = open();
  const places = ["192.0.2.1", "192.0.2.1", "192.0.2.1"].map(enter);
  places[0]?.logIn("user:1");
  expect([guard.isFull("192.0.2.1"), guard.isFull("192.0.2.2")]).toEqual([true, false]);
  for (const place of places) place.leave();
  expect(guard.isFull("192.0.2.1")).toBe(false);
});

test("the addresses of an IPv6 /64 are one network, and IPv4 is the same within IPv6", () => {
  const { ended, enter } = open({ strangersMax: 2 });
  const places = ["192.0.2.9", "2001:db8::1", "2001:db8::ffff:2"].map(enter);
  expect(ended).toEqual(["2001:db8::1 2 displaced"]);
  places.push(enter("::ffff:192.0.2.9"));
  expect(ended.slice(1)).toEqual(["192.0.2.9 1 displaced"]);
  for (const place of places) place.leave();
});

test("who logs in is no stranger any more, and an account has a limited number", () => {
  const { guard, ended, enter } = open({ strangersMax: 1 });
  const first = enter("192.0.2.1");
  expect(first.logIn("user:1")).toBe(true);
  expect(first.logIn("user:1")).toBe(true);
  const second = enter("192.0.2.1");
  expect(second.logIn("user:1")).toBe(true);
  const third = enter("192.0.2.1");
  expect(third.logIn("user:1")).toBe(false);
  expect(guard.strangers).toBe(1);
  expect(third.logIn("user:2")).toBe(true);
  first.leave();
  // As another user on the same connection.
  expect(third.logIn("user:1")).toBe(true);
  expect(second.logIn("user:2")).toBe(true);
  expect(ended).toEqual([]);
});

test("a stranger stays as long as it may, and no longer", async () => {
  const { guard, ended, enter } = open({ loginSecondsMax: 0.01 });
  const long = enter("192.0.2.1");
  long.stay(3_600_000);
  long.stay(1);
  const gone = Promise.withResolvers<string>();
  guard.enter("192.0.2.2", gone.resolve);
  expect(await withDeadline("the end", gone.promise)).toBe("login_timeout");
  expect([ended, guard.strangers]).toEqual([[], 1]);
  long.leave();
});

test("of those that the server closes so many get a close frame: of a network, of all strangers, of an account", () => {
  const { enter } = open({ strangersMax: 100, perAddressMax: 100, perAccountMax: 100 });
  const granted = (places: readonly (ReturnType<typeof enter> | undefined)[]) =>
    places.filter((place) => place?.mayLinger()).length;
  const of = (network: number) => Array.from({ length: 6 }, () => enter(`192.0.2.${network}`));
  expect([1, 2, 3, 4, 5].map((network) => granted(of(network)))).toEqual([2, 2, 0, 0, 0]);
  const anns = Array.from({ length: 20 }, () => enter("192.0.2.9"));
  for (const place of anns) place.logIn("user:1");
  expect(granted(anns)).toBe(4);
  // Those that answered make room for others.
  for (const place of anns) place.closed();
  const more = enter("192.0.2.9");
  more.logIn("user:1");
  expect(granted([more])).toBe(1);
});

test("where strangers make room too often, a network that holds many has to wait, another one has not", () => {
  const clock = createManualClock();
  const { guard, enter } = open({ strangersMax: 6, perAddressMax: 1000, clock });
  const fill = (network: number, count: number) => Array.from({ length: count }, () => enter(`192.0.2.${network}`));
  const isFull = () => [1, 2, 3].map((network) => guard.isFull(`192.0.2.${network}`));
  const places = [...fill(1, 4), ...fill(2, 1), ...fill(1, 8)];
  expect([guard.displaced, isFull()]).toEqual([7, [false, false, false]]);
  places.push(...fill(1, 1));
  expect([guard.displaced, isFull()]).toEqual([8, [true, false, false]]);
  clock.advance(1000);
  expect(isFull()).toEqual([false, false, false]);
  places.push(...fill(1, 8));
  expect(isFull()).toEqual([true, false, false]);
  for (const place of places) place.leave();
  expect(isFull()).toEqual([false, false, false]);
});
