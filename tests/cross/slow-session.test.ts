/**
 * A client with a lasting session that stays and does not read: what is published for it waits on the disk, up to the
 * session's bound, and costs neither memory nor anybody else's time. When it reads again it gets what was kept.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProcessStats } from "../load/process-stats.ts";
import { enroll } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import { Client5, publish5 } from "../support/wire-v5.ts";
import { startBinary } from "./binary-server.ts";
import { MqttClient } from "./mqtt-client.ts";

const count = 50_000;
const kept = 25_000;
const atOnce = 500;
/** 100 MB are kept, and twice as much is published. */
const payload = Buffer.alloc(4000, "x");
/** What lies about between two collections; queues are bounded by far less. */
const growthBytesMax = 64 * 1024 * 1024;
/** For two sessions: what the store caches. */
const filling = 10_000;
const delayMsMax = 3000;
const env = { ROOST_LIMITS_MQTT_QUEUED_MESSAGES: String(kept), ROOST_LIMITS_MQTT_QUEUED_BYTES: "1 GiB" };

test.skipIf(process.platform !== "linux")(
  "a persistent client that does not read costs bounded memory and delays nobody",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-slow-session-"));
    try {
      await using server = await startBinary(folder, { env });
      const port = Number(server.mqtt.slice(server.mqtt.lastIndexOf(":") + 1));
      const [token = ""] = await enroll(server, "anna");
      const login = { username: "anna", password: token };
      let heard = 0;
      await using quick = await MqttClient.connect(
        server.mqtt,
        { ...login, clientId: "quick", clean: true },
        {
          onPublish({ messageId = 0 }, client) {
            heard += 1;
            client.puback(messageId);
          },
        },
      );
      await quick.subscribe("flood");
      await using slow = await RawMqtt.connect(port, {
        username: "anna",
        password: Buffer.from(token),
        clientId: "slow",
        clean: false,
      });
      expect(await slow.subscribe("flood", 1)).toBe(1);
      await using publisher = await Client5.connect(port, { ...login, clientId: "publisher" });

      /** Gives how many were refused. */
      const flood = async (from: number, topic = "flood"): Promise<number> => {
        const batch = Array.from({ length: atOnce }, (_, at) => {
          const numbered = Buffer.from(payload);
          numbered.writeUInt32BE(from + at, 0);
          return publish5(topic, numbered, { qos: 1, packetId: at + 1 });
        });
        publisher.send(...batch);
        let refused = 0;
        for (let answers = 0; answers < atOnce; answers += 1) {
          if ((await publisher.take("puback")).reasonCode === 0x97) refused += 1;
        }
        return refused;
      };
      const take = async (first: number, end: number): Promise<void> => {
        for (let number = first; number < end; number += 1) {
          const packet = await slow.expect("publish");
          expect(Buffer.from(packet.payload).readUInt32BE(0)).toBe(number);
          slow.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
        }
      };

      // The store's cache of pages is full, and the server has seen as much of everything before.
      for (const clientId of ["away.1", "away.2"]) {
        await using away = await MqttClient.connect(server.mqtt, { ...login, clientId, clean: false });
        await away.subscribe("fill");
      }
      for (let from = 0; from < filling; from += atOnce) expect(await flood(from, "fill")).toBe(0);
      for (let round = 0; round < 10; round += 1) {
        const [refused] = await Promise.all([flood(0), take(0, atOnce)]);
        expect(refused).toBe(0);
      }
      await slow.fence();
      heard = 0;
      const before = (await readProcessStats(server.pid)).rssBytes;

      slow.stopReading();
      let refused = 0;
      let largest = 0;
      for (let from = 0; from < count; from += atOnce) {
        const startedMs = performance.now();
        refused += await flood(from);
        await until("the quick one to hear of it", () => heard === from + atOnce);
        expect(performance.now() - startedMs).toBeLessThan(delayMsMax);
        largest = Math.max(largest, (await readProcessStats(server.pid)).rssBytes);
      }
      expect(refused).toBe(count - kept);
      expect(largest - before).toBeLessThan(growthBytesMax);

      slow.resumeReading();
      await take(0, kept);
      expect(await slow.fence()).toEqual([]);
      expect(await flood(0)).toBe(0); // there is room again
      await take(0, atOnce);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);
