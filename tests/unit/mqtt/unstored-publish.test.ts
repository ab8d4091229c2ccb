/** What a publisher is told when its message could not be stored, or had no room, and that it can say it again. */
import { expect, test } from "bun:test";
import type { BrokerLimits } from "../../../src/mqtt/limits.ts";
import { packetType } from "../../../src/mqtt/wire/packet-bytes.ts";
import { until } from "../../support/deadline.ts";
import { HeldStore, SteppedBroker, settle } from "../../support/stepped-broker.ts";
import { type ConnectOptions, SteppedClient } from "../../support/stepped-client.ts";

async function open(options: ConnectOptions, limits: Partial<BrokerLimits> = {}) {
  const store = new HeldStore();
  const broker = await new SteppedBroker({ store, limits }).start();
  const [subscriber, publisher] = [new SteppedClient(broker, "subscriber"), new SteppedClient(broker, "publisher")];
  await connect(subscriber, {});
  subscriber.subscribe("t", 2);
  await connect(publisher, options);
  return { broker, store, subscriber, publisher };
}

async function connect(client: SteppedClient, options: ConnectOptions): Promise<void> {
  client.connect(options);
  await until("connected", () => client.connected);
  await settle();
  client.others.length = 0;
}

const answerTo = { 1: packetType.puback, 2: packetType.pubrec };
const kinds = [1, 2].flatMap((qos) =>
  [true, false].flatMap((cleanStart) => [true, false].map((retain) => [qos as 1 | 2, cleanStart, retain] as const)),
);

test.each(kinds)(
  "before MQTT 5 the connection ends, and the repeat is taken (QoS %p, clean %p, retain %p)",
  async (qos, cleanStart, retain) => {
    const { store, subscriber, publisher } = await open({ cleanStart });
    store.fails = () => true;
    publisher.publish("t", "once", qos, retain);
    await settle();
    expect([publisher.connected, publisher.others]).toEqual([false, []]);
    store.fails = () => false;
    publisher.lose();
    await connect(publisher, { cleanStart });
    publisher.publish("t", "once", qos, retain);
    await settle();
    expect(publisher.others).toEqual([{ type: answerTo[qos], packetId: 7 }]);
    expect(subscriber.texts).toEqual(["once"]);
    expect(store.retained.size).toBe(retain ? 1 : 0);
  },
);

test.each(kinds)(
  "MQTT 5 says Quota exceeded, and the packet id is free (QoS %p, clean %p, retain %p)",
  async (qos, cleanStart, retain) => {
    const { store, subscriber, publisher } = await open({ protocolVersion: 5, cleanStart });
    store.fails = () => true;
    publisher.publish("t", "refused", qos, retain);
    await settle();
    expect(publisher.others).toEqual([{ type: answerTo[qos], packetId: 7, reasonCode: 0x97 }]);
    store.fails = () => false;
    publisher.publish("t", "taken", qos, retain);
    await settle();
    expect(publisher.others.slice(1)).toEqual([{ type: answerTo[qos], packetId: 7 }]);
    expect(subscriber.texts).toEqual(["taken"]);
    expect([...store.retained.values()].map(({ payload }) => Buffer.from(payload).toString())).toEqual(
      retain ? ["taken"] : [],
    );
  },
);

test.each([
  [4, true],
  [4, false],
  [5, true],
  [5, false],
] as const)(
  "QoS 2 for a full queue: MQTT %p frees the packet id with a refusal only (clean %p)",
  async (protocolVersion, cleanStart) => {
    const { broker, subscriber, publisher } = await open({ protocolVersion, cleanStart }, { queuedMessagesMax: 1 });
    const other = new SteppedClient(broker, "other");
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
