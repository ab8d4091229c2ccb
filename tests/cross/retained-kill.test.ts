/**
 * kill -9 while retained messages and QoS 2 messages on ordinary topics are acknowledged: what was acknowledged is there, and
 * a packet id that was taken over is not taken for a new message.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enroll } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { startBinary } from "./binary-server.ts";
import { MqttClient } from "./mqtt-client.ts";

const rounds = Number(process.env["ROOST_KILL_ROUNDS"] ?? (process.env["CI"] ? 10 : 3));
const topics = 20;

test(
  "a retained message that was acknowledged survives kill -9, and so does the packet id of a QoS 2 message",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-retained-"));
    try {
      let server = await startBinary(folder);
      const [token = ""] = await enroll(server, "anna");
      const login = { username: "anna", password: token, clientId: "anna-phone", clean: false };
      /** By topic: the newest number that was acknowledged, and the newest sent. */
      const acknowledged = new Map<string, number>();
      const sent = new Map<string, number>();
      for (let round = 1, number = 0; round <= rounds; round += 1) {
        const inFlight = new Map<number, { topic: string; number: number }>();
        const taken = new Set<number>();
        const publisher: MqttClient = await MqttClient.connect(server.mqtt, login, {
          onPuback(packetId) {
            const done = inFlight.get(packetId);
            inFlight.delete(packetId);
            if (done !== undefined) acknowledged.set(done.topic, done.number);
            publish();
          },
          onPubrec: (packetId) => taken.add(packetId),
        });
        function publish(): void {
          number += 1;
          const packetId = 1000 + (number % 1000);
          const topic = `news/${number % topics}`;
          inFlight.set(packetId, { topic, number });
          sent.set(topic, number);
          publisher.publish(topic, `${number}`, { packetId, retain: true });
        }
        for (let n = 0; n < 10; n += 1) publish();
        for (let packetId = 1; packetId <= 5; packetId += 1) {
          publisher.publish("other", `${round}`, { packetId, qos: 2 });
        }
        await until("acknowledgements", () => taken.size === 5 && number > 10 + round * 37);
        process.kill(server.pid, "SIGKILL");
        await withDeadline("the killed server to end", server.exited);
        await publisher.whenClosed();
        await server[Symbol.asyncDispose]();

        server = await startBinary(folder);
        const kept = new Map<string, number>();
        const others: string[] = [];
        const reader = await MqttClient.connect(
          server.mqtt,
          { ...login, clientId: "reader", clean: true },
          {
            onPublish({ topic, payload, messageId }, client) {
              if (topic === "other") others.push(String(payload));
              else kept.set(topic, Number(String(payload)));
              client.puback(messageId ?? 0);
            },
          },
        );
        await reader.subscribe("#");
        await reader.ping();
        for (const [topic, least] of acknowledged) {
          const there = kept.get(topic) ?? 0;
          expect(
            there >= least && there <= (sent.get(topic) ?? 0),
            `${topic}: ${least} acknowledged, ${there} kept`,
          ).toBe(true);
        }
        const completed = new Set<number>();
        const repeated = new Set<number>();
        const back = await MqttClient.connect(server.mqtt, login, {
          onPubrec(packetId) {
            repeated.add(packetId);
            back.pubrel(packetId);
          },
          onPubcomp: (packetId) => completed.add(packetId),
        });
        expect(back.sessionPresent).toBe(true);
        for (const packetId of taken) back.publish("other", `${round}`, { packetId, qos: 2, dup: true });
        await until("PUBCOMPs", () => completed.size === 5);
        await reader.ping();
        expect([repeated.size, others]).toEqual([5, []]);
        completed.clear();
        back.publish("other", "new", { packetId: 1, qos: 2 });
        await until("a new message under a free packet id", () => others.length === 1);
        await until("its PUBCOMP", () => completed.size === 1);
        await back.drop();
        await reader.drop();
      }
      process.kill(server.pid, "SIGTERM");
      expect(await withDeadline("the server to end", server.exited, 10_000)).toBe(0);
      await server[Symbol.asyncDispose]();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  20_000 + rounds * 10_000,
);
