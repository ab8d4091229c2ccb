/** Which web pages may open a WebSocket. */
import { expect, test } from "bun:test";
import { createOriginPolicy } from "../../../src/net/origins.ts";

const here = "127.0.0.1:8080";
const named = ["https://chat.example.org", "capacitor://localhost"];
const table: [what: string, allowed: readonly string[], headers: Record<string, string>, may: boolean][] = [
  ["a program", [], {}, true],
  ["an empty origin", [], { origin: "" }, true],
  ["a page of this host", [], { origin: `http://${here}` }, true],
  ["a page of another port", [], { origin: "http://127.0.0.1:1" }, false],
  ["a page of another host", [], { origin: `http://${here}.example.org` }, false],
  ["a page without an origin", [], { origin: "null" }, false],
  ["an app's page", [], { origin: "capacitor://localhost" }, false],
  ["what is no origin", [], { origin: "http://" }, false],
  ["behind a proxy", [], { origin: "https://Chat.example.org", host: "chat.example.org" }, true],
  ["its port spelled out", [], { origin: "https://chat.example.org", host: "chat.example.org:443" }, true],
  ["another scheme's port", [], { origin: "https://chat.example.org", host: "chat.example.org:80" }, false],
  ["a named page", named, { origin: "https://chat.example.org" }, true],
  ["a named app's page", named, { origin: "capacitor://localhost" }, true],
  ["a page of a part of a named host", named, { origin: "https://evil.chat.example.org" }, false],
  ["still the own host", named, { origin: `http://${here}` }, true],
  ["a page without an origin, allowed", ["null"], { origin: "null" }, true],
  ["anything", ["*"], { origin: "https://example.com" }, true],
];

test.each(table)("%s", (_what, allowed, headers, may) => {
  const mayConnect = createOriginPolicy(allowed);
  const request = new Request(`http://${here}/`, { headers: { host: here, ...headers } });
  expect(mayConnect(request, { scheme: undefined, host: undefined })).toBe(may);
});
