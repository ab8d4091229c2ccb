/** Which field of an `Auth` is which (A1 to A3): told by what the server answers to each reading. */
import { expect, test } from "bun:test";
import type { WireTerm } from "../../../src/etf/encode.ts";
import { atom, binary } from "../../../src/etf/term.ts";
import type { RosterClient } from "../client.ts";
import { authTuple } from "./layouts.ts";
import { openTable } from "./row.ts";
import { isInvalid, type Person, type Told, toldBy } from "./stage.ts";

const { stage } = openTable();

/** A tuple of ten by its first four fields. */
interface Ten {
  readonly first: readonly (string | undefined)[];
  readonly type?: string;
  readonly code?: string;
  readonly topicToken?: string;
}

const field = (text: string | undefined): WireTerm => (text === undefined ? [] : binary(text));

async function askTen(client: RosterClient, { first, type, code, topicToken = "" }: Ten): Promise<Told> {
  const [p1, p2, p3, p4] = first;
  const term = authTuple(...[p1, p2, p3, p4].map(field), [], type === undefined ? [] : atom(type), field(code), [], []);
  return toldBy(await client.askFenced(term, `events//api/anon//${topicToken}`), client.clientId);
}

const waits = (token: string): Told => ({ kind: "error", what: "not_verified", token });
const logsIn = (token: string): Told => ({ kind: "ok", what: "login", token });
const sent = (token: string): Told => ({ kind: "ok", what: "sms_send", token });
const nobody: Told = { kind: "error", what: "session_not_found", token: undefined };
let tokens = 0;
const unknown = (): string => `unknown-token-of-a-client-${++tokens}`;

/** Asks on a connection of its own with a session that waits, and compares what is told. */
async function expectTold(
  make: (of: Person & { readonly T: string; readonly code: string }) => readonly [Ten, Told],
): Promise<void> {
  const person = stage().person();
  const { token: T, code } = await stage().begin(person);
  const [ten, told] = make({ ...person, T, code });
  await using client = await stage().connect();
  expect({ ten, ...(await askTen(client, ten)) }).toEqual({ ten, ...told });
}

for (const type of ["verify", undefined]) {
  const what = type ?? "a code alone";
  test(`A1: (0) with ${what}, the token is whichever of the first and the fourth place is a session's`, async () => {
    const asks = type === undefined ? {} : { type };
    await expectTold(({ T, code }) => [{ ...asks, first: [T], code }, logsIn(T)]);
    await expectTold(({ T, code }) => [{ ...asks, first: [undefined, undefined, undefined, T], code }, logsIn(T)]);
    await expectTold(({ T, code, devKey }) => [{ ...asks, first: [T, devKey, "me", devKey], code }, logsIn(T)]);
    await expectTold(({ T, code, phone }) => [{ ...asks, first: [T, undefined, undefined, phone], code }, logsIn(T)]);
    await expectTold(({ T, code, devKey, phone }) => [{ ...asks, first: [devKey, "me", phone, T], code }, logsIn(T)]);
    await expectTold(({ T, code, phone }) => [{ ...asks, first: [unknown(), undefined, phone, T], code }, logsIn(T)]);
    // Also where the other place is what the topic says.
    const topicToken = unknown();
    await expectTold(({ T, code, phone }) => [
      { ...asks, first: [topicToken, undefined, phone, T], code, topicToken },
      logsIn(T),
    ]);
  });
}

test("A1: (0) where neither place is a session's, the only one that is set is the token", async () => {
  for (const type of ["verify", "resend_sms"]) {
    // It counts before that of the topic, although that one is known.
    await expectTold(({ T, code }) => [{ type, first: [unknown()], code, topicToken: T }, nobody]);
    await expectTold(({ T, code }) => [
      { type, first: [undefined, undefined, undefined, unknown()], code, topicToken: T },
      nobody,
    ]);
    await expectTold(({ phone, code }) => [{ type, first: [unknown(), undefined, undefined, phone], code }, nobody]);
  }
});

