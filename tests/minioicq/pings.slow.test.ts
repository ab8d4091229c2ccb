/** How long a peer may be silent, by the clock. */
import { expect, test } from "bun:test";
import { until } from "../support/deadline.ts";
import { startTestServer } from "../support/server.ts";
import { MiniClient, newUser } from "./client.ts";
import { openDoor } from "./open-door.ts";
import { fin, opcode, RawSocket } from "./raw-socket.ts";

test("a peer that answers no pings is closed, one that does may be silent", async () => {
  await using server = await startTestServer();
  using door = openDoor(server, { idleSeconds: 8 });
  const { id } = await newUser(server.http, "Ann");
  using silent = await MiniClient.connect(door.http, "json"); // Bun's client answers pings by itself.
  await silent.login(id);
  using gone = await RawSocket.connect(door.port);
  gone.say({ action: "auth.login", user_id: id, password: "secret" });
  await gone.next();
  await until("the server to forget it", () => door.door.connections() === 1, 30_000);
  expect(gone.heads).toContain(opcode.ping | fin);
  expect((await gone.end()).code).toBe(1006);
  expect(await silent.fence()).toEqual([]);
}, 60_000);
