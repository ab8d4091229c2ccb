/** Honest clients of a server with its default limits, what they notice, and how much memory the server takes meanwhile. */
import { MiniClient } from "../minioicq/client.ts";
import { call, enroll, room } from "../rest/client.ts";
import { compiledBinary } from "../support/binary.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import type { Login, Target } from "./attacks.ts";
import { Histogram } from "./histogram.ts";
import { forgetPeak, readProcessStats } from "./process-stats.ts";
import { type RunningServer, startServer, withoutSettings } from "./server.ts";

const backendKey = "budgets-backend-key-0123456789";
const password = "a right password";

const newcomerEveryMs = 5000;

const fillMessages = 20;
const fillContent = "x".repeat(60_000);

export interface Measured {
  readonly rssPeakBytes: number;
  /** From a publisher at QoS 0 to its subscriber. */
  readonly p99Ms: number;
  readonly messages: number;
  /** The slowest log-in by a right password, of so many. */
  readonly loginMs: number;
  readonly logins: number;
}

export interface Stage extends AsyncDisposable {
  readonly server: RunningServer;
  readonly target: Target;
  /** What was noticed since the last call. */
  measured(): Promise<Measured>;
  /** Rejects when an honest client is refused something. */
  readonly refused: Promise<never>;
}

export interface StageOptions {
  /** Requests of messages that the attacker's user has not read: 1.2 MB each. */
  readonly requests: number;
  readonly members: number;
  /** Users who log in for the first time, one after the other, so that their passwords are not known to be right yet. */
  readonly newcomers: number;
}

/**
 * A server with honest clients, and with what attackers need. With many messages its caches are full, as they are in use:
 * the store keeps up to 80 MiB of what was written and read.
 */
