/** People use the client in Chromium against a real server: they come in, find each other, write, and go. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { attach, bubble, row as chatRow, register, tick, write } from "./acts.ts";
import { type Bed, openBed } from "./bed.ts";
import { isChromiumHere } from "./chromium.ts";

const journey = test.skipIf(!isChromiumHere);

let bed: Bed;
beforeAll(async () => {
  if (isChromiumHere) bed = await openBed({ ROOST_PASSWORD_MIN_LENGTH: "8" });
});
afterAll(async () => {
  if (isChromiumHere) await bed[Symbol.asyncDispose]();
});

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

journey("two people register, become contacts, and write to each other", async () => {
  const mia = await bed.visit({ size: "desk" });
  const anna = await bed.visit({ size: "phone", dark: true });
  await mia.page.getByRole("heading", { name: "Welcome to Roost" }).waitFor();
  expect(await mia.page.getByText("There is no line").count()).toBe(0);
  await mia.screenshot("log-in");
  await register(mia.page, "Mia Kern", "mia.k");
  await register(anna.page, "Anna Vogel", "anna.v");
  await anna.screenshot("no-chats");

  await mia.page.getByRole("button", { name: "Find people" }).click();
  await mia.page.getByRole("searchbox").fill("Anna");
  await mia.page.getByRole("button", { name: "Ask to be a contact" }).click();
  await mia.page.getByRole("button", { name: "Take back" }).waitFor();
  await anna.page.getByRole("button", { name: "People", exact: true }).click();
  await anna.page.getByRole("button", { name: "Accept" }).click();
  await anna.page.getByRole("button", { name: "Mia Kern" }).click();
  await write(anna.page, "Hello Mia\nsee https://example.org/a.");
  await anna.screenshot("first-message");

  await mia.page.getByRole("button", { name: "Back" }).click();
  const row = chatRow(mia.page, "Anna Vogel");
  await row.getByRole("img", { name: "1 unread message" }).waitFor();
  expect(await mia.page.title()).toBe("(1) Roost");
  await row.click();
  await bubble(mia.page, "Hello Mia").getByRole("link", { name: "https://example.org/a" }).waitFor();
  await anna.page.getByRole("img", { name: "Read", exact: true }).waitFor();

  await write(mia.page, "Hello Anna");
  await bubble(anna.page, "Hello Anna").waitFor();
  await bubble(anna.page, "Hello Anna").locator(".bubble").click({ button: "right" });
  await anna.page.getByRole("button", { name: "React 👍" }).click();
  await bubble(mia.page, "Hello Anna").locator(".reaction").waitFor();
  await mia.page.locator("#composer").press("ArrowUp");
  await mia.page.locator(".composer-context", { hasText: "Edit the message" }).waitFor();
  await mia.page.locator("#composer").fill("Hello, dear Anna");
  await mia.page.locator("#composer").press("Enter");
  await bubble(anna.page, "Hello, dear Anna").getByText("edited").waitFor();

  await bubble(anna.page, "Hello, dear Anna").locator(".bubble").click({ button: "right" });
  await anna.page.getByRole("dialog").getByRole("button", { name: "Reply" }).click();
  await write(anna.page, "Thank you");
  await bubble(mia.page, "Thank you").locator(".quote", { hasText: "Hello, dear Anna" }).waitFor();

  await attach(mia.page, "dot.png", "image/png", png);
  const shown = anna.page.locator(".picture img");
  await shown.waitFor();
  await anna.page.waitForFunction(
    () => (document.querySelector<HTMLImageElement>(".picture img")?.naturalWidth ?? 0) > 0,
  );
  await attach(mia.page, "notes.txt", "text/plain", Buffer.from("notes ".repeat(50_000)));
  await anna.page.locator(".file-name", { hasText: "notes.txt" }).waitFor();
  await mia.screenshot("conversation-desk");
  await anna.screenshot("conversation-phone");

  expect([...mia.problems, ...anna.problems]).toEqual([]);
  await mia.context.close();
  await anna.context.close();
});

journey("who was away gets what was written meanwhile once, and a reload needs no password", async () => {
  const omar = await bed.visit({ size: "desk", dark: true });
  const lena = await bed.visit({ size: "desk" });
  await register(omar.page, "Omar Haddad", "omar");
  await register(lena.page, "Lena Brandt", "lena");
  await omar.page.getByRole("button", { name: "Find people" }).click();
  await omar.page.getByRole("searchbox").fill("Lena");
  await omar.page.getByRole("button", { name: "Lena Brandt" }).click();
  await write(omar.page, "Before");
  await lena.page.locator(".chat-row").click();
  await bubble(lena.page, "Before").waitFor();

  await lena.page.context().setOffline(true);
  await lena.page.reload().catch(() => undefined);
  await write(omar.page, "While you were away");
  await tick(omar.page, "While you were away", "Sent");
  await lena.page.context().setOffline(false);
  await lena.page.goto(`http://${bed.server.http}/`);
  await lena.page.locator(".chat-row").click();
  await bubble(lena.page, "While you were away").waitFor();
  expect(await bubble(lena.page, "While you were away").count()).toBe(1);
  await tick(omar.page, "While you were away", "Read");
  await omar.screenshot("read");
  expect(omar.problems).toEqual([]);
  await omar.context.close();
  await lena.context.close();
});

journey("a group is made, renamed, grows, and is left", async () => {
  const yuki = await bed.visit({ size: "desk" });
  const tom = await bed.visit({ size: "phone" });
  await register(tom.page, "Tomas Rivera", "tomas");
  await register(yuki.page, "Yuki Tanaka", "yuki");
  await yuki.page.getByRole("button", { name: "New group" }).click();
  await yuki.page.getByLabel("Name of the group").fill("Steinalm");
  await yuki.page.getByRole("searchbox").fill("Tomas");
  await yuki.page.getByRole("checkbox").check();
  await yuki.page.getByRole("button", { name: "Create" }).click();
  await yuki.page.getByRole("heading", { name: "Steinalm" }).waitFor();
  await write(yuki.page, "Welcome to the hut");
  await chatRow(tom.page, "Steinalm").click();
  await bubble(tom.page, "Welcome to the hut").waitFor();

  await yuki.page.getByRole("button", { name: "Details" }).click();
  await yuki.page.getByRole("button", { name: "Rename" }).click();
  await yuki.page.getByRole("dialog").getByLabel("Name of the group").fill("The hut");
  await yuki.page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await tom.page.getByRole("heading", { name: "The hut" }).waitFor();
  await yuki.screenshot("group-details");

  await tom.page.getByRole("button", { name: "The hut" }).click();
  await tom.page.getByRole("button", { name: "Leave the group" }).click();
  await tom.page.getByRole("dialog").getByRole("button", { name: "Leave the group" }).click();
  await tom.page.getByRole("heading", { name: "No chats yet" }).waitFor();
  expect([...yuki.problems, ...tom.problems]).toEqual([]);
  await yuki.context.close();
  await tom.context.close();
});

journey("one logs out and in again, by the log-in name; a wrong password is told in a sentence", async () => {
  const eva = await bed.visit({ size: "phone" });
  const { page } = eva;
  await register(page, "Eva Lind", "eva");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Log out" }).click();
  await page.getByLabel("Name or number").fill("eva");
  await page.getByLabel("Password", { exact: true }).fill("wrong horse");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Check both, and try again.").waitFor();
  await page.getByLabel("Password", { exact: true }).fill("correct horse");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "No chats yet" }).waitFor();
  expect(eva.problems).toEqual([]);
  await eva.context.close();
});
