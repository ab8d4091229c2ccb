/** What the tests of PROFILE have in common: its tuples, phones that log in, and terms as plain values. */
import { expect } from "bun:test";
import type { IConnectPacket } from "mqtt-packet";
import { decodeTerm } from "../../src/etf/decode.ts";
import type { WireTerm } from "../../src/etf/encode.ts";
import { Atom, atom, binary, type Term, Tuple } from "../../src/etf/term.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { type LogLine, recordingLog } from "../providers/gateway.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Answer, RosterClient } from "./client.ts";
import { type Asking, code, knownTo, type Place } from "./phones.ts";
import { openTerms, type TermsClient } from "./without-sockets.ts";

export { code };
export const phones = ["15550001001", "15550001002", "15550001003", "15550001004", "15550001005"] as const;
export const [anna, bob, carl, free, spare] = phones;

/** On a server, or on the services alone. */
export interface Stage<Client extends Asking = RosterClient, At extends Place = TestServer> extends AsyncDisposable {
  readonly server: At;
  /** The codes mailed to an address so far. */
  mailed(to: string): string[];
  /** All that was logged. */
  logged(): string;
  /** Takes the phones' profiles away and forgets what was mailed and logged: the next test begins as the first did. */
  clear(): Promise<void>;
  /** A client that has not logged in. */
  connect(clientId: string, fields?: Partial<IConnectPacket>): Promise<Client>;
  /** A client that has logged in by its phone. */
  logIn(phone: string, clientId?: string, fields?: Partial<IConnectPacket>): Promise<LoggedIn<Client>>;
}

export interface LoggedIn<Client extends Asking = RosterClient> extends AsyncDisposable {
  readonly client: Client;
  readonly token: string;
  readonly phone: string;
  readonly userId: number;
  /** The one answer, as plain values. */
  ask(request: WireTerm): Promise<unknown>;
}

/** Talks to a server over sockets. */
export async function start(env: Record<string, string> = {}, clock?: Clock): Promise<Stage> {
  const { log, lines } = recordingLog();
  const server = await startTestServer({
    env: { ...knownTo(phones), ...env },
    log,
    ...(clock === undefined ? {} : { clock }),
  });
  return stageAt(server, lines, (clientId, fields) => RosterClient.connect(server, clientId, fields));
}

/** Asks the services alone. */
export async function startWithoutSockets(
  env: Record<string, string>,
  clock: ManualClock,
): Promise<Stage<TermsClient, Place>> {
  const { log, lines } = recordingLog();
  const terms = await openTerms({ clock, env: { ...knownTo(phones), ...env }, log });
  return stageAt(terms, lines, async (clientId) => terms.connect(clientId));
}

