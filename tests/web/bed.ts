/**
 * A server and a browser for tests of the whole web client. The server is the executable where `ROOST_BINARY` names one, else the
 * sources. What a page must not do is written down while it is open: errors, reports of the policy, requests to another host.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Clock } from "../../src/lib/clock.ts";
import { lazily } from "../../src/lib/lazily.ts";
import { backendKey as binaryKey, startBinary } from "../cross/binary-server.ts";
import { startTestServer } from "../support/server.ts";
import { launchChromium } from "./chromium.ts";

export interface BedServer extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly http: string;
  readonly mqtt: string;
  readonly backendKey: string;
}

export const sizes = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } } as const;

export interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
  /** A sentence for each thing that a page must not do. */
  readonly problems: readonly string[];
  /** Kept where `ROOST_TEST_SCREENSHOTS` names a folder. */
  screenshot(name: string): Promise<void>;
}

export interface Bed extends AsyncDisposable {
  readonly server: BedServer;
  readonly browser: Browser;
  /** Its data go too. */
  stopServer(): Promise<void>;
  /** A browser of its own, with nothing kept, that is at the client's page. */
  visit(how?: VisitOptions): Promise<Visit>;
}

export interface VisitOptions {
  readonly size?: keyof typeof sizes;
  readonly dark?: boolean;
  readonly path?: string;
  /** `127.0.0.1:port` of what stands before the server. */
  readonly by?: string;
  /** What the page takes for the time, where it is not the machine's. */
  readonly now?: Date | undefined;
}

/**
 * @param env `ROOST_*` variables of the server.
 * @param clock of the server; an executable goes by the machine's all the same.
 */
export async function openBed(env: Readonly<Record<string, string>> = {}, clock?: Clock): Promise<Bed> {
  const server = await startServer(env, clock);
  const browser = await launchChromium();
  const stopServer = lazily(async () => server[Symbol.asyncDispose]());
  return {
    server,
    browser,
    async visit({ size = "desk", dark = false, path = "/", by = server.http, now } = {}) {
      const colorScheme = dark ? "dark" : "light";
      const context = await browser.newContext({ viewport: sizes[size], colorScheme, timezoneId: "UTC" });
      if (now !== undefined) await context.clock.setFixedTime(now);
      const problems = watch(context, `http://${by}`);
      const page = await context.newPage();
      await page.goto(`http://${by}${path}`);
      return {
        context,
        page,
        problems,
        screenshot: (name) => keepScreenshot(page, `${name}-${size}${dark ? "-dark" : ""}`),
      };
    },
    stopServer,
    async [Symbol.asyncDispose]() {
      await browser.close();
      await stopServer();
    },
  };
}

/** Whether the server is the executable. */
export const isBinaryNamed = (process.env["ROOST_BINARY"] ?? "") !== "";

async function startServer(env: Readonly<Record<string, string>>, clock: Clock | undefined): Promise<BedServer> {
  if (!isBinaryNamed) return startTestServer({ env, ...(clock === undefined ? {} : { clock }) });
  const folder = mkdtempSync(join(tmpdir(), "roost-bed-"));
  const server = await startBinary(folder, { env: { ...env } });
  return {
    http: server.http,
    mqtt: server.mqtt,
    backendKey: binaryKey,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function watch(context: BrowserContext, origin: string): readonly string[] {
  const problems: string[] = [];
  context.on("weberror", (error) => problems.push(`error: ${error.error().message}`));
  // A refused directive is reported there too.
  context.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()}`);
  });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !/^(?:blob|data):/.test(url)) problems.push(`another host: ${url}`);
  });
  return problems;
}

async function keepScreenshot(page: Page, name: string): Promise<void> {
  const folder = process.env["ROOST_TEST_SCREENSHOTS"];
  if (folder === undefined || folder === "") return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
