/** The views in Chromium, over the fake model: for the eye, the keyboard, readers of the screen, and hostile content. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { isChromiumHere, launchChromium } from "./chromium.ts";
import { startGallery } from "./gallery-server.ts";

const axeSource = readFileSync(join(import.meta.dir, "../../node_modules/axe-core/axe.min.js"), "utf8");
const test_ = test.skipIf(!isChromiumHere);

let gallery: Awaited<ReturnType<typeof startGallery>>;
let browser: Browser;

beforeAll(async () => {
  if (!isChromiumHere) return;
  gallery = await startGallery();
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  gallery?.stop();
});

/** A page of the client that notes what must not happen. */
async function open(context: BrowserContext, hash: string) {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("dialog", (dialog) => faults.push(`dialog ${dialog.message()}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.origin !== new URL(gallery.url).origin) faults.push(request.url());
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      throw new Error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(gallery.url + hash);
  await page.locator(".panes").waitFor();
  return { page, faults };
}

const settled = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        // No row has come for ten frames.
        let before = -1;
        let same = 0;
        const look = () => {
          const now = document.querySelectorAll(".message").length;
          same = now === before ? same + 1 : 0;
          before = now;
          if (same > 10) resolve();
          else requestAnimationFrame(look);
        };
        look();
      }),
  );

const views: readonly (readonly [name: string, hash: string, act?: (page: Page) => Promise<unknown>])[] = [
  ["chats", ""],
  ["a conversation", "#chat=10101"],
  ["hostile messages", "#chat=10103"],
  ["an empty chat with details", "#chat=10104&details"],
  ["details of a person", "#chat=10105&details"],
  ["people", "#side=people"],
  ["a new group", "#side=new"],
  ["search", "#side=search", (page) => page.getByRole("searchbox").fill("the")],
  ["settings", "#side=settings"],
  ...["profile", "account", "sessions", "privacy", "notices", "looks", "invite", "data", "help"].map(
    (name) => [`settings: ${name}`, `#side=settings.${name}`] as const,
  ),
  [
    "a phone to log in",
    "#side=settings.sessions",
    (page) => page.getByRole("button", { name: "Log in a phone" }).click(),
  ],
  [
    "the menu of a message",
    "#chat=10101",
    (page) => page.getByRole("button", { name: "What to do" }).last().click({ force: true }),
  ],
  [
    "no line",
    "",
    (page) =>
      page.evaluate(() => {
        window.fake.line.value = "offline";
      }),
  ],
  [
    "log in",
    "",
    (page) =>
      page.evaluate(() => {
        window.fake.stage.value = "out";
      }),
  ],
  [
    "register",
    "",
    async (page) => {
      await page.evaluate(() => {
        window.fake.stage.value = "out";
      });
      await page.getByRole("button", { name: "Create an account" }).click();
    },
  ],
];

/** What axe-core finds serious or critical, one line each. */
async function findings(page: Page, rules: readonly string[] | undefined): Promise<string[]> {
  // Written into the page by the debugger, which no policy of the page holds back.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axeSource);
  return page.evaluate(async (only) => {
    interface Axe {
      run(
        options: object,
      ): Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }>;
    }
    const { axe } = window as unknown as { axe: Axe };
    const { violations } = await axe.run({
      resultTypes: ["violations"],
      ...(only === undefined ? {} : { runOnly: only }),
    });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
      );
  }, rules);
}

// What a view is made of is the same in both themes; its colours are not.
for (const [colorScheme, rules] of [
  ["light", undefined],
  ["dark", ["color-contrast", "link-in-text-block"]],
] as const) {
  test_(`axe-core finds nothing serious on any view in the ${colorScheme} theme`, async () => {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      colorScheme,
      reducedMotion: "reduce",
    });
    const { page, faults } = await open(context, "");
    const found: string[] = [];
    for (const [name, hash, act] of views) {
      await page.keyboard.press("Escape");
      await page.evaluate((to) => {
        location.hash = to;
      }, hash);
      await act?.(page);
      if (hash.includes("chat=")) await settled(page);
      for (const one of await findings(page, rules)) found.push(`${name}: ${one}`);
    }
    expect([...found, ...faults]).toEqual([]);
    await context.close();
  });
}

