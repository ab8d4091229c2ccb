/** The page in a browser: it shows, does nothing that its policy refuses, and starts without a line. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Bed, openBed, type sizes, type Visit } from "./bed.ts";
import { isChromiumHere } from "./chromium.ts";

let bed: Bed;
beforeAll(async () => {
  if (isChromiumHere) bed = await openBed({ ROOST_NAME: "Test roost", ROOST_WEB_ACCENT: "#aa3377" });
});
afterAll(async () => {
  if (isChromiumHere) await bed[Symbol.asyncDispose]();
});

const shown = ({ page }: Visit): Promise<unknown> => page.waitForFunction(() => document.querySelector("#app > *"));

test.skipIf(!isChromiumHere).each(["phone", "desk"] as (keyof typeof sizes)[])(
  "it shows at the size of a %s, and does nothing that it must not",
  async (size) => {
    const visit = await bed.visit({ size });
    await shown(visit);
    await visit.screenshot("first-visit");
    expect(await visit.page.title()).toContain("Test roost");
    // As it was sent, the accent of the operator is in force.
    const accent = await visit.page.evaluate(() =>
      getComputedStyle(document.documentElement).getPropertyValue("--accent"),
    );
    expect(accent.trim()).toMatch(/^#a37$|^#aa3377$/);
    expect(visit.problems).toEqual([]);
    await visit.context.close();
  },
);

test.skipIf(!isChromiumHere)("what the policy refuses is refused, and the bed says so", async () => {
  const visit = await bed.visit();
  await shown(visit);
  const outcomes = await visit.page.evaluate(async () => {
    const attempt = async (act: () => unknown): Promise<string> => {
      try {
        await act();
        return "done";
      } catch {
        return "refused";
      }
    };
    const policies = (globalThis as unknown as { trustedTypes: { createPolicy(name: string, rules: object): unknown } })
      .trustedTypes;
    return Promise.all([
      attempt(() => {
        document.body.innerHTML = "<b>text</b>";
      }),
      attempt(() => policies.createPolicy("other", {})),
      attempt(() => policies.createPolicy("roost", {})),
      attempt(() => fetch("http://127.0.0.2:1/")),
    ]);
  });
  expect(outcomes).toEqual(["refused", "refused", "refused", "refused"]);
  expect(visit.problems.length).toBeGreaterThan(0);
  await visit.context.close();
});

test.skipIf(!isChromiumHere)("after a first visit it starts without a server", async () => {
  await using own = await openBed();
  const visit = await own.visit();
  await shown(visit);
  // The worker keeps the page and its files before it is active.
  await visit.page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await own.stopServer();
  await visit.page.reload();
  await shown(visit);
  await visit.screenshot("without-a-server");
});
