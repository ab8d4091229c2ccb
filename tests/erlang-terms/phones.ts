/** Phones whose devices have logged in by AUTH, and what they hear, written as the documents print it. */
import { expect } from "bun:test";
import type { IConnectPacket } from "mqtt-packet";
import type { UserId } from "../../src/domain/model.ts";
import { decodePayload } from "../../src/etf/dialects.ts";
import type { WireTerm } from "../../src/etf/encode.ts";
import { Atom, atom, binary, type Term, Text, Tuple } from "../../src/etf/term.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { withDeadline } from "../support/deadline.ts";
import { openStopped } from "../support/open-stopped.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts";
import { type Answer, RosterClient } from "./client.ts";

export const code = "903182";
export const phoneNumbers = { A: "15550001001", B: "15550001002", C: "15550001003" } as const;
export type PhoneName = keyof typeof phoneNumbers;

export const tuple = (name: string, ...fields: readonly WireTerm[]): WireTerm => new Tuple([atom(name), ...fields]);

/** Where phones log in: a server, or the services alone. */
export interface Place {
  readonly store: TestServer["store"];
  readonly domain: Pick<TestServer["domain"], "profiles">;
  readonly dataDir: string;
}

export type Asking = Pick<RosterClient, "clientId" | "ask" | "heard"> & AsyncDisposable;

export interface Device<Client extends Asking = RosterClient> {
  readonly client: Client;
  readonly token: string;
  /** Everything that came, until the request was acknowledged and nothing more was on its way. */
  ask(request: WireTerm | Buffer, options?: { topic?: string; qos?: 0 | 1 | 2 }): Promise<string[]>;
  heard(): Promise<string[]>;
  /** Waits until at least so much has come. */
  hears(count: number): Promise<string[]>;
}

export class Phones<Client extends Asking = RosterClient, At extends Place = TestServer> implements AsyncDisposable {
  readonly server: At;
  readonly #dial: (clientId: string, fields: Partial<IConnectPacket>) => Client | Promise<Client>;
  readonly #connections: Client[] = [];
  readonly #names = new Map<string, string>();

  readonly #clock: Clock | undefined;
  readonly #end: () => Promise<void>;

  private constructor(parts: {
    server: At;
    dial: (clientId: string, fields: Partial<IConnectPacket>) => Client | Promise<Client>;
    clock: Clock | undefined;
    end: () => Promise<void>;
  }) {
    this.server = parts.server;
    this.#dial = parts.dial;
    this.#clock = parts.clock;
    this.#end = parts.end;
  }

  /** With a clock, a time is printed as `Time` only where it is that of the clock. */
  static async start(options: TestServerOptions = {}): Promise<Phones> {
    const server = await startPhoneServer(options);
    return new Phones({
      server,
      dial: (clientId, fields) => RosterClient.connect(server, clientId, fields),
      clock: options.clock,
      end: async () => server[Symbol.asyncDispose](),
    });
  }

  /** Where others were before and come after: the phones begin as unknown ones, and are that again at the end. */
  static at<Client extends Asking, At extends Place>(
    server: At,
    { clock, dial }: { clock: Clock; dial: (clientId: string) => Client | Promise<Client> },
  ): Phones<Client, At> {
    return new Phones({
      server,
      dial,
      clock,
      end: async () => {
        for (const phone of Object.values(phoneNumbers)) await server.domain.profiles.remove(phone);
      },
    });
  }

  /** Another user of the phone. */
  async secondUser(name: PhoneName, nick: string): Promise<UserId> {
    const made = await this.server.domain.profiles.addRoster({ phone: phoneNumbers[name], roster: { nick } });
    if (made.result !== "done") throw new Error(`no user was made: ${made.result}`);
    const { userId } = made.user;
    this.name(`${name}'`, `${phoneNumbers[name]}_${userId}`);
    this.name(`nick/${name}'`, nick);
    return userId;
  }

  /** What A's list says of B, straight into the file: no request makes some of these. */
  async setStatus(a: PhoneName, b: PhoneName, status: string): Promise<void> {
    using db = openStopped(databasePath(this.server.dataDir));
    db.run("PRAGMA busy_timeout = 5000");
    const values = [await this.userId(a), await this.userId(b), status];
    db.run("INSERT OR REPLACE INTO contacts (user_id, contact_id, status, updated_at_ms) VALUES (?, ?, ?, 0)", values);
  }

  /** A connection that nobody has logged in on. */
  async connect(clientId: string, fields: Partial<IConnectPacket> = {}): Promise<Client> {
    const client = await this.#dial(clientId, fields);
    this.#connections.push(client);
    return client;
  }

