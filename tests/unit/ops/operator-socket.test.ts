import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Operator } from "../../../src/ops/operator.ts";
import { askOperator, operatorSocketPath, serveOperator } from "../../../src/ops/operator-socket.ts";

const root = mkdtempSync(join(tmpdir(), "roost-socket-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Says what it was asked. */
const echo: Operator = {
  handle: async (request) => ({ ok: false, code: "bad_request", message: JSON.stringify(request) ?? "nothing" }),
};

const places = [join(root, "short"), join(root, "a-name-longer-than-a-socket-address-may-be-".repeat(5))];
for (const [index, dir] of places.entries()) {
  test(`a ${index === 0 ? "short" : "too long"} path is asked, replaced when stale, and gone after stop`, async () => {
    mkdirSync(dir);
    const path = operatorSocketPath(dir);
    expect(await askOperator(path, { op: "showKey" })).toBeUndefined();
    writeFileSync(path, "left over");
    expect(await askOperator(path, { op: "showKey" })).toBeUndefined();
    const server = serveOperator(path, echo);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await askOperator(path, { op: "showKey" })).toMatchObject({ message: '{"op":"showKey"}' });
    await server.stop();
    expect(existsSync(path)).toBe(false);
    expect(await askOperator(path, { op: "showKey" })).toBeUndefined();
  });
}

test("what is no request of ours is refused within bounds", async () => {
  mkdirSync(join(root, "hostile"));
  const path = operatorSocketPath(join(root, "hostile"));
  const server = serveOperator(path, echo);
  const post = (body: string) => fetch("http://roost/", { unix: path, method: "POST", body });
  expect((await fetch("http://roost/", { unix: path })).status).toBe(405);
  expect((await post("x".repeat(70_000))).status).toBe(413);
  const answer = await post("{");
  expect([answer.status, await answer.json()]).toEqual([200, { ok: false, code: "bad_request", message: "nothing" }]);
  await server.stop();
});
