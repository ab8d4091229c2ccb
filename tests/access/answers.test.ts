/** What the broker is answered, without a broker between: logging in by SCRAM, refusals, and what properties say. */

import { expect, test } from "bun:test";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { type Account, createAccounts, deviceAccount, userAccount } from "../../src/access/accounts.ts";
import { createIdentity } from "../../src/access/identity.ts";
import { createRevocation } from "../../src/access/revocation.ts";
import { createRights } from "../../src/access/rights.ts";
import { createHearings } from "../../src/chat-topics/hearings.ts";
import { createChatTopics } from "../../src/chat-topics/service.ts";
import { createEvents } from "../../src/delivery/events.ts";
import type { User } from "../../src/domain/model.ts";
import { createAdmins } from "../../src/domain/people/admins.ts";
import type { Device } from "../../src/domain/people/devices.ts";
import { createErlangTerms } from "../../src/erlang-terms/service.ts";
import { silentLog } from "../../src/lib/log.ts";
import { scramSha256 } from "../../src/mqtt/connection/scram.ts";
import type { ConnectRequest, Identity } from "../../src/mqtt/identity.ts";
import type {
  InterceptedPublish,
  PublishOutcome,
  ServiceBroker,
  ServiceSession,
  SubscribeAnswer,
} from "../../src/mqtt/service.ts";
import { Services } from "../../src/mqtt/services.ts";
import { until } from "../support/deadline.ts";
import { realClock } from "../support/manual-clock.ts";
import { noNotes } from "../support/no-notes.ts";
import { noPresence } from "../support/no-presence.ts";
import { noTyping } from "../support/no-typing.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

interface Stage extends AsyncDisposable {
  readonly server: TestServer;
  readonly identity: Identity<Account>;
  readonly services: Services;
  disable(userId: number): void;
}

const noBroker: ServiceBroker<Account> = {
  publish: () => false,
  storedSessions: () => [],
  endSessions() {},
  endStoredSessions() {},
  permissionsChanged() {},
  dropRetained() {},
};

