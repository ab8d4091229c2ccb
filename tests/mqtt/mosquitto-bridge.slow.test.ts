/** A Mosquitto that bridges everything to the server and back, with its defaults (docs/mqtt.md § Bridge from Mosquitto). */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { IPublishPacket } from "mqtt-packet";
import { temporaryFolder } from "../cli/roost.ts";
import { LineProcess } from "../support/processes.ts";
import { requireProgram } from "../support/programs.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const program = requireProgram("mosquitto") ? Bun.which("mosquitto") : null;
/** Mosquitto waits some seconds before it connects again. */
const reconnectMs = 60_000;

/** A port that stays the same while the server behind it comes and goes. */
async function startRelay() {
  let port = 0;
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    const server = connect({ port, host: "127.0.0.1" });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    leadTo(to: number) {
      port = to;
    },
    [Symbol.dispose]() {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A client on one side that hears everything, in a session that is kept. */
class Listener implements AsyncDisposable {
  raw: RawMqtt;
  readonly #heard: IPublishPacket[] = [];

  constructor(raw: RawMqtt) {
    this.raw = raw;
  }

  /** Everything up to `topic`, acknowledged; `topic retained` where RETAIN is set. */
  async until(topic: string): Promise<string[]> {
    while (this.#heard.at(-1)?.topic !== topic) {
      const packet = await this.raw.next(topic, reconnectMs);
      if (packet.cmd !== "publish") continue;
      this.#heard.push(packet);
      if (packet.qos === 1) this.raw.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
    }
    return this.#heard.splice(0).map(({ topic: heard, retain }) => (retain ? `${heard} retained` : heard));
  }

  async publish(topic: string, { retain = false, payload = "x" } = {}): Promise<void> {
    this.raw.send(publishPacket(topic, payload, { qos: 1, messageId: 1, retain }));
    for (;;) {
      const packet = await this.raw.next("PUBACK");
      if (packet.cmd === "puback") return;
      if (packet.cmd !== "publish") continue;
      this.#heard.push(packet);
      if (packet.qos === 1) this.raw.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.raw[Symbol.asyncDispose]();
  }
}

interface Place extends AsyncDisposable {
  /** A client on each side that hears everything, what it publishes too. */
  readonly here: Listener;
  readonly there: Listener;
  restartMosquitto(between: () => Promise<void>): Promise<void>;
  restartRoost(between: () => Promise<void>): Promise<void>;
}

async function startPlace(): Promise<Place> {
  await using made = new AsyncDisposableStack();
  const folder = made.use(temporaryFolder());
  const relay = made.use(await startRelay());
  let roost: TestServer = await startTestServer();
  made.defer(() => roost[Symbol.asyncDispose]());
  relay.leadTo(roost.mqttPort);
  const device = async (name: string) => (await roost.domain.devices.add({ name })).password ?? "";
  const [bridge, watcher] = [await device("mosquitto"), await device("watcher")];
  const socket = join(folder.path, "mosquitto.sock");
  const config = join(folder.path, "mosquitto.conf");
  // Debian's own file has `persistence true` too. The rest is what the bridge needs, and where the log goes.
  writeFileSync(
    config,
    `listener 0 ${socket}
allow_anonymous true
persistence true
persistence_location ${folder.path}/
log_dest stderr
user ${process.getuid?.() === 0 ? "root" : "mosquitto"}

connection roost
address 127.0.0.1:${relay.port}
topic # both 1
remote_username mosquitto
remote_password ${bridge}
`,
  );
  const startMosquitto = async (): Promise<LineProcess> => {
    const started = new LineProcess(["sh", "-c", 'exec "$0" -c "$1" 2>&1', program ?? "mosquitto", config]);
    await started.lineThat((line) => /version \S+ running/.test(line), "Mosquitto");
    return started;
  };
  const kept = { clientId: "watcher", clean: false } as const;
  const comeHere = () =>
    RawMqtt.connect(roost.mqttPort, { ...kept, username: "watcher", password: Buffer.from(watcher) });
  const here = made.use(new Listener(await comeHere()));
  await here.raw.subscribe("#", 1);
  await here.publish("ready", { retain: true });
  await here.until("ready");
  let mosquitto = await startMosquitto();
  made.defer(() => mosquitto[Symbol.asyncDispose]());
  const there = made.use(new Listener(await RawMqtt.connect(socket, kept)));
  await there.raw.subscribe("#", 1);
  expect(await there.until("ready")).toHaveLength(1); // the bridge is there
  const parts = made.move();
  return {
    here,
    there,
    async restartMosquitto(between) {
      await there.raw.drop();
      await mosquitto.end();
      await between();
      mosquitto = await startMosquitto();
      there.raw = await RawMqtt.connect(socket, kept);
    },
    async restartRoost(between) {
      await here.raw.drop();
      await roost.stop();
      await between();
      roost = await roost.restart();
      relay.leadTo(roost.mqttPort);
      here.raw = await comeHere();
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

test.skipIf(program === null)(
  "each message goes over the bridge once, with its RETAIN, and none comes back",
  async () => {
    await using place = await startPlace();
    const { here, there } = place;
    await here.publish("from/roost");
    await there.publish("from/mosquitto");
    await here.publish("kept/by-roost", { retain: true });
    await there.publish("kept/by-mosquitto", { retain: true });
    await here.publish("gone/by-roost", { retain: true });
    await there.publish("gone/by-mosquitto", { retain: true });
    await here.publish("gone/by-roost", { retain: true, payload: "" });
    await there.publish("gone/by-mosquitto", { retain: true, payload: "" });
    // Anything that came back would be behind this message and before the answer.
    await here.publish("end/roost");
    const thereAll = await there.until("end/roost");
    await there.publish("end/mosquitto");
    const hereAll = await here.until("end/mosquitto");
    await here.publish("end/again");
    thereAll.push(...(await there.until("end/again")));
    hereAll.push(...(await here.until("end/again")));
    const sent = ["roost", "mosquitto"].flatMap((side) => [
      `from/${side}`,
      `kept/by-${side}`,
      `gone/by-${side}`,
      `gone/by-${side}`,
      `end/${side}`,
    ]);
    sent.push("end/again");
    expect(hereAll.toSorted()).toEqual(sent.toSorted());
    expect(thereAll.toSorted()).toEqual(sent.toSorted());
    // Both sides retain the same.
    for (const { raw } of [here, there]) {
      await raw.fence();
      raw.send({
        cmd: "subscribe",
        messageId: 9,
        subscriptions: ["kept/+", "gone/+"].map((topic) => ({ topic, qos: 0 })),
      });
      const retained = [await raw.next(), await raw.next(), await raw.next(), ...(await raw.fence())];
      const topics = retained.flatMap((packet) => (packet.cmd === "publish" && packet.retain ? [packet.topic] : []));
      expect(topics.toSorted()).toEqual(["kept/by-mosquitto", "kept/by-roost"]);
    }
  },
);

const numbered = (topic: string) => Array.from({ length: 20 }, (_, n) => `${topic}/${n}`);

test.skipIf(program === null)(
  "a restart of Mosquitto, and then of Roost, loses nothing that either side acknowledged",
  async () => {
    await using place = await startPlace();
    const { here, there } = place;
    await there.publish("state", { retain: true, payload: "old" });
    await here.until("state");
    await place.restartMosquitto(async () => {
      for (const topic of numbered("while/mosquitto/is/away")) await here.publish(topic);
    });
    await here.publish("end/one");
    const one = await there.until("end/one");
    expect(new Set(one.filter((topic) => topic.startsWith("while/")))).toEqual(
      new Set(numbered("while/mosquitto/is/away")),
    );
    await place.restartRoost(async () => {
      for (const topic of numbered("while/roost/is/away")) await there.publish(topic);
      await there.publish("state", { retain: true, payload: "new" });
      await there.publish("end/two");
    });
    const two = await here.until("end/two");
    expect(new Set(two.filter((topic) => topic.startsWith("while/roost")))).toEqual(
      new Set(numbered("while/roost/is/away")),
    );
    await here.publish("end/three");
    await there.until("end/three");
    // Roost's older value did not come back over Mosquitto's newer one.
    for (const { raw } of [here, there]) {
      raw.send({ cmd: "subscribe", messageId: 9, subscriptions: [{ topic: "state", qos: 0 }] });
      for (;;) {
        const packet = await raw.next("what is retained");
        if (packet.cmd !== "publish") continue;
        expect(String(packet.payload)).toBe("new");
        break;
      }
    }
  },
);
