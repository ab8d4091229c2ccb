/** The operator's commands, which work the same whether a server has the data or nobody does. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connectAsync } from "mqtt";
import { domainErrorCodes } from "../../src/domain/errors.ts";
import { askOperator, operatorSocketPath } from "../../src/ops/operator-socket.ts";
import { MiniClient } from "../minioicq/client.ts";
import { type Ended, provision, roost, type Serving, serving, temporaryFolder } from "./roost.ts";

const anywhere = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"];

interface Place {
  readonly path: string;
  run(args: readonly string[], stdin?: string): Promise<Ended>;
}

/** Runs `work` beside a running server and, in another folder, on its own. */
function eitherWay(name: string, work: (place: Place, server: Serving | undefined) => Promise<void>): void {
  for (const running of [true, false]) {
    test(`${name}, ${running ? "while the server runs" : "while it does not"}`, async () => {
      using folder = temporaryFolder();
      const { path } = folder;
      const run: Place["run"] = (args, stdin) => roost(args, { cwd: path, ...(stdin === undefined ? {} : { stdin }) });
      if (running) {
        await using server = await serving(anywhere, { cwd: path });
        await work({ path, run }, server);
        expect((await server.end()).exitCode).toBe(0);
      } else {
        expect((await run(["init"])).exitCode).toBe(0);
        await work({ path, run }, undefined);
      }
    });
  }
}

test("the code of roost user reset sets a new password, once, made with a server or without", async () => {
  using folder = temporaryFolder();
  const run = (args: readonly string[], stdin = "") => roost(args, { cwd: folder.path, stdin });
  await run(["init"]);
  await run(["user", "add", "ann"], "first password\n");
  const codeIn = ({ stdout }: Ended): string => /^code (\S{20,})$/m.exec(stdout)?.[1] ?? "";
  const without = codeIn(await run(["user", "reset", "ann"]));
  expect(await run(["user", "reset", "no-such-user"])).toMatchObject({ exitCode: 1, stdout: "" });
  await using server = await serving(anywhere, { cwd: folder.path });
  const { http } = JSON.parse(server.firstLine) as { http: string };
  using client = await MiniClient.connect(http, "json");
  const reset = (code: string, password: string) =>
    client.ask({ action: "password.reset", user_id: "ann", code, password });
  expect(await reset(without, "second password")).toEqual({ action: "password.reset.success" });
  expect(await reset(without, "third password")).toMatchObject({ action: "password.reset.fail" });
  const { code } = JSON.parse((await run(["user", "reset", "ann", "--json"])).stdout) as { code: string };
  expect(server.logged()).not.toContain(code);
  expect(await reset(code, "third password")).toEqual({ action: "password.reset.success" });
  const logIn = (password: string) => client.ask({ action: "auth.login", user_id: "ann", password });
  expect(await logIn("second password")).toMatchObject({ action: "auth.login.fail" });
  expect(await logIn("third password")).toMatchObject({ action: "auth.login.success" });
});