test("A1: (a) to issue, a second place that is set and a third that is not is the record", async () => {
  const { devKey, phone } = stage().person();
  const T = unknown();
  await using client = await stage().connect();
  expect(await askTen(client, { first: [T, devKey, undefined, `+${phone.slice(0, 5)} ${phone.slice(5)}`] })).toEqual(
    sent(T),
  );
  expect(stage().sent.at(-1)?.to).toBe(phone);
  // Also where the fourth place is what the topic says.
  await expectTold(({ T: own, devKey: D, phone: P }) => [{ first: [own, D, undefined, P], topicToken: P }, waits(own)]);
});

test("A1: (b) to issue, a third place that is set and a second that is not is the example", async () => {
  const { devKey, phone } = stage().person();
  const T = unknown();
  await using client = await stage().connect();
  expect(await askTen(client, { first: [devKey, undefined, phone, T] })).toEqual(sent(T));
  expect(stage().sent.at(-1)?.to).toBe(phone);
  // A token that looks like a phone is one all the same, and too short to be kept.
  const other = stage().person();
  const told = await askTen(client, { first: [other.devKey, undefined, other.phone, "491511234567"] });
  expect([told.kind, told.what, stage().sent.at(-1)?.to]).toEqual(["ok", "sms_send", other.phone]);
});

test("A1: (c) to issue, with both or none of the two set, what is a session's token or the topic's is the token", async () => {
  await expectTold(({ T }) => [{ first: [T] }, waits(T)]);
  await expectTold(({ T }) => [{ first: [undefined, undefined, undefined, T] }, waits(T)]);
  await expectTold(({ T, devKey, phone }) => [{ first: [T, devKey, "380671234567", phone] }, waits(T)]);
  await expectTold(({ T, devKey, phone }) => [{ first: [devKey, "380671234567", phone, T] }, waits(T)]);
  const topicToken = unknown();
  await using client = await stage().connect();
  expect(await askTen(client, { first: [topicToken], topicToken })).toEqual(nobody);
  const { devKey, phone } = stage().person();
  expect(await askTen(client, { first: [topicToken, devKey, "380671234567", phone], topicToken })).toEqual(
    sent(topicToken),
  );
  expect(stage().sent.at(-1)?.to).toBe(phone);
});

test("A1: (d) to issue, else what looks like a phone says it: in the fourth place the record, in the third the example", async () => {
  await using client = await stage().connect();
  const [a, b] = [stage().person(), stage().person()];
  const [T, U] = [unknown(), unknown()];
  expect(await askTen(client, { first: [T, a.devKey, "me", `+${a.phone}`] })).toEqual(sent(T));
  expect(await askTen(client, { first: [b.devKey, "me", b.phone, U] })).toEqual(sent(U));
  expect(
    stage()
      .sent.slice(-2)
      .map(({ to }) => to),
  ).toEqual([a.phone, b.phone]);
});

test("A2: tuples of 10, 12, 14 and 15 elements are read, and no others", async () => {
  for (let elements = 1; elements <= 20; elements++) {
    await using client = await stage().connect();
    const { devKey, phone } = stage().person();
    const fields: WireTerm[] = [binary(devKey), [], binary(phone), ...new Array<WireTerm>(17).fill([])];
    if (elements > 10) fields.splice(0, 4, [], binary(devKey), [], binary(phone));
    const answers = await client.askFenced(authTuple(...fields.slice(0, elements - 1)));
    if ([10, 12, 14, 15].includes(elements)) {
      expect([elements, toldBy(answers, client.clientId).what]).toEqual([elements, "sms_send"]);
    } else {
      expect([elements, isInvalid(answers, client.clientId)]).toEqual([elements, true]);
    }
  }
});

