import { expect, test } from "bun:test";
import { createHealth } from "../../../src/ops/health.ts";

test("a server is ready while no part has a reason against it", () => {
  const health = createHealth();
  expect(health.readiness()).toEqual({ ready: true, reasons: [], warnings: [] });
  health.setReason("disk", "storage is full");
  health.setReason("store", "starting");
  health.setReason("disk", "storage is still full");
  health.setWarning("clock", "the clock was set");
  expect(health.readiness()).toEqual({
    ready: false,
    reasons: ["disk: storage is still full", "store: starting"],
    warnings: ["clock: the clock was set"],
  });
  health.setReason("disk", undefined);
  health.setReason("store", undefined);
  expect(health.readiness()).toEqual({ ready: true, reasons: [], warnings: ["clock: the clock was set"] });
  health.setWarning("clock", undefined);
  expect(health.readiness().warnings).toEqual([]);
  expect(health.live()).toBe(true);
});