  /** A device that logs in by AUTH on its first connection, or with `token` as its password. */
  async device(
    name: PhoneName,
    clientId = `emqttd_${name}`,
    fields: Partial<IConnectPacket> = {},
    services: WireTerm = [],
  ): Promise<Device<Client>> {
    const client = await this.connect(clientId, fields);
    const known = fields.password === undefined ? undefined : String(fields.password);
    const token = known ?? (await this.#logIn(client, { phone: phoneNumbers[name], devKey: clientId, services }));
    this.name(name, await this.phoneId(name));
    this.name(`nick/${name}`, `user.${await this.userId(name)}`);
    return {
      client,
      token,
      ask: async (request, options) => this.show(await client.ask(request, options)),
      heard: async () => this.show(await client.heard()),
      hears: (count) => withDeadline(`${count} messages`, this.#hears(client, count)),
    };
  }

  async #hears(client: Client, count: number): Promise<string[]> {
    const answers: Answer[] = [];
    while (answers.length < count) answers.push(...(await client.heard()));
    return this.show(answers);
  }

  /** `show` prints this text as the name. */
  name(name: string, text: string): void {
    this.#names.set(text, name);
  }

  async userId(name: PhoneName): Promise<UserId> {
    const [userId] = await this.server.store.listUserIdsOfPhone(phoneNumbers[name]);
    if (userId === undefined) throw new Error(`${name} has no user`);
    return userId;
  }

  phoneId = async (name: PhoneName): Promise<string> => `${phoneNumbers[name]}_${await this.userId(name)}`;

  async #logIn(
    client: Client,
    { phone, devKey, services }: { phone: string; devKey: string; services: WireTerm },
  ): Promise<string> {
    const [sent] = await client.ask(tuple("Auth", binary(devKey), [], binary(phone), [], [], [], [], [], services));
    const token = tokenIn(sent);
    const verify = tuple("Auth", [], [], [], binary(token), [], atom("verify"), binary(code), [], []);
    const [logged] = await client.ask(verify);
    expect(tokenIn(logged)).toBe(token);
    return token;
  }

  /** `<topic> <term>`; a topic of one's own is `own`, and a time is `Time`. */
  show(answers: readonly Answer[]): string[] {
    return answers.map(({ topic, payload, qos, retain }) => {
      expect([topic, qos, retain]).toEqual([topic, 2, false]);
      const { term } = decodePayload(payload, (name) => /^[A-Z]/.test(name));
      return `${this.#topicName(topic)} ${this.#print(term)}`;
    });
  }

  #topicName(topic: string): string {
    for (const [name, phone] of Object.entries(phoneNumbers)) {
      if (topic === `actions/1/api/phone/${phone}`) return `phone/${name}`;
      if (topic === `ses/${phone}`) return `ses/${name}`;
    }
    return /^actions\/(?:1\/)?api\/[^/]+$/.test(topic) ? "own" : topic;
  }

  #print(term: Term): string {
    if (term instanceof Tuple) return `{${term.items.map((item) => this.#print(item)).join(",")}}`;
    if (term instanceof Atom) return term.name;
    if (Array.isArray(term)) return `[${term.map((item) => this.#print(item)).join(",")}]`;
    if (typeof term === "number") return this.#isTime(term) ? "Time" : String(term);
    if (typeof term === "bigint") return term.toString();
    const text = term instanceof Text ? term.value : String(Buffer.from(term as Uint8Array));
    return this.#names.get(text) ?? `<<${text}>>`;
  }

  #isTime = (number: number): boolean =>
    this.#clock === undefined ? number > 1_600_000_000_000 : number === this.#clock.nowMs();

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#connections) await client[Symbol.asyncDispose]();
    await this.#end();
  }
}

/** The setting by which phones log in with the code they know. */
export const knownTo = (phones: readonly string[]): { ROOST_SMS_TEST_NUMBERS: string } => ({
  ROOST_SMS_TEST_NUMBERS: phones.map((one) => `${one}=${code}`).join(","),
});

export const phoneEnv = knownTo(Object.values(phoneNumbers));

export function startPhoneServer({ env, ...options }: TestServerOptions = {}): Promise<TestServer> {
  return startTestServer({ env: { ...phoneEnv, ...env }, ...options });
}

function tokenIn(answer: Answer | undefined): string {
  const { term } = decodePayload(answer?.payload ?? new Uint8Array(0), () => true);
  const result = term instanceof Tuple ? term.items[1] : undefined;
  const token = result instanceof Tuple ? result.items[2] : undefined;
  if (!(token instanceof Uint8Array)) throw new Error("no token was answered");
  return String(Buffer.from(token));
}
