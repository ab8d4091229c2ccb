/** `roost user disable|enable|rm|invite`, beside a running server and on their own. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { MiniClient } from "../minioicq/client.ts";
import { withDeadline } from "../support/deadline.ts";
import { roost, serving, temporaryFolder } from "./roost.ts";

const anywhere = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"];

test("a password is hashed with argon2id, 19 MiB and two passes, and for SCRAM with 200,000 rounds", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  expect((await roost(["init"], { cwd })).exitCode).toBe(0);
  expect((await roost(["user", "add", "ann"], { cwd, stdin: "secret word\n" })).exitCode).toBe(0);
  using db = new Database(databasePath(join(cwd, "roost-data")), { readonly: true });
  const { hash } = db.query("SELECT password_hash hash FROM users").get() as { hash: string };
  expect(hash).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
  expect(db.query("SELECT iterations FROM scram_keys").get()).toEqual({ iterations: 200_000 });
});

test("a user is locked out, let in again and removed while the server runs", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  const run = (args: readonly string[], stdin = "") => roost(args, { cwd, stdin });
  await using server = await serving(anywhere, { cwd });
  const { http } = JSON.parse(server.firstLine) as { http: string };
  expect((await run(["user", "add", "ann", "--json"], "secret word\n")).exitCode).toBe(0);
  const list = async () =>
    (JSON.parse((await run(["user", "list", "--json"])).stdout).users as Record<string, unknown>[]).map(
      ({ username, disabled, online }) => ({ username, disabled, online }),
    );
  using client = await MiniClient.connect(http, "json");
  expect((await client.login("10001", "secret word")).action).toBe("auth.login.success");

  expect(await run(["user", "disable", "ann"])).toEqual({
    exitCode: 0,
    stdout: "ann (id 10001) is disabled\n",
    stderr: "",
  });
  expect(await withDeadline("the close", client.closed)).toEqual({ code: 1008, reason: "User disabled" });
  expect(await list()).toEqual([{ username: "ann", disabled: true, online: false }]);
  using refused = await MiniClient.connect(http, "json");
  expect(await refused.login("10001", "secret word")).toMatchObject({ reason: "User disabled" });

  const enabled = await run(["user", "enable", "10001", "--json"]);
  expect([enabled.exitCode, JSON.parse(enabled.stdout).user.disabled]).toEqual([0, false]);
  expect((await refused.login("10001", "secret word")).action).toBe("auth.login.success");

  expect(await run(["user", "rm", "user.10001"])).toEqual({
    exitCode: 0,
    stdout: "removed ann (id 10001)\n",
    stderr: "",
  });
  expect((await withDeadline("the close", refused.closed)).code).toBe(1008);
  expect(await list()).toEqual([]);
  for (const command of ["disable", "enable", "rm"]) {
    const answer = await run(["user", command, "ann"]);
    expect([answer.exitCode, answer.stderr]).toEqual([1, "roost: no user ann\n"]);
  }
  expect((await server.end()).exitCode).toBe(0);
});

test("a new password ends log-ins and the account's own tokens; --all ends those of a backend too, --keep nothing", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  const run = (args: readonly string[], stdin = "") => roost(args, { cwd, stdin });
  await using server = await serving(anywhere, { cwd });
  const { http, backend_key: key } = JSON.parse(server.firstLine) as { http: string; backend_key: string };
  const asked = await fetch(`http://${http}/token`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ userID: "ann" }),
  });
  const { accessToken } = (await asked.json()) as { accessToken: string };
  const passwd = (flags: readonly string[], words: string) => run(["user", "passwd", "ann", ...flags], `${words}\n`);
  await passwd(["--keep"], "first secret");
  using client = await MiniClient.connect(http, "json");
  const logIn = { action: "auth.login", user_id: "10001", password: "first secret", remember: true };
  const { token } = (await client.ask(logIn)) as unknown as { token: string };
  const valid = async (): Promise<boolean[]> =>
    Promise.all(
      [token, accessToken].map(async (one) => {
        const { status } = await fetch(`http://${http}/users/me`, { headers: { authorization: `Bearer ${one}` } });
        return status === 200;
      }),
    );
  expect((await passwd(["--keep"], "second secret")).stdout).toMatch(/is changed; log-ins and tokens stay\n$/);
  expect((await client.ask({ action: "session.list" })).action).toBe("session.list.success");
  expect(await valid()).toEqual([true, true]);
  expect((await passwd([], "third secret")).stdout).toMatch(
    /all log-ins and long-lived tokens have ended, and the tokens that the account/,
  );
  await withDeadline("the close", client.closed);
  expect(await valid()).toEqual([false, true]);
  expect((await passwd(["--all"], "fourth secret")).stdout).toMatch(/all log-ins and tokens have ended\n$/);
  expect(await valid()).toEqual([false, false]);
  const both = await passwd(["--all", "--keep"], "fifth secret");
  expect([both.exitCode, both.stderr]).toEqual([2, expect.stringContaining("give only one of --all, --keep")]);
  expect((await server.end()).exitCode).toBe(0);
});

test("invitations are made with or without a server, and let in as many as they are for", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  expect((await roost(["init"], { cwd })).exitCode).toBe(0);
  const env = { ROOST_REGISTRATION: "invite" };
  const made = await roost(["user", "invite", "--uses", "2", "--days", "3", "--json"], { cwd, env });
  const { invite, link, uses, expires } = JSON.parse(made.stdout) as Record<string, string>;
  expect([made.exitCode, made.stderr, uses]).toEqual([0, "", 2 as never]);
  expect(link).toBe(`/#invite=${invite}`);
  const days = (Date.parse(expires ?? "") - Date.now()) / 86_400_000;
  expect(Math.abs(days - 3)).toBeLessThan(0.1);

  await using server = await serving(anywhere, { cwd, env });
  const { http } = JSON.parse(server.firstLine) as { http: string };
  const register = async (given: unknown) => {
    using client = await MiniClient.connect(http, "json");
    return await client.ask({ action: "auth.register", user_name: "Ann", password: "secret word", invite: given });
  };
  expect((await register(invite)).action).toBe("auth.register.success");
  expect((await register(invite)).action).toBe("auth.register.success");
  expect(await register(invite)).toEqual({ action: "auth.register.fail", reason: "Invalid invite" });
  // The server says how registration is there, whatever this command was started with.
  const elsewhere = await roost(["user", "invite", "--json"], { cwd });
  expect([JSON.parse(elsewhere.stdout).registration, elsewhere.stderr]).toEqual(["invite", ""]);
  const other = await roost(["user", "invite"], { cwd });
  expect(other.stderr).toBe("");
  const [code] = other.stdout.split("\n");
  expect(other.stdout).toContain("for one person until ");
  expect((await register(code)).action).toBe("auth.register.success");
  expect((await server.end()).exitCode).toBe(0);

  const unused = await roost(["user", "invite"], { cwd });
  expect([unused.exitCode, unused.stderr]).toEqual([0, expect.stringContaining("registration is open")]);
  for (const wrong of [
    ["--uses", "0"],
    ["--uses", "many"],
    ["--days", "-1"],
  ]) {
    expect((await roost(["user", "invite", ...wrong], { cwd })).exitCode).toBe(2);
  }
  expect((await roost(["user", "invite", "--days", "4000"], { cwd })).exitCode).toBe(1);
});
