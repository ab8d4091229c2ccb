/** `roost serve` as a process: its start, its signals, and who else may have its folder and its ports. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import manifest from "../../package.json" with { type: "json" };
import { provision, roost, serving, temporaryFolder } from "./roost.ts";

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));
const anywhere = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"];

describe("start", () => {
  test("the first start says the backend key in its JSON line, the second one does not", async () => {
    using folder = temporaryFolder();
    for (const first of [true, false]) {
      await using server = await serving([...anywhere, "--json"], { cwd: folder.path });
      expect(JSON.parse(server.firstLine)).toEqual({
        version: manifest.version,
        pid: server.pid,
        http: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
        mqtt: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/),
        mqtts: null,
        data: folder.in("roost-data"),
        ...(first ? { backend_key: expect.stringMatching(/^roost_[\w-]{32}$/) } : {}),
      });
      const { exitCode, stdout } = await server.end();
      expect([exitCode, stdout]).toEqual([0, `${server.firstLine}\n`]);
    }
  });

  test("for people it says where it is, the key once, and how to close registration", async () => {
    using folder = temporaryFolder();
    await using first = await serving(["--http", "[::]:0", "--mqtt", "off"], { cwd: folder.path });
    const { stdout } = await first.end();
    expect(stdout).toMatch(/^ {2}HTTP {2}http:\/\/localhost:\d+ \(on every interface\)$/m);
    expect(stdout).toMatch(/^ {2}MQTT {2}off$/m);
    expect(stdout).toMatch(/^ {2}roost_[\w-]{32}$/m);
    expect(stdout).toContain("Registration is open");
    const env = { ROOST_REGISTRATION: "off" };
    await using second = await serving(anywhere, { cwd: folder.path, env });
    const again = await second.end();
    expect(again.stdout).not.toContain("roost_");
    expect(again.stdout).not.toContain("Registration");
  });

  test("until there is an account it says what one may do, and how to give more", async () => {
    using folder = temporaryFolder();
    const start = async (): Promise<string> => {
      await using server = await serving(["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"], { cwd: folder.path });
      return (await server.end()).stdout;
    };
    const says =
      /Every account may chat\. All other MQTT topics belong to users made by roost user add[\s\S]*roost user topics/;
    expect(await start()).toMatch(says);
    expect((await roost(["device", "add", "lamp"], { cwd: folder.path })).exitCode).toBe(0);
    expect(await start()).not.toMatch(says);
  });

  test("the folder and everything in it is this user's alone", async () => {
    using folder = temporaryFolder();
    await using server = await serving(anywhere, { cwd: folder.path });
    const data = folder.in("roost-data");
    expect(statSync(data).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(data)) {
      expect([name, (statSync(folder.in("roost-data", name)).mode & 0o077).toString(8)]).toEqual([name, "0"]);
    }
    expect((await server.end()).exitCode).toBe(0);
  });

  test("a key from the environment is not shown and cannot be rotated", async () => {
    using folder = temporaryFolder();
    const backendKey = "a-secret-of-some-length";
    const env = { ROOST_BACKEND_KEY: backendKey };
    await using server = await serving([...anywhere, "--json"], { cwd: folder.path, env });
    const { http, backend_key } = JSON.parse(server.firstLine);
    expect(backend_key).toBeUndefined();
    expect(await provision(http, backendKey)).toBe(201);
    const rotated = await roost(["key", "rotate"], { cwd: folder.path });
    expect([rotated.exitCode, rotated.stdout]).toEqual([1, ""]);
    expect(rotated.stderr).toContain("comes from the configuration");
    expect((await server.end()).stderr).not.toContain(backendKey);
  });
});

describe("one server per folder and per port", () => {
  test("a second one on the folder is refused with 3 and told who has it", async () => {
    using folder = temporaryFolder();
    await using server = await serving(anywhere, { cwd: folder.path });
    const second = await roost(["serve", ...anywhere], { cwd: folder.path });
    expect([second.exitCode, second.stdout]).toEqual([3, ""]);
    expect(second.stderr).toContain(
      `roost: the data folder ${folder.in("roost-data")} is in use by another Roost (pid ${server.pid}); stop it`,
    );
    expect((await server.end()).exitCode).toBe(0);
  });

  test("a second one on a port is refused with 4, whichever door it is", async () => {
    using folder = temporaryFolder();
    await using server = await serving([...anywhere, "--json"], { cwd: folder.path });
    const { http, mqtt } = JSON.parse(server.firstLine);
    for (const taken of [
      ["--http", http, "--mqtt", "127.0.0.1:0"],
      ["--http", "127.0.0.1:0", "--mqtt", mqtt],
    ]) {
      const second = await roost(["serve", "--data", "other", ...taken], { cwd: folder.path });
      expect([second.exitCode, second.stdout]).toEqual([4, ""]);
      expect(second.stderr).toMatch(/roost: 127\.0\.0\.1:\d+ is in use by another program; choose another one/);
    }
    expect((await server.end()).exitCode).toBe(0);
  });

  test("what a killed server left behind is in nobody's way", async () => {
    using folder = temporaryFolder();
    await using killed = await serving(anywhere, { cwd: folder.path });
    await killed.end("SIGKILL");
    expect(readdirSync(folder.in("roost-data"))).toContain("roost.sock");
    expect((await roost(["user", "list"], { cwd: folder.path })).exitCode).toBe(0);
    await using server = await serving(anywhere, { cwd: folder.path });
    expect((await roost(["user", "list"], { cwd: folder.path })).exitCode).toBe(0);
    expect((await server.end()).exitCode).toBe(0);
  });
});

describe("a database that is lost", () => {
  test("ends the start with 3 and says what to do; --new-database starts empty and sets aside what was there", async () => {
    using folder = temporaryFolder();
    const data = folder.in("roost-data");
    await using first = await serving(anywhere, { cwd: folder.path });
    await first.end();
    mkdirSync(folder.in("roost-data", "files"), { recursive: true });
    rmSync(folder.in("roost-data", "roost.db"));
    for (const args of [
      ["serve", ...anywhere],
      ["user", "list"],
      ["key", "rotate"],
    ]) {
      const refused = await roost(args, { cwd: folder.path });
      expect([refused.exitCode, refused.stdout]).toEqual([3, ""]);
      expect(refused.stderr).toContain(
        `roost: ${data}/roost.db is missing, and beside it are files and roost.db-wal; put the database back`,
      );
      expect(refused.stderr).toContain("roost serve --new-database");
    }
    expect(readdirSync(data)).not.toContain("roost.db");
    await using second = await serving([...anywhere, "--new-database", "--json"], { cwd: folder.path });
    expect(JSON.parse(second.firstLine).backend_key).toBeString();
    const { exitCode, stderr } = await second.end();
    expect(exitCode).toBe(0);
    expect(readdirSync(folder.in("roost-data", "set-aside-1"))).toContain("files");
    expect(stderr).toContain("set-aside-1");
  });
});

describe("signals", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} ends it with 0, its folder free and its socket gone`, async () => {
      using folder = temporaryFolder();
      await using server = await serving(anywhere, { cwd: folder.path });
      const { exitCode, stderr } = await server.end(signal);
      expect(exitCode).toBe(0);
      for (const line of stderr.trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("message");
      expect(stderr).toContain('"stopped"');
      const left = readdirSync(folder.in("roost-data"));
      expect(left).not.toContain("roost.sock");
      expect(left).not.toContain("roost.pid");
    });
  }

  test("a second signal does not wait for the first one's goodbye", async () => {
    using folder = temporaryFolder();
    await using server = await serving([...anywhere, "--json"], { cwd: folder.path });
    const mqtt: string = JSON.parse(server.firstLine).mqtt;
    // A client that is told, and does not close its side, keeps a graceful stop busy for a while.
    const socket = connect({ port: portOf(mqtt), allowHalfOpen: true });
    const connected = new Promise((resolve) => socket.once("data", resolve));
    socket.write(Buffer.from("101000044d51545404020000000474686578", "hex"));
    await connected;
    server.signal("SIGTERM");
    await server.untilLogged("stopping");
    expect((await server.end()).exitCode).toBe(1);
    socket.destroy();
  });

  test("a stop waits for no peer that has said nothing, or half of something", async () => {
    using folder = temporaryFolder();
    await using server = await serving([...anywhere, "--json"], { cwd: folder.path });
    const { http, mqtt } = JSON.parse(server.firstLine);
    const upgrade =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIz\r\n";
    const said: [string, string][] = [
      [mqtt, ""],
      [http, ""],
      [http, "GET /healthz HT"],
      [http, "PUT /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"],
      [http, `GET /ws HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`],
    ];
    const sockets = said.map(([at, text]) => {
      const socket = connect({ port: portOf(at), allowHalfOpen: true });
      socket.on("error", () => {}); // a reset is one way to be ended
      socket.write(text);
      return socket;
    });
    // The server has read all of it once it has answered what came last.
    await new Promise((resolve) => sockets.at(-1)?.once("data", resolve));
    const startedMs = performance.now();
    expect((await server.end()).exitCode).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    for (const socket of sockets) socket.destroy();
  });

  test("SIGHUP takes a new log level, and a broken file changes nothing", async () => {
    using folder = temporaryFolder();
    await using server = await serving(anywhere, { cwd: folder.path });
    const file = folder.in("roost-data", "roost.toml");
    writeFileSync(file, 'log.level = "warn"\nlog.levl = "x"\n');
    server.signal("SIGHUP");
    await server.untilLogged("the configuration is wrong");
    writeFileSync(file, 'log.level = "debug"\n');
    server.signal("SIGHUP");
    await server.untilLogged('"logLevel":"debug"');
    expect((await server.end()).exitCode).toBe(0);
  });
});
