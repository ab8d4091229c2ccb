/**
 * Who is there when something is asked of a profile: its two devices, a friend, somebody it asked, a stranger, and a
 * connection nobody has logged in on. All of them are asked what they heard, on a clock that stands still. Rows of a table
 * ask the services alone; some are held through the broker too, each client over its own socket.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import type { TestServer } from "../support/server.ts";
import type { RosterClient } from "./client.ts";
import type { Asking, Place } from "./phones.ts";
import {
  anna,
  bob,
  carl,
  contact,
  heard,
  type LoggedIn,
  no,
  profile,
  type Stage,
  spare,
  start,
  startWithoutSockets,
} from "./profiles.ts";

const hourMs = 3_600_000;

export type Role = "one" | "tablet" | "friend" | "asked" | "stranger" | "nobody";
const roles: readonly Role[] = ["one", "tablet", "friend", "asked", "stranger", "nobody"];

/** What each heard of one request; who is not named heard nothing. */
export type Heard = Partial<Record<Role, readonly (readonly [topic: string, term: unknown])[]>>;

type Request = Parameters<Asking["ask"]>[0];

export interface Cast<Client extends Asking = Asking, At extends Place = Place> extends AsyncDisposable {
  readonly stage: Stage<Client, At>;
  readonly clock: ManualClock;
  /** Of one phone; `one` is who asks as a rule. */
  readonly one: LoggedIn<Client>;
  readonly tablet: LoggedIn<Client>;
  readonly friend: LoggedIn<Client>;
  /** Was asked by the first phone's user, and has not answered. */
  readonly asked: LoggedIn<Client>;
  readonly stranger: LoggedIn<Client>;
  readonly nobody: Client;
  client(role: Role): Client;
  /** When they met. */
  readonly metAtMs: number;
  /** Asks, and gives what each client heard of it; each has asked something of its own behind it, and was answered. */
  ask(request: Request, by?: Role): Promise<Heard>;
  /** The answer alone, on the asking client's own topic. */
  answer(request: Request, by?: Role): Promise<unknown>;
  /** `Profile` as its own clients see it, with what is given in place of what everybody begins with. */
  view(status: string, known?: Partial<View>): unknown;
}

export interface View {
  readonly phone: string;
  readonly services: unknown;
  /** In place of the whole list. */
  readonly rosters: unknown;
  readonly email: string;
  readonly names: string;
  readonly surnames: string;
  readonly nick: string;
  readonly avatar: string;
  /** Of the user; then the profile's is the same unless it is given. */
  readonly changedAtMs: number;
  readonly settings: unknown;
  readonly updateMs: unknown;
}

export const nickOf = ({ userId }: { userId: number }): string => `user.${userId}`;
export const phoneIdOf = ({ phone, userId }: { phone: string; userId: number }) => binary(`${phone}_${userId}`);
export const friendTuple = (phoneId: Uint8Array) => new Tuple([atom("Friend"), [], [], phoneId, atom("simple")]);
export const confirmTuple = (phoneId: Uint8Array) => new Tuple([atom("Confirm"), [], [], phoneId, atom("friend")]);

interface Shared<Client extends Asking, At extends Place> {
  readonly stage: Stage<Client, At>;
  readonly clock: ManualClock;
}

type Open<Client extends Asking, At extends Place> = (env?: Record<string, string>) => Promise<Shared<Client, At>>;

const withoutSockets: Open<Asking, Place> = async (env = {}) => {
  const clock = createManualClock(Date.now());
  return { clock, stage: await startWithoutSockets(env, clock) };
};

const bySockets: Open<RosterClient, TestServer> = async (env = {}) => {
  const clock = createManualClock(Date.now());
  return { clock, stage: await start(env, clock) };
};

/** At services of their own. */
export const gather = (): Promise<Cast> => gatherWith(withoutSockets);
/** On a server of their own. */
export const gatherBySockets = (): Promise<Cast<RosterClient, TestServer>> => gatherWith(bySockets);

async function gatherWith<Client extends Asking, At extends Place>(
  open: Open<Client, At>,
  env?: Record<string, string>,
): Promise<Cast<Client, At>> {
  const shared = await open(env);
  return gatherAt(shared, async () => shared.stage[Symbol.asyncDispose]());
}

/**
 * A test for each row, without sockets, and again by sockets for those that are named. They share services and a server,
 * but for the rows with settings of their own.
 */
export function testRows(rows: Readonly<Record<string, Row>>, heldBySockets: readonly string[]): void {
  const play = openTable(withoutSockets);
  test.each(Object.entries(rows))("Profile/%s", (_, row) => play(row));
  const playBySockets = openTable(bySockets);
  test.each(heldBySockets)("by sockets, Profile/%s", async (name) => {
    const row = rows[name];
    if (row === undefined) throw new Error(`there is no row "${name}"`);
    await playBySockets(row);
  });
}

function openTable<Client extends Asking, At extends Place>(open: Open<Client, At>): (row: Row) => Promise<void> {
  let shared: Shared<Client, At> | undefined;
  beforeAll(async () => {
    shared = await open();
  });
  afterAll(() => shared?.stage[Symbol.asyncDispose]());

  async function cast(env: Record<string, string> | undefined): Promise<Cast> {
    if (env !== undefined || shared === undefined) return gatherWith(open, env);
    const { stage, clock } = shared;
    clock.advance(hourMs); // What is counted within an hour begins anew.
    return gatherAt(shared, () => stage.clear());
  }

  return async (row) => {
    await using present = await cast(row.env?.());
    await play(present, row);
  };
}

