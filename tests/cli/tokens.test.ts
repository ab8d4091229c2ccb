/** `roost token`, which works the same whether a server has the data or nobody does. */
import { expect, test } from "bun:test";
import { isLongToken } from "../../src/domain/people/secrets.ts";
import { roost, serving, temporaryFolder } from "./roost.ts";

const anywhere = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"];

test.each([true, false])("tokens are added, listed and revoked (a server runs: %s)", async (running) => {
  using folder = temporaryFolder();
  const run = (args: readonly string[], stdin = "") => roost(args, { cwd: folder.path, stdin });
  if (!running) await run(["init"]);
  await using server = running ? await serving(anywhere, { cwd: folder.path }) : undefined;
  await run(["user", "add", "anna"], "correct horse\n");
  await run(["device", "add", "lamp"]);

  const added = await run(["token", "add", "lamp", "--name", "kitchen"]);
  expect(added).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^added [0-9a-f]{16} for device lamp\ntoken rl_\S{32}\n$/),
    stderr: "",
  });
  const secret = /^token (.*)$/m.exec(added.stdout)?.[1] ?? "";
  const ofAnna = JSON.parse((await run(["token", "add", "anna", "--expires", "90d", "--json"])).stdout) as {
    token: { token_id: string; expires: string };
    secret: string;
  };
  expect(isLongToken(ofAnna.secret)).toBe(true);
  expect(ofAnna.token).toMatchObject({ user: "anna", device: null, name: null, made_by: "operator", last_used: null });
  const days = (Date.parse(ofAnna.token.expires) - Date.now()) / 86_400_000;
  expect(Math.round(days)).toBe(90);

  const listed = JSON.parse((await run(["token", "list", "--json"])).stdout) as { tokens: { token_id: string }[] };
  expect(listed.tokens).toHaveLength(2);
  expect(listed.tokens).toContainEqual(
    expect.objectContaining({ user: null, device: "lamp", name: "kitchen", expires: null }),
  );
  expect((await run(["token", "list", "anna"])).stdout).toMatch(
    /^TOKEN.*\n[0-9a-f]{16} +anna +- +\(all\) +operator +\S+Z +never +\S+Z\n$/,
  );
  const scopes = ["--scope", "publish", "--topic", "a/#", "--topic", "b", "--scope", "read", "--chat", "team"];
  const scoped = JSON.parse((await run(["token", "add", "anna", ...scopes, "--json"])).stdout) as typeof ofAnna;
  expect(scoped.token).toMatchObject({
    scopes: [
      { allow: "publish", topic: "a/#" },
      { allow: "publish", topic: "b" },
      { allow: "read", chat: "team" },
    ],
  });
  expect((await run(["token", "list", "anna"])).stdout).toContain("publish a/#, publish b, read chat team");
  await run(["token", "revoke", scoped.token.token_id]);

  const { token_id: id } = ofAnna.token;
  expect((await run(["token", "revoke", id])).stdout).toBe(`revoked ${id}\n`);
  expect((await run(["token", "list", "anna", "--json"])).stdout).toBe('{"tokens":[]}\n');

  for (const [args, exitCode, says] of [
    [["token", "revoke", id], 1, "there is no such token"],
    [["token", "add", "nobody"], 1, "no user nobody"],
    [["token", "add", "anna", "--expires", "soon"], 2, "--expires: expected a time"],
    [["token", "add", "anna", "--expires", "5s"], 2, "--expires: expected a time"],
    [["token", "add", "anna", "--topic", "a"], 2, "--topic belongs to a --scope before it"],
    [["token", "add", "anna", "--scope", "send"], 2, "--scope send: give --topic or --chat behind it"],
    [
      ["token", "add", "anna", "--scope", "write", "--chat", "a"],
      2,
      '--scope: "write" is none of publish, read and send',
    ],
    [["token", "add", "anna", "--scope", "send", "--topic", "a"], 1, "this is no scope: send does not go with a topic"],
    [["token", "add", "anna", "--name", "n".repeat(65)], 1, "a token's name has at most 64 characters"],
  ] as const) {
    const ended = await run(args);
    expect([args.join(" "), ended.exitCode, ended.stderr]).toEqual([
      args.join(" "),
      exitCode,
      expect.stringContaining(says),
    ]);
  }
  if (server !== undefined) expect(server.logged()).not.toContain(secret);
});

test("a token that was shown outlives the server's sudden end", async () => {
  using folder = temporaryFolder();
  const { path: cwd } = folder;
  await using first = await serving(anywhere, { cwd });
  await roost(["user", "add", "anna"], { cwd, stdin: "correct horse\n" });
  const { secret } = JSON.parse((await roost(["token", "add", "anna", "--json"], { cwd })).stdout) as {
    secret: string;
  };
  await first.end("SIGKILL");
  await using second = await serving(anywhere, { cwd });
  const { http } = JSON.parse(second.firstLine) as { http: string };
  const { status } = await fetch(`http://${http}/users/me`, { headers: { authorization: `Bearer ${secret}` } });
  expect(status).toBe(200);
});
