/** `roost hook`, which works the same whether a server has the data or nobody does. */
import { expect, test } from "bun:test";
import { asBackend, call, room } from "../rest/client.ts";
import { roost, serving, temporaryFolder } from "./roost.ts";

const anywhere = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"];

/** A server on `folder` with the chat `team` of two, and the command line beside it. */
async function stage(folder: string) {
  const run = (args: readonly string[]) => roost(args, { cwd: folder, stdin: "" });
  const server = await serving(anywhere, { cwd: folder, env: { ROOST_BACKEND_KEY: "k".repeat(32) } });
  const at = { http: (JSON.parse(server.firstLine) as { http: string }).http, backendKey: "k".repeat(32) };
  await room(at, "team", "anna", "ben");
  return { run, server, at };
}

test("hooks are added, listed and removed, also while no server runs, and no log has an address", async () => {
  using folder = temporaryFolder();
  const { run, server, at } = await stage(folder.path);
  await using _ = server;
  const added = await run(["hook", "add", "team", "--name", "grafana"]);
  expect(added).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^added \d+ \(grafana\) to team\naddress \/in\/rh_\S{32}\n$/),
    stderr: "",
  });
  const path = /^address (.*)$/m.exec(added.stdout)?.[1] ?? "";
  expect((await call(at, `POST ${path}`, { body: "disk full" })).status).toBe(200);
  const { hook } = JSON.parse((await run(["hook", "add", "team", "--json"])).stdout) as { hook: { hook_id: number } };
  expect(hook).toMatchObject({ chat: "team", name: "hook" });
  const id = String(hook.hook_id);
  expect((await run(["hook", "list"])).stdout).toMatch(
    /^HOOK +CHAT +NAME +CREATED\n\d+ +team +grafana .*\n\d+ +team +hook .*\n$/,
  );
  for (const [args, exitCode, says] of [
    [["hook", "add", "nowhere"], 1, "no chat nowhere"],
    [["hook", "add", "team", "--name", "n".repeat(129)], 1, "a hook's name has at most 128 characters"],
    [["hook", "rm", "1"], 1, "no hook has this id"],
    [["hook", "rm", "x"], 2, '"x" is not a whole number'],
    [["user", "rm", id], 1, "is a hook; roost hook rm removes it"],
    [["user", "trust", id], 1, "is a hook"],
    [["token", "add", id], 1, "is a hook"],
  ] as const) {
    const ended = await run(args);
    expect([args.join(" "), ended.exitCode, ended.stderr]).toEqual([
      args.join(" "),
      exitCode,
      expect.stringContaining(says),
    ]);
  }
  const { users } = JSON.parse((await run(["user", "list", "--json"])).stdout) as { users: { username: string }[] };
  expect(users.map(({ username }) => username)).toEqual(["anna", "ben"]);
  expect((await asBackend(at, "DELETE /chats/none")).status).toBe(400);
  expect(server.logged()).not.toContain(path.slice("/in/".length));
  await server.end();
  expect((await run(["hook", "rm", id])).stdout).toBe(`removed ${id} from team\n`);
  const left = JSON.parse((await run(["hook", "list", "team", "--json"])).stdout) as { hooks: unknown[] };
  expect(left.hooks).toHaveLength(1);
});

test("a device is added to chats, listed with them, and refused where the words are wrong", async () => {
  using folder = temporaryFolder();
  const { run, server, at } = await stage(folder.path);
  await using _ = server;
  await room(at, "log", "anna");
  const added = await run(["device", "add", "lamp", "--chat", "team", "--chat", "log=write"]);
  expect([added.exitCode, added.stdout, added.stderr]).toEqual([
    0,
    expect.stringMatching(/^added lamp\npassword /),
    "",
  ]);
  expect((await run(["device", "list"])).stdout).toMatch(/^lamp +\(default\) +\(default\) +- +- +team log=write +- /m);
  const users = JSON.parse((await asBackend(at, "GET /chats/team/users")).text) as {
    chat: { users: { kind?: string; userID: string }[] };
  };
  const lamp = users.chat.users.find(({ kind }) => kind === "device");
  for (const [args, exitCode, says] of [
    [["device", "add", "bell", "--chat", "nowhere"], 1, "no chat nowhere"],
    [["device", "add", "bell", "--chat", "team=both"], 2, '"team=both" is no chat: give KEY, KEY=read or KEY=write'],
    [
      ["device", "add", "bell", "--chat", "team", "--user", "anna"],
      1,
      "a device is a member of chats itself, or writes for a user",
    ],
    [["device", "set", "lamp", "--user", "anna"], 1, "a device is a member of chats itself, or writes for a user"],
    [["user", "rm", lamp?.userID ?? ""], 1, "is a device; roost device revoke removes it"],
  ] as const) {
    const ended = await run(args);
    expect([args.join(" "), ended.exitCode, ended.stderr]).toEqual([
      args.join(" "),
      exitCode,
      expect.stringContaining(says),
    ]);
  }
  expect((await run(["device", "revoke", "lamp"])).stdout).toBe("revoked lamp\n");
  const { chat } = JSON.parse((await asBackend(at, "GET /chats/team/users")).text) as { chat: { users: unknown[] } };
  expect(chat.users).toHaveLength(2);
});