async function gatherAt<Client extends Asking, At extends Place>(
  { stage, clock }: Shared<Client, At>,
  end: () => Promise<void>,
): Promise<Cast<Client, At>> {
  const [one, tablet] = [await stage.logIn(anna, "one"), await stage.logIn(anna, "tablet")];
  const [friend, asked, stranger] = [await stage.logIn(bob), await stage.logIn(carl), await stage.logIn(spare)];
  const nobody = await stage.connect("nobody");
  const clients = { one, tablet, friend, asked, stranger };
  const client = (role: Role): Client => (role === "nobody" ? nobody : clients[role].client);
  const registeredAtMs = clock.nowMs();
  clock.advance(1000);
  const metAtMs = clock.nowMs();
  await one.client.ask(friendTuple(phoneIdOf(friend)));
  await friend.client.ask(confirmTuple(phoneIdOf(one)));
  await one.client.ask(friendTuple(phoneIdOf(asked)));
  for (const role of roles) await client(role).heard();
  clock.advance(1000);

  /** A request of one's own is answered at once and alone: nothing came between. */
  async function fenced(role: Role): Promise<ReturnType<typeof heard>> {
    const before = heard(await client(role).heard());
    const fence = heard(await client(role).ask(new Tuple([atom("init"), binary(role)])));
    expect(fence).toEqual([[`actions/api/${client(role).clientId}`, [":io", "", [":Token", role]]]]);
    return before;
  }

  async function ask(request: Request, by: Role = "one"): Promise<Heard> {
    const answered = heard(await client(by).ask(request, { topic: "events/1//api/anon//" }));
    const all: Partial<Record<Role, [string, unknown][]>> = {};
    for (const role of roles) {
      const came = [...(role === by ? answered : []), ...(await fenced(role))];
      if (came.length > 0) all[role] = came;
    }
    return all;
  }

  return {
    stage,
    clock,
    ...clients,
    nobody,
    client,
    metAtMs,
    ask,
    async answer(request, by = "one") {
      const { [by]: came = [], ...others } = await ask(request, by);
      expect(others).toEqual({});
      const [[topic, term] = []] = came;
      expect([came.length, topic]).toEqual([1, `actions/1/api/${client(by).clientId}`]);
      return term;
    },
    view(status, known = {}) {
      const { phone = anna, services = [], email = [], settings = [], changedAtMs = registeredAtMs } = known;
      const { names, surnames, avatar, nick = nickOf(one) } = known;
      const me = { phone, userId: one.userId };
      const pictured = avatar === undefined ? {} : { avatar };
      const looks = {
        ...pictured,
        nick,
        ...(names === undefined ? {} : { names }),
        ...(surnames === undefined ? {} : { surnames }),
      };
      const contacts = [
        contact(me, { ...looks, presence: "online", status: "friend" }, changedAtMs),
        contact(friend, { nick: nickOf(friend), presence: "online", status: "friend" }, metAtMs),
        contact(asked, { nick: nickOf(asked), status: "request" }, metAtMs),
      ];
      const rosters = [
        [
          ":Roster",
          one.userId,
          names ?? [],
          surnames ?? [],
          email,
          nick,
          contacts,
          [],
          [],
          [],
          phone,
          avatar ?? [],
          changedAtMs,
          [],
        ],
      ];
      const updateMs = known.updateMs ?? changedAtMs;
      return [":Profile", phone, services, known.rosters ?? rosters, settings, updateMs, 0, ":online", `:${status}`];
    },
    async [Symbol.asyncDispose]() {
      for (const role of roles) await client(role)[Symbol.asyncDispose]();
      await end();
    },
  };
}

/** The answer on the asking client's own topic, whatever others hear. */
export async function answerTo(cast: Cast, request: WireTerm): Promise<unknown> {
  const { one = [] } = await cast.ask(request);
  const answers = one.filter(([topic]) => topic === "actions/1/api/one").map(([, term]) => term);
  expect(answers).toHaveLength(1);
  return answers[0];
}

/** What is there to be got by whoever has logged in. */
export const got = (cast: Cast, by?: Role): Promise<unknown> => cast.answer(profile("get"), by);

/** A row says what was before, what is asked, what everybody hears of it, exactly and once, and what is there afterwards. */
export interface Row {
  readonly env?: () => Record<string, string>;
  readonly before?: (cast: Cast) => Promise<unknown>;
  readonly asks: WireTerm | ((cast: Cast) => WireTerm);
  readonly by?: Role;
  /** On the asking client's own topic. */
  readonly answer: readonly unknown[] | ((cast: Cast) => unknown);
  /** What is heard besides. */
  readonly told?: (cast: Cast) => Heard;
  /** What a `get` shows afterwards; what it showed at the beginning, unless it is said. */
  readonly leaves?: (cast: Cast) => unknown;
  readonly after?: (cast: Cast) => Promise<unknown>;
}

async function play(cast: Cast, { asks, answer, by = "one", told, leaves, before, after }: Row): Promise<void> {
  await before?.(cast);
  const expected: Record<string, readonly unknown[]> = { ...told?.(cast) };
  const term = typeof answer === "function" ? answer(cast) : answer;
  expected[by] = [...(expected[by] ?? []), [`actions/1/api/${cast.client(by).clientId}`, term]];
  expect(await cast.ask(typeof asks === "function" ? asks(cast) : asks, by)).toEqual(expected as Heard);
  for (const role of ["one", "tablet"] as const) {
    expect(await got(cast, role)).toEqual(leaves === undefined ? cast.view("get") : leaves(cast));
  }
  await after?.(cast);
}

export const later = (cast: Cast): number => cast.clock.nowMs();

/** Everybody is nobody afterwards. */
export const gone = { leaves: (): unknown => no("not_authorized") };
export const wasRemoved = (cast: Cast): Promise<unknown> => cast.ask(profile("remove", { phone: binary(anna) }));
