import { expect, test } from "bun:test";
import { createLogOutput } from "../../../src/cli/log-output.ts";

test("a stuck reader costs lines, not memory, and the log says so afterwards", () => {
  const taken: (() => void)[] = [];
  const written: string[] = [];
  const stream = {
    write(text: string, done: () => void) {
      written.push(text);
      taken.push(done);
      return true;
    },
  };
  const dropped: number[] = [];
  const write = createLogOutput(stream, (lines) => dropped.push(lines), 10);
  for (const line of ["12345", "6789", "too much", "more"]) write(line);
  expect(written).toEqual(["12345", "6789"]);
  expect(dropped).toEqual([]);
  for (const done of taken) done();
  expect(dropped).toEqual([2]);
  write("again");
  expect(written.at(-1)).toBe("again");
});
