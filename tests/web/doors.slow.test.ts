/** People in the page talk with people who have no page: by MQTT with Mosquitto's program, and by REST. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { requireProgram } from "../support/programs.ts";
import { createRandom } from "../support/random.ts";
import { attach, bubble, numberOf, register, row, tick, write } from "./acts.ts";
import { type Bed, openBed } from "./bed.ts";
import { isChromiumHere } from "./chromium.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { gather, outsider, post, publish } from "./outsiders.ts";

const journey = test.skipIf(!isChromiumHere);
const isMosquittoHere = requireProgram("mosquitto_pub");

let bed: Bed;
beforeAll(async () => {
  if (isChromiumHere) bed = await openBed();
});
afterAll(async () => {
  if (isChromiumHere) await bed[Symbol.asyncDispose]();
});

const shownIn = (page: Page): Promise<string[]> => page.locator(".message .text").allTextContents();

/** Two people with a page each, in one group with two who have none. @param annaBy through what Anna comes. */
async function meet(chatID: string, annaBy = bed.server.http) {
  const { server } = bed;
  const mia = await bed.visit({ size: "desk" });
  const anna = await bed.visit({ size: "phone", by: annaBy });
  await register(mia.page, "Mia Kern", `mia.${chatID}`);
  await register(anna.page, "Anna Vogel", `anna.${chatID}`);
  const [miaNumber, annaNumber] = [await numberOf(mia.page), await numberOf(anna.page)];
  const ben = await outsider(server, `ben.${chatID}`);
  const cara = await outsider(server, `cara.${chatID}`);
  await gather(server, chatID, "The hut", [`user.${miaNumber}`, `user.${annaNumber}`, ben.userID, cara.userID]);
  return { mia, anna, ben, cara, both: [mia.page, anna.page], numbers: [miaNumber, annaNumber] };
}

journey("what comes by MQTT and by REST stands in both pages once, in one order, and after a reload too", async () => {
  const { server } = bed;
  const { mia, anna, ben, cara, both } = await meet("hut");
  for (const page of both) await row(page, "The hut").click();
  const said: string[] = [];
  const say = async (text: string, by: (text: string) => Promise<unknown>) => {
    said.push(text);
    await by(text);
    // The next one is said when this one is on the screens, so that one order is right.
    for (const page of both) await bubble(page, text).waitFor();
  };
  for (const round of [1, 2, 3]) {
    await say(`Mia in the page ${round}`, (text) => write(mia.page, text));
    if (isMosquittoHere) await say(`Ben by MQTT ${round}`, (text) => publish(server, ben, "hut", text));
    await say(`Cara by REST ${round}`, (text) => post(server, cara, "hut", text));
    await say(`Anna in the page ${round}`, (text) => write(anna.page, text));
  }
  // All at once: the server makes the order, and everyone has the same.
  const crowd = [1, 2, 3].flatMap((n) => [
    post(server, cara, "hut", `Cara in the crowd ${n}`),
    ...(isMosquittoHere ? [publish(server, ben, "hut", `Ben in the crowd ${n}`)] : []),
  ]);
  await write(mia.page, "Mia in the crowd");
  await write(anna.page, "Anna in the crowd");
  await Promise.all(crowd);
  const count = said.length + crowd.length + 2;
  const whole = (page: Page) =>
    page.waitForFunction((least) => document.querySelectorAll(".message .text").length >= least, count);
  for (const page of both) await whole(page);
  const atMia = await shownIn(mia.page);
  expect(atMia.slice(0, said.length)).toEqual(said);
  expect(new Set(atMia).size).toBe(count);
  expect(atMia).toHaveLength(count);
  expect(await shownIn(anna.page)).toEqual(atMia);
  await mia.screenshot("doors");
  await anna.screenshot("doors");

  for (const page of both) {
    await page.reload();
    await whole(page);
    expect(await shownIn(page)).toEqual(atMia);
  }
  expect([...mia.problems, ...anna.problems]).toEqual([]);
  for (const { context } of [mia, anna]) await context.close();
});

journey("a file of 10 MiB goes from one to the other, and how far it has got is seen", async () => {
  const { mia, anna, both } = await meet("files");
  for (const page of both) await row(page, "The hut").click();
  const content = randomBytes(10 * 1024 * 1024);
  let goOn = (): void => {};
  const seen = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  // The piece after the first waits until the page has shown how much is done.
  await mia.page.route("**/_/files/*", async (route) => {
    const request = route.request();
    if (request.method() === "PATCH" && request.headers()["upload-offset"] !== "0") await seen;
    await route.continue();
  });
  await attach(mia.page, "tour.gpx", "application/gpx+xml", content);
  await mia.page.waitForFunction(() => (document.querySelector("progress")?.value ?? 0) > 0);
  expect(await mia.page.locator("progress").evaluate((bar: HTMLProgressElement) => bar.value)).toBeLessThan(1);
  await mia.screenshot("upload");
  goOn();
  await bubble(anna.page, "tour.gpx").waitFor();
  await mia.page.locator("progress").waitFor({ state: "detached" });
  await bubble(anna.page, "tour.gpx")
    .getByText("10 MB")
    .or(bubble(anna.page, "tour.gpx").getByText("10.5 MB"))
    .waitFor();
  const download = anna.page.waitForEvent("download");
  await anna.page.getByRole("link", { name: "Download: tour.gpx" }).click();
  const got = readFileSync(await (await download).path());
  const sum = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  expect(got.length).toBe(content.length);
  expect(sum(got)).toBe(sum(content));
  expect([...mia.problems, ...anna.problems]).toEqual([]);
  for (const { context } of [mia, anna]) await context.close();
});

journey("to one whose line is cut it comes once on return, and the sender sees stored, delivered, read", async () => {
  const { server } = bed;
  using tunnel = await startFaultProxy({ toPort: Number(server.http.split(":")[1]), random: createRandom(1) });
  const { mia, anna, both, numbers } = await meet("line", `127.0.0.1:${tunnel.port}`);
  // No other client of the recipient may take the message meanwhile.
  await gather(
    server,
    "pair",
    "Two alone",
    numbers.map((number) => `user.${number}`),
  );
  for (const page of both) await row(page, "Two alone").waitFor();
  await row(mia.page, "Two alone").click();
  await write(mia.page, "Before the tunnel");
  await row(anna.page, "Two alone").getByText("Before the tunnel").waitFor();

  // The browser opens nothing new, and what is open breaks.
  await anna.context.setOffline(true);
  tunnel.set("dead");
  await anna.page.getByText("No line.").first().waitFor();
  await write(mia.page, "In the tunnel");
  await tick(mia.page, "In the tunnel", "Sent");
  tunnel.set("none");
  await anna.context.setOffline(false);
  await tick(mia.page, "In the tunnel", "Delivered");
  await row(anna.page, "Two alone").click();
  await bubble(anna.page, "In the tunnel").waitFor();
  expect(await shownIn(anna.page)).toEqual(["Before the tunnel", "In the tunnel"]);
  await tick(mia.page, "In the tunnel", "Read");
  expect(mia.problems).toEqual([]);
  for (const { context } of [mia, anna]) await context.close();
});
