/** The reference page: everything it needs comes from this server, and it may do nothing else. */
import { expect, test } from "bun:test";
import { requireProgram } from "../support/programs.ts";
import { startTestServer } from "../support/server.ts";
import { call } from "./client.ts";

test("page, style, script and document are served, with a policy that lets nothing else in", async () => {
  await using server = await startTestServer();
  for (const [path, type] of [
    ["/docs", "text/html; charset=utf-8"],
    ["/docs/", "text/html; charset=utf-8"],
    ["/docs/page.css", "text/css; charset=utf-8"],
    ["/docs/page.js", "text/javascript; charset=utf-8"],
    ["/openapi.json", "application/json"],
  ]) {
    const answer = await call(server, `GET ${path}`);
    expect([path, answer.status, answer.type]).toEqual([path ?? "", 200, type ?? ""]);
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    // The document's examples name hosts, which nobody fetches.
    if (path !== "/openapi.json") expect(/https?:\/\//.test(answer.text)).toBe(false);
    expect(/\bstyle=|<script>|innerHTML|\bon\w+="/.test(answer.text)).toBe(false);
    const etag = answer.headers.get("etag") ?? "";
    const again = await call(server, `GET ${path}`, { headers: { "If-None-Match": etag } });
    expect([again.status, again.text]).toEqual([304, ""]);
  }
});

test("what the page refers to is there", async () => {
  await using server = await startTestServer();
  const { text } = await call(server, "GET /docs");
  const links = [...text.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map(([, path]) => path);
  expect(links).toEqual(["/docs/page.css", "/docs/page.js", "/openapi.json"]);
  for (const path of links) expect((await call(server, `GET ${path}`)).status).toBe(200);
});

test("the document names every path once, with an id of its own for each operation", async () => {
  await using server = await startTestServer();
  const { openapi, paths, components } = JSON.parse((await call(server, "GET /openapi.json")).text);
  expect(openapi).toBe("3.1.0");
  const ids = Object.values(paths as Record<string, Record<string, { operationId: string }>>).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
  const references = [...JSON.stringify(paths).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name ?? "",
  );
  expect(new Set(references)).toEqual(
    new Set(Object.keys(components.schemas).filter((name) => references.includes(name))),
  );
  expect(references.length).toBeGreaterThan(10);
});

test("each operation says who may ask, and anyone is an empty list, so that tools do not ask for a key", async () => {
  await using server = await startTestServer();
  const { paths, tags } = JSON.parse((await call(server, "GET /openapi.json")).text);
  expect(paths["/version"].get.security).toEqual([]);
  expect(paths["/token"].post.security).toEqual([{ backendKey: [] }]);
  expect(paths["/messages"].post.security).toEqual([{ accessToken: [] }, { backendKey: [] }]);
  const groups = tags.map(({ name }: { name: string }) => name);
  expect(groups.slice(0, 3)).toEqual(["Tokens", "Chats", "Messages"]);
  for (const operations of Object.values(paths as Record<string, Record<string, { tags: string[] }>>)) {
    for (const { tags: own } of Object.values(operations)) expect(groups).toContain(own[0]);
  }
});

const curl = requireProgram("curl");

test.skipIf(!curl)("the page's first steps work as printed, in a shell", async () => {
  await using server = await startTestServer();
  const { text } = await call(server, "GET /docs");
  const steps = [...text.matchAll(/<code class="step">([\s\S]*?)<\/code>/g)].map(([, step]) => step ?? "");
  expect(steps).toHaveLength(3);
  const variables: Record<string, string> = { ROOST: `http://${server.http}`, KEY: server.backendKey };
  const run = async (step: string): Promise<string> => {
    const shell = Bun.spawn(["sh", "-ec", step.replaceAll("curl ", "curl -sS --fail-with-body ")], {
      env: { ...process.env, ...variables },
    });
    const said = await new Response(shell.stdout).text();
    expect([step, await shell.exited]).toEqual([step, 0]);
    return said;
  };
  const tokens = JSON.parse(await run(steps[0] ?? "")) as { accessToken: string }[];
  [variables["ANNA"] = "", variables["BEN"] = ""] = tokens.map(({ accessToken }) => accessToken);
  await run(steps[1] ?? "");
  expect(await run(steps[2] ?? "")).toMatch(/"content":"hello"/);
});
