/** What docs/protocols/rest.md says of routes and settings is what they are. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type SettingKey, settingKeys, settingsTable } from "../../src/config/settings.ts";
import { startTestServer } from "../support/server.ts";
import { call } from "./client.ts";

const page = readFileSync(new URL("../../docs/protocols/rest.md", import.meta.url), "utf8");

test("every setting it names exists, and every one of REST and webhooks is named with its default", () => {
  const named = [...page.matchAll(/`((?:rest|webhooks|limits|login)\.[a-z_]+)`/g)].map(([, key]) => key ?? "");
  expect(named.filter((key) => !settingKeys.some((known) => known === key))).toEqual([]);
  const ours = settingKeys.filter((key) => /^(?:rest|webhooks)\./.test(key));
  expect(ours.filter((key) => !named.includes(key))).toEqual([]);
  const shown = (key: SettingKey) => Number(settingsTable[key].fallback).toLocaleString("en");
  for (const key of ours.filter((key) => key.endsWith("_per_minute"))) expect(page).toContain(shown(key));
});

test("every path that is served is named", async () => {
  await using server = await startTestServer();
  const { paths } = JSON.parse((await call(server, "GET /openapi.json")).text);
  const missing = Object.keys(paths).filter((path) => !page.includes(path));
  expect(missing).toEqual([]);
});