describe("user", () => {
  eitherWay("a log-in name is set, shown, taken by a device, and removed", async ({ run }) => {
    await run(["user", "add", "ann"], "first password\n");
    await run(["user", "add", "bob"], "another password\n");
    const set = (...args: string[]) => run(["user", "login-name", ...args]);
    expect(await set("ann", "lamp")).toEqual({
      exitCode: 0,
      stdout: "ann (id 10001) logs in by the name lamp\n",
      stderr: "",
    });
    for (const [name, why] of [
      ["lamp", "another user or device has this name"],
      ["ann", "another user or device has this name"],
      ["Bob", "must match"],
      ["api", "reserved"],
      ["user.10001", "reserved"],
    ] as const) {
      const { exitCode, stderr } = await set("bob", name);
      expect([name, exitCode, stderr]).toEqual([name, 1, expect.stringContaining(why)]);
    }
    for (const wrong of [["bob"], ["bob", "robert", "--remove"]]) expect((await set(...wrong)).exitCode).toBe(2);
    // It is no name for the operator's commands.
    const { stderr } = await run(["user", "disable", "lamp"]);
    expect(stderr).toBe("roost: no user lamp; ann logs in by this name\n");
    await run(["device", "add", "lamp"]);
    expect((await run(["user", "list"])).stdout).toMatch(/^10001 +ann +lamp \(taken by another account\) +ann /m);
    const shown = await run(["user", "show", "ann"]);
    expect(shown.stdout).toMatch(/^LOG-IN NAME +lamp \(taken by another account\)$/m);
    const json = JSON.parse((await run(["user", "show", "10001", "--json"])).stdout);
    expect(json.user).toMatchObject({ username: "ann", login_name: "lamp", login_name_taken: true });
    expect([json.disk_bytes, shown.stdout]).toEqual([0, expect.stringMatching(/^DISK +0 bytes$/m)]);
    expect((await set("ann", "--remove")).stdout).toBe("ann (id 10001) has no log-in name\n");
    const list = JSON.parse((await run(["user", "list", "--json"])).stdout);
    const names = list.users.map((user: Record<string, unknown>) => [user["login_name"], user["login_name_taken"]]);
    expect(names).toEqual([
      [null, false],
      [null, false],
    ]);
  });

  eitherWay("users are added, listed and given new passwords", async ({ path, run }, server) => {
    const ann = await run(["user", "add", "ann", "--nick", "Ann Lee"], "first password\n");
    expect(ann).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^added ann \(id \d+\)\n$/), stderr: "" });
    writeFileSync(`${path}/secret`, "of bob alone\n");
    const bob = await run(["user", "add", "bob", "--password-file", "secret", "--json"]);
    expect([bob.exitCode, JSON.parse(bob.stdout)]).toEqual([
      0,
      {
        user: expect.objectContaining({
          username: "bob",
          nick: "bob",
          online: false,
          made_by: "operator",
          disabled: false,
          last_seen: null,
        }),
      },
    ]);
    const bobId = JSON.parse(bob.stdout).user.user_id;

    const list = JSON.parse((await run(["user", "list", "--json"])).stdout);
    expect(list.users.map((user: { nick: string }) => user.nick)).toEqual(["Ann Lee", "bob"]);
    expect(list.next).toBeNull();
    const page = JSON.parse((await run(["user", "list", "--limit", "1", "--json"])).stdout);
    expect([page.users.length, page.next]).toEqual([1, page.users[0].user_id]);
    const rest = JSON.parse((await run(["user", "list", "--after", String(page.next), "--json"])).stdout);
    expect(rest.users.map((user: { user_id: number }) => user.user_id)).toEqual([bobId]);
    expect((await run(["user", "list"])).stdout).toMatch(/^\d+ +ann +- +Ann Lee +offline +operator +-$/m);

    for (const name of ["bob", String(bobId)]) {
      const changed = await run(["user", "passwd", name, "--password-file", "-"], "another one\n");
      expect(changed.stdout).toBe(
        `the password of bob (id ${bobId}) is changed; ` +
          "all log-ins and long-lived tokens have ended, and the tokens that the account made for itself\n",
      );
    }
    if (server !== undefined) {
      const [hostname, port] = JSON.parse(server.firstLine).mqtt.split(":");
      for (const [password, admitted] of [
        ["another one", true],
        ["of bob alone", false],
      ] as const) {
        const options = { username: "bob", password, reconnectPeriod: 0 };
        const connected = connectAsync(`mqtt://${hostname}:${port}`, options, false).then(
          (client) => client.endAsync().then(() => true),
          () => false,
        );
        expect([password, await connected]).toEqual([password, admitted]);
      }
      expect(server.logged()).not.toMatch(/first password|of bob|another/);
    }
  });

  eitherWay("a no is a line and exit code 1", async ({ run }) => {
    expect((await run(["user", "add", "ann"], "secret word\n")).exitCode).toBe(0);
    const table: [args: string[], says: string][] = [
      [["user", "add", "ann"], "another user or device has this name"],
      [["user", "add", "a b"], "this name or password cannot be used: "],
      [["user", "add", "user.10001"], "this name is reserved; choose another one: user.10001 is of a reserved form"],
      [
        ["user", "add", "10001"],
        "this name is reserved; choose another one: 10001 is a plain number, which is no name",
      ],
      [["user", "add", "bob", "--nick", " "], "the name or the password is empty"],
      [["user", "passwd", "nobody"], "no user nobody"],
    ];
    for (const [args, says] of table) {
      const { exitCode, stdout, stderr } = await run(args, "secret word\n");
      expect([args.join(" "), exitCode, stdout, stderr]).toEqual([
        args.join(" "),
        1,
        "",
        expect.stringContaining(says),
      ]);
      expect(stderr.trimEnd()).not.toContain("\n");
      for (const code of domainErrorCodes.filter((one) => one.includes("_"))) expect(stderr).not.toContain(code);
    }
    expect((await run(["user", "add", "carl"], "\n")).exitCode).toBe(2);
    for (const args of [
      ["user", "add", "carl"],
      ["user", "passwd", "ann"],
      ["device", "add", "lamp", "--password-file", "-"],
    ]) {
      const { exitCode, stderr } = await run(args, "7 chars\n");
      expect([args.join(" "), exitCode, stderr]).toEqual([
        args.join(" "),
        1,
        expect.stringContaining("the password is too short: it needs 8 characters"),
      ]);
    }
  });
});