test("A2: twelve elements are the record, whatever is set", async () => {
  await using client = await stage().connect();
  const [a, b] = [stage().person(), stage().person()];
  const T = unknown();
  const twelve = (...first: readonly WireTerm[]) => authTuple(...first, [], atom("reg"), [], [], [], 1, 2);
  const whole = twelve(binary(T), binary(a.devKey), binary("emqttd_a-client"), binary(a.phone));
  expect(toldBy(await client.askFenced(whole), client.clientId)).toEqual(sent(T));
  // As the example it would have a device and a phone.
  const lacking = twelve(binary(b.devKey), [], binary(b.phone), []);
  expect(toldBy(await client.askFenced(lacking), client.clientId)).toEqual(nobody);
  // A phone in the first place is the token all the same.
  const backwards = twelve(binary(b.phone), binary(b.devKey), binary(b.phone), binary(unknown()));
  expect(toldBy(await client.askFenced(backwards), client.clientId).what).toBe("mismatch_user_data");
});

for (const [elements, rest] of [
  [14, 4],
  [15, 5],
] as const) {
  test(`A2: ${elements} elements begin with a client id where it is one: emqttd_, reg_ or the connection's own`, async () => {
    const tail = new Array<WireTerm>(rest).fill([]);
    const tupleOf = (first: string, T: string, { devKey, phone }: Person, type: string, code?: string) =>
      authTuple(binary(first), binary(devKey), [], binary(phone), binary(T), atom(type), field(code), [], [], ...tail);
    await using client = await stage().connect({ clientId: `a-phone-of-its-own-${elements}` });
    for (const first of ["emqttd_1", "reg_380671234567", client.clientId]) {
      const person = stage().person();
      const T = unknown();
      const ask = async (type: string, code?: string) =>
        toldBy(await client.askFenced(tupleOf(first, T, person, type, code)), client.clientId);
      expect([first, await ask("reg")]).toEqual([first, sent(T)]);
      expect([first, await ask("resend")]).toEqual([first, sent(T)]);
      expect([first, await ask("verify", stage().codeOf(person.phone))]).toEqual([first, logsIn(T)]);
    }
    // Another's client id is no token that anybody knows: read as the record, it becomes one.
    const person = stage().person();
    const other = "android_of-somebody-else-entirely";
    const told = toldBy(
      await client.askFenced(tupleOf(`${other}-${elements}`, unknown(), person, "reg")),
      client.clientId,
    );
    expect(told).toEqual(sent(`${other}-${elements}`));
  });
}

test("A3: a token in the tuple counts before that of the topic, and that before the password", async () => {
  const [a, b, c] = [stage().person(), stage().person(), stage().person()];
  const [inTuple, inTopic, inPassword] = [await stage().begin(a), await stage().begin(b), await stage().begin(c)];
  await using client = await stage().connect({ password: Buffer.from(inPassword.token) });
  const resend = { type: "resend_sms" };
  const p4 = (token: string): Ten["first"] => [undefined, undefined, undefined, token];
  const topicToken = inTopic.token;
  expect(await askTen(client, { ...resend, first: p4(inTuple.token), topicToken })).toEqual(sent(inTuple.token));
  expect(await askTen(client, { ...resend, first: [inTuple.token], topicToken })).toEqual(sent(inTuple.token));
  expect(await askTen(client, { ...resend, first: [], topicToken })).toEqual(sent(inTopic.token));
  expect(await askTen(client, { ...resend, first: [] })).toEqual(sent(inPassword.token));
  // The tuple's decides also where nobody knows it, and the topic's before the password's.
  expect(await askTen(client, { ...resend, first: p4(unknown()), topicToken })).toEqual(nobody);
  expect(await askTen(client, { ...resend, first: [], topicToken: unknown() })).toEqual(nobody);
  // To issue, an unknown one is a new session's.
  const { devKey, phone } = stage().person();
  const T = unknown();
  expect(await askTen(client, { first: [devKey, undefined, phone, T], topicToken })).toEqual(sent(T));
});
