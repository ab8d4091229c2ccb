import { expect, test } from "bun:test";
import { createMinuteLog } from "../../../src/lib/minute-log.ts";
import { recordLog } from "../../support/recorded-log.ts";

const rest = "more in this minute";

function minuteLog() {
  const recorded = recordLog();
  let end: (() => void) | undefined;
  const lines = createMinuteLog({
    log: recorded.log,
    rest,
    afterMinute(ended) {
      expect(end).toBeUndefined(); // one minute at a time
      end = ended;
      return () => {
        end = undefined;
      };
    },
  });
  return {
    lines,
    recorded,
    pass() {
      const ended = end;
      end = undefined;
      ended?.();
    },
    running: () => end !== undefined,
  };
}

test("a key has one line a minute, and the rest is counted when the minute ends", () => {
  const { lines, recorded, pass, running } = minuteLog();
  for (let time = 0; time < 5; time += 1) lines.note("a", "refused", () => ({ time }));
  lines.note("b", "refused", () => ({ time: 9 }));
  expect(recorded.of("refused")).toEqual([{ time: 0 }, { time: 9 }]);
  pass();
  expect(recorded.of(rest)).toEqual([{ times: 4 }]);
  expect(running()).toBe(false);
  lines.note("a", "refused", () => ({ time: 10 }));
  expect(recorded.of("refused").at(-1)).toEqual({ time: 10 });
});

test("a minute has at most 60 lines, however many keys there are; fields of the others are not even made", () => {
  const { lines, recorded, pass } = minuteLog();
  let made = 0;
  for (let client = 0; client < 1000; client += 1) {
    lines.note(`client ${client}`, "refused", () => {
      made += 1;
      return { client };
    });
  }
  pass();
  expect(made).toBe(59);
  expect(recorded.lines).toHaveLength(60);
  expect(recorded.of(rest)).toEqual([{ times: 941 }]);
});

test("a minute in which everything had its line ends without one, and a stop writes the count of the running one", () => {
  const { lines, recorded, pass, running } = minuteLog();
  lines.note("a", "refused", () => ({}));
  pass();
  lines.note("a", "refused", () => ({}));
  lines.note("a", "refused", () => ({}));
  lines.close();
  expect(recorded.lines.map(({ message }) => message)).toEqual(["refused", "refused", rest]);
  expect(running()).toBe(false);
});
