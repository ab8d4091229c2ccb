import { expect, test } from "bun:test";
import { createHealth } from "../../../src/ops/health.ts";

test("a server is ready while no part has a reason against it", () => {
  const health = createHealth();
  expect(health.readiness()).toEqual({ ready: true, reasons: [] });
  health.setReason("disk", "storage is full");
  health.setReason("store", "starting");
  health.setReason("disk", "storage is still full");
  expect(health.readiness()).toEqual({ ready: false, reasons: ["disk: storage is still full", "store: starting"] });
  health.setReason("disk", undefined);
  health.setReason("store", undefined);
  expect(health.readiness().ready).toBe(true);
  expect(health.live()).toBe(true);
});
