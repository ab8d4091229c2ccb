/** A flood of refused codes is a line a minute in the log. */
import { expect, test } from "bun:test";
import { createRefusals } from "../../src/providers/refusals.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { recordingLog } from "./gateway.ts";

test("each limit has a line a minute, which says how often it was reached since the last", () => {
  const { log, lines } = recordingLog();
  const clock = createManualClock();
  const refusals = createRefusals({ log, clock });
  for (let at = 0; at < 1000; at++) refusals.add("prefix", `192.0.2.${at % 250}`);
  refusals.add("day", "192.0.2.1");
  expect(lines.map(({ fields }) => [fields?.["limit"], fields?.["times"]])).toEqual([
    ["prefix", 1],
    ["day", 1],
  ]);
  clock.advance(60_000);
  refusals.add("prefix", "192.0.2.9");
  expect(lines.at(-1)?.fields).toEqual({ limit: "prefix", address: "192.0.2.9", times: 1000 });
  clock.set(3_600_000);
  refusals.add("prefix", "192.0.2.9");
  expect(lines.at(-1)?.fields).toMatchObject({ times: 1000 });
});
