/** SCRAM-SHA-256 against RFC 7677's own exchange, a client written apart from the server, and clients that mean harm. */
import { expect, test } from "bun:test";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { asyncProperty, constantFrom, assert as holds, string, tuple, uint8Array } from "fast-check";
import { deriveScramKeys } from "../../../src/domain/people/scram-keys.ts";
import { createScramSha256, type ScramClient, type ScramKeys } from "../../../src/mqtt/connection/scram.ts";
import type { Authentication, AuthenticationStep, Principal } from "../../../src/mqtt/identity.ts";

const keysOf = async (password: string): Promise<ScramKeys> => {
  const keys = await deriveScramKeys(password, "generated", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  if (keys === undefined) throw new Error("no keys");
  return keys;
};

interface Stage {
  readonly concluded: [ScramClient, boolean][];
  readonly keys: Map<string, ScramKeys>;
  begin(): (message: string | Uint8Array | undefined) => Promise<string>;
}

/** Answers as text: a challenge as it is, the end as `in <data>` or `refused <why>`. */
async function stage(
  people: Record<string, string> = { user: "pencil" },
  options: { nonce?: string; refusal?: Authentication<Principal> } = {},
): Promise<Stage> {
  const keys = new Map<string, ScramKeys>();
  for (const [name, password] of Object.entries(people)) keys.set(name, await keysOf(password));
  const concluded: [ScramClient, boolean][] = [];
  const { nonce } = options;
  const method = createScramSha256<Principal>({
    accounts: {
      find: async (name) => keys.get(name),
      async conclude(client, right) {
        concluded.push([client, right]);
        if (options.refusal !== undefined) return options.refusal;
        if (!right) return { refused: "not_authorized" };
        return { principal: { key: `user:${client.username}` }, persistent: true };
      },
    },
    secret: async () => new Uint8Array(32).fill(1),
    iterations: [4096, 200_000],
    ...(nonce === undefined ? {} : { newNonce: () => nonce }),
  });
  const show = (step: AuthenticationStep<Principal>): string => {
    if ("challenge" in step) return Buffer.from(step.challenge).toString();
    if ("refused" in step.done) return `refused ${step.done.refused}`;
    return `in ${step.done.principal.key} ${Buffer.from(step.data ?? []).toString()}`;
  };
  return {
    concluded,
    keys,
    begin() {
      const exchange = method.begin({ clientId: "c", username: "ignored", address: "::1" });
      return async (message) => show(await exchange.next(typeof message === "string" ? Buffer.from(message) : message));
    },
  };
}

const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();

/** A client of RFC 5802 § 3: its last message for what the server asked. */
function proofOf(password: string, { first, header = "n,," }: { first: string; header?: string }, challenge: string) {
  const [, nonce = "", salt = "", iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(challenge) ?? [];
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const withoutProof = `c=${Buffer.from(header).toString("base64")},r=${nonce}`;
  const message = `${first},${challenge},${withoutProof}`;
  const signature = hmac(createHash("sha256").update(clientKey).digest(), message);
  const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
  const verifier = hmac(hmac(salted, "Server Key"), message).toString("base64");
  return { last: `${withoutProof},p=${Buffer.from(proof).toString("base64")}`, verifier };
}

async function logIn(begin: Stage["begin"], name: string, password: string, header = "n,,"): Promise<string> {
  const say = begin();
  const first = `n=${name},r=abcdefgh`;
  const challenge = await say(header + first);
  const { last, verifier } = proofOf(password, { first, header }, challenge);
  return (await say(last)).replace(` v=${verifier}`, " verified");
}

test("the exchange of RFC 7677 § 3", async () => {
  const { begin, concluded } = await stage(undefined, { nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" });
  const say = begin();
  expect(await say("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")).toBe(
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  );
  expect(
    await say(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    ),
  ).toBe("in user:user v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  expect(concluded).toEqual([[{ username: "user", clientId: "c", address: "::1" }, true]]);
});

test("a right password gets in and is answered with the server's proof, a wrong one not", async () => {
  const { begin, concluded } = await stage({ "a,b=c": "pässwörd", user: "pencil" });
  expect(await logIn(begin, "user", "pencil")).toBe("in user:user verified");
  expect(await logIn(begin, "user", "pencil", "y,,")).toBe("in user:user verified");
  expect(await logIn(begin, "user", "pencil", "n,a=user,")).toBe("in user:user verified");
  expect(await logIn(begin, "a=2Cb=3Dc", "pässwörd")).toBe("in user:a,b=c verified");
  expect(await logIn(begin, "user", "pen")).toBe("refused not_authorized");
  expect(concluded.map(([, right]) => right)).toEqual([true, true, true, true, false]);
});

test("a client that sends nothing at first is asked to begin", async () => {
  const { begin } = await stage();
  for (const nothing of [undefined, ""]) {
    const say = begin();
    expect(await say(nothing)).toBe("");
    const challenge = await say("n,,n=user,r=abc");
    const { last } = proofOf("pencil", { first: "n=user,r=abc" }, challenge);
    expect(await say(last)).toStartWith("in user:user v=");
    expect(await say(last)).toBe("refused not_authorized");
  }
  const say = begin();
  await say(undefined);
  expect(await say(undefined)).toBe("refused not_authorized");
});

test("an unknown name is asked for a proof like any other, always with the same salt, and none is right", async () => {
  const { begin, concluded } = await stage();
  const asked = async (name: string) => (await begin()(`n,,n=${name},r=abc`)).replace(/^r=[^,]*,/, "");
  const salts = new Map<string, string>();
  for (let n = 0; n < 50; n++) {
    const answer = await asked(`nobody${n}`);
    expect(answer).toMatch(/^s=[A-Za-z0-9+/]{22}==,i=(4096|200000)$/);
    expect(await asked(`nobody${n}`)).toBe(answer);
    salts.set(answer.replace(/,i=.*/, ""), answer.replace(/.*,i=/, ""));
  }
  expect(salts.size).toBe(50);
  expect(new Set(salts.values()).size).toBe(2);
  expect(await logIn(begin, "nobody0", "")).toBe("refused not_authorized");
  // The keys of nobody are public knowledge here: a proof made from them is none.
  const say = begin();
  const first = "n=nobody0,r=abc";
  const challenge = await say(`n,,${first}`);
  const [, nonce = ""] = /^r=([^,]*)/.exec(challenge) ?? [];
  const withoutProof = `c=biws,r=${nonce}`;
  const forged = hmac(new Uint8Array(32), `${first},${challenge},${withoutProof}`).toString("base64");
  expect(await say(`${withoutProof},p=${forged}`)).toBe("refused not_authorized");
  expect(concluded.every(([, right]) => !right)).toBe(true);
});

test("what the accounts say is the answer, whatever the proof was", async () => {
  const { begin } = await stage(undefined, { refusal: { refused: "busy" } });
  expect(await logIn(begin, "user", "pencil")).toBe("refused busy");
  expect(await logIn(begin, "user", "wrong")).toBe("refused busy");
  // Accounts that let a wrong proof in would be wrong themselves.
  const open = await stage(undefined, { refusal: { principal: { key: "x" }, persistent: true } });
  expect(await logIn(open.begin, "user", "wrong")).toBe("refused not_authorized");
});

test.each([
  "p=tls-unique,,n=user,r=abc",
  "p=tls-exporter,,n=user,r=abc",
  "n,a=other,n=user,r=abc",
  "x,,n=user,r=abc",
  "n,,m=ext,n=user,r=abc",
  "n,,n=,r=abc",
  "n,,n=us=er,r=abc",
  "n,,n=us=2cer,r=abc",
  "n,,n=user,r=",
  "n,,n=user",
  "n,,r=abc,n=user",
  "n=user,r=abc",
  "n,,n=user,r=a b",
  "n,,n=us\u0000er,r=abc",
  `n,,n=user,r=${"x".repeat(257)}`,
  `n,,n=${"x".repeat(4096)},r=abc`,
  "",
  " ",
])("the first message %j is refused", async (message) => {
  const { begin, concluded } = await stage();
  const say = begin();
  if (message === "") await say(undefined);
  expect(await say(message)).toBe("refused not_authorized");
  expect(await say("n,,n=user,r=abc")).toBe("refused not_authorized");
  expect(concluded).toEqual([]);
});

test("a last message that is not the one asked for is refused, and only once to be tried", async () => {
  const { begin, concluded } = await stage();
  const first = "n=user,r=abcdefgh";
  const changes: ((last: string) => string | Uint8Array | undefined)[] = [
    (last) => last.replace("c=biws", "c=eSws"), // y,,
    (last) => last.replace("c=biws", "c=biw="),
    (last) => last.replace("r=abcdefgh", "r=abcdefgx"),
    (last) => last.replace(/r=[^,]*/, "r=abcdefgh"),
    (last) => last.replace(/,p=.*/, ""),
    (last) => last.replace(/p=.*/, "p="),
    (last) => last.replace(/p=.{4}/, "p="),
    (last) => `${last},x=1`,
    (last) => `${last}=`,
    (last) => `\n${last}`,
    () => undefined,
    () => new Uint8Array([0xff, 0xfe]),
    () => "n,,n=user,r=abc",
    () => "x".repeat(100_000),
  ];
  for (const change of changes) {
    const say = begin();
    const challenge = await say(`n,,${first}`);
    const { last } = proofOf("pencil", { first }, challenge);
    expect([last, await say(change(last))]).toEqual([last, "refused not_authorized"]);
    expect(await say(last)).toBe("refused not_authorized");
  }
  expect(concluded).toEqual([]);
});

test("a password that changes, or goes, during the exchange is none any more", async () => {
  for (const change of ["other", undefined]) {
    const { begin, keys, concluded } = await stage();
    const say = begin();
    const first = "n=user,r=abcdefgh";
    const { last } = proofOf("pencil", { first }, await say(`n,,${first}`));
    if (change === undefined) keys.delete("user");
    else keys.set("user", await keysOf(change));
    expect(await say(last)).toBe("refused not_authorized");
    expect(concluded.map(([, right]) => right)).toEqual([false]);
  }
});

test("a proof cannot be used again: each exchange has a nonce of its own", async () => {
  const { begin } = await stage();
  const first = "n=user,r=abcdefgh";
  const [one, two] = [begin(), begin()];
  const challenge = await one(`n,,${first}`);
  expect(await two(`n,,${first}`)).not.toBe(challenge);
  const { last } = proofOf("pencil", { first }, challenge);
  expect(await two(last)).toBe("refused not_authorized");
  expect(await one(last)).toStartWith("in user:user");
});

test("whatever arrives is answered or refused, and no client gets in by it", async () => {
  const { begin } = await stage();
  const piece = constantFrom("n,,", "y,,", "n=user", "r=abc", "c=biws", "p=", ",", "=", "a=", "i=1", "\u0000");
  const text = tuple(piece, piece, piece, string({ maxLength: 20 })).map((parts) => Buffer.from(parts.join("")));
  await holds(
    asyncProperty(
      constantFrom(text, uint8Array({ maxLength: 64 })).chain((x) => x),
      uint8Array(),
      async (a, b) => {
        const say = begin();
        expect(await say(a)).not.toStartWith("in ");
        expect(await say(b)).not.toStartWith("in ");
      },
    ),
    { numRuns: 500 },
  );
});
