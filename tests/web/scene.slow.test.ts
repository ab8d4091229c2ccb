/**
 * A morning in a group of five, as two of them see it, one at a desk and one on a phone. The pictures of README are made
 * here (docs/web.md). By the server's clock the messages come minutes apart; an executable has no such clock.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Clock } from "../../src/lib/clock.ts";
import { realClock } from "../support/manual-clock.ts";
import { attach, bubble, numberOf, register, row, tick, write } from "./acts.ts";
import { type Bed, isBinaryNamed, openBed, sizes, type Visit } from "./bed.ts";
import { isChromiumHere } from "./chromium.ts";
import { landscape } from "./landscape.ts";
import { gather, history, type Outsider, outsider, post, react } from "./outsiders.ts";

const at = (day: number, hour: number, minute: number): number => Date.UTC(2027, 5, day, hour, minute);
const end = at(19, 9, 21);

let aheadMs = 0;
/** The server's clock is set; no time passes by that. */
const clock: Clock = {
  nowMs: () => realClock.nowMs() + aheadMs,
  monotonicMs: () => realClock.monotonicMs(),
  steadyMs: () => realClock.steadyMs(),
  wallOf: (deadline) => realClock.wallOf(deadline) + aheadMs,
};
const itIs = (day: number, hour: number, minute: number): void => {
  aheadMs = at(day, hour, minute) - realClock.nowMs();
};

let bed: Bed;
beforeAll(async () => {
  itIs(18, 17, 0);
  if (isChromiumHere) bed = await openBed({}, clock);
});
afterAll(async () => {
  if (isChromiumHere) await bed[Symbol.asyncDispose]();
});

/** Minutes after eight, who writes, what. */
const first: readonly (readonly [minute: number, who: string, text: string])[] = [
  [2, "jonas", "Good morning! Who is up?"],
  [3, "mia", "Me. Coffee is on ☕"],
  [3, "anna", "At the station already. The train is on time."],
  [5, "yuki", "I bring the map and two ropes"],
  [6, "tomas", "Bread, cheese, and far too much chocolate"],
  [7, "mia", "There is no such thing"],
  [9, "jonas", "Sun until four, then clouds from the west"],
  [10, "anna", "Then first the ridge, and the lake after it"],
  [12, "yuki", "Good plan"],
  [13, "tomas", "Where do we meet?"],
  [14, "mia", "Valley station, a quarter past nine. The cable car leaves at half past."],
  [16, "yuki", "I get in at Weiler, second carriage"],
  [17, "anna", "I keep a seat for you"],
  [30, "jonas", "Ropes, map, chocolate. What is missing?"],
  [31, "tomas", "A first-aid kit. I have one."],
  [33, "mia", "And gaiters for everyone"],
  [34, "tomas", "You think of everything"],
  [52, "anna", "Out of the train just now"],
];
const second: readonly (readonly [minute: number, who: string, text: string])[] = [
  [53, "tomas", "Oh, that light!"],
  [55, "mia", "Our ridge is the second one, with the snow"],
];
const third: readonly (readonly [minute: number, who: string, text: string])[] = [
  [58, "yuki", "No, boots will do"],
  [75, "mia", "On my way down to you"],
];

