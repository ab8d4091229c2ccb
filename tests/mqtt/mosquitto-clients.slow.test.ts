/** Mosquitto's command line, unmodified: every program, version and QoS, over TCP and TLS. */
import { expect, test } from "bun:test";
import { temporaryFolder } from "../cli/roost.ts";
import { makeCertificate } from "../support/certificate.ts";
import { LineProcess, output } from "../support/processes.ts";
import { requireProgram } from "../support/programs.ts";
import { startTestServer } from "../support/server.ts";

const programs = ["mosquitto_sub", "mosquitto_pub", "mosquitto_rr", "stdbuf", "openssl"];
const available = programs.map(requireProgram).every((there) => there);

type Transport = "TCP" | "TLS";
type Version = "mqttv31" | "mqttv311" | "mqttv5";

const everyVersion: [Transport, Version][] = (["TCP", "TLS"] as const).flatMap((transport) =>
  (["mqttv31", "mqttv311", "mqttv5"] as const).map((version): [Transport, Version] => [transport, version]),
);
const everyQos = everyVersion.flatMap(([transport, version]) =>
  [0, 1, 2].map((qos): [Transport, Version, number] => [transport, version, qos]),
);
const sinceVersion311 = everyVersion.filter(([, version]) => version !== "mqttv31");
const version5 = everyVersion.filter(([, version]) => version === "mqttv5");

interface Place extends AsyncDisposable {
  /** The arguments that every program needs to get here. */
  readonly where: readonly string[];
  /** The name and token of a user, whose session outlives a connection. */
  login(): Promise<string[]>;
}