test_("nothing is wider than the screen, from 320 to 2,560 px, and from right to left", async () => {
  const found: string[] = [];
  for (const locale of ["en", "ar"]) {
    const context = await browser.newContext({ locale });
    const { page } = await open(context, "#chat=10103");
    for (const hash of ["", "#chat=10103", "#chat=10101&details", "#side=people", "#side=settings.help"]) {
      await page.evaluate((to) => {
        location.hash = to;
      }, hash);
      for (const width of [320, 390, 720, 1180, 2560]) {
        await page.setViewportSize({ width, height: 800 });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        const wide = await page.evaluate(() =>
          [...document.querySelectorAll(".pane, .scroller, .pane-body, .bar")]
            .filter((one) => one.scrollWidth > one.clientWidth + 1)
            .map((one) => one.className),
        );
        if (over > 0 || wide.length > 0) found.push(`${locale} ${hash} ${width}: ${over} ${wide.join(", ")}`);
      }
    }
    await context.close();
  }
  expect(found).toEqual([]);
});

test_(
  "a long chat keeps few rows in the document, and what is read stays where it is while others come before it",
  async () => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    const { page, faults } = await open(context, "#chat=10102");
    await settled(page);
    const shifted = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          const observer = new PerformanceObserver(() => undefined);
          observer.observe({ type: "layout-shift", buffered: true });
          requestAnimationFrame(() =>
            resolve(
              observer
                .takeRecords()
                .reduce((sum, entry) => sum + (entry as PerformanceEntry & { value: number }).value, 0),
            ),
          );
        }),
    );
    expect(shifted).toBe(0);
    const walked = await page.evaluate(async () => {
      const scroller = document.querySelector<HTMLElement>(".scroller");
      if (scroller === null) throw new Error("no timeline");
      const frames = async (count: number) => {
        for (let at = 0; at < count; at++) await new Promise(requestAnimationFrame);
      };
      const rows = () => [...document.querySelectorAll<HTMLElement>(".messages > .message")];
      let most = 0;
      let moved = 0;
      let came = 0;
      const seen = new Set<string>();
      for (const step of [-1, 1]) {
        for (let at = 0; at < 40; at++) {
          const before = rows().length;
          scroller.scrollTop += step * 800;
          const read = rows().find((row) => row.getBoundingClientRect().bottom > 120);
          const top = read?.getBoundingClientRect().top ?? 0;
          const first = rows()[0];
          await frames(3);
          if (first !== rows()[0] && read?.isConnected === true) came++;
          if (read?.isConnected === true) moved = Math.max(moved, Math.abs(read.getBoundingClientRect().top - top));
          most = Math.max(most, before, rows().length);
          for (const row of rows()) seen.add(row.dataset["seq"] ?? "");
        }
      }
      return { most, moved, came, seen: seen.size };
    });
    expect(faults).toEqual([]);
    expect(walked.most).toBeLessThanOrEqual(300);
    expect(walked.came).toBeGreaterThan(5);
    expect(walked.seen).toBeGreaterThan(300);
    expect(walked.moved).toBeLessThan(1);
    await context.close();
  },
);

test_("one goes to the newest message again, and follows what comes; above, one stays where one reads", async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const { page, faults } = await open(context, "#chat=10102");
  await settled(page);
  const last = page.locator(".message").last();
  await page.evaluate(() => window.fake.receive("10102", "It follows"));
  await page.getByText("It follows").last().waitFor();
  expect(await last.textContent()).toContain("It follows");
  await expect(page.locator("[aria-live] p").last().textContent()).resolves.toBe("Anna Vogel: It follows");
  const gap = () => page.locator(".scroller").evaluate((one) => one.scrollHeight - one.clientHeight - one.scrollTop);
  expect(await gap()).toBeLessThan(1);
  await page.locator(".scroller").evaluate((one) => {
    one.scrollTop -= 1_500;
  });
  await page.getByRole("button", { name: "To the newest message" }).waitFor();
  const before = await gap();
  await page.evaluate(() => window.fake.receive("10102", "It stays"));
  await page.locator("[aria-live] p", { hasText: "It stays" }).waitFor({ state: "attached" });
  expect(await gap()).toBeGreaterThanOrEqual(before);
  await page.getByRole("button", { name: "To the newest message" }).click();
  await page.getByRole("button", { name: "To the newest message" }).waitFor({ state: "detached" });
  expect(await gap()).toBeLessThan(1);
  expect(faults).toEqual([]);
  await context.close();
});