test.skipIf(!isChromiumHere)("five people plan a day, and two of them see the same chat", async () => {
  const { server } = bed;
  const now = isBinaryNamed ? undefined : new Date(end);
  const mia = await bed.visit({ size: "desk", now });
  const anna = await bed.visit({ size: "phone", dark: true, now });
  const stranger = await bed.visit({ size: "phone", now });
  await stranger.page.getByRole("heading", { name: "Welcome to Roost" }).waitFor();
  await stranger.screenshot("log-in");
  await register(mia.page, "Mia Kern", "mia.k");
  await register(anna.page, "Anna Vogel", "anna.v");
  const miaNumber = await numberOf(mia.page);
  const miaID = `user.${miaNumber}`;
  const annaID = `user.${await numberOf(anna.page)}`;

  const names = {
    jonas: "Jonas Weber",
    yuki: "Yuki Tanaka",
    tomas: "Tomás Rivera",
    ilse: "Ilse Kern",
    emil: "Emil Sand",
    lena: "Lena Brandt",
  };
  const others = new Map<string, Outsider>();
  for (const userID of Object.keys(names)) others.set(userID, await outsider(server, userID));
  const other = (userID: string): Outsider => others.get(userID) ?? expect.unreachable(userID);
  const named = (userID: keyof typeof names) => ({ userID, displayName: names[userID] });

  await gather(server, "bikes", "Bike repair café", [named("emil"), miaID]);
  await post(server, other("emil"), "bikes", "The blue one has brakes again");
  itIs(18, 18, 40);
  await gather(server, "choir", "Choir", [named("ilse"), named("emil"), miaID]);
  await post(server, other("emil"), "choir", "The scores are in the cupboard");
  itIs(18, 20, 12);
  await gather(server, "house", "Lindenstraße 4", [named("lena"), miaID]);
  await post(server, other("lena"), "house", "Can you water my plants next week?");
  for (const chat of ["Bike", "Choir", "Lindenstraße"]) {
    await row(mia.page, chat).click();
    await mia.page.getByRole("heading", { name: chat }).waitFor();
    await row(mia.page, chat).locator(".badge").waitFor({ state: "detached" });
  }
  await write(mia.page, "Of course. Leave me the key!");
  await row(mia.page, "Lindenstraße").getByText("Leave me the key!").waitFor();
  itIs(19, 7, 55);
  await gather(server, "steinalm", "Steinalm on Saturday", [
    miaID,
    annaID,
    named("jonas"),
    named("yuki"),
    named("tomas"),
  ]);
  await row(mia.page, "Choir").waitFor();
  await row(mia.page, "Steinalm").click();
  await row(anna.page, "Steinalm").click();

  const pages: Readonly<Record<string, Visit>> = { mia, anna };
  const seenByBoth = (text: string) => Promise.all([mia, anna].map(({ page }) => bubble(page, text).waitFor()));
  const talk = async (lines: typeof first) => {
    for (const [minute, who, text] of lines) {
      itIs(19, 8, minute);
      const inPage = pages[who];
      if (inPage === undefined) await post(server, other(who), "steinalm", text);
      else await write(inPage.page, text);
      await seenByBoth(text);
    }
  };
  const messageThat = async (fits: (message: { type: string; content: string }) => boolean) =>
    (await history(server, other("jonas"), "steinalm")).find(fits)?.message_id ?? "";

  await talk(first);
  const meeting = await messageThat(({ content }) => content.startsWith("Valley station"));
  for (const who of ["jonas", "tomas", "yuki"]) await react(server, other(who), meeting, "👍");
  itIs(19, 8, 53);
  await attach(anna.page, "from-the-train.png", "image/png", landscape(960, 640));
  for (const { page } of [mia, anna]) {
    await page.waitForFunction(
      () => (document.querySelector<HTMLImageElement>(".message .picture img")?.naturalWidth ?? 0) === 960,
    );
  }
  await talk(second);
  const picture = await messageThat(({ type }) => type.startsWith("image/"));
  await react(server, other("yuki"), picture, "😍");
  await react(server, other("jonas"), picture, "😍");
  itIs(19, 8, 57);
  await post(server, other("jonas"), "steinalm", "Is it deep up there?", picture);
  await seenByBoth("Is it deep up there?");
  await talk(third);

  itIs(19, 9, 18);
  await post(server, other("ilse"), miaID, "Have a lovely day up there!");
  await post(server, other("ilse"), miaID, "And did you pack the warm socks?");
  await row(mia.page, "Ilse Kern").getByRole("img", { name: "2 unread messages" }).waitFor();
  await tick(mia.page, "On my way down to you", "Read");
  await bubble(mia.page, "Valley station").locator(".reaction", { hasText: "3" }).waitFor({ state: "attached" });
  for (const { page } of [mia, anna]) await page.locator(".message .reaction", { hasText: "😍" }).waitFor();
  const texts = [...first, ...second, ...third].map(([, , text]) => text);
  for (const { page } of [mia, anna]) {
    const shown = await page.locator(".message .text").allTextContents();
    expect(shown.filter((text) => texts.includes(text))).toEqual(texts);
    expect(shown.length).toBeGreaterThanOrEqual(20);
  }
  // The pointer stands nowhere that would show it.
  await mia.page.mouse.move(sizes.desk.width / 2, 2);
  await mia.screenshot("group");
  await anna.screenshot("group");
  expect([...mia.problems, ...anna.problems, ...stranger.problems]).toEqual([]);
  for (const { context } of [mia, anna, stranger]) await context.close();
});
