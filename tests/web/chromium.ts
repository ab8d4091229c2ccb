/** A headless Chromium, as Debian has it, driven by playwright-core. */
import { type Browser, chromium } from "playwright-core";
import { requireProgram } from "../support/programs.ts";

/** Whether the tests of the web client can run here; see `requireProgram`. */
export const isChromiumHere = requireProgram("chromium");

/** To be closed by the caller. */
export function launchChromium(): Promise<Browser> {
  const executablePath = Bun.which("chromium") ?? "";
  // Chromium refuses its sandbox to root.
  const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args: asRoot });
}