export async function openStage(options: StageOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const started = await startServer({ defaults: true, env: { ROOST_BACKEND_KEY: backendKey } });
  const server = stack.use(started);
  const honest = await addDevice(server, "honest");
  const userIds = await registered(server, 1 + options.newcomers);
  const target: Target = {
    http: server.http,
    mqtt: server.mqtt,
    victims: { device: "honest", userId: userIds[0] ?? "" },
    ...(await fill({ ...server, backendKey }, options)),
  };
  await roost(server, "user", "trust", target.account.name);
  const load = await HonestLoad.start(server, honest, userIds);
  stack.use(load);
  const owned = stack.move();
  return {
    server,
    target,
    refused: load.refused,
    async measured() {
      const { rssPeakBytes } = await readProcessStats(server.pid);
      await forgetPeak(server.pid);
      return { rssPeakBytes, ...load.noticed() };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Gives the password that was made for it. */
async function addDevice(server: RunningServer, name: string): Promise<Login> {
  const said = await roost(server, "device", "add", name, "--publish", "#", "--subscribe", "#");
  return { name, password: (JSON.parse(said) as { password: string }).password };
}

/** Runs a command of the operator's, and gives what it prints. */
async function roost({ data }: RunningServer, ...words: string[]): Promise<string> {
  const child = Bun.spawn([await compiledBinary(), ...words, "--data", data, "--json"], {
    stdout: "pipe",
    stderr: "inherit",
    env: withoutSettings(process.env),
  });
  const said = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`roost ${words.join(" ")} failed: ${said}`);
  return said;
}

async function registered({ http }: RunningServer, count: number): Promise<string[]> {
  const userIds: string[] = [];
  for (let n = 0; n < count; n += 1) {
    using client = await MiniClient.connect(http, "json");
    const { user_id: userId } = await client.ask({ action: "auth.register", user_name: `User ${n}`, password });
    userIds.push(String(userId));
  }
  return userIds;
}

async function fill(
  server: RunningServer & { readonly backendKey: string },
  { requests, members }: StageOptions,
): Promise<Pick<Target, "account" | "chatId" | "members">> {
  const [writing = "", token = ""] = await enroll(server, "filler", "attacker-user");
  await room(server, "full", "filler", "attacker-user");
  const messages = Array.from({ length: fillMessages }, () => ({ chatID: "full", content: fillContent }));
  const ask = async (request: string, body?: unknown, as = writing): Promise<string> => {
    const { status, text } = await call(server, request, { as, body });
    if (status >= 300) throw new Error(`${request} answered ${status}: ${text}`);
    return text;
  };
  for (let n = 0; n < requests; n += 1) await ask("POST /messages", messages);
  for (let after = 0; after < requests * fillMessages; after += 50) {
    await ask(`GET /chats/full/messages?limit=50&after_seq=${after}`);
  }
  const [chat] = (JSON.parse(await ask("GET /chats", undefined, token)) as { chats: { chat_id: string }[] }).chats;
  const { user_id: last } = JSON.parse(await ask("GET /users/me", undefined, token)) as { user_id: string };
  const crowd = Array.from({ length: members }, (_, n) => `member-${n}`);
  if (members > 0) await enroll(server, ...crowd);
  // Numbers are given one after the other.
  const ids = crowd.map((_, n) => String(Number(last) + 1 + n));
  return { account: { name: "attacker-user", token }, chatId: chat?.chat_id ?? "", members: ids };
}

/** A publisher and its subscriber, and clients that log in by passwords at two doors. */
class HonestLoad implements AsyncDisposable {
  readonly refused: Promise<never>;
  readonly #server: RunningServer;
  readonly #device: Login;
  readonly #userIds: readonly string[];
  readonly #running: Promise<unknown>;
  #latencies = new Histogram();
  #messages = 0;
  #logins = 0;
  #loginMs = 0;
  #isOver = false;

  private constructor(server: RunningServer, device: Login, userIds: readonly string[], pair: RawMqtt[]) {
    this.#server = server;
    this.#device = device;
    this.#userIds = userIds;
    const running = Promise.all([this.#publish(pair), this.#logIn()]);
    this.refused = running.then(() => new Promise<never>(() => {}));
    this.refused.catch(() => {}); // who measures hears of it
    this.#running = running.catch(() => {});
  }

  static async start(server: RunningServer, device: Login, userIds: readonly string[]): Promise<HonestLoad> {
    const fields = { username: device.name, password: Buffer.from(device.password) };
    const publisher = await RawMqtt.connect(server.mqttPort, { ...fields, clientId: "honest-out" });
    const subscriber = await RawMqtt.connect(server.mqttPort, { ...fields, clientId: "honest-in" });
    await subscriber.subscribe("honest");
    return new HonestLoad(server, device, userIds, [publisher, subscriber]);
  }

  noticed(): Omit<Measured, "rssPeakBytes"> {
    const p99Ms = this.#latencies.summary().p99Us / 1000;
    const noticed = { p99Ms, messages: this.#messages, loginMs: this.#loginMs, logins: this.#logins };
    this.#latencies = new Histogram();
    this.#messages = this.#logins = this.#loginMs = 0;
    return noticed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #publish(pair: RawMqtt[]): Promise<void> {
    const [publisher, subscriber] = pair;
    if (publisher === undefined || subscriber === undefined) return;
    await using _out = publisher;
    await using _in = subscriber;
    while (!this.#isOver) {
      const sentMs = performance.now();
      publisher.send({ cmd: "publish", topic: "honest", payload: "x".repeat(64), qos: 0, dup: false, retain: false });
      await subscriber.expect("publish");
      this.#latencies.record(Math.round((performance.now() - sentMs) * 1000));
      this.#messages += 1;
      await Bun.sleep(5);
    }
  }

  async #logIn(): Promise<void> {
    const beganMs = performance.now();
    let next = 1;
    for (let n = 0; !this.#isOver; n += 1) {
      const startedMs = performance.now();
      const isNewcomer = next < this.#userIds.length && startedMs > beganMs + next * newcomerEveryMs;
      if (isNewcomer || n % 2 === 0) await this.#overMiniOicq(this.#userIds[isNewcomer ? next++ : 0] ?? "");
      else await this.#overMqtt(`honest-again-${n}`);
      this.#loginMs = Math.max(this.#loginMs, performance.now() - startedMs);
      this.#logins += 1;
      await Bun.sleep(100);
    }
  }

  async #overMiniOicq(userId: string): Promise<void> {
    using client = await MiniClient.connect(this.#server.http, "json");
    const { action } = await client.ask({ action: "auth.login", user_id: userId, password });
    if (action !== "auth.login.success") throw new Error(`a right password was answered ${action}`);
  }

  async #overMqtt(clientId: string): Promise<void> {
    const { name, password } = this.#device;
    await using _client = await RawMqtt.connect(this.#server.mqttPort, {
      username: name,
      password: Buffer.from(password),
      clientId,
    });
  }
}
