/**
 * kill -9 while a user's clients come, go and are forgotten, at all three doors: what was acknowledged to its sender waits
 * at every place that has not got it, and what was confirmed and written does not come again. A place is the user, or a
 * device of theirs: an MQTT session, a REST `clientID`, a MiniOICQ `device_id`. A run is repeated with
 * `ROOST_KILL_SEED=<seed>` and made longer with `ROOST_KILL_ROUNDS=<histories>`.
 */
import { test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MiniClient, messagesOf } from "../minioicq/client.ts";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { withDeadline } from "../support/deadline.ts";
import { createRandom, type Random } from "../support/random.ts";
import type { BinaryServer } from "./binary-server.ts";
import { MqttClient } from "./mqtt-client.ts";
import { Running } from "./running.ts";

const histories = Number(process.env["ROOST_KILL_ROUNDS"] ?? (process.env["CI"] ? 10 : 3));
const firstSeed = Number(process.env["ROOST_KILL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const stepsPerHistory = 30;
const devicesMax = 4;
const killsPerHistory = 2;
/** A kill comes so long after a step began. */
const killWithinMs = 15;

test(
  `messages wait wherever they were not got, and kill -9 changes nothing: ${histories} histories`,
  async () => {
    console.log(`kill -9 with devices: seed ${firstSeed}, ${histories} histories`);
    const folder = mkdtempSync(join(tmpdir(), "roost-positions-kill-"));
    const running = new Running(join(folder, "data"));
    try {
      for (let at = 0; at < histories; at += 1) {
        const seed = firstSeed + at;
        await new History(running, `h${at}`, createRandom(seed)).play().catch((error: unknown) => {
          throw new Error(`failed; run it again with ROOST_KILL_SEED=${seed} ROOST_KILL_ROUNDS=1`, { cause: error });
        });
      }
    } finally {
      await running.server?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000 + histories * 30_000,
);

interface Draft {
  readonly content: string;
  readonly chatID: string;
  readonly annaIsIn: boolean;
}

interface Said extends Draft {
  readonly seq: number;
}

/** A place where messages wait, and what was confirmed there. */
class Place {
  readonly name: string;
  readonly door: "mqtt" | "rest" | "minioicq";
  /** Without one it is the user. */
  readonly device: string | undefined;
  /** Of a REST device. */
  readonly token: string;
  /** What was confirmed, though perhaps a kill came before it was written. */
  readonly confirmed: Set<string>;
  /** What was confirmed and written: it does not come again. */
  readonly written: Set<string>;

  constructor(
    parts: { door: Place["door"]; device: string | undefined; token: string },
    began: { confirmed: Set<string>; written: Set<string> },
  ) {
    this.name = `${parts.device ?? "the user"} at ${parts.door}`;
    this.door = parts.door;
    this.device = parts.device;
    this.token = parts.token;
    this.confirmed = began.confirmed;
    this.written = began.written;
  }
}

/** What a client is given, and how it confirms some of it. */
interface Visit {
  readonly given: readonly string[];
  confirm(content: string): Promise<void>;
  /** When this resolves the server has read every confirmation. */
  leave(): Promise<void>;
}

class History {
  readonly #running: Running;
  readonly #random: Random;
  readonly #anna: string;
  readonly #ben: string;
  readonly #chatIDs: readonly string[];
  #annaToken = "";
  #benToken = "";
  #annaIsIn = true;
  readonly #chatNumbers = new Map<string, string>();
  /** Acknowledged to Ben, while Anna was in the chat and has stayed there. */
  #said: Said[] = [];
  readonly #byContent = new Map<string, Said>();
  /** Sent, and perhaps not acknowledged. */
  #inDoubt: Draft | undefined;
  /** Anna was perhaps not moved into or out of all chats. */
  #isMoving = false;
  /** The user is one place at all doors. */
  readonly #user: Readonly<Record<Place["door"], Place>>;
  readonly #devices = new Map<string, Place>();
  #count = 0;
  readonly #problems: string[] = [];
  /** For a failure: what happened. */
  readonly #log: string[] = [];

  constructor(running: Running, name: string, random: Random) {
    this.#running = running;
    this.#random = random;
    this.#anna = `${name}.anna`;
    this.#ben = `${name}.ben`;
    this.#chatIDs = [`${name}.a`, `${name}.b`];
    const began = { confirmed: new Set<string>(), written: new Set<string>() };
    const userAt = (door: Place["door"]) => new Place({ door, device: undefined, token: "" }, began);
    this.#user = { mqtt: userAt("mqtt"), rest: userAt("rest"), minioicq: userAt("minioicq") };
  }

  async play(): Promise<void> {
    const server = await this.#running.start();
    [this.#annaToken = "", this.#benToken = ""] = await enroll(server, this.#anna, this.#ben);
    for (const chatID of this.#chatIDs) await room(server, chatID, this.#ben, this.#anna);
    const kills = new Set<number>();
    while (kills.size < killsPerHistory) kills.add(this.#random.int(stepsPerHistory));
    for (let at = 0; at < stepsPerHistory; at += 1) {
      const step = this.#choose();
      if (kills.has(at)) await this.#killDuring(step, this.#random.int(killWithinMs));
      else await step();
      this.#report();
    }
    await this.#settle();
    for (const place of this.#visited()) await this.#visit(place, () => false, true);
    this.#report();
  }

  /** At MQTT a client without a device is given nothing that waits. */
  #visited = (): Place[] => [this.#user.rest, this.#user.minioicq, ...this.#devices.values()];

  #report(): void {
    if (this.#problems.length > 0) throw new Error(`${this.#problems.join("\n")}\nafter\n${this.#log.join("\n")}`);
  }

  async #killDuring(step: () => Promise<void>, ms: number): Promise<void> {
    const running = step().catch((error: unknown) => this.#log.push(`  ended by the kill: ${error}`));
    await Bun.sleep(ms); // the random moment itself, not a wait for something
    this.#log.push("kill -9");
    await this.#running.kill();
    await withDeadline("everything to notice the kill", running, 20_000);
    await this.#settle();
  }

  /** The server runs again, and what was in doubt is repeated until it is acknowledged. */
  async #settle(): Promise<void> {
    await this.#running.start();
    if (this.#inDoubt !== undefined) await this.#post(this.#inDoubt);
    if (this.#isMoving) await this.#move();
  }

  #choose(): () => Promise<void> {
    const roll = this.#random.int(100);
    const chatID = this.#random.pick(this.#chatIDs);
    const seed = this.#random.int(2 ** 31);
    if (roll < 38) {
      const count = 1 + this.#random.int(4);
      return async () => {
        for (let n = 0; n < count; n += 1) await this.#say(chatID);
      };
    }
    if (roll < 74) {
      const place = this.#random.pick(this.#visited());
      const random = createRandom(seed);
      const [share, isWritten] = [this.#random.pick([0, 0.3, 0.7, 1]), this.#random.chance(0.5)];
      return () => this.#visit(place, () => random.chance(share), isWritten);
    }
    if (roll < 80) return () => this.#hearLive(chatID);
    if (roll < 85) return () => this.#confirmThrough(chatID, this.#random.chance(0.5), seed);
    if (roll < 93) {
      const door = this.#random.pick(["mqtt", "rest", "minioicq"] as const);
      return () => this.#open(door);
    }
    if (roll < 96) return () => this.#forget(seed);
    return () => this.#comeOrGo();
  }

  // ---- Ben

  async #say(chatID: string): Promise<Said> {
    this.#count += 1;
    const content = `${chatID} ${this.#count}`;
    return this.#post({ content, chatID, annaIsIn: this.#annaIsIn });
  }

  async #post(draft: Draft): Promise<Said> {
    this.#inDoubt = draft;
    const { content, chatID } = draft;
    const body = { chatID, content, clientID: content };
    const answer = await call(this.#server, "POST /messages", { as: this.#benToken, body });
    if (answer.status !== 200) throw new Error(`POST /messages: ${answer.status} ${answer.text}`);
    const { seq, chat_id } = JSON.parse(answer.text) as { seq: number; chat_id: string };
    this.#inDoubt = undefined;
    this.#chatNumbers.set(chatID, chat_id);
    const said = { ...draft, seq };
    this.#byContent.set(content, said);
    if (draft.annaIsIn) this.#said.push(said);
    this.#log.push(`said ${content}`);
    return said;
  }

  async #comeOrGo(): Promise<void> {
    this.#log.push(this.#annaIsIn ? "Anna leaves" : "Anna comes");
    this.#annaIsIn = !this.#annaIsIn;
    // What was said before is history when she comes back.
    this.#said = [];
    this.#isMoving = true;
    await this.#move();
  }

  async #move(): Promise<void> {
    for (const chatID of this.#chatIDs) {
      if (this.#annaIsIn) await room(this.#server, chatID, this.#anna);
      else await asBackend(this.#server, `DELETE /chats/${chatID}/users`, { users: [this.#anna] });
    }
    this.#isMoving = false;
  }

  // ---- Anna's places

  /** Always by a new name: a kill may leave a device that is known to the server alone. */
  async #open(door: Place["door"]): Promise<void> {
    this.#count += 1;
    const device = `device-${this.#count}`;
    if (this.#devices.size >= devicesMax || !this.#annaIsIn) return;
    this.#log.push(`opens ${device} at ${door}`);
    // It has got what the user surely has by now, and at most what the user may have when it is there.
    const written = new Set(this.#user.rest.written);
    const token = door === "rest" ? await this.#tokenOf(device) : "";
    if (door === "mqtt") await (await this.#subscribe(device, true)).leave();
    if (door === "minioicq") await (await this.#logIn(device)).bye();
    const place = new Place({ door, device, token }, { confirmed: new Set(this.#user.rest.confirmed), written });
    this.#devices.set(device, place);
  }

  async #forget(seed: number): Promise<void> {
    const sessions = [...this.#devices.values()].filter(({ door }) => door === "mqtt");
    const device = sessions[seed % Math.max(1, sessions.length)]?.device;
    if (device === undefined) return;
    this.#log.push(`forgets ${device}`);
    this.#devices.delete(device);
    const client = await this.#connect(device, true, () => {});
    await client.ping();
    client.end();
    await client.whenClosed();
  }

  /** A client of the place is given everything that waits, and confirms a part of it. */
  async #visit(place: Place, confirms: () => boolean, isWritten: boolean): Promise<void> {
    this.#log.push(`visits ${place.name}`);
    const expected = this.#said.filter(({ content }) => !place.confirmed.has(content));
    const forbidden = new Set(place.written);
    const visit = await this.#openVisit(place);
    const given = new Set(visit.given);
    for (const { content } of expected) if (!given.has(content)) this.#problem(place, `${content} is lost`);
    const theirs = new Set(this.#said.map(({ content }) => content));
    for (const content of given) {
      if (forbidden.has(content)) this.#problem(place, `${content} comes again`);
      if (!theirs.has(content)) this.#problem(place, `${content} is none of Anna's any more`);
    }
    const chosen = [...given].filter(confirms);
    for (const content of chosen) {
      this.#confirmed(place, content);
      await visit.confirm(content);
    }
    await visit.leave();
    this.#log.push(`  confirmed ${chosen.join(", ")}`);
    if (isWritten) await this.#write(place, chosen);
  }

  #openVisit(place: Place): Promise<Visit> {
    if (place.door === "rest") return this.#fetch(place);
    return place.door === "mqtt" ? this.#subscribe(place.device ?? "", false) : this.#visitByFrames(place);
  }

  /** REST: a confirmed message stands for all before it in its chat. */
  async #fetch(place: Place): Promise<Visit> {
    const token = place.token || this.#annaToken;
    const given: string[] = [];
    for (let after = ""; ; ) {
      const path = `GET /messages?format=simple&limit=100${after}`;
      const answer = await call(this.#server, path, { as: token });
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
      const page = JSON.parse(answer.text) as { messages: { content: string }[]; events: unknown[]; next: string };
      given.push(...page.messages.map(({ content }) => content));
      if (page.messages.length + page.events.length === 0) break;
      after = `&after=${page.next}`;
    }
    return {
      given,
      confirm: async (content) => {
        const said = this.#byContent.get(content);
        if (said === undefined) throw new Error(`${content} was never said`);
        await this.#confirmAll(place, said, () => this.#status(token, said));
      },
      leave: async () => {},
    };
  }

  /** An MQTT session that outlives its connections. Everything that waits has come when a new message has. */
  async #subscribe(clientId: string, isNew: boolean): Promise<Visit> {
    const given: string[] = [];
    const packetIds = new Map<string, number>();
    const client = await this.#connect(clientId, false, (content, packetId) => {
      given.push(content);
      packetIds.set(content, packetId);
    });
    if (client.sessionPresent === isNew) throw new Error(`the session ${clientId} is new: ${!isNew}`);
    if (isNew) await client.subscribe("chat/+/messages");
    await this.#fence(given);
    return {
      given,
      confirm: async (content) => client.puback(packetIds.get(content) ?? 0),
      leave: async () => {
        await client.ping();
        client.end();
        await client.whenClosed();
      },
    };
  }

  async #visitByFrames({ device }: Place): Promise<Visit> {
    const client = await this.#logIn(device);
    const given: string[] = [];
    const ids = new Map<string, unknown>();
    client.handOver((frame) => {
      for (const { content, message_id } of frame.action === "message.push" ? messagesOf(frame) : []) {
        given.push(content);
        ids.set(content, message_id);
      }
    });
    await this.#fence(given);
    return {
      given,
      confirm: async (content) => client.say({ action: "message.push.ack", message_ids: [ids.get(content)] }),
      leave: () => client.bye(),
    };
  }

  /** Everything that waits has come when a message has that is sent now; while Anna is away nothing comes. */
  async #fence(given: readonly string[]): Promise<void> {
    if (!this.#annaIsIn) return;
    const { content } = await this.#say(this.#chatIDs[0] ?? "");
    await this.#running.until(`"${content}"`, () => given.includes(content));
  }

  /** A session that ends with its connection hears what is said meanwhile, and confirms that for the user. */
  async #hearLive(chatID: string): Promise<void> {
    if (!this.#annaIsIn) return;
    this.#log.push("hears live");
    const heard: string[] = [];
    const client = await this.#connect("radio", true, (content, packetId, here) => {
      heard.push(content);
      this.#confirmed(this.#user.mqtt, content);
      here.puback(packetId);
    });
    await client.subscribe("chat/+/messages");
    await client.ping();
    for (let n = 0; n < 2; n += 1) {
      const { content } = await this.#say(chatID);
      await this.#running.until(`"${content}"`, () => heard.includes(content));
    }
    await client.ping();
    client.end();
    await client.whenClosed();
  }

  async #confirmThrough(chatID: string, byFrame: boolean, seed: number): Promise<void> {
    const there = this.#said.filter((said) => said.chatID === chatID);
    const said = there[seed % Math.max(1, there.length)];
    if (said === undefined) return;
    this.#log.push(`confirms everything up to ${said.content}`);
    if (!byFrame) return this.#confirmAll(this.#user.rest, said, () => this.#status(this.#annaToken, said));
    const client = await this.#logIn(undefined);
    const answered = Promise.withResolvers<void>();
    client.handOver((frame) => {
      if (frame.action === "message.confirm.success") answered.resolve();
    });
    await this.#confirmAll(this.#user.minioicq, said, async () => {
      client.say({ action: "message.confirm", chat_id: this.#chatNumbers.get(chatID), through: said.seq });
      const closed = client.closed.then(() => Promise.reject(new Error("the connection was closed")));
      await withDeadline("the confirmation", Promise.race([answered.promise, closed]));
    });
    await client.bye();
  }

  // ---- what was confirmed

  #confirmed(place: Place, content: string): void {
    place.confirmed.add(content);
    this.#user.rest.confirmed.add(content);
  }

  /** Everything in a chat up to a message; `act` resolves when it is written. */
  async #confirmAll(place: Place, { chatID, seq }: Said, act: () => Promise<void>): Promise<void> {
    const all = this.#said.filter((one) => one.chatID === chatID && one.seq <= seq);
    for (const { content } of all) this.#confirmed(place, content);
    await act();
    for (const { content } of all) this.#written(place, content);
  }

  #written(place: Place, content: string): void {
    place.written.add(content);
    this.#user.rest.written.add(content);
  }

  /** REST answers once all that the user confirmed is written. */
  async #write(place: Place, contents: readonly string[]): Promise<void> {
    const answer = await call(this.#server, "GET /messages?format=simple&limit=1", { as: this.#annaToken });
    if (answer.status !== 200) throw new Error(`GET /messages: ${answer.status}`);
    for (const content of contents) this.#written(place, content);
  }

  #problem(place: Place, what: string): void {
    this.#problems.push(`${place.name}: ${what}`);
  }

  // ---- clients

  get #server(): BinaryServer {
    const { server } = this.#running;
    if (server === undefined) throw new Error("the server was killed");
    return server;
  }

  async #status(token: string, { chatID, seq }: Said): Promise<void> {
    const body = { statuses: [{ chatID, through: seq, messageStatus: "delivered" }] };
    const answer = await call(this.#server, "POST /messages", { as: token, body });
    if (answer.status !== 200) throw new Error(`a status: ${answer.status} ${answer.text}`);
  }

  async #tokenOf(clientID: string): Promise<string> {
    const made = await asBackend(this.#server, "POST /token", { userID: this.#anna, clientID });
    if (made.status !== 201) throw new Error(`POST /token: ${made.status} ${made.text}`);
    return (JSON.parse(made.text) as { accessToken: string }).accessToken;
  }

  #connect(
    clientId: string,
    clean: boolean,
    heard: (content: string, packetId: number, here: MqttClient) => void,
  ): Promise<MqttClient> {
    return MqttClient.connect(
      this.#server.mqtt,
      { username: this.#anna, password: this.#annaToken, clientId, clean },
      {
        onPublish: ({ payload, messageId }, here) => {
          heard((JSON.parse(payload.toString()) as { content: string }).content, messageId ?? 0, here);
        },
      },
    );
  }

  async #logIn(device_id: string | undefined): Promise<MiniClient> {
    const client = await MiniClient.connect(this.#server.http);
    const login = { action: "auth.login", token: this.#annaToken, ack: true };
    const answer = await client.ask(device_id === undefined ? login : { ...login, device_id });
    if (answer.action !== "auth.login.success") throw new Error(`not logged in: ${JSON.stringify(answer)}`);
    return client;
  }
}
