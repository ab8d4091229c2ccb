/**
 * PRIVATE by the book: a row for each request, in each state, with each result (docs/protocols/erlang-terms.md §
 * PRIVATE). Every device of both sides, and a bystander, are asked what they heard and what their lists say. The
 * services alone are asked; some rows are held through the broker too, each device over its own socket.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { decodeTerm } from "../../src/etf/decode.ts";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { createManualClock } from "../support/manual-clock.ts";
import type { TestServer } from "../support/server.ts";
import { RosterClient } from "./client.ts";
import {
  type Asking,
  type Device,
  Phones,
  type Place,
  phoneEnv,
  phoneNumbers,
  startPhoneServer,
  tuple,
} from "./phones.ts";
import { confirm, echo, friend, heard, long, notFound, pair, revoke, sent, short } from "./private-stage.ts";
import { plain } from "./profiles.ts";
import { openTerms, type Terms } from "./without-sockets.ts";

const none = "none";
type Status = "none" | "request" | "authorization" | "friend" | "ignore" | "banned";

/** What A's list says of B, and B's of A. */
const states = {
  strangers: [none, none],
  "A asked": ["request", "authorization"],
  "B asked": ["authorization", "request"],
  friends: ["friend", "friend"],
  "B ignores A": [none, "ignore"],
  "B banned A": [none, "banned"],
  "A asked, B ignored it": ["request", "ignore"],
  "B asked, A ignored it": ["ignore", "request"],
  "A banned B": ["banned", none],
  "friends until B banned A": ["friend", "banned"],
} as const satisfies Record<string, readonly [Status, Status]>;

const requests: Record<string, (bId: WireTerm) => WireTerm> = {
  "Friend/simple": (bId) => friend(bId),
  "Friend/list": (bId) => friend([bId], { status: "list" }),
  Confirm: (bId) => confirm(bId),
  Revoke: (bId) => revoke(bId),
};

type Outcome = readonly [a: readonly string[], b: readonly string[], after: readonly [Status, Status]];
const present = "phone/A {io,{ok,{already_present,B}},<<>>}";
const asked: Outcome = [[sent, ...heard.request], heard.authorization, ["request", "authorization"]];
const befriended: Outcome = [[sent, ...heard.friendOfB], heard.friendOfA, ["friend", "friend"]];
const takenBack: Outcome = [[echo, ...heard.revokeOfB], heard.revokeOfA, [none, none]];

/** In the order of `requests`. */
const outcomes: Record<keyof typeof states, readonly [Outcome, Outcome, Outcome, Outcome]> = {
  strangers: [asked, asked, [[notFound], [], [none, none]], [[echo], [], [none, none]]],
  "A asked": [
    [[sent], [], ["request", "authorization"]],
    [[sent], [], ["request", "authorization"]],
    [[notFound], [], ["request", "authorization"]],
    takenBack,
  ],
  "B asked": [befriended, befriended, befriended, takenBack],
  friends: [
    [[sent], [], ["friend", "friend"]],
    [[sent], [], ["friend", "friend"]],
    [[present], [], ["friend", "friend"]],
    takenBack,
  ],
  "B ignores A": [
    [[sent, ...heard.request], [], ["request", "ignore"]],
    [[sent, ...heard.request], [], ["request", "ignore"]],
    [[notFound], [], [none, "ignore"]],
    [[echo], [], [none, "ignore"]],
  ],
  "B banned A": [
    [[sent, ...heard.request], [], ["request", "banned"]],
    [[sent, ...heard.request], [], ["request", "banned"]],
    [[notFound], [], [none, "banned"]],
    [[echo], [], [none, "banned"]],
  ],
  "A asked, B ignored it": [
    [[sent], [], ["request", "ignore"]],
    [[sent], [], ["request", "ignore"]],
    [[notFound], [], ["request", "ignore"]],
    [[echo, ...heard.revokeOfB], [], [none, "ignore"]],
  ],
  "B asked, A ignored it": [befriended, befriended, [[notFound], [], ["ignore", "request"]], takenBack],
  "A banned B": [asked, asked, [[notFound], [], ["banned", none]], [[echo, ...heard.revokeOfB], [], [none, none]]],
  "friends until B banned A": [
    [[sent], [], ["friend", "banned"]],
    [[sent], [], ["friend", "banned"]],
    [[present], [], ["friend", "banned"]],
    [[echo, ...heard.revokeOfB], [], [none, "banned"]],
  ],
};

