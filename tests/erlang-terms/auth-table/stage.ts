/** A server whose codes go to a gateway of the test's own, people nobody else is, and what they are answered, in bytes. */
import { expect } from "bun:test";
import type { IConnectPacket } from "mqtt-packet";
import { decodeTerm } from "../../../src/etf/decode.ts";
import { Tuple } from "../../../src/etf/term.ts";
import { wireTags } from "../../etf/wire-tags.ts";
import { createManualClock, type ManualClock } from "../../support/manual-clock.ts";
import { RawMqtt } from "../../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { type Answer, RosterClient } from "../client.ts";
import { type Layout, layoutsOf, type Said } from "./layouts.ts";

export interface Person {
  readonly devKey: string;
  readonly phone: string;
}

/** `{io,{Kind,What,Token},<<>>}`; the token undefined where it is `[]`. */
export interface Told {
  readonly kind: string;
  readonly what: string;
  readonly token: string | undefined;
}

/** Its numbers' codes never reach a gateway. */
export const testNumber = { phone: "15550001001", code: "001203" };

const withoutLimits = {
  ROOST_SMS_PER_ADDRESS_HOUR: "1000000",
  ROOST_SMS_PER_PREFIX_HOUR: "1000000",
  ROOST_SMS_PER_DAY: "1000000",
  ROOST_LOGIN_FAILURES_PER_MINUTE: "1000000",
  // Rows move the clock by days, and the bystander stays.
  ROOST_REST_ACCESS_TOKEN_LIFETIME: "3650 d",
};

export class AuthStage implements AsyncDisposable {
  readonly server: TestServer;
  readonly clock: ManualClock;
  /** An account that listens to everything it may. */
  readonly bystander: RosterClient;
  /** Whatever the gateway was asked to send, newest last. */
  readonly sent: { readonly to: string; readonly code: string; readonly text: string }[];
  readonly gateway: { status: number };
  readonly #stop: () => Promise<void>;
  #people = 0;
  #clients = 0;