describe("device", () => {
  eitherWay("devices are added, listed, asked about and revoked", async ({ path, run }) => {
    const added = await run([
      "device",
      "add",
      "lamp_1",
      "--publish",
      "s/%u/#",
      "--publish",
      "c/%c",
      "--subscribe",
      "all",
    ]);
    expect(added).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^added lamp_1\npassword rd_[\w-]{32}\n$/),
      stderr: "",
    });
    writeFileSync(`${path}/secret`, "of the gate\n");
    const gate = await run(["device", "add", "gate", "--certificate", "cn=gate, O=Acme", "--json"]);
    const device = {
      name: "gate",
      certificate: "CN=gate,O=Acme",
      publish: null,
      subscribe: null,
      groups: [],
      user: null,
      chats: [],
    };
    expect([gate.exitCode, JSON.parse(gate.stdout)]).toEqual([
      0,
      { device: { ...device, online: false, last_seen: null, created: expect.stringMatching(/^\d{4}-.*Z$/) } },
    ]);
    const bell = await run(["device", "add", "bell", "--password-file", "secret", "--subscribe", "$SYS/#"]);
    expect([bell.exitCode, bell.stdout]).toEqual([0, "added bell\n"]);

    const list = JSON.parse((await run(["device", "list", "--json"])).stdout);
    expect(list.devices.map((one: { name: string }) => one.name)).toEqual(["bell", "gate", "lamp_1"]);
    expect(list.devices[2]).toMatchObject({ publish: ["s/%u/#", "c/%c"], subscribe: ["all"], certificate: null });
    const table = (await run(["device", "list"])).stdout;
    expect(table).toMatch(/^lamp_1 +s\/%u\/# c\/%c +all +- +- +- +- +offline +- +\d{4}/m);
    expect(table).toMatch(/^gate +\(default\) +\(default\) +- +- +- +CN=gate,O=Acme +offline +- +\d{4}/m);
    expect(table).toMatch(/^bell +\(nothing\) +\$SYS\/# +- /m);

    await run(["user", "add", "ann"], "secret word\n");
    const questions: [asked: string, answer: string][] = [
      ["lamp_1 publish s/lamp_1/t", "yes: the pattern s/%u/#"],
      ["lamp_1 publish s/other/t", "no: none of its patterns to publish fits"],
      ["lamp_1 publish c/7 --client-id 7", "yes: the pattern c/%c"],
      ["lamp_1 publish c/7", "no: none of its patterns to publish fits"],
      ["lamp_1 publish c/# --client-id #", "no: it is no topic to publish to"],
      ["lamp_1 subscribe all", "yes: the pattern all"],
      ["lamp_1 subscribe $share/g/all", "yes: the pattern all"],
      ["lamp_1 subscribe #", "no: none of its patterns to subscribe fits"],
      ["gate subscribe #", "yes: the device has no patterns: everything outside the reserved prefixes"],
      ["gate publish chat/team/send", "no: the topic is reserved for the server's services"],
      ["bell subscribe $SYS/broker/uptime", "yes: the pattern $SYS/#"],
      [
        "ann publish a/b",
        "yes: the user was made by the operator and has no patterns: everything outside the reserved prefixes",
      ],
      ["ann publish chat/team/send", "no: the user is not a member of such a chat"],
      ["ann subscribe chat/+/messages", "yes: of the chats it names, those are delivered that the user is a member of"],
      ["ann subscribe $share/g/chat/+/messages", "no: what the server's services deliver is not shared"],
      ["ann subscribe $SYS/#", "no: only admins read $SYS, and who has a pattern for it"],
    ];
    for (const [asked, answer] of questions) {
      const { exitCode, stdout, stderr } = await run(["device", "may", ...asked.split(" ")]);
      expect([asked, stdout, exitCode, stderr]).toEqual([asked, `${answer}\n`, answer.startsWith("yes") ? 0 : 1, ""]);
    }
    const json = await run(["device", "may", "lamp_1", "publish", "s/lamp_1", "--json"]);
    expect(JSON.parse(json.stdout)).toEqual({ allowed: true, pattern: "s/%u/#", why: "the pattern s/%u/#" });

    expect((await run(["device", "revoke", "lamp_1"])).stdout).toBe("revoked lamp_1\n");
    expect(JSON.parse((await run(["device", "revoke", "gate", "--json"])).stdout)).toEqual({ name: "gate" });
    const left = JSON.parse((await run(["device", "list", "--json"])).stdout);
    expect(left.devices.map((one: { name: string }) => one.name)).toEqual(["bell"]);
  });

  eitherWay("a no is a line and exit code 1, a wrong pattern 2", async ({ run }) => {
    await run(["user", "add", "ann"], "secret word\n");
    await run(["device", "add", "lamp", "--certificate", "CN=lamp"]);
    const table: [args: string[], exitCode: number, says: string][] = [
      [["device", "add", "ann"], 1, "another user or device has this name"],
      [["device", "add", "lamp"], 1, "another user or device has this name"],
      [["device", "add", "10001"], 1, "this name is reserved"],
      [["device", "add", "a b"], 1, "this name or password cannot be used: a device"],
      [["device", "add", "bell", "--publish", "a/#/b"], 1, "is no topic filter"],
      [["device", "add", "bell", "--certificate", "CN=lamp"], 1, "another device has this certificate"],
      [["device", "add", "bell", "--certificate", "lamp"], 1, "must look like CN=sensor-1,O=Acme"],
      [["device", "add", "bell", "--subscribe", "chat/#"], 2, "is reserved for the server's services"],
      [["device", "add", "bell", "--publish", "$SYS/x"], 2, "is reserved for the server's services"],
      [["device", "revoke", "bell"], 1, "no device bell"],
      [["device", "may", "bell", "publish", "a"], 1, "no device and no user bell"],
      [["device", "may", "lamp", "shout", "a"], 2, "Allowed choices are publish, subscribe"],
      [["user", "add", "lamp"], 1, "another user or device has this name"],
    ];
    for (const [args, code, says] of table) {
      const { exitCode, stdout, stderr } = await run(args, args[0] === "user" ? "secret word\n" : undefined);
      expect([args.join(" "), exitCode, stdout, stderr]).toEqual([
        args.join(" "),
        code,
        "",
        expect.stringContaining(says),
      ]);
    }
  });
});

