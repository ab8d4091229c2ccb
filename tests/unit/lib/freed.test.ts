/** Memory that is given back at once. */
import { expect, test } from "bun:test";
import { free } from "../../../src/lib/freed.ts";

test("all of a large buffer is freed, and a small one, which may share its memory, is not", () => {
  const large = Buffer.alloc(64 * 1024, 1);
  const part = large.subarray(1000, 2000);
  free(part);
  expect([large.length, part.length, large.buffer.byteLength]).toEqual([0, 0, 0]);
  free(large);
  const small = Buffer.from("small");
  free(small);
  expect(small.toString()).toBe("small");
});