async function stage(env: Record<string, string> = {}): Promise<Stage> {
  const server = await startTestServer({ env });
  const { domain, hub } = server;
  const disabled = new Set<number>();
  const findUserNow = (userId: number) =>
    userId < 10_001
      ? undefined
      : ({ userId, userKey: `user.${userId}`, madeBy: "operator", disabled: disabled.has(userId) } as User);
  const accounts = createAccounts({
    domain,
    admins: createAdmins(["user.10002"]),
    anonymous: "off",
    anonymousPacketBytesMax: 1024,
    findUserNow,
    findLongTokenNow: () => undefined,
    clock: realClock,
  });
  const events = createEvents({ log: silentLog });
  server.store.onCommitted(events);
  const log = silentLog;
  const receipts = { listen: () => () => {} };
  const hearings = createHearings({ domain, hub, receipts, presence: noPresence, log, ended: accounts.endLogIn });
  const parts = {
    typing: noTyping,
    messageIdNow: () => undefined,
    domain,
    hub,
    hearings,
    events,
    log,
    clock: realClock,
    accounts,
    notes: noNotes,
    mint: undefined,
  };
  return {
    server,
    identity: createIdentity({
      ...parts,
      rights: createRights({
        devices: domain.devices,
        anonymous: "off",
        findTopicsNow: () => ({ madeBy: "operator", own: undefined, groups: [] }),
        findUserNow,
        events,
      }),
      anonymous: "off",
    }),
    services: new Services([
      createRevocation({ ...domain, events, connected: new Map() })(noBroker),
      createErlangTerms(parts, noBroker),
      createChatTopics({ ...parts, typing: noTyping }),
    ]),
    disable: (userId) => disabled.add(userId),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const connect = (more: Partial<ConnectRequest>): ConnectRequest => ({
  clientId: "c7",
  username: undefined,
  password: undefined,
  address: "127.0.0.1",
  protocolVersion: 5,
  cleanStart: true,
  certificateSubject: undefined,
  ...more,
});

const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();

/** A client of RFC 5802; "in <key>", or the refusal. */
async function scram({ methods }: Identity<Account>, name: string, password: string): Promise<string> {
  const exchange = methods.get(scramSha256)?.begin({ clientId: "c7", username: undefined, address: "127.0.0.1" });
  const first = `n=${name},r=abcdefgh`;
  const asked = await exchange?.next(Buffer.from(`n,,${first}`));
  if (asked === undefined || !("challenge" in asked)) throw new Error("no challenge");
  const challenge = Buffer.from(asked.challenge).toString();
  const [, nonce = "", salt = "", iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(challenge) ?? [];
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const signature = hmac(createHash("sha256").update(clientKey).digest(), `${first},${challenge},c=biws,r=${nonce}`);
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString("base64");
  const end = await exchange?.next(Buffer.from(`c=biws,r=${nonce},p=${proof}`));
  if (end === undefined || "challenge" in end) throw new Error("no end");
  if ("refused" in end.done) return end.done.refused;
  expect(Buffer.from(end.data ?? []).toString()).toStartWith("v=");
  return `in ${end.done.principal.key}`;
}

test("users and devices log in by SCRAM, with the password that is in force", async () => {
  await using place = await stage();
  const { identity, server } = place;
  const { accounts, devices } = server.domain;
  const ann = await accounts.add({ nick: "Ann", username: "ann", password: "first" });
  const { password = "" } = await devices.add({ name: "lamp" });
  await devices.add({ name: "gate", certificateSubject: "CN=gate" });
  const key = `in user:${ann.userId}`;
  expect(await scram(identity, "ann", "first")).toBe(key);
  expect(await scram(identity, String(ann.userId), "first")).toBe(key);
  expect(await scram(identity, "lamp", password)).toBe("in device:lamp");
  for (const [name, wrong] of [
    ["ann", "second"],
    ["lamp", "first"],
    ["gate", ""],
    ["nobody", "first"],
  ] as const) {
    expect([name, await scram(identity, name, wrong)]).toEqual([name, "not_authorized"]);
  }
  await accounts.setPassword(ann.userId, "second");
  expect(await scram(identity, "ann", "first")).toBe("not_authorized");
  expect(await scram(identity, "ann", "second")).toBe(key);
  await devices.revoke("lamp");
  expect(await scram(identity, "lamp", password)).toBe("not_authorized");
});

test("a user from before SCRAM gets keys by showing the password once", async () => {
  await using place = await stage();
  const { domain, store } = place.server;
  const bob = await store.createUser({ nick: "Bob", username: "bob" });
  await store.setPassword(bob.userId, await Bun.password.hash("old", "argon2id"));
  expect(await scram(place.identity, "bob", "old")).toBe("not_authorized");
  const { authenticate } = place.identity;
  expect(await authenticate(connect({ username: "bob", password: Buffer.from("new") }))).toEqual({
    refused: "bad_credentials",
  });
  expect(await authenticate(connect({ username: "bob", password: Buffer.from("old") }))).toMatchObject({
    principal: { key: `user:${bob.userId}` },
  });
  let made = false;
  await until("the keys", () => {
    void domain.store.findScramKeys(`user:${bob.userId}`).then((keys) => {
      made = keys !== undefined;
    });
    return made;
  });
  expect(await scram(place.identity, "bob", "old")).toBe(`in user:${bob.userId}`);
});

test("wrong proofs are counted together with wrong passwords", async () => {
  await using place = await stage({ ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "2" });
  await place.server.domain.accounts.add({ nick: "Ann", username: "ann", password: "right" });
  expect(await scram(place.identity, "ann", "wrong")).toBe("not_authorized");
  await place.identity.authenticate(connect({ username: "ann", password: Buffer.from("wrong") }));
  expect(await scram(place.identity, "ann", "right")).toBe("busy");
});

test("a certificate stands for its device and no other", async () => {
  await using place = await stage();
  const { devices } = place.server.domain;
  await devices.add({ name: "gate", certificateSubject: "CN=gate,O=Acme" });
  const { authenticate } = place.identity;
  const gate = { principal: { key: "device:gate", device: { clientId: "c7" } }, persistent: true };
  const shown = { certificateSubject: "CN=gate,O=Acme" };
  expect(await authenticate(connect(shown))).toMatchObject(gate);
  expect(await authenticate(connect({ ...shown, username: "" }))).toMatchObject(gate);
  expect(await authenticate(connect({ ...shown, username: "gate" }))).toMatchObject(gate);
  expect(await authenticate(connect({ ...shown, username: "ann" }))).toEqual({ refused: "bad_credentials" });
  expect(await authenticate(connect({ certificateSubject: "CN=gate" }))).toEqual({ refused: "not_authorized" });
  expect(await authenticate(connect({ certificateSubject: "gate" }))).toEqual({ refused: "not_authorized" });
  expect(await authenticate(connect({ username: "gate", password: Buffer.from("") }))).toEqual({
    refused: "bad_credentials",
  });
  await devices.revoke("gate");
  expect(await authenticate(connect(shown))).toEqual({ refused: "not_authorized" });
});

test("a stored session's key is whom it was, while there is such a one", async () => {
  await using place = await stage();
  const { identity, disable } = place;
  const { devices } = place.server.domain;
  await devices.add({ name: "lamp", subscribe: ["in/%c", "all"] });
  const version = identity.permissionsVersion();
  expect(identity.principalOf("user:10001", "client")).toEqual(userAccount(10_001 as never));
  expect(identity.principalOf("user:10002", "client")).toEqual(userAccount(10_002 as never, { admin: true }));
  for (const key of ["user:1", "user:x", "user:", "device:none", "device:", "anonymous", "10001", ""]) {
    expect([key, identity.principalOf(key, "client")]).toEqual([key, undefined]);
  }
  disable(10_001);
  expect(identity.principalOf("user:10001", "client")).toBeUndefined();
  const lamp = identity.principalOf("device:lamp", "c7");
  const unnamed = identity.principalOf("device:lamp", "client");
  if (lamp === undefined || unnamed === undefined) throw new Error("the lamp is not known");
  expect([identity.authorize(lamp, "deliver", "in/c7"), identity.authorize(lamp, "deliver", "in/c8")]).toEqual([
    true,
    false,
  ]);
  expect([identity.authorize(unnamed, "deliver", "in/c7"), identity.authorize(unnamed, "deliver", "all")]).toEqual([
    false,
    true,
  ]);
  await devices.revoke("lamp");
  expect(identity.permissionsVersion()).toBeGreaterThan(version);
  await devices.add({ name: "lamp" });
  expect(identity.authorize(lamp, "deliver", "all")).toBe(false); // It is another lamp now.
});

/** A session that keeps what the service does with it. */
function sessionOf(principal: Account) {
  const closed: string[] = [];
  const session: ServiceSession<Account> = {
    principal,
    clientId: "c7",
    storedId: undefined,
    deliverer: undefined,
    protocolVersion: 5,
    connected: true,
    address: "127.0.0.1",
    deliver: () => "queued",
    send: () => undefined,
    listen: async () => {},
    qosOf: () => undefined,
    forget() {},
    become() {},
    mayStay() {},
    close: (why) => closed.push(why),
  };
  return { session, closed };
}

test("sessions of a revoked device are closed, also one that opens a moment later", async () => {
  await using place = await stage();
  const { identity, services } = place;
  const { devices } = place.server.domain;
  for (const name of ["lamp", "bell"]) await devices.add({ name });
  const of = (name: string) => {
    const principal = identity.principalOf(`device:${name}`, "c7");
    if (principal === undefined) throw new Error(`${name} is not known`);
    return sessionOf(principal);
  };
  const [one, gone, late, other] = [of("lamp"), of("lamp"), of("lamp"), of("bell")];
  for (const { session } of [one, gone, other]) services.opened(session, { resumed: false });
  services.closed(gone.session);
  await devices.revoke("lamp");
  services.opened(late.session, { resumed: false });
  const counts = [one, gone, late, other].map(({ closed }) => closed.length);
  expect(counts).toEqual([1, 0, 1, 0]);
});

test("a new password ends what came by the old one, and nothing that came by a certificate", async () => {
  await using place = await stage();
  const { services } = place;
  const { devices } = place.server.domain;
  await devices.add({ name: "lamp", password: "first words", certificateSubject: "CN=lamp" });
  const before = devices.find("lamp");
  if (before === undefined) throw new Error("no lamp");
  const by = (record: Device, byPassword: boolean) => sessionOf(deviceAccount(record, { clientId: "c7", byPassword }));
  const [password, certificate, late] = [by(before, true), by(before, false), by(before, true)];
  for (const { session } of [password, certificate]) services.opened(session, { resumed: false });
  await devices.set("lamp", { patterns: { publish: ["a"] } });
  expect([password.closed, certificate.closed]).toEqual([[], []]);
  await devices.setPassword("lamp", "second words");
  services.opened(late.session, { resumed: false });
  const again = by(devices.find("lamp") ?? before, true);
  services.opened(again.session, { resumed: false });
  expect([password, certificate, late, again].map(({ closed }) => closed.length)).toEqual([1, 0, 1, 0]);
});

test("who serves a filter depends on whose session asks", async () => {
  await using place = await stage();
  const { identity, services } = place;
  await place.server.domain.devices.add({ name: "lamp", subscribe: ["#", "$SYS/#"] });
  for (const nick of ["Ann", "Boss"]) await place.server.domain.accounts.add({ nick, password: "secret" });
  const user = userAccount(10_002 as never, { admin: true });
  const lamp = identity.principalOf("device:lamp", "c7");
  if (lamp === undefined) throw new Error("the lamp is not known");
  const table: [filter: string, user: string, device: string][] = [
    ["a/b", "none", "none"],
    ["#", "both", "none"],
    ["+/team/messages", "none", "none"],
    ["+/+/messages", "both", "none"],
    ["chat/+/messages", "service", "refused"],
    ["chat/team/messages", "service", "refused"],
    ["chat/team/send", "refused", "refused"],
    ["events/#", "refused", "refused"],
    ["actions/api/c7", "addressed", "refused"],
    ["actions/+/api/c7", "addressed", "refused"],
    ["actions/1/api/c7", "addressed", "refused"],
    ["actions/1/api/+", "refused", "refused"],
    ["actions/api/c8", "refused", "refused"],
    ["actions/#", "refused", "refused"],
    ["ses/15550001", "refused", "refused"],
    ["$SYS/#", "none", "none"],
    ["$share/g/a", "refused", "refused"],
  ];
  const [ofUser, ofLamp] = [sessionOf(user).session, sessionOf(lamp).session];
  /** As the broker asks: what a service does not serve alone the identity must allow. */
  const serving = (session: ServiceSession<Account>, filter: string): SubscribeAnswer => {
    const { answer } = services.serving(session, filter);
    if (answer !== "none" && answer !== "both") return answer;
    return identity.authorize(session.principal, "subscribe", filter) ? answer : "refused";
  };
  const answers = table.map(([filter]) => [filter, serving(ofUser, filter), serving(ofLamp, filter)]);
  expect(answers).toEqual(table);
});

test("a PUBLISH that is not taken is refused with its reason, and one that is carries what its properties say", async () => {
  await using place = await stage();
  const { identity, services, server } = place;
  const { domain } = server;
  const [ann, eve] = await Promise.all(
    ["ann", "eve"].map((name) => domain.accounts.add({ nick: name, username: name, password: name })),
  );
  if (ann === undefined || eve === undefined) throw new Error("nobody is there");
  await server.store.putMembers({ chatKey: "team", people: [{ username: "ann" }], chatName: undefined });
  await domain.devices.add({ name: "lamp" });
  const lamp = identity.principalOf("device:lamp", "c7");
  if (lamp === undefined) throw new Error("the lamp is not known");
  const say = async (
    who: Account,
    topic: string,
    payload: string | Uint8Array,
    properties?: Partial<NonNullable<InterceptedPublish["properties"]>>,
  ): Promise<string> => {
    const outcome: PublishOutcome | undefined = await services.of(topic)?.intercept(sessionOf(who).session, {
      topic,
      payload: Buffer.from(payload),
      qos: 1,
      dup: false,
      retain: false,
      packetId: 1,
      properties:
        properties === undefined
          ? undefined
          : {
              payloadFormat: undefined,
              contentType: undefined,
              responseTopic: undefined,
              correlationData: undefined,
              userProperties: [],
              ...properties,
            },
    });
    if (outcome === undefined) throw new Error("the service let it go");
    return "ack" in outcome ? "ack" : outcome.refused;
  };
  const asAnn = userAccount(ann.userId);
  const table: [who: Account, topic: string, payload: string | Uint8Array, answer: string][] = [
    [asAnn, "chat/team/send", "hello", "ack"],
    [userAccount(eve.userId), "chat/team/send", "hello", "not_authorized"],
    [asAnn, "chat/nowhere/send", "hello", "not_authorized"],
    [lamp, "chat/team/send", "hello", "not_authorized"],
    [asAnn, "chat/team/messages", "hello", "topic_name_invalid"],
    [asAnn, "chat/a b/send", "hello", "topic_name_invalid"],
    [asAnn, "chat/team/send", '{"content":5}', "payload_format_invalid"],
    [asAnn, "chat/team/send", `{"content":"x","client_id":"${"x".repeat(257)}"}`, "payload_format_invalid"],
    [asAnn, "chat/team/send", "x".repeat(1024 * 1024 + 1), "quota_exceeded"],
  ];
  for (const [who, topic, payload, answer] of table) {
    expect([topic, await say(who, topic, payload)]).toEqual([topic, answer]);
  }
  expect(await say(asAnn, "chat/team/send", Buffer.from([0xff]), { payloadFormat: 1 })).toBe("payload_format_invalid");
  expect(await say(asAnn, "chat/team/send", '{"content":"x"}', { contentType: "text/plain" })).toBe("ack");
  const named = {
    userProperties: [
      ["a", "b"],
      ["client-message-id", "m-1"],
      ["client-message-id", "m-2"],
    ],
  } as const;
  for (let n = 0; n < 2; n++) expect(await say(asAnn, "chat/team/send", "once", named)).toBe("ack");
  expect(await say(asAnn, "chat/team/send", '{"content":"y","client_id":"p-1"}', named)).toBe("ack");
  const chat = await domain.store.findChat({ key: "team" });
  if (chat === undefined) throw new Error("there is no chat");
  const said = await domain.store.messages({ chatId: chat.chatId, limit: 10 });
  expect(said.map(({ content, clientId }) => [content, clientId])).toEqual([
    ["hello", undefined],
    ['{"content":"x"}', undefined],
    ["once", "m-1"],
    ["y", "p-1"],
  ]);
});