test_("hostile names and texts are shown as text, and nothing of them is followed or run", async () => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  const { page, faults } = await open(context, "#chat=10103");
  await settled(page);
  await page.getByText("<script>alert(1)</script><img src=x onerror=alert(1)>").waitFor();
  await page.getByText("A message of the type application/x-unheard-of").waitFor();
  const links = await page
    .locator(".message a[href]")
    .evaluateAll((all) =>
      all.map((one) => [one.getAttribute("href"), one.getAttribute("rel"), one.getAttribute("target")].join(" ")),
    );
  expect(links).toEqual(["https://example.org/ok noopener noreferrer _blank"]);
  expect(await page.locator(".message script, .message img[src=x]").count()).toBe(0);
  const picture = await page.locator(".picture").last().boundingBox();
  expect(picture?.height).toBeGreaterThanOrEqual(40);
  expect(faults).toEqual([]);
  await context.close();
});

test_("all of it works by the keyboard alone", async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const { page, faults } = await open(context, "");
  const press = (key: string) => page.keyboard.press(key);
  await press("Alt+ArrowDown");
  await press("Alt+ArrowDown");
  await page.getByRole("heading", { name: "Steinalm weekend" }).waitFor();
  await page.locator("#composer").focus();
  await page.keyboard.type("First line");
  await press("Shift+Enter");
  await page.keyboard.type("for @yu");
  await page.getByRole("option", { name: "Yuki Tanaka" }).waitFor();
  await press("Enter");
  await press("Enter");
  const sent = page.locator(".message.own").last();
  await page.locator(".mention", { hasText: "@Yuki Tanaka" }).waitFor();
  expect(await sent.locator(".text").textContent()).toBe("First line\nfor @Yuki Tanaka");
  await press("ArrowUp");
  await page.locator(".composer-context", { hasText: "Edit the message" }).waitFor();
  expect(await page.locator("#composer").inputValue()).toContain("First line");
  await page.keyboard.type("!");
  await press("Enter");
  await sent.getByText("edited").waitFor();
  await page.locator(".message").last().focus();
  await press("ArrowUp");
  await press("r");
  await page.locator(".composer-context").waitFor();
  await press("Escape");
  await page.locator(".composer-context").waitFor({ state: "detached" });
  await page.locator(".message").last().focus();
  await press("Enter");
  await page.getByRole("dialog").waitFor();
  await press("Enter");
  await sent.locator(".reaction").waitFor();
  await page.locator(".message").last().focus();
  await press("Delete");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await sent.getByText("This message was deleted").waitFor();
  await page.locator(".scroller").focus();
  await press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await press("Control+k");
  await page.keyboard.type("ridge");
  await page.locator(".found-row").first().waitFor();
  await press("Escape");
  await page.getByRole("navigation", { name: "Chats" }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
});

test_("pictures and files are shown before they are sent, and one may be too large", async () => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  const { page, faults } = await open(context, "#chat=10104");
  const pick = page.locator('input[type="file"]').first();
  const png = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  );
  await pick.setInputFiles([
    { name: "dot.png", mimeType: "image/png", buffer: png },
    { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("notes") },
  ]);
  await page.getByLabel("Send the original picture").waitFor();
  await page.getByRole("button", { name: "Remove the file: dot.png" }).click();
  await page.getByLabel("Send the original picture").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator(".file-name", { hasText: "notes.txt" }).waitFor();
  await page.evaluate(() => {
    const { value } = window.fake.server;
    if (value !== undefined) window.fake.server.value = { ...value, fileBytesMax: 3 };
  });
  await pick.setInputFiles({ name: "large.bin", mimeType: "application/x", buffer: Buffer.from("large") });
  await page.getByText("large.bin is too large. A file has at most 3 bytes.").waitFor();
  expect(faults).toEqual([]);
  await context.close();
});
