/**
 * A disk of 48 MiB is filled, emptied and filled again, by everything that takes room (docs/operations.md § A full disk).
 * Deleting goes on while the disk is full, and brings service back without a restart, each time.
 */
import { afterAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { compiledBinary } from "../support/binary.ts";
import { until } from "../support/deadline.ts";
import { ack5, Client5, publish5 } from "../support/wire-v5.ts";
import { type BinaryServer, startBinary } from "./binary-server.ts";
import { mountSmallDisk } from "./small-disk.ts";

const disk = mountSmallDisk(48);
afterAll(() => disk?.[Symbol.dispose]());

/** More than enough to fill the disk once, at 50,000 bytes each. */
const fillsWithin = 2000;
const resumesWithinMs = 20_000;
const rounds = Number(process.env["ROOST_FULL_DISK_ROUNDS"] ?? (process.env["CI"] ? 2 : 1));
const text = "t".repeat(50_000);
const quotaExceeded = 0x97;

const portOf = ({ mqtt }: BinaryServer): number => Number(mqtt.slice(mqtt.lastIndexOf(":") + 1));

interface Stage {
  readonly server: BinaryServer;
  readonly data: string;
  readonly token: string;
}

/** Runs until it says "full". */
async function fill(step: (n: number) => Promise<"taken" | "full">): Promise<number> {
  for (let n = 0; n < fillsWithin; n += 1) if ((await step(n)) === "full") return n;
  throw new Error("the disk did not fill");
}

async function answerTo(status: number): Promise<"taken" | "full"> {
  if (status !== 200 && status !== 507) throw new Error(`POST /messages answered ${status}`);
  return status === 200 ? "taken" : "full";
}

async function readiness({ server }: Stage): Promise<{ status: number; text: string }> {
  return call(server, "GET /readyz");
}

/** Service is back when the server says so, and takes a message. */
async function expectResumed(stage: Stage): Promise<void> {
  const deadline = performance.now() + resumesWithinMs;
  let answer = await readiness(stage);
  while (answer.status !== 200 && performance.now() < deadline) {
    await Bun.sleep(20);
    answer = await readiness(stage);
  }
  expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('"ready":true')]);
  const body = { chatID: "small", content: "service is back", clientID: crypto.randomUUID() };
  expect((await call(stage.server, "POST /messages", { as: stage.token, body })).status).toBe(200);
}

/** A device that may do everything on ordinary topics. */
async function device({ server, data }: Stage, clientId: string, sessionExpiry?: number): Promise<Client5> {
  return Client5.connect(portOf(server), {
    clientId,
    username: "pump",
    password: await devicePassword(data),
    cleanStart: sessionExpiry === undefined,
    properties: sessionExpiry === undefined ? {} : { sessionExpiry },
  });
}

let password: Promise<string> | undefined;

function devicePassword(data: string): Promise<string> {
  password ??= (async () => {
    const args = ["device", "add", "pump", "--publish", "#", "--subscribe", "#", "--data", data, "--json"];
    const child = Bun.spawn([await compiledBinary(), ...args], {
      env: { PATH: process.env["PATH"] ?? "" },
      stdout: "pipe",
      stderr: "inherit",
    });
    return (JSON.parse(await new Response(child.stdout).text()) as { password: string }).password;
  })();
  return password;
}

async function fillByMessages(stage: Stage, contentOf: (n: number) => Record<string, unknown>): Promise<void> {
  const { server, token } = stage;
  await room(server, "filled", "anna");
  await fill(async (n) => {
    const body = { chatID: "filled", clientID: crypto.randomUUID(), ...contentOf(n) };
    return answerTo((await call(server, "POST /messages", { as: token, body })).status);
  });
  const told = await readiness(stage);
  expect([told.status, told.text]).toEqual([503, expect.stringContaining("storage_full")]);
  expect((await asBackend(server, "DELETE /chats/filled")).status).toBe(200);
}

const ways: readonly (readonly [name: string, fillAndDelete: (stage: Stage) => Promise<void>])[] = [
  ["texts", (stage) => fillByMessages(stage, () => ({ content: text }))],
  [
    "large content",
    (stage) =>
      fillByMessages(stage, () => {
        const content = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000)).buffer);
        return { type: "image", encoding: "base64", content: Buffer.concat(Array(5).fill(content)).toString("base64") };
      }),
  ],
  [
    "retained messages",
    async (stage) => {
      await using client = await device(stage, "retains");
      const publish = async (topic: string, payload: string): Promise<number> => {
        client.send(publish5(topic, payload, { qos: 1, packetId: 1, retain: true }));
        return (await client.take("puback")).reasonCode ?? 0;
      };
      const count = await fill(async (n) => {
        const code = await publish(`retained/${n}`, text);
        if (code !== 0 && code !== 0x10) expect(code).toBe(quotaExceeded);
        return code === quotaExceeded ? "full" : "taken";
      });
      // What frees space is taken while the disk is full.
      for (let n = 0; n < count; n += 1) expect(await publish(`retained/${n}`, "")).not.toBe(quotaExceeded);
    },
  ],
  [
    "sessions",
    async (stage) => {
      const away = await device(stage, "away", 3600);
      expect(await away.subscribe("queued/#", 1)).toEqual([1]);
      await away.leave();
      await using client = await device(stage, "sends");
      await fill(async () => {
        client.send(publish5("queued/n", text, { qos: 1, packetId: 1 }));
        const { reasonCode = 0 } = await client.take("puback");
        if (reasonCode !== 0) expect(reasonCode).toBe(quotaExceeded);
        return reasonCode === quotaExceeded ? "full" : "taken";
      });
      await using ending = await device(stage, "away");
      expect(ending.connack.sessionPresent).toBe(false);
    },
  ],
  [
    "acknowledged messages",
    async (stage) => {
      const away = await device(stage, "reads", 3600);
      expect(await away.subscribe("read/#", 1)).toEqual([1]);
      await using client = await device(stage, "sends");
      await away.leave();
      const count = await fill(async () => {
        client.send(publish5("read/n", text, { qos: 1, packetId: 1 }));
        const { reasonCode = 0 } = await client.take("puback");
        return reasonCode === quotaExceeded ? "full" : "taken";
      });
      await expectAcknowledged(stage, count);
    },
  ],
];

/** The session's client comes back to the full disk, reads all that waits for it and acknowledges. */
async function expectAcknowledged(stage: Stage, count: number): Promise<void> {
  await using reader = await device(stage, "reads", 3600);
  for (let n = 0; n < count; n += 1) {
    const { packetId = 0 } = await reader.take("publish");
    reader.send(ack5("puback", packetId));
  }
  expect((await reader.fence()).length).toBe(0);
}

test.skipIf(disk === undefined)(
  `a disk of 48 MiB is filled ${rounds} times in each way, and service resumes by itself`,
  async () => {
    if (disk === undefined) throw new Error("no disk");
    const data = join(disk.path, "data");
    await using server = await startBinary(data);
    const [token = ""] = await enroll(server, "anna");
    await room(server, "small", "anna");
    const stage: Stage = { server, data, token };
    await until("the reserve to be put aside", () => existsSync(join(data, "reserve")), 20_000);
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, fillAndDelete] of ways) {
        try {
          await fillAndDelete(stage);
          await expectResumed(stage);
        } catch (error) {
          throw new Error(`by ${name}, round ${round}`, { cause: error });
        }
      }
    }
  },
  300_000,
);
