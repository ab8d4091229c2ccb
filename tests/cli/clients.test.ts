/** `roost clients`: who is connected at every door, for how long, and how the operator ends them; and who was last seen when. */
import { expect, test } from "bun:test";
import { connectAsync } from "mqtt";
import { MiniClient } from "../minioicq/client.ts";
import { withDeadline } from "../support/deadline.ts";
import { roost, serving, temporaryFolder } from "./roost.ts";

const anywhere = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"];
const password = "correct horse battery";

async function stage() {
  const folder = temporaryFolder();
  const cwd = folder.path;
  const server = await serving(anywhere, { cwd });
  const { http, mqtt, backend_key } = JSON.parse(server.firstLine) as Record<"http" | "mqtt" | "backend_key", string>;
  const run = (args: readonly string[], stdin = `${password}\n`) => roost(args, { cwd, stdin });
  return {
    http,
    backendKey: backend_key,
    run,
    json: async (...args: string[]) => JSON.parse((await run([...args, "--json"])).stdout),
    mqtt: (clientId: string, username: string, more: object = {}) =>
      connectAsync(`mqtt://${mqtt}`, { clientId, username, password, keepalive: 60, reconnectPeriod: 0, ...more }),
    server,
    cwd,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

const recent = (text: unknown): boolean => Math.abs(Date.parse(String(text)) - Date.now()) < 60_000;

test("clients of every door are listed with their account, and ended by account or by client id", async () => {
  await using started = await stage();
  const { run, json, mqtt } = started;
  await run(["user", "add", "anna"]);
  await run(["user", "add", "ben"]);
  await run(["device", "add", "lamp", "--password-file", "-"]);
  expect((await json("clients")).clients).toEqual([]);

  const phone = await mqtt("phone", "anna", { protocolVersion: 5 });
  await phone.subscribeAsync(["a", "b/#"]);
  const pad = await mqtt("pad", "anna", { keepalive: 0 });
  const lamp = await mqtt("lamp-1", "lamp");
  const stranger = await mqtt("stranger", "", { password: "" });
  using desktop = await MiniClient.connect(started.http, "json");
  await desktop.ask({ action: "auth.login", user_id: "10002", password, client_name: "desktop" });
  const { accessToken } = (await (
    await fetch(`http://${started.http}/token`, {
      method: "POST",
      headers: { Authorization: `Bearer ${started.backendKey}` },
      body: JSON.stringify({ userID: "anna" }),
    })
  ).json()) as { accessToken: string };
  const stream = await fetch(`http://${started.http}/messages?format=simple`, {
    headers: { Authorization: `Bearer ${accessToken}`, Accept: "text/event-stream" },
  });

  const { clients } = (await json("clients")) as { clients: Record<string, unknown>[] };
  const first = { address: "127.0.0.1", device: null, user: "anna", user_id: 10_001, queued: 0 };
  expect(clients).toMatchObject([
    { ...first, door: "mqtt", client_id: "phone", protocol: "MQTT 5", subscriptions: 2 },
    { ...first, door: "mqtt", client_id: "pad", protocol: "MQTT 3.1.1", subscriptions: 0, last_packet: null },
    { door: "mqtt", client_id: "lamp-1", device: "lamp", user: null, user_id: null },
    { door: "mqtt", client_id: "stranger", device: null, user: null, user_id: null },
    { door: "minioicq", client_id: "desktop", user: "ben", protocol: "MiniOICQ", subscriptions: null, queued: null },
    { ...first, door: "rest", client_id: null, last_packet: null, protocol: "REST", since: null, queued: null },
  ]);
  for (const at of [0, 1, 2, 3, 4]) expect(recent(clients[at]?.["since"])).toBe(true);
  expect(recent(clients[0]?.["last_packet"])).toBe(true);
  const { stdout } = await run(["clients", "--of", "anna"]);
  expect(
    stdout
      .trimEnd()
      .split("\n")
      .map((row) => row.split(/ {2,}/).slice(0, 3)),
  ).toEqual([
    ["DOOR", "ACCOUNT", "CLIENT"],
    ["mqtt", "anna", "phone"],
    ["mqtt", "anna", "pad"],
    ["rest", "anna", "-"],
  ]);
  expect((await json("clients", "--of", "lamp")).clients).toHaveLength(1);
  expect((await json("clients", "--limit", "2")).clients).toHaveLength(2);
  const unknown = await run(["clients", "--of", "zoe"]);
  expect([unknown.exitCode, unknown.stderr]).toEqual([1, "roost: no user zoe\n"]);

  const closed = (client: typeof phone) =>
    withDeadline("the end", new Promise<void>((resolve) => void client.once("close", () => resolve())));
  const told = new Promise((resolve) => phone.once("disconnect", ({ reasonCode }) => resolve(reasonCode)));
  const ends = [closed(phone), closed(pad)];
  expect(await run(["clients", "end", "anna"])).toEqual({ exitCode: 0, stdout: "anna: ended 3\n", stderr: "" });
  await Promise.all(ends);
  expect(await withDeadline("DISCONNECT", told)).toBe(0x98);
  await withDeadline("the end of the stream", stream.text());

  const others = [closed(lamp), closed(stranger)];
  const mixed = await run(["clients", "end", "lamp-1", "stranger", "10002", "nothing", "--json"]);
  expect([mixed.exitCode, JSON.parse(mixed.stdout)]).toEqual([
    1,
    {
      ended: [
        { name: "lamp-1", clients: 1 },
        { name: "stranger", clients: 1 },
        { name: "10002", clients: 1 },
        { name: "nothing", clients: 0 },
      ],
    },
  ]);
  await Promise.all(others);
  expect(await withDeadline("the close", desktop.closed)).toEqual({ code: 1008, reason: "Ended by the operator" });
  expect((await json("clients")).clients).toEqual([]);
});

test("users and devices say when they were last seen: now while they are there, then when they went, also after a restart", async () => {
  await using started = await stage();
  const { run, json, mqtt, cwd } = started;
  await run(["user", "add", "anna"]);
  await run(["device", "add", "lamp", "--password-file", "-"]);
  const seen = async () => {
    const [user] = (await json("user", "list")).users;
    const [device] = (await json("device", "list")).devices;
    return { user, device };
  };
  expect(await seen()).toMatchObject({
    user: { online: false, last_seen: null },
    device: { online: false, last_seen: null },
  });
  const clients = [await mqtt("a", "anna"), await mqtt("b", "lamp")];
  const there = await seen();
  expect(there).toMatchObject({ user: { online: true }, device: { online: true } });
  expect([recent(there.user.last_seen), recent(there.device.last_seen)]).toEqual([true, true]);
  expect((await run(["device", "list"])).stdout).toMatch(/STATE +LAST SEEN/);
  for (const client of clients) await client.endAsync();
  let gone = await seen();
  while (gone.device.online || gone.user.online) gone = await seen(); // the server has not read the end yet
  expect(recent(gone.device.last_seen)).toBe(true);
  expect((await started.server.end()).exitCode).toBe(0);

  await using again = await serving(anywhere, { cwd });
  const after = await seen();
  expect(after).toMatchObject({ user: { online: false }, device: { online: false, last_seen: gone.device.last_seen } });
  expect(recent(after.user.last_seen)).toBe(true);
  expect((await again.end()).exitCode).toBe(0);
});

test("without a server there are no clients, and the command says so", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  expect((await roost(["init"], { cwd })).exitCode).toBe(0);
  for (const args of [["clients"], ["clients", "end", "anna"]]) {
    const { exitCode, stdout, stderr } = await roost(args, { cwd });
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("no server runs on this data folder");
  }
  expect((await roost(["clients", "end"], { cwd })).exitCode).toBe(2);
});