describe("topics", () => {
  eitherWay("a user's patterns are shown, replaced and removed", async ({ run }) => {
    await run(["user", "add", "ann"], "secret words\n");
    const shown = async () => (await run(["user", "topics", "ann"])).stdout.split("\n").slice(1).join("\n");
    expect(await shown()).toBe("has no patterns and may use all topics outside the reserved prefixes\n");
    const set = await run(["user", "topics", "ann", "--publish", "a/%u", "--publish", "b"]);
    expect(set).toEqual({ exitCode: 0, stdout: "the topics of ann (id 10001) are set\n", stderr: "" });
    expect(await shown()).toMatch(/^own +a\/%u b +\(nothing\)$/m);
    await run(["user", "topics", "ann", "--subscribe", "c/#", "--json"]);
    expect(JSON.parse((await run(["user", "topics", "ann", "--json"])).stdout)).toMatchObject({
      user: { username: "ann", made_by: "operator" },
      topics: { publish: [], subscribe: ["c/#"] },
      groups: [],
    });
    expect((await run(["device", "may", "ann", "subscribe", "c/1"])).exitCode).toBe(0);
    expect((await run(["device", "may", "ann", "publish", "c/1"])).exitCode).toBe(1);
    await run(["user", "topics", "ann", "--none"]);
    expect((await run(["device", "may", "ann", "subscribe", "c/1"])).exitCode).toBe(1);
    await run(["user", "topics", "ann", "--clear"]);
    expect((await run(["device", "may", "ann", "subscribe", "c/1"])).exitCode).toBe(0);
    expect((await run(["user", "trust", "ann"])).stdout).toMatch(/^ann \(id 10001\) counts as made by the operator/);
  });

  eitherWay("groups give patterns to many", async ({ run }) => {
    await run(["user", "add", "ann"], "secret words\n");
    await run(["device", "add", "lamp"]);
    const added = await run(["group", "add", "lamps", "--publish", "state/%u", "--subscribe", "all"]);
    expect([added.exitCode, added.stdout]).toEqual([0, expect.stringMatching(/^added lamps; /)]);
    await run(["group", "members", "lamps", "--add", "lamp", "--add", "ann"]);
    expect(JSON.parse((await run(["group", "members", "lamps", "--json"])).stdout)).toEqual({
      members: [
        { kind: "device", name: "lamp" },
        { kind: "user", name: "ann" },
      ],
    });
    expect((await run(["group", "list"])).stdout).toMatch(/^lamps +state\/%u +all +\d{4}-/m);
    expect((await run(["device", "list"])).stdout).toMatch(/^lamp +- +- +lamps +- +- +- +offline +- +\d{4}/m);
    expect((await run(["user", "topics", "ann"])).stdout).toMatch(/^group lamps +state\/%u +all$/m);
    for (const [name, topic, code] of [
      ["lamp", "state/lamp", 0],
      ["lamp", "state/ann", 1],
      ["ann", "state/ann", 0],
      ["ann", "other", 1],
    ] as const) {
      expect([name, topic, (await run(["device", "may", name, "publish", topic])).exitCode]).toEqual([
        name,
        topic,
        code,
      ]);
    }
    await run(["group", "topics", "lamps", "--subscribe", "new"]);
    expect(JSON.parse((await run(["group", "list", "--json"])).stdout).groups).toMatchObject([
      { name: "lamps", publish: [], subscribe: ["new"] },
    ]);
    await run(["group", "members", "lamps", "--remove", "ann"]);
    expect((await run(["group", "members", "lamps"])).stdout).toBe("NAME  KIND\nlamp  device\n");
    expect((await run(["group", "rm", "lamps"])).stdout).toBe("removed lamps\n");
    expect((await run(["device", "may", "lamp", "publish", "anything"])).exitCode).toBe(0);
  });

  eitherWay("a device is changed and gets a new password", async ({ run }) => {
    await run(["user", "add", "ann"], "secret words\n");
    const first = JSON.parse((await run(["device", "add", "lamp", "--publish", "a", "--json"])).stdout);
    const set = await run(["device", "set", "lamp", "--subscribe", "b", "--user", "ann", "--json"]);
    expect(JSON.parse(set.stdout).device).toMatchObject({ publish: [], subscribe: ["b"], user: "ann" });
    expect((await run(["device", "set", "lamp", "--default-topics"])).stdout).toBe("changed lamp\n");
    const [shown] = JSON.parse((await run(["device", "list", "--json"])).stdout).devices;
    expect(shown).toMatchObject({ publish: null, subscribe: null, user: "ann" });
    await run(["device", "set", "lamp", "--no-user"]);
    const [later] = JSON.parse((await run(["device", "list", "--json"])).stdout).devices;
    expect(later.user).toBeNull();
    const changed = JSON.parse((await run(["device", "passwd", "lamp", "--json"])).stdout);
    expect(changed).toEqual({ name: "lamp", password: expect.stringMatching(/^rd_[\w-]{32}$/) });
    expect(changed.password).not.toBe(first.password);
    const chosen = await run(["device", "passwd", "lamp", "--password-file", "-"], "words of a lamp\n");
    expect(chosen.stdout).toBe("the password of lamp is changed; connections by the old one are closed\n");
  });

  eitherWay("what does not fit is a line that says what to do", async ({ run }) => {
    await run(["user", "add", "ann"], "secret words\n");
    await run(["group", "add", "lamps", "--subscribe", "a"]);
    const table: [args: string, exitCode: number, says: string][] = [
      ["user topics nobody", 1, "no user nobody"],
      ["user topics ann --publish chat/#", 2, "is reserved for the server's services"],
      ["user topics ann --publish a/%c", 2, "%c is for devices"],
      ["user topics ann --publish a+", 1, "no topic filter"],
      ["user topics ann --publish a --clear", 2, "give only one of --publish or --subscribe, --clear"],
      ["user trust nobody", 1, "no user nobody"],
      ["group add lamps --publish a", 1, "roost group topics lamps changes it"],
      ["group add lamps", 2, "give the group patterns"],
      ["group add a/b --publish a", 1, "a group's name must match"],
      ["group topics lamps", 2, "give the patterns"],
      ["group topics none --publish a", 1, "roost group list names them"],
      ["group rm none", 1, "roost group list names them"],
      ["group members none", 1, "roost group list names them"],
      ["group members lamps --add nobody", 1, "no user nobody"],
      ["device set lamp", 2, "nothing to change"],
      ["device set lamp --publish a", 1, "no device lamp"],
      ["device passwd lamp", 1, "no device lamp"],
    ];
    for (const [args, code, says] of table) {
      const { exitCode, stdout, stderr } = await run(args.split(" "));
      expect([args, exitCode, stdout, stderr]).toEqual([args, code, "", expect.stringContaining(says)]);
    }
  });
});

