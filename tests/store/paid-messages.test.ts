/** Messages that cost money: a day of them is kept, in order, whatever happens to the clock. */

import { expect, test } from "bun:test";
import { later, type SteadyMs } from "../../src/lib/clock.ts";
import { openSqlite } from "./open-sqlite.ts";

const message = (number: string, atMs: SteadyMs) => ({ number, network: "192.0.2.1", prefix: "380", atMs });
const hourMs = 3_600_000;

test("what was paid for is there after a restart, and gone after a day", async () => {
  await using opened = await openSqlite();
  const { clock } = opened;
  let { store } = opened;
  const startMs = clock.steadyMs();
  await store.paidMessages.keep(message("380671000001", startMs));
  clock.advance(hourMs);
  await store.paidMessages.keep(message("380671000002", clock.steadyMs()));
  const both = [message("380671000001", startMs), message("380671000002", later(startMs, hourMs))];
  expect(store.paidMessages.list()).toEqual(both);
  store = await opened.reopen();
  expect(store.paidMessages.list()).toEqual(both);
  clock.advance(23 * hourMs);
  await store.paidMessages.keep(message("380671000003", clock.steadyMs()));
  expect(store.paidMessages.list().map(({ number }) => number)).toEqual(["380671000002", "380671000003"]);
});
