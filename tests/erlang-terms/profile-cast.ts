/**
 * Who is there when something is asked of a profile: its two devices, a friend, somebody it asked, a stranger, and a
 * connection nobody has logged in on. Everything they hear is read from their sockets, on a clock that stands still.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import { RosterClient } from "./client.ts";
import { anna, bob, carl, contact, heard, type LoggedIn, no, profile, type Stage, spare, start } from "./profiles.ts";

const hourMs = 3_600_000;

export type Role = "one" | "tablet" | "friend" | "asked" | "stranger" | "nobody";
const roles: readonly Role[] = ["one", "tablet", "friend", "asked", "stranger", "nobody"];

/** What each heard of one request; who is not named heard nothing. */
export type Heard = Partial<Record<Role, readonly (readonly [topic: string, term: unknown])[]>>;

export interface Cast extends AsyncDisposable {
  readonly stage: Stage;
  readonly clock: ManualClock;
  /** Of one phone; `one` is who asks as a rule. */
  readonly one: LoggedIn;
  readonly tablet: LoggedIn;
  readonly friend: LoggedIn;
  /** Was asked by the first phone's user, and has not answered. */
  readonly asked: LoggedIn;
  readonly stranger: LoggedIn;
  readonly nobody: RosterClient;
  client(role: Role): RosterClient;
  /** When they met. */
  readonly metAtMs: number;
  /** Asks, and gives what each client heard of it; each has asked something of its own behind it, and was answered. */
  ask(request: Parameters<RosterClient["ask"]>[0], by?: Role): Promise<Heard>;
  /** The answer alone, on the asking client's own topic. */
  answer(request: Parameters<RosterClient["ask"]>[0], by?: Role): Promise<unknown>;
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

interface Place {
  readonly stage: Stage;
  readonly clock: ManualClock;
}

async function open(env: Record<string, string> = {}): Promise<Place> {
  const clock = createManualClock(Date.now());
  return { clock, stage: await start(env, clock) };
}

/** On a server of its own. */
export async function gather(env?: Record<string, string>): Promise<Cast> {
  const place = await open(env);
  return gatherAt(place, async () => place.stage[Symbol.asyncDispose]());
}

/** One server for the rows of a file, but for those with settings of their own. */
export function openTable() {
  let shared: Place | undefined;
  beforeAll(async () => {
    shared = await open();
  });
  afterAll(() => shared?.stage[Symbol.asyncDispose]());

  async function cast(env: Record<string, string> | undefined): Promise<Cast> {
    if (env !== undefined || shared === undefined) return gather(env);
    const { stage, clock } = shared;
    clock.advance(hourMs); // What is counted within an hour begins anew.
    return gatherAt(shared, () => stage.clear());
  }

  return async (row: Row): Promise<void> => {
    await using present = await cast(row.env?.());
    await play(present, row);
  };
}

async function gatherAt({ stage, clock }: Place, end: () => Promise<void>): Promise<Cast> {
  const [one, tablet] = [await stage.logIn(anna, "one"), await stage.logIn(anna, "tablet")];
  const [friend, asked, stranger] = [await stage.logIn(bob), await stage.logIn(carl), await stage.logIn(spare)];
  const nobody = await RosterClient.connect(stage.server, "nobody");
  const clients = { one, tablet, friend, asked, stranger };
  const client = (role: Role): RosterClient => (role === "nobody" ? nobody : clients[role].client);
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

  async function ask(request: Parameters<RosterClient["ask"]>[0], by: Role = "one"): Promise<Heard> {
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