describe("clock", () => {
  eitherWay("a clock that was not set has nothing to wait for", async ({ run }) => {
    const shown = await run(["clock", "--json"]);
    expect(JSON.parse(shown.stdout)).toEqual({
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      set_by_seconds: 0,
      lag_seconds: 0,
      believed_in_seconds: null,
    });
    expect((await run(["clock"])).stdout).toMatch(/^time +\d{4}-.*Z\nset +never, as far as deadlines know\n$/);
    expect(JSON.parse((await run(["clock", "accept", "--json"])).stdout)).toEqual({ passed_seconds: 0 });
    expect((await run(["clock", "accept"])).stdout).toBe("accepted\n");
    expect((await run(["clock", "refuse"])).exitCode).toBe(2);
  });
});

describe("key", () => {
  eitherWay("rotating prints a new key once, and show tells them apart", async ({ run }) => {
    const first = await run(["key", "rotate"]);
    expect([first.exitCode, first.stdout]).toEqual([0, expect.stringMatching(/^roost_[\w-]{32}\n$/)]);
    const shown = JSON.parse((await run(["key", "show", "--json"])).stdout);
    expect(shown.key).toEqual({
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      created: expect.stringMatching(/^\d{4}-.*Z$/),
      age_seconds: expect.any(Number),
    });
    const second = JSON.parse((await run(["key", "rotate", "--json"])).stdout);
    expect(second.backend_key).not.toBe(first.stdout.trim());
    expect(second.fingerprint).not.toBe(shown.key.fingerprint);
    const text = await run(["key", "show"]);
    expect(text.stdout).toContain(`fingerprint ${second.fingerprint}\n`);
    expect(text.stdout).not.toContain(second.backend_key);
  });

  test("the old key stops working while the server runs", async () => {
    using folder = temporaryFolder();
    await using server = await serving(anywhere, { cwd: folder.path });
    const { http, backend_key: oldKey } = JSON.parse(server.firstLine);
    expect(await provision(http, oldKey)).toBe(201);
    const newKey = (await roost(["key", "rotate"], { cwd: folder.path })).stdout.trim();
    expect(await provision(http, oldKey)).toBe(401);
    expect(await provision(http, newKey)).toBe(201);
    const { stderr } = await server.end();
    expect(stderr).not.toContain(oldKey);
    expect(stderr).not.toContain(newKey);
  });

  test("without any key show says how to make one", async () => {
    using folder = temporaryFolder();
    await roost(["init"], { cwd: folder.path });
    const { exitCode, stderr } = await roost(["key", "show"], { cwd: folder.path });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("there is no backend key yet")]);
  });
});

