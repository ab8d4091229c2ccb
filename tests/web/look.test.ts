/** `web.…`: how the operator wants the web client to look, and whether it is there. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordLog } from "../support/recorded-log.ts";
import { startTestServer } from "../support/server.ts";

const icon = join(import.meta.dir, "../../src/web/icons/icon-192.png");

test("web.client = off: nothing is there, and an upgrade of / is MiniOICQ still", async () => {
  await using server = await startTestServer({ env: { ROOST_WEB_CLIENT: "off" } });
  for (const path of ["/", "/sw.js", "/manifest.webmanifest", "/favicon.ico"]) {
    const { status, headers } = await fetch(`http://${server.http}${path}`);
    expect([path, status, headers.get("content-type")]).toEqual([path, 404, "application/problem+json"]);
  }
  const socket = new WebSocket(`ws://${server.http}/`);
  await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
  socket.close();
});

test("name, accent and logo are the operator's", async () => {
  const env = { ROOST_NAME: "Server", ROOST_WEB_NAME: "Chat", ROOST_WEB_ACCENT: "#AA3377", ROOST_WEB_LOGO: icon };
  await using server = await startTestServer({ env });
  const page = await (await fetch(`http://${server.http}/`)).text();
  expect(page).toContain("<title>Chat</title>");
  const [, accent = ""] = /href="(\/_\/accent-\w+\.css)"/.exec(page) ?? [];
  const style = await fetch(`http://${server.http}${accent}`);
  expect([await style.text(), style.headers.get("content-type")]).toEqual([
    ":root{--accent:#aa3377}",
    "text/css; charset=utf-8",
  ]);
  const [, logo = ""] = /rel="icon" href="(\/_\/logo-\w+\.png)"/.exec(page) ?? [];
  const picture = await fetch(`http://${server.http}${logo}`);
  expect(Buffer.compare(await picture.bytes(), readFileSync(icon))).toBe(0);
  const manifest = await (await fetch(`http://${server.http}/manifest.webmanifest`)).json();
  expect(manifest).toMatchObject({ name: "Chat", theme_color: "#aa3377", icons: [{ src: logo, sizes: "192x192" }] });
  const worker = await (await fetch(`http://${server.http}/sw.js`)).text();
  for (const path of [accent, logo]) expect(worker).toContain(path);
});

test("an SVG runs nothing, and what is no picture is not served", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-logo-"));
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
  const files: readonly [name: string, content: string, isLogo: boolean][] = [
    ["logo.svg", svg, true],
    ["page.svg", `<html>${svg}</html>`, false],
    ["picture.png", "no picture", false],
    ["large.svg", svg + " ".repeat(256 * 1024), false],
  ];
  try {
    for (const [name, content, isLogo] of files) {
      const path = join(folder, name);
      writeFileSync(path, content);
      const { log, lines } = recordLog();
      await using server = await startTestServer({ env: { ROOST_WEB_LOGO: path }, log });
      const page = await (await fetch(`http://${server.http}/`)).text();
      const [, logo = ""] = /rel="icon" href="(\/_\/logo-\w+\.svg)"/.exec(page) ?? [];
      const answer = await fetch(`http://${server.http}${logo}`);
      expect(answer.headers.get("content-security-policy")).toBe(
        "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      );
      expect([name, (await answer.text()) === content]).toEqual([name, isLogo]);
      expect([name, lines.some(({ message }) => message === "web.logo cannot be shown")]).toEqual([name, !isLogo]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
