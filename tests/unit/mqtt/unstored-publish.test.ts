/** What a publisher is told when its message had no room, and that it can say it again. */
import { expect, test } from "bun:test";
import type { BrokerLimits } from "../../../src/mqtt/limits.ts";
import { packetType } from "../../../src/mqtt/wire.ts";
import { type ConnectOptions, settle, TestClient, TestCore } from "../../support/broker-core.ts";
import { until } from "../../support/deadline.ts";

async function open(options: ConnectOptions, limits: Partial<BrokerLimits> = {}) {
  const core = await new TestCore({ limits }).start();
  const [subscriber, publisher] = [new TestClient(core, "subscriber"), new TestClient(core, "publisher")];
  await connect(subscriber, {});
  subscriber.subscribe("t", 2);
  await connect(publisher, options);
  return { core, subscriber, publisher };
}

async function connect(client: TestClient, options: ConnectOptions): Promise<void> {
  client.connect(options);
  await until("connected", () => client.connected);
  await settle();
  client.others.length = 0;
}

test.each([
  [4, true],
  [4, false],
  [5, true],
  [5, false],
] as const)(
  "QoS 2 for a full queue: MQTT %p frees the packet id with a refusal only (clean %p)",
  async (protocolVersion, cleanStart) => {
    const { core, subscriber, publisher } = await open({ protocolVersion, cleanStart }, { queuedMessagesMax: 1 });
    const other = new TestClient(core, "other");
    await connect(other, {});
    other.subscribe("t", 1);
    publisher.publish("t", "fills", 1);
    await settle();
    other.answer();
    publisher.others.length = 0;
    publisher.publish("t", "overflows", 2);
    await settle();
    const five = protocolVersion === 5;
    expect(publisher.others).toEqual([{ type: packetType.pubrec, packetId: 7, ...(five ? { reasonCode: 0x97 } : {}) }]);
    subscriber.answer();
    other.answer();
    await settle();
    publisher.publish("t", "next", 2);
    await settle();
    expect(publisher.others.slice(1)).toEqual([{ type: packetType.pubrec, packetId: 7 }]);
    expect(subscriber.texts).toEqual(five ? ["fills", "next"] : ["fills"]);
    expect(other.texts).toEqual(five ? ["fills", "overflows", "next"] : ["fills", "overflows"]);
  },
);
