/** kill -9 while clients with wills are connected: the next start publishes what they left, in its time and once. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { enroll } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { type BinaryServer, startBinary } from "./binary-server.ts";

const delaySeconds = 3;
const hour = 3600;

interface Leaver {
  readonly version: 4 | 5;
  /** Seconds; undefined: it ends with the connection. */
  readonly sessionExpiry?: number;
  readonly delay?: number;
  readonly retain?: boolean;
  readonly qos?: 0 | 2;
}

/** By client id, which is the last level of the will's topic. */
const leavers: Readonly<Record<string, Leaver>> = {
  older: { version: 4 },
  atOnce: { version: 5 },
  returnsTooLate: { version: 5, sessionExpiry: hour },
  kept: { version: 5, retain: true },
  keptByOlder: { version: 4, retain: true, qos: 0 },
  endedWithConnection: { version: 5, delay: hour },
  endsBeforeDelay: { version: 5, delay: hour, sessionExpiry: 1 },
  later: { version: 5, delay: delaySeconds, sessionExpiry: hour },
  returns: { version: 5, delay: delaySeconds, sessionExpiry: hour },
  saidGoodbye: { version: 5 },
};

test("a will survives kill -9: it is published at the next start, after its delay, and not if its client is back", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-wills-"));
  const clients: MqttClient[] = [];
  let server = await startBinary(join(folder, "data"));
  const kill = async (): Promise<void> => {
    process.kill(server.pid, "SIGKILL");
    await withDeadline("the killed server to end", server.exited);
    await server[Symbol.asyncDispose]();
    server = await startBinary(join(folder, "data"));
  };
  try {
    const [password = ""] = await enroll(server, "anna");
    const open = async (server: BinaryServer, options: IClientOptions, heard?: string[]): Promise<MqttClient> => {
      const client = mqtt.connect(`mqtt://${server.mqtt}`, {
        username: "anna",
        password,
        reconnectPeriod: 0,
        ...options,
      });
      clients.push(client);
      client.on("error", () => {}); // a killed server's connections
      client.on("message", (topic) => void heard?.push(topic.slice("wills/".length)));
      await withDeadline("CONNACK", new Promise((resolve) => client.once("connect", resolve)));
      return client;
    };
    const watcher: IClientOptions = { clientId: "watcher", clean: false };
    const leave = (server: BinaryServer, name: string): Promise<MqttClient> => {
      const { version, sessionExpiry, delay, retain = false, qos = 2 } = leavers[name] ?? { version: 4 };
      const properties = delay === undefined ? {} : { willDelayInterval: delay };
      const lasting = sessionExpiry === undefined ? {} : { properties: { sessionExpiryInterval: sessionExpiry } };
      return open(server, {
        clientId: name,
        protocolVersion: version,
        clean: sessionExpiry === undefined,
        ...(version === 5 ? lasting : {}),
        will: {
          topic: `wills/${name}`,
          payload: Buffer.from(name),
          qos,
          retain,
          ...(version === 5 ? { properties } : {}),
        },
      });
    };

    const early: string[] = [];
    await (await open(server, watcher, early)).subscribeAsync("wills/#", { qos: 2 });
    for (const name of Object.keys(leavers)) await leave(server, name);
    const polite = clients.find(({ options }) => options.clientId === "saidGoodbye");
    await polite?.endAsync();
    // On disk behind the end of that will.
    await (await open(server, { clientId: "last" })).publishAsync("wills/fence", "", { qos: 2 });
    await until("the fence", () => early.includes("fence"));
    expect(early).toEqual(["fence"]);

    await kill();
    const heard: string[] = [];
    await leave(server, "returnsTooLate"); // its will had no delay
    await leave(server, "returns");
    await open(server, watcher, heard);
    const firsts = ["older", "atOnce", "returnsTooLate", "kept", "endedWithConnection"];
    await until("the wills without a delay", () => firsts.every((name) => heard.includes(name)));
    await until("the delayed wills", () => heard.includes("later") && heard.includes("endsBeforeDelay"), 15_000);
    const expected = [...firsts, "later", "endsBeforeDelay"].toSorted();
    // A will at QoS 0 is heard by whoever is back in time.
    const wills = (from: readonly string[]) =>
      from.filter((name) => !["fence", "keptByOlder"].includes(name)).toSorted();
    expect(wills(heard)).toEqual(expected);

    const keptNow: string[] = [];
    await (await open(server, { clientId: "reader" }, keptNow)).subscribeAsync("wills/#", { qos: 1 });
    await until("the retained wills", () => keptNow.length >= 2);
    expect(keptNow.toSorted()).toEqual(["kept", "keptByOlder"]);

    // Behind it the wills that were published are gone from the disk.
    await (await open(server, { clientId: "last" })).publishAsync("wills/fence", "", { qos: 2 });

    // What was published is not published again; those that were there now left new wills.
    await kill();
    const again: string[] = [];
    await open(server, watcher, again);
    await until("the wills of the second kill", () => again.includes("returns"), 15_000);
    expect(wills(again)).toEqual(["returns", "returnsTooLate"]);
  } finally {
    for (const client of clients) client.end(true);
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