  private constructor(
    parts: Pick<AuthStage, "server" | "clock" | "bystander" | "sent" | "gateway">,
    stop: () => Promise<void>,
  ) {
    const { server, clock, bystander, sent, gateway } = parts;
    this.server = server;
    this.clock = clock;
    this.bystander = bystander;
    this.sent = sent;
    this.gateway = gateway;
    this.#stop = stop;
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<AuthStage> {
    const sent: AuthStage["sent"] = [];
    const gateway = { status: 200 };
    const http = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        const { searchParams } = new URL(request.url);
        const text = searchParams.get("text") ?? "";
        sent.push({ to: searchParams.get("to") ?? "", text, code: /\d{6}/.exec(text)?.[0] ?? "" });
        return new Response("", { status: gateway.status });
      },
    });
    const clock = createManualClock();
    const server = await startTestServer({
      clock,
      env: {
        ROOST_SMS_ADAPTER: "http",
        ROOST_SMS_HTTP_URL: `http://127.0.0.1:${http.port}/send?to={to}&text={text}`,
        ROOST_SMS_TEST_NUMBERS: `${testNumber.phone}=${testNumber.code}`,
        ...withoutLimits,
        ...env,
      },
    });
    const [pair] = await server.domain.accounts.provision([{ username: "bystander" }]);
    const password = Buffer.from(pair?.accessToken ?? "");
    const bystander = await RosterClient.connect(server, "bystander", { username: "bystander", password });
    await bystander.subscribe("#", 2);
    return new AuthStage({ server, clock, bystander, sent, gateway }, async () => {
      await bystander[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await http.stop(true);
    });
  }

  /** A user with a device and a phone of their own. */
  person(): Person {
    const at = ++this.#people;
    return { devKey: `device-${at}`, phone: `38067${1_000_000 + at}` };
  }

  /** A connection that nobody has logged in on, unless by a token as its password. */
  connect(fields: Partial<IConnectPacket> & { readonly clientId?: string } = {}): Promise<RosterClient> {
    return RosterClient.connect(this.server, fields.clientId ?? `client-${++this.#clients}`, fields);
  }

  /** Asks in the form of the document's examples. Fails unless there is one answer, in the right place and form. */
  async ask(client: RosterClient, said: Said): Promise<Told> {
    const [layout] = layoutsOf(said, client.clientId) as [Layout];
    return this.askAs(client, layout);
  }

  async askAs(client: RosterClient, layout: Layout): Promise<Told> {
    const { version, topicToken } = layout;
    const topic =
      version === undefined ? `events//api/anon/x/${topicToken}` : `events/${version}//api/anon/x/${topicToken}`;
    return toldBy(await client.askFenced(layout.term, topic), client.clientId, version);
  }

  /** A session that waits for its code. */
  async begin({ devKey, phone }: Person, { token, client }: { token?: string; client?: RosterClient } = {}) {
    await using own = client === undefined ? await this.connect() : undefined;
    const asking = client ?? (own as RosterClient);
    const told = await this.ask(asking, { request: "issue", devKey, phone, token });
    expect([told.kind, told.what]).toEqual(["ok", "sms_send"]);
    return { token: told.token ?? "", code: this.codeOf(phone) };
  }

  /** A confirmed session, on a connection that is gone or on `client`. */
  async logIn(person: Person, { client }: { client?: RosterClient } = {}): Promise<string> {
    await using own = client === undefined ? await this.connect() : undefined;
    const asking = client ?? (own as RosterClient);
    const { token, code } = await this.begin(person, { client: asking });
    expect(await this.ask(asking, { request: "verify", token, code })).toEqual({ kind: "ok", what: "login", token });
    return token;
  }

  /** The code that was sent there last. */
  codeOf(phone: string): string {
    if (phone === testNumber.phone) return testNumber.code;
    const { code } = this.sent.findLast(({ to }) => to === phone) ?? { code: "" };
    if (code === "") throw new Error(`no code was sent to ${phone}`);
    return code;
  }

  /** Six digits that are not the code. */
  wrongCodeFor(phone: string): string {
    return String((Number(this.codeOf(phone)) + 1) % 1_000_000).padStart(6, "0");
  }

  /** Whether a connection that shows the token as its password is logged in by the phone. */
  async isValid(token: string, phone: string): Promise<boolean> {
    await using raw = await RawMqtt.connect(this.server.mqttPort, { username: "api", password: Buffer.from(token) });
    return (await raw.subscribe(`ses/${phone}`, 2)) === 2;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

/** Only whoever has logged in by a phone may hear its topic. */
export const isLoggedInBy = async (client: RosterClient, phone: string): Promise<boolean> =>
  (await client.subscribe(`ses/${phone}`, 2)) === 2;

/** Reads the one answer; it must be the very bytes that the document prints, at QoS 2, on the client's own topic. */
export function toldBy(answers: readonly Answer[], clientId: string, version?: string): Told {
  expect(answers).toHaveLength(1);
  const [{ topic, qos, retain, payload }] = answers as [Answer];
  expect({ topic, qos, retain }).toEqual({
    topic: version === undefined ? `actions/api/${clientId}` : `actions/${version}/api/${clientId}`,
    qos: 2,
    retain: false,
  });
  wireTags(payload);
  const [, result] = itemsOf(decodeTerm(payload));
  const [kind, what, token] = itemsOf(result).map(textOf) as [string, string, string?];
  const told = { kind, what, token };
  expect(payload.toString("hex")).toBe(bytesOf(told).toString("hex"));
  return told;
}

const itemsOf = (term: unknown): readonly unknown[] => (term instanceof Tuple ? term.items : []);
const textOf = (term: unknown): string | undefined => {
  if (term instanceof Uint8Array) return String(Buffer.from(term));
  return term !== null && typeof term === "object" && "name" in term ? String(term.name) : undefined;
};

/** Put together by hand, as the External Term Format is specified. */
export function bytesOf({ kind, what, token }: Told): Buffer {
  const name = (text: string) => [100, 0, text.length, ...Buffer.from(text)];
  const bytes = (text: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.byteLength(text));
    return [109, ...length, ...Buffer.from(text)];
  };
  const third = token === undefined ? [106] : bytes(token);
  return Buffer.from([131, 104, 3, ...name("io"), 104, 3, ...name(kind), ...name(what), ...third, ...bytes("")]);
}

/** Whether the one answer is that it was no request of ours, in the very bytes. */
export function isInvalid(answers: readonly Answer[], clientId: string, version?: string): boolean {
  const topic = version === undefined ? `actions/api/${clientId}` : `actions/${version}/api/${clientId}`;
  const hex = "83680364000269" + "6f" + "68026400056572726f7264000c696e76616c69645f64617461" + "6d00000000";
  return (
    answers.length === 1 &&
    answers.every((one) => one.topic === topic && one.qos === 2 && !one.retain && one.payload.toString("hex") === hex)
  );
}
