/** A process that may have few files open, and peers that take all they can get. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer } from "../load/server.ts";
import { MiniClient } from "../minioicq/client.ts";
import { call, enroll, room } from "../rest/client.ts";
import { compiledBinary } from "../support/binary.ts";
import { until } from "../support/deadline.ts";
import { connectPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { backendKey } from "./binary-server.ts";

const limit = 200;

async function startLimited() {
  const folder = mkdtempSync(join(tmpdir(), "roost-descriptors-"));
  const server = await startServer({
    data: join(folder, "data"),
    command: ["sh", "-c", `ulimit -n ${limit} && exec "$0" "$@"`, await compiledBinary()],
    env: { ROOST_BACKEND_KEY: backendKey, ROOST_DURABILITY: "os" },
  });
  return {
    ...server,
    backendKey,
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Opens so many connections that say nothing, and counts those that the server left open. */
function openSilent(at: string, count: number) {
  const sockets: Socket[] = [];
  let gone = 0;
  for (let n = 0; n < count; n += 1) {
    const socket = connect({ port: Number(at.slice(at.lastIndexOf(":") + 1)) });
    socket.on("error", () => {});
    socket.on("close", () => {
      gone += 1;
    });
    socket.resume();
    sockets.push(socket);
  }
  return {
    gone: () => gone,
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Whether the main thread sleeps. One that tries to accept without end never does. */
function isResting(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("S");
}

test.skipIf(process.platform !== "linux")(
  "silent MQTT connections take what is theirs, and others are refused",
  async () => {
    await using server = await startLimited();
    const [anna = ""] = await enroll(server, "anna", "ben");
    await room(server, "team", "anna", "ben");
    await using early = await RawMqtt.connect(Number(server.mqtt.split(":")[1]));
    const silent = openSilent(server.mqtt, limit);
    await until("those beyond the limit to be refused", () => silent.gone() > 0);
    // The doors that share the process with them go on.
    await early.fence();
    for (let n = 0; n < 20; n += 1) {
      const content = "x".repeat(100_000);
      const sent = await call(server, "POST /messages", {
        as: anna,
        body: [{ chatID: "team", content, clientID: `${n}` }],
      });
      expect(sent.status).toBe(200);
    }
    await until("the server to rest", () => isResting(server.pid));
    silent.close();
    await until("a place", () => silent.gone() === limit);
    const again = await RawMqtt.open(Number(server.mqtt.split(":")[1]));
    again.send(connectPacket());
    await again.expect("connack");
    await again.drop();
  },
);

test.skipIf(process.platform !== "linux")(
  "silent HTTP connections close the doors for a while, and the store goes on",
  async () => {
    await using server = await startLimited();
    const [anna = ""] = await enroll(server, "anna", "ben");
    await room(server, "team", "anna", "ben");
    using client = await MiniClient.connect(server.http);
    expect((await client.ask({ action: "auth.login", token: anna })).action).toBe("auth.login.success");
    const spawn = await client.next();
    const silent = openSilent(server.http, limit + 50);
    await until("the doors to close", () => silent.gone() > 0);
    const message = { chat_id: spawn["chat_id"], type: "image", content: new Uint8Array(100_000) };
    for (let n = 0; n < 3; n += 1) {
      client.say({ action: "message.send", message });
      expect((await client.next()).action).toBe("message.push");
    }
    await until("the server to rest", () => isResting(server.pid));
    silent.close();
    const answer = async () => (await fetch(`http://${server.http}/readyz`).catch(() => undefined))?.status;
    for (const endMs = performance.now() + 15_000; (await answer()) !== 200; )
      expect(performance.now()).toBeLessThan(endMs);
  },
);
