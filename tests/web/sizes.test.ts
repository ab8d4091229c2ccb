/** The web client stays small: what a first visit loads, and what the executable holds of it. */
import { expect, test } from "bun:test";
import { buildClient } from "../../src/pages/build.ts";
import { embeddedOf, firstVisitOf } from "../support/client-sizes.ts";

const kib = 1024;

test("a first visit loads at most 60 KiB with brotli and 75 with gzip, and the executable holds at most 300 KB", async () => {
  const client = await buildClient();
  const { br, gzip } = firstVisitOf(client);
  expect(br).toBeGreaterThan(5 * kib);
  expect(br).toBeLessThanOrEqual(60 * kib);
  expect(gzip).toBeLessThanOrEqual(75 * kib);
  expect(embeddedOf(client)).toBeLessThanOrEqual(300_000);
});