function stageAt<Client extends Asking, At extends Place & AsyncDisposable>(
  server: At,
  lines: LogLine[],
  connect: Stage<Client, At>["connect"],
): Stage<Client, At> {
  return {
    server,
    connect,
    mailed: (to) =>
      lines.flatMap(({ message, fields }) =>
        message.startsWith("mail, ") && fields?.["to"] === to ? (/\d{6}/.exec(String(fields["text"]))?.[0] ?? []) : [],
      ),
    logged: () => JSON.stringify(lines),
    async clear() {
      for (const phone of phones) await server.domain.profiles.remove(phone);
      lines.length = 0;
    },
    async logIn(phone, clientId = `client-${phone}`, fields = {}) {
      const client = await connect(clientId, fields);
      const token = await logInOn(client, phone);
      const [userId = 0] = await server.store.listUserIdsOfPhone(phone);
      return {
        client,
        token,
        phone,
        userId,
        ask: async (request) => only((await client.ask(request)).filter(({ topic }) => topic.startsWith("actions/"))),
        [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
      };
    },
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

export async function logInOn(client: Asking, phone: string): Promise<string> {
  const auth = (...fields: WireTerm[]): WireTerm => new Tuple([atom("Auth"), ...fields]);
  const issued = await client.ask(
    auth([], binary(`device of ${client.clientId}`), [], binary(phone), [], [], [], [], []),
  );
  const [, [, what, token]] = only(issued) as [string, [string, string, string], string];
  expect(what).toBe(":sms_send");
  const confirmed = await client.ask(auth(binary(token), [], [], [], [], atom("verify"), binary(code), [], []));
  expect(only(confirmed)).toEqual([":io", [":ok", ":login", token], ""]);
  return token;
}

/** The fields of a `Profile`; what is not given is `[]`. */
export interface Fields {
  readonly phone?: WireTerm;
  readonly services?: WireTerm;
  readonly rosters?: WireTerm;
  readonly settings?: WireTerm;
  readonly update?: WireTerm;
  readonly balance?: WireTerm;
  readonly presence?: WireTerm;
}

export const profile = (status: string, fields: Fields = {}): WireTerm => profileTuple(status, fields, true);
/** As the examples print it, without a balance. */
export const shortProfile = (status: string, fields: Fields = {}): WireTerm => profileTuple(status, fields, false);

function profileTuple(status: string, fields: Fields, withBalance: boolean): WireTerm {
  const { phone = [], services = [], rosters = [], settings = [], update = [], balance = [], presence = [] } = fields;
  const middle = withBalance ? [update, balance] : [update];
  return new Tuple([atom("Profile"), phone, services, rosters, settings, ...middle, presence, atom(status)]);
}

/** The fields of a `Service`, in order, those at the end left out. */
export const service = (...fields: readonly WireTerm[]): WireTerm =>
  new Tuple([atom("Service"), ...[0, 1, 2, 3, 4, 5, 6].map((at) => fields[at] ?? [])]);
export const email = (address: string, password: WireTerm = []): WireTerm =>
  service([], atom("email"), [], binary(address), password);
export const feature = (id: string, key: string, value: WireTerm, group: string): WireTerm =>
  new Tuple([atom("Feature"), binary(id), binary(key), value, binary(group)]);

/** A `Roster` of thirteen fields: names, surnames, nick and avatar are given. */
export const roster = (id: WireTerm, ...given: readonly WireTerm[]): WireTerm => {
  const [names = [], surnames = [], nick = [], avatar = []] = given;
  return new Tuple([atom("Roster"), id, names, surnames, [], nick, [], [], [], [], [], avatar, [], []]);
};

/** Atoms as `:name`, binaries as text, tuples and lists as arrays. */
export function plain(term: Term): unknown {
  if (term instanceof Atom) return `:${term.name}`;
  if (term instanceof Uint8Array) return Buffer.from(term).toString();
  if (term instanceof Tuple) return term.items.map(plain);
  return Array.isArray(term) ? term.map(plain) : term;
}

/** Where it came, and what; all of it at QoS 2, and retained nowhere. */
export const heard = (answers: readonly Answer[]): [topic: string, term: unknown][] =>
  answers.map(({ topic, payload, qos, retain }) => {
    expect([topic, qos, retain]).toEqual([topic, 2, false]);
    return [topic, plain(decodeTerm(payload))];
  });

export function only(answers: readonly Answer[]): unknown {
  expect(answers).toHaveLength(1);
  const [answer] = answers as [Answer];
  expect([answer.qos, answer.retain]).toEqual([2, false]);
  return plain(decodeTerm(answer.payload));
}

export const no = (what: string): readonly unknown[] => [":io", [":error", `:${what}`], ""];
export const yes = (what: string): readonly unknown[] => [":io", [":ok", `:${what}`], ""];

/** What a `Contact` of fourteen fields looks like; what is not known of it is `[]`. */
export const contact = (
  user: { phone: string; userId: number },
  known: Partial<Record<"nick" | "names" | "surnames" | "avatar" | "presence" | "status", string>>,
  updateMs: unknown = expect.any(Number),
): unknown => [
  ":Contact",
  `${user.phone}_${user.userId}`,
  known.avatar ?? [],
  known.names ?? [],
  known.surnames ?? [],
  known.nick ?? [],
  [],
  [],
  0,
  0,
  [],
  updateMs,
  [],
  known.presence === undefined ? [] : `:${known.presence}`,
  `:${known.status}`,
];

/** Both have heard of it. */
export async function befriend(server: TestServer, a: LoggedIn, b: LoggedIn): Promise<void> {
  const { contacts } = server.domain;
  await contacts.requestFriend(a.userId as never, b.userId);
  await contacts.confirm(b.userId as never, a.userId);
  for (const { client } of [a, b]) await client.heard();
}