test("requests that are not ours are refused and change nothing", async () => {
  using folder = temporaryFolder();
  await using server = await serving(anywhere, { cwd: folder.path });
  const path = operatorSocketPath(folder.in("roost-data"));
  const hostile = [
    undefined,
    null,
    7,
    [],
    {},
    { op: "dropTables" },
    { op: "toString" },
    { op: "addUser", nick: 5, password: "x" },
    { op: "addUser", nick: "x", password: "x".repeat(1025) },
    { op: "addUser", nick: "x", password: "x", disabled: false },
    { op: "listUsers", limit: 1e9 },
    { op: "listUsers", after: -1 },
    { op: "setPassword", user: "", password: "x" },
    { op: "addDevice", name: "" },
    { op: "addDevice", name: "x", publish: "a" },
    { op: "addDevice", name: "x", publish: [5] },
    { op: "addDevice", name: "x", subscribe: new Array(65).fill("a") },
    { op: "listDevices", after: 5 },
    { op: "revokeDevice" },
    { op: "setUserTopics", user: "x" },
    { op: "setUserTopics", user: "x", topics: { publish: "a" } },
    { op: "addGroup", name: "", topics: {} },
    { op: "changeGroupMembers", name: "x", add: [5] },
    { op: "setDevice", name: "x", topics: [] },
    { op: "may", name: "x", action: "deliver", topic: "a" },
  ];
  for (const request of hostile) {
    const body = JSON.stringify(request) ?? "";
    const answer = await (await fetch("http://roost/", { unix: path, method: "POST", body })).json();
    expect([body, answer]).toEqual([body, { ok: false, code: "bad_request", message: expect.any(String) }]);
  }
  expect(await askOperator(path, { op: "listUsers" })).toEqual({ ok: true, result: { users: [], next: null } });
  expect((await server.end()).exitCode).toBe(0);
});
