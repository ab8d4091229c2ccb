/**
 * A full disk under messages for persistent sessions: their publishers are told so in the words of their version, what needs no
 * disk goes on, and once there is room everything that was acknowledged arrives, in order, and nothing that was refused.
 */
import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { enroll } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { ack5, Client5, type Connect5, connect5, publish5 } from "../support/wire-v5.ts";
import { type BinaryServer, requireSlowFsync, startBinary, startWatched } from "./binary-server.ts";
import { MqttClient } from "./mqtt-client.ts";

const library = await requireSlowFsync();

/** From the disk's having room again until messages are taken. */
const resumesWithinMs = 5000;
const lookEveryMs = 10;
const quotaExceeded = 0x97;
const serverUnavailable = 0x88;

const portOf = ({ mqtt }: BinaryServer): number => Number(mqtt.slice(mqtt.lastIndexOf(":") + 1));

test.skipIf(library === undefined)(
  "a full disk costs persistent subscribers nothing that was acknowledged",
  async () => {
    if (library === undefined) throw new Error("no disk shim");
    await using server = await startWatched(library);
    const port = portOf(server);
    const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
    const away: Connect5 = {
      clientId: "away",
      username: "ben",
      password: ben,
      cleanStart: false,
      properties: { sessionExpiry: 3600 },
    };
    const leaving = await Client5.connect(port, away);
    expect(await leaving.subscribe("news/#", 2)).toEqual([2]);
    await leaving.leave();
    await using present = await Client5.connect(port, { ...away, clientId: "present" });
    expect(await present.subscribe("news/#", 1)).toEqual([1]);

    /** What persistent subscribers are to hear. */
    const acknowledged: string[] = [];
    const five = await Client5.connect(port, { clientId: "five", username: "anna", password: anna });
    const say5 = async (text: string, qos: 1 | 2): Promise<number> => {
      five.send(publish5("news/today", text, { qos, packetId: 1 }));
      const { reasonCode = 0 } = await five.take(qos === 1 ? "puback" : "pubrec");
      if (reasonCode >= 0x80) return reasonCode;
      acknowledged.push(text);
      if (qos === 2) {
        five.send(ack5("pubrel", 1));
        await five.take("pubcomp");
      }
      return 0;
    };
    const login = { username: "anna", password: anna, clientId: "four", clean: false };
    const say4 = async (text: string, { qos, dup = false }: { qos: 1 | 2; dup?: boolean }): Promise<boolean> => {
      const heard = new Set<string>();
      const four: MqttClient | undefined = await MqttClient.connect(server.mqtt, login, {
        onPuback: () => void heard.add("answer"),
        onPubrec: () => void heard.add("answer"),
        onPubcomp: () => void heard.add("completion"),
      }).catch(() => undefined); // a session is a row of the store as well
      if (four === undefined) return false;
      await using client = four;
      client.publish("news/today", text, { packetId: 1, qos, dup });
      await until("an acknowledgement or the end", () => heard.has("answer") || client.isClosed);
      if (!heard.has("answer")) return false;
      acknowledged.push(text);
      if (qos === 1) return true;
      client.pubrel(1);
      await until("PUBCOMP", () => heard.has("completion"));
      return true;
    };

    expect(await say5("five before, at 1", 1)).toBe(0);
    expect(await say5("five before, at 2", 2)).toBe(0);
    expect(await say4("four before, at 1", { qos: 1 })).toBe(true);
    await using stays = await MqttClient.connect(server.mqtt, { ...login, clientId: "stays" });
    await using listener = await Client5.connect(port, { clientId: "listener", username: "anna", password: anna });
    expect(await listener.subscribe("talk", 1)).toEqual([1]);
    await hear(present, acknowledged);

    writeFileSync(server.failPath, "");
    for (const qos of [1, 2, 1, 2] as const) expect(await say5("five meanwhile", qos)).toBe(quotaExceeded);
    stays.publish("news/today", "four meanwhile", { packetId: 1, qos: 2 });
    await stays.whenClosed();
    expect(await say4("four meanwhile", { qos: 2, dup: true })).toBe(false);
    const refused = await Client5.open(port);
    refused.send(connect5(away));
    expect(await refused.closing()).toMatchObject([{ type: "connack", reasonCode: serverUnavailable }]);

    // Between sessions that end with their connections, and for everyone who only listens, nothing has changed.
    expect((await five.publish("talk", "hello")).reasonCode).toBe(0);
    expect((await listener.take("publish")).payload).toBe("hello");
    for (const client of [five, present]) expect(await client.fence()).toEqual([]);

    rmSync(server.failPath);
    const resumedBy = performance.now() + resumesWithinMs;
    while ((await say5("five at last", 2)) !== 0 && performance.now() < resumedBy) await Bun.sleep(lookEveryMs);
    expect(acknowledged.at(-1)).toBe("five at last");
    expect(await say4("four at last", { qos: 2, dup: true })).toBe(true);
    expect(await say5("five after all", 1)).toBe(0);
    await hear(present, acknowledged.slice(3));

    process.kill(server.pid, "SIGKILL");
    await withDeadline("the killed server to end", server.exited);
    await using restarted = await startBinary(server.data);
    await using back = await Client5.connect(portOf(restarted), away);
    expect(back.connack.sessionPresent).toBe(true);
    await hear(back, acknowledged);
  },
  30_000,
);

/** Takes messages and acknowledges them, until there are no more. */
async function hear(client: Client5, expected: readonly string[]): Promise<void> {
  const heard: (string | undefined)[] = [];
  const unreleased = new Set<number | undefined>();
  while (heard.length < expected.length || unreleased.size > 0) {
    const { type, packetId, payload, qos } = await client.next();
    if (type === "publish") {
      heard.push(payload);
      if (qos === 2) unreleased.add(packetId);
      client.send(ack5(qos === 2 ? "pubrec" : "puback", packetId));
    } else {
      expect([type, unreleased.delete(packetId)]).toEqual(["pubrel", true]);
      client.send(ack5("pubcomp", packetId));
    }
  }
  expect(heard).toEqual([...expected]);
  expect(await client.fence()).toEqual([]);
}
