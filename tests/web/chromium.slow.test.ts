/** The browser that the tests of the web client use. */
import { expect, test } from "bun:test";
import { isChromiumHere, launchChromium } from "./chromium.ts";

test.skipIf(!isChromiumHere)("Chromium starts, shows a page and ends", async () => {
  const browser = await launchChromium();
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  expect(await page.evaluate(() => window.innerWidth)).toBe(390);
  await browser.close();
  expect(browser.isConnected()).toBe(false);
});