const clock = createManualClock(Date.now());
let terms: Terms;
let server: TestServer;
beforeAll(async () => {
  terms = await openTerms({ clock, env: phoneEnv });
  server = await startPhoneServer({ clock });
});
afterAll(async () => {
  await terms[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const withoutSockets = () => Phones.at(terms, { clock, dial: (clientId) => terms.connect(clientId) });
const bySockets = () => Phones.at(server, { clock, dial: (clientId) => RosterClient.connect(server, clientId) });

/** The sender's two devices, the other's two, and one of a user who has nothing to do with it. */
async function gather<Client extends Asking, At extends Place>(phones: Phones<Client, At>) {
  const { a, b, aId, bId } = await pair(phones);
  const [a2, b2] = [await phones.device("A", "emqttd_A2"), await phones.device("B", "emqttd_B2")];
  const c = await phones.device("C");
  /** What a device's list says: the answer to a later request comes alone, so nothing came between. */
  async function listOf(device: Device<Client>): Promise<Record<string, string>> {
    const answers = await device.client.ask(tuple("Profile", [], [], [], [], 0, 0, [], atom("get")));
    expect(answers.map(({ topic, qos }) => [topic, qos])).toEqual([[`actions/api/${device.client.clientId}`, 2]]);
    const [[, , , [roster]]] = answers.map(({ payload }) => plain(decodeTerm(payload))) as [
      [unknown, unknown, unknown, [unknown[]]],
    ];
    const [, ...others] = roster[6] as string[][];
    return Object.fromEntries(others.map((one) => [one[1] ?? "", (one[14] ?? "").slice(1)]));
  }
  return {
    phones,
    clock,
    ...{ a, b, a2, b2, c, aId, bId },
    /** Asks, and gives what each side heard; both devices of a side heard the same, and the bystander nothing. */
    async ask(request: WireTerm): Promise<[toA: string[], toB: string[]]> {
      clock.advance(1000);
      const toA = await a.ask(request);
      const toB = await b.heard();
      expect([await a2.heard(), await b2.heard(), await c.heard()]).toEqual([toA, toB, []]);
      return [toA, toB];
    },
    /** A's status of B and B's of A, as each of their devices is shown. */
    async statuses(): Promise<[string, string]> {
      const [phoneIdA, phoneIdB] = [await phones.phoneId("A"), await phones.phoneId("B")];
      const [ofB, ofA] = [(await listOf(a))[phoneIdB] ?? none, (await listOf(b))[phoneIdA] ?? none];
      expect([(await listOf(a2))[phoneIdB] ?? none, (await listOf(b2))[phoneIdA] ?? none]).toEqual([ofB, ofA]);
      expect(await listOf(c)).toEqual({});
      return [ofB, ofA];
    },
    [Symbol.asyncDispose]: () => phones[Symbol.asyncDispose](),
  };
}

const rows = Object.entries(outcomes).flatMap(([state, four]) =>
  Object.keys(requests).map(
    (request, at) => [state as keyof typeof states, request, four[at] ?? [[], [], [none, none]]] as const,
  ),
);

async function hold<Client extends Asking, At extends Place>(
  phones: Phones<Client, At>,
  [state, request, [toA, toB, after]]: (typeof rows)[number],
): Promise<void> {
  await using stage = await gather(phones);
  const [ofB, ofA] = states[state];
  if (ofB !== none) await stage.phones.setStatus("A", "B", ofB);
  if (ofA !== none) await stage.phones.setStatus("B", "A", ofA);
  const asks = requests[request]?.(stage.bId) ?? [];
  expect(await stage.ask(asks)).toEqual([[...toA], [...toB]]);
  expect(await stage.statuses()).toEqual([...after]);
  // Asked again it changes nothing, and only the sender hears of it.
  const [answer = ""] = toA;
  const again = request === "Confirm" && answer === sent ? present : answer;
  expect(await stage.ask(asks)).toEqual([[again], []]);
  expect(await stage.statuses()).toEqual([...after]);
}

test.each(rows)("%s: %s", (state, request, outcome) => hold(withoutSockets(), [state, request, outcome]));

// The first three states lead through all that is told to the other side.
test.each(rows.slice(0, 12))("by sockets, %s: %s", (state, request, outcome) =>
  hold(bySockets(), [state, request, outcome]),
);

const unknown = binary("15559999999_1");
const self = binary(phoneNumbers.A);
type Given = { readonly aId: WireTerm; readonly bId: WireTerm; readonly bUserId: number };

/** Who is named is nobody one may ask. */
const astray: Record<string, [request: (given: Given) => WireTerm, toA: readonly string[]]> = {
  "Friend/simple, to an unknown phone": [() => friend(unknown), [notFound]],
  "Friend/simple, to oneself": [() => friend(self), [notFound]],
  "Friend/simple, to no one named": [() => friend([]), [notFound]],
  "Friend/simple, by another's user": [({ bId, bUserId }) => friend(bId, { roster: bUserId }), [notFound]],
  "Friend/list, of unknown phones": [() => friend([unknown, 7, []], { status: "list" }), [notFound]],
  "Friend/list, of oneself": [({ aId }) => friend([self, aId], { status: "list" }), [notFound]],
  "Friend/list, of none": [() => friend([], { status: "list" }), [notFound]],
  "Friend/list, by another's user": [
    ({ bId, bUserId }) => friend([bId], { status: "list", roster: bUserId }),
    [notFound],
  ],
  "Confirm, of an unknown phone": [() => confirm(unknown), [notFound]],
  "Confirm, of oneself": [({ aId }) => confirm(aId), [notFound]],
  "Confirm, by another's user": [({ bId, bUserId }) => confirm(bId, { roster: bUserId }), [notFound]],
  "Revoke, of an unknown phone": [() => revoke(unknown), ["phone/A {Revoke,[],<<15559999999_1>>,revoke}"]],
  "Revoke, of oneself": [({ aId }) => revoke(aId), ["phone/A {Revoke,[],A,revoke}"]],
  "Revoke, of no one named": [() => revoke([]), ["phone/A {Revoke,[],[],revoke}"]],
};

test.each(Object.entries(astray))("%s", async (_, [request, toA]) => {
  await using stage = await gather(withoutSockets());
  const { aId, bId, phones } = stage;
  expect(await stage.ask(request({ aId, bId, bUserId: await phones.userId("B") }))).toEqual([[...toA], []]);
  expect(await stage.statuses()).toEqual([none, none]);
});

test("Friend/list, with a stranger's number and oneself in it, and one twice: each user it finds is asked once, and it is answered once", async () => {
  await using stage = await gather(withoutSockets());
  const { phones, a, a2, b, b2, c, bId, aId } = stage;
  const list = [unknown, bId, self, atom("x"), await phones.userId("C"), aId, binary(phoneNumbers.B)];
  stage.clock.advance(1000);
  const toA = [sent, `ses/A ${long("B", "request")}`, `ses/A ${long("C", "request")}`];
  expect(await a.ask(friend(list, { status: "list" }))).toEqual(toA);
  expect(await a2.heard()).toEqual(toA);
  for (const device of [b, b2]) expect(await device.heard()).toEqual(heard.authorization);
  expect(await c.heard()).toEqual([`phone/C ${short("A", "authorization")}`, `ses/C ${long("A", "authorization")}`]);
});
