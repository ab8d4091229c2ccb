/** What people do in a page of the client, by the words that stand on it. */
import type { Locator, Page } from "playwright-core";

export const password = "correct horse";

/** From the first page on, until the empty list of chats is there. */
export async function register(page: Page, name: string, loginName: string): Promise<void> {
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Log-in name").fill(loginName);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByRole("heading", { name: "No chats yet" }).waitFor();
}

export async function logIn(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name or number").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** The number of who is logged in, from the list of chats and back to it. */
export async function numberOf(page: Page): Promise<string> {
  await page.getByRole("button", { name: "People", exact: true }).click();
  const note = await page.getByText(/^Your number: \d+$/).textContent();
  await page.getByRole("button", { name: "Back" }).click();
  return /\d+/.exec(note ?? "")?.[0] ?? "";
}

/** Into the chat that is open. */
export async function write(page: Page, text: string): Promise<void> {
  await page.locator("#composer").fill(text);
  await page.locator("#composer").press("Enter");
}

export async function attach(page: Page, name: string, mimeType: string, buffer: Buffer): Promise<void> {
  await page.locator('input[type="file"]').first().setInputFiles({ name, mimeType, buffer });
  await page.getByRole("button", { name: "Send" }).click();
}

export const row = (page: Page, chat: string): Locator => page.locator(".chat-row", { hasText: chat });
export const bubble = (page: Page, text: string): Locator => page.locator(".message", { hasText: text });
/** How far a message of one's own has got, when it has got there. */
export const tick = (page: Page, text: string, state: "Sent" | "Delivered" | "Read"): Promise<void> =>
  bubble(page, text).getByRole("img", { name: state, exact: true }).waitFor();
