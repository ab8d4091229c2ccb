/** One MQTT client that shows wrong secrets a thousand times keeps out nobody else, whichever way it logs in. */
import { expect, test } from "bun:test";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { type Account, createAccounts } from "../../src/access/accounts.ts";
import { createIdentity } from "../../src/access/identity.ts";
import { createAdmins } from "../../src/domain/people/admins.ts";
import { scramSha256 } from "../../src/mqtt/connection/scram.ts";
import type { Authentication, Identity } from "../../src/mqtt/identity.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { noNotes } from "../support/no-notes.ts";
import { startTestServer } from "../support/server.ts";

const home = "192.0.2.1";
const guesser = "198.51.100.1";

async function stage() {
  const clock = createManualClock();
  const server = await startTestServer({ clock });
  const { domain, store } = server;
  const { findUserNow } = store as typeof store & { findUserNow(userId: number): undefined };
  const options = { admins: createAdmins([]), anonymous: "off", anonymousPacketBytesMax: 1024, findUserNow } as const;
  const accounts = createAccounts({ ...options, domain, clock, findLongTokenNow: () => undefined });
  const identity = createIdentity({ domain, accounts, rights: server.rights, notes: noNotes, anonymous: "off" });
  const show = async (username: string, password: string, address: string): Promise<string> =>
    said(
      await identity.authenticate({
        clientId: "c7",
        username,
        password: Buffer.from(password),
        address,
        protocolVersion: 5,
        cleanStart: true,
        certificateSubject: undefined,
      }),
    );
  await domain.accounts.add({ nick: "Ann", username: "ann", password: "ann's password" });
  await domain.devices.add({ name: "lamp", password: "the lamp's" });
  const { password: generated = "" } = await domain.devices.add({ name: "panel" });
  return {
    clock,
    server,
    domain,
    identity,
    show,
    generated,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const said = (answer: Authentication<Account>): string =>
  "refused" in answer ? answer.refused : `in ${answer.principal.key.replace(/\d+/, "N")}`;

async function fail(times: number, show: (n: number) => Promise<string>): Promise<Record<string, number>> {
  const told: Record<string, number> = {};
  for (let n = 0; n < times; n += 1) {
    const answer = await show(n);
    told[answer] = (told[answer] ?? 0) + 1;
  }
  return told;
}

const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();

/** A client of RFC 5802. */
async function scram(identity: Identity<Account>, name: string, password: string, address: string): Promise<string> {
  const exchange = identity.methods.get(scramSha256)?.begin({ clientId: "c7", username: undefined, address });
  const first = `n=${name},r=abcdefgh`;
  const asked = await exchange?.next(Buffer.from(`n,,${first}`));
  if (asked === undefined || !("challenge" in asked)) throw new Error("no challenge");
  const challenge = Buffer.from(asked.challenge).toString();
  const [, nonce = "", salt = "", iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(challenge) ?? [];
  // A wrong proof need not cost the client anything.
  const rounds = password === "" ? 1 : Number(iterations);
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), rounds, 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const signature = hmac(createHash("sha256").update(clientKey).digest(), `${first},${challenge},c=biws,r=${nonce}`);
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString("base64");
  const end = await exchange?.next(Buffer.from(`c=biws,r=${nonce},p=${proof}`));
  if (end === undefined || "challenge" in end) throw new Error("no end");
  return said(end.done);
}

test("wrong passwords of a user, a device and a name that nobody has", async () => {
  await using place = await stage();
  const { show, generated, clock } = place;
  for (const [name, password, key] of [
    ["ann", "ann's password", "in user:N"],
    ["lamp", "the lamp's", "in device:lamp"],
  ] as const) {
    expect(await show(name, password, home)).toBe(key);
    expect(await fail(1000, (n) => show(name, `guess ${n}`, guesser))).toEqual({ bad_credentials: 10, busy: 990 });
    expect([name, await show(name, password, guesser)]).toEqual([name, "busy"]);
    expect([name, await show(name, password, home)]).toEqual([name, key]);
  }
  expect(await fail(1000, (n) => show("nobody", `guess ${n}`, guesser))).toEqual({ bad_credentials: 10, busy: 990 });
  expect(await fail(1000, (n) => show("panel", `guess ${n}`, guesser))).toEqual({ bad_credentials: 10, busy: 990 });
  // What the server made passes from the very same address.
  expect(await show("panel", generated, guesser)).toBe("in device:panel");
  clock.advance(1000);
  expect(await show("ann", "ann's password", guesser)).toBe("in user:N");
});

test("wrong proofs of SCRAM", async () => {
  await using place = await stage();
  const { identity, generated, clock } = place;
  const prove = (name: string, password: string, address: string) => scram(identity, name, password, address);
  expect(await prove("ann", "ann's password", home)).toBe("in user:N");
  // The method has one refusal for a wrong proof; "busy" is told apart.
  expect(await fail(1000, () => prove("ann", "", guesser))).toEqual({ not_authorized: 10, busy: 990 });
  expect(await prove("ann", "ann's password", guesser)).toBe("busy");
  expect(await prove("ann", "ann's password", home)).toBe("in user:N");
  expect(await prove("lamp", "the lamp's", guesser)).toBe("in device:lamp");
  expect(await fail(1000, () => prove("panel", "", guesser))).toEqual({ not_authorized: 10, busy: 990 });
  expect(await prove("panel", generated, guesser)).toBe("in device:panel");
  clock.advance(1000);
  expect(await prove("ann", "ann's password", guesser)).toBe("in user:N");
});

test("wrong access tokens, and wrong tokens of phones", async () => {
  await using place = await stage();
  const { show, domain } = place;
  const [pair] = await domain.accounts.provision([{ username: "ben" }]);
  const token = pair?.accessToken ?? "";
  for (const prefix of ["ra_wrong", "wrong token of a phone "]) {
    const told = await fail(1000, (n) => show("api", `${prefix}${n}`, `${guesser}${prefix.length}`));
    expect(told).toEqual({ bad_credentials: 30, busy: 970 });
    expect(await show("api", token, `${guesser}${prefix.length}`)).toBe("in user:N");
    expect(await show("ben", token, `${guesser}${prefix.length}`)).toBe("in user:N");
    expect(await show("ann", "ann's password", `${guesser}${prefix.length}`)).toBe("in user:N");
  }
});

test("twenty clients of one device log in at once, right the first time", async () => {
  await using place = await stage();
  const { show, identity } = place;
  const shown = Array.from({ length: 20 }, () => show("lamp", "the lamp's", home));
  const proved = Array.from({ length: 20 }, () => scram(identity, "lamp", "the lamp's", home));
  expect(new Set(await Promise.all([...shown, ...proved]))).toEqual(new Set(["in device:lamp"]));
});