async function startPlace(transport: Transport, version: Version): Promise<Place> {
  const folder = temporaryFolder();
  const files = await makeCertificate(folder.path);
  const server = await startTestServer({
    env: {
      ROOST_MQTT_ANONYMOUS: "full",
      ROOST_MQTTS_LISTEN: "127.0.0.1:0",
      ROOST_TLS_CERTIFICATE: files.certificate,
      ROOST_TLS_KEY: files.key,
    },
  });
  const address = transport === "TLS" ? server.mqtts : server.mqtt;
  const to = ["-h", "localhost", "-p", String(address?.split(":")[1]), "-V", version];
  return {
    where: transport === "TLS" ? [...to, "--cafile", files.certificate] : to,
    async login() {
      const response = await fetch(`http://${server.http}/token`, {
        method: "POST",
        headers: { authorization: `Bearer ${server.backendKey}` },
        body: JSON.stringify({ userID: "anna" }),
      });
      const { accessToken } = (await response.json()) as { accessToken: string };
      return ["-u", "anna", "-P", accessToken];
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** What a subscriber prints of a message begins with this, unlike what it says of itself. */
const mark = "> ";

/** A mosquitto_sub whose subscriptions stand. */
class Subscriber implements AsyncDisposable {
  readonly #process: LineProcess;

  private constructor(process: LineProcess) {
    this.#process = process;
  }

  static async start(place: Place, format: string, args: readonly string[]): Promise<Subscriber> {
    const command = ["stdbuf", "-oL", "mosquitto_sub", ...place.where, "-d", "-F", `${mark}${format}`, ...args];
    const process = new LineProcess(command);
    await process.lineThat((line) => line.includes("received SUBACK"), "the SUBACK");
    return new Subscriber(process);
  }

  /** The next message, as the format has it. */
  async message(): Promise<string> {
    return (await this.#process.lineThat((line) => line.startsWith(mark), "a message")).slice(mark.length);
  }

  async messages(count: number): Promise<string[]> {
    const all: string[] = [];
    while (all.length < count) all.push(await this.message());
    return all;
  }

  /** Without a goodbye. */
  kill(): Promise<void> {
    return this.#process.end("SIGKILL");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

const publish = (place: Place, args: readonly string[], stdin?: string): Promise<string> =>
  output(["mosquitto_pub", ...place.where, ...args], stdin);

test.skipIf(!available).each(everyQos)("messages arrive over %s in %s at QoS %d", async (transport, version, qos) => {
  await using place = await startPlace(transport, version);
  await using sub = await Subscriber.start(place, "%t %q %r %p", ["-q", `${qos}`, "-t", "a/+", "-t", "b/#"]);
  const lines = Array.from({ length: 20 }, (_, n) => `line ${n}`);
  await publish(place, ["-q", `${qos}`, "-t", "a/lines", "-l"], `${lines.join("\n")}\n`);
  expect(await sub.messages(20)).toEqual(lines.map((line) => `a/lines ${qos} 0 ${line}`));
  await publish(place, ["-q", "2", "-t", "b", "-m", "ünïcode"]);
  expect(await sub.message()).toBe(`b ${qos} 0 ünïcode`);
  await publish(place, ["-q", `${qos}`, "-t", "b/large", "-s"], "x".repeat(200_000));
  expect(await sub.message()).toBe(`b/large ${qos} 0 ${"x".repeat(200_000)}`);
});

test.skipIf(!available).each(everyQos)(
  "a retained message is kept and cleared over %s in %s at QoS %d",
  async (transport, version, qos) => {
    await using place = await startPlace(transport, version);
    const how = ["-q", `${qos}`, "-t", "news/a"];
    await publish(place, [...how, "-r", "-m", "old"]);
    await publish(place, [...how, "-r", "-m", "new"]);
    const early = await output([
      ...["mosquitto_sub", ...place.where, "-q", `${qos}`, "-t", "news/#"],
      ...["--retained-only", "-C", "1", "-F", "%q %r %p"],
    ]);
    expect(early).toBe(`${qos} 1 new\n`);
    await publish(place, [...how, "-r", "-n"]);
    await using late = await Subscriber.start(place, "%q %r %p", ["-q", `${qos}`, "-t", "news/#"]);
    await publish(place, [...how, "-m", "fence"]);
    expect(await late.message()).toBe(`${qos} 0 fence`);
  },
);

test.skipIf(!available).each(everyQos)(
  "a will speaks for who dies, not for who leaves, over %s in %s at QoS %d",
  async (transport, version, qos) => {
    await using place = await startPlace(transport, version);
    await using sub = await Subscriber.start(place, "%t %q %p", ["-q", `${qos}`, "-t", "gone/#"]);
    const will = (topic: string) => ["--will-topic", topic, "--will-payload", "farewell", "--will-qos", `${qos}`];
    await output(["mosquitto_sub", ...place.where, "-t", "other", "-E", ...will("gone/leaves")]);
    await using dies = await Subscriber.start(place, "%p", ["-t", "other", ...will("gone/dies")]);
    await dies.kill();
    expect(await sub.message()).toBe(`gone/dies ${qos} farewell`);
  },
);

test.skipIf(!available).each(everyVersion)(
  "mosquitto_sub -c hears over %s in %s what was said while it was away",
  async (transport, version) => {
    await using place = await startPlace(transport, version);
    const keeper = [...(await place.login()), "-c", "-i", "keeper", "-q", "2", "-t", "home/#"];
    await output(["mosquitto_sub", ...place.where, ...keeper, "-E"]);
    const said = [1, 2].flatMap((qos) => ["one", "two", "three"].map((text) => ({ qos, text: `${text} at ${qos}` })));
    for (const { qos, text } of said) await publish(place, ["-q", `${qos}`, "-t", "home/a", "-m", text]);
    const heard = await output([
      ...["mosquitto_sub", ...place.where, ...keeper, "-C", `${said.length}`],
      ...["-F", "%q %p"],
    ]);
    expect(heard).toBe(said.map(({ qos, text }) => `${qos} ${text}\n`).join(""));
  },
);

test.skipIf(!available).each(sinceVersion311)("mosquitto_rr is answered over %s in %s", async (transport, version) => {
  await using place = await startPlace(transport, version);
  const isVersion5 = version === "mqttv5";
  await using server = await Subscriber.start(place, "%R|%D|%p", ["-q", "1", "-t", "ask/#"]);
  const correlation = isVersion5 ? ["-D", "publish", "correlation-data", "job-7"] : [];
  const rr = ["mosquitto_rr", ...place.where, "-q", "1", "-t", "ask/time", "-e", "answer/anna", "-m", "what time?"];
  const asked = output([...rr, ...correlation, "-F", "%t|%D|%p"]);
  asked.catch(() => {}); // awaited below
  const [responseTopic, data, question] = (await server.message()).split("|");
  expect([responseTopic, data, question]).toEqual(
    isVersion5 ? ["answer/anna", "job-7", "what time?"] : ["", "", "what time?"],
  );
  const answer = isVersion5 ? ["-D", "publish", "correlation-data", `${data}`] : [];
  await publish(place, ["-q", "1", "-t", "answer/anna", "-m", "late", ...answer]);
  expect(await asked).toBe(`answer/anna|${data}|late\n`);
});

test.skipIf(!available).each(version5)("properties of a message pass over %s in %s", async (transport, version) => {
  await using place = await startPlace(transport, version);
  await using sub = await Subscriber.start(place, "%C|%F|%E|%R|%D|%P|%p", ["-q", "1", "-t", "t"]);
  const properties = [
    ["content-type", "text/plain"],
    ["payload-format-indicator", "1"],
    ["message-expiry-interval", "1000"],
    ["response-topic", "re/t"],
    ["correlation-data", "job"],
  ].flatMap(([name, value]) => ["-D", "publish", `${name}`, `${value}`]);
  const user = ["-D", "publish", "user-property", "a", "1", "-D", "publish", "user-property", "a", "2"];
  await publish(place, ["-q", "1", "-t", "t", "-m", "hello", ...properties, ...user]);
  const [contentType, format, expiry, ...others] = (await sub.message()).split("|");
  expect([contentType, format, ...others]).toEqual(["text/plain", "1", "re/t", "job", "a:1 a:2", "hello"]);
  expect(Number(expiry)).toBeWithin(900, 1001); // what is left of it [MQTT-3.3.2-6]
});

test.skipIf(!available).each(version5)(
  "a will's properties pass over %s in %s, and each filter's identifier",
  async (transport, version) => {
    await using place = await startPlace(transport, version);
    const identifier = ["-D", "subscribe", "subscription-identifier", "4711"];
    await using sub = await Subscriber.start(place, "%S|%C|%P|%p", ["-q", "1", "-t", "gone/#", ...identifier]);
    await using dies = await Subscriber.start(place, "%p", [
      ...["-t", "other", "--will-topic", "gone/a", "--will-payload", "farewell", "--will-qos", "1"],
      ...["-D", "will", "content-type", "text/plain", "-D", "will", "user-property", "why", "killed"],
    ]);
    await dies.kill();
    expect(await sub.message()).toBe("4711|text/plain|why:killed|farewell");
  },
);

test.skipIf(!available).each(version5)(
  "mosquitto_pub -l sends its topic once over %s in %s and an alias from then on",
  async (transport, version) => {
    await using place = await startPlace(transport, version);
    await using sub = await Subscriber.start(place, "%t %p", ["-q", "1", "-t", "long/#"]);
    const topic = `long/${"x".repeat(200)}`;
    await publish(place, ["-q", "1", "-t", topic, "-l", "-D", "publish", "topic-alias", "3"], "one\ntwo\nthree\n");
    expect(await sub.messages(3)).toEqual(["one", "two", "three"].map((text) => `${topic} ${text}`));
  },
);

test.skipIf(!available).each(version5)(
  "a client that takes one message at a time gets all of them over %s in %s",
  async (transport, version) => {
    await using place = await startPlace(transport, version);
    const one = ["-D", "connect", "receive-maximum", "1"];
    await using sub = await Subscriber.start(place, "%q %p", ["-q", "2", "-t", "t", ...one]);
    const lines = Array.from({ length: 50 }, (_, n) => `line ${n}`);
    for (const qos of [1, 2]) {
      await publish(place, ["-q", `${qos}`, "-t", "t", "-l"], `${lines.join("\n")}\n`);
      expect(await sub.messages(50)).toEqual(lines.map((line) => `${qos} ${line}`));
    }
  },
);

test.skipIf(!available).each(version5)(
  "two who share a subscription get each message once over %s in %s",
  async (transport, version) => {
    await using place = await startPlace(transport, version);
    const how = ["-q", "1", "-t", "$share/workers/jobs/#", "-t", "fence"];
    await using first = await Subscriber.start(place, "%p", how);
    await using second = await Subscriber.start(place, "%p", how);
    const lines = Array.from({ length: 40 }, (_, n) => `job ${n}`);
    await publish(place, ["-q", "1", "-t", "jobs/a", "-l"], `${lines.join("\n")}\n`);
    await publish(place, ["-q", "1", "-t", "fence", "-m", "fence"]);
    const done: string[] = [];
    for (const worker of [first, second]) {
      for (let job = await worker.message(); job !== "fence"; job = await worker.message()) done.push(job);
    }
    expect(done.toSorted()).toEqual(lines.toSorted());
  },
);
