/**
 * The Erlang-term services without a broker: sessions are objects that keep what they are sent, so that a table of rules
 * pays for no server, socket or packet. What the broker does for these services has tests with sockets.
 */
import { type Account, createAccounts } from "../../src/access/accounts.ts";
import { createHearings } from "../../src/chat-topics/hearings.ts";
import type { SubscriberParts } from "../../src/chat-topics/subscriber.ts";
import { loadConfig } from "../../src/config.ts";
import { createEvents } from "../../src/delivery/events.ts";
import { createHub, sinkEvents } from "../../src/delivery/hub.ts";
import { createDomain, type Domain } from "../../src/domain/domain.ts";
import { defaultMessageLimits } from "../../src/domain/messages/messages.ts";
import { createAdmins } from "../../src/domain/people/admins.ts";
import type { Store } from "../../src/domain/store.ts";
import { createErlangTerms } from "../../src/erlang-terms/service.ts";
import { encodeTerm, type WireTerm } from "../../src/etf/encode.ts";
import { type Log, silentLog } from "../../src/lib/log.ts";
import type { Authenticated } from "../../src/mqtt/identity.ts";
import type { PreparedPublish } from "../../src/mqtt/publish/prepared-publish.ts";
import type { Service, ServiceSession } from "../../src/mqtt/service.ts";
import type { Qos } from "../../src/mqtt/wire/protocol.ts";
import { createAwsCredentials } from "../../src/providers/aws.ts";
import { createTestNumbers } from "../../src/providers/test-numbers.ts";
import { createSendMail } from "../../src/providers/verification-codes/send.ts";
import { openIn, temporaryFolder } from "../store/open-sqlite.ts";
import { putEmptyDatabase } from "../support/empty-database.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import { noNotes } from "../support/no-notes.ts";
import type { Answer } from "./client.ts";

/** What a session was sent, in order, and what it listens to. */
class KeptSession implements ServiceSession<Account> {
  readonly clientId: string;
  readonly principal: Account;
  readonly storedId = undefined;
  readonly protocolVersion = 4;
  readonly address = "127.0.0.1";
  readonly filters = new Map<string, Qos>();
  connected = true;
  deliverer = undefined;
  readonly #client: TermsClient;

  constructor(client: TermsClient, principal: Account) {
    this.#client = client;
    this.clientId = client.clientId;
    this.principal = principal;
  }

  send({ topic, payload, retain }: PreparedPublish, qos: Qos): undefined {
    this.#client.inbox.push({ topic, qos, retain, payload: Buffer.from(payload) });
  }

  async listen(filter: string, qos: Qos): Promise<void> {
    if (!this.filters.has(filter)) this.filters.set(filter, qos);
  }

  qosOf(filter: string): Qos | undefined {
    return this.filters.get(filter);
  }

  become(who: Authenticated<Account>): void {
    this.#client.become(who.principal);
  }

  close(): void {
    this.connected = false;
  }

  deliver(): "full" {
    return "full";
  }

  forget(): void {}

  mayStay(): void {}
}

export class TermsClient implements AsyncDisposable {
  readonly clientId: string;
  inbox: Answer[] = [];
  readonly #service: Service<Account>;
  #session: KeptSession;

  constructor(service: Service<Account>, clientId: string, principal: Account) {
    this.#service = service;
    this.clientId = clientId;
    this.#session = new KeptSession(this, principal);
    service.opened?.(this.#session, { resumed: false });
  }

  /** Everything that came by the time the request was acknowledged. */
  async ask(
    request: WireTerm | Buffer,
    { topic = `events//api/anon/${this.clientId}/`, qos = 1 as Qos } = {},
  ): Promise<Answer[]> {
    const payload = Buffer.isBuffer(request) ? request : Buffer.from(encodeTerm(request));
    const publish = { topic, payload, qos, dup: false, retain: false, packetId: 1, properties: undefined };
    const outcome = await this.#service.intercept(this.#session, publish);
    if (outcome === undefined || "refused" in outcome) throw new Error(`not taken: ${JSON.stringify(outcome)}`);
    return this.heard();
  }

  /** What came meanwhile: all that a commit is to tell was told before its request was acknowledged, or in this turn. */
  async heard(): Promise<Answer[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.inbox.splice(0);
  }

  become(principal: Account): void {
    const before = this.#session;
    this.#session = new KeptSession(this, principal);
    this.#service.opened?.(this.#session, { resumed: false, before });
    this.#service.closed?.(before);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.connected = false;
    this.#service.closed?.(this.#session);
  }
}

/** No one hears of either here. */
const receipts = { listen: () => () => {} };
const presence: SubscriberParts["presence"] = { listen: () => () => {}, async *current() {} };

export interface Terms extends AsyncDisposable {
  readonly domain: Domain;
  readonly store: Store;
  readonly dataDir: string;
  connect(clientId: string): TermsClient;
}

export interface TermsOptions {
  readonly clock: ManualClock;
  /** `ROOST_*` variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly log?: Log;
}

/** In a folder of their own, which is gone at the end. */
export async function openTerms({ clock, env, log = silentLog }: TermsOptions): Promise<Terms> {
  const folder = temporaryFolder();
  await putEmptyDatabase(folder.path);
  const config = loadConfig({ flags: { data: folder.path }, env, readFile: () => undefined });
  const store = await openIn(folder.path, clock);
  const hub = createHub({ log });
  const events = createEvents({ log });
  const domain = createDomain({
    store,
    isOnline: hub.isOnline,
    clientsOf: hub.clientsOf,
    clock,
    log,
    epoch: "0000000000000000",
    directory: config.directory,
    admins: [],
    registration: config.registration,
    invites: config.invites,
    loginLimits: config.login,
    passwordCost: undefined,
    passwordCharactersMin: config.passwordLengthMin,
    tokenLifetimes: { accessMs: config.rest.accessTokenMs, refreshMs: config.rest.refreshTokenMs },
    messageLimits: defaultMessageLimits,
    sendCode: async () => "sent",
    sendMail: createSendMail(config.mail, { log }),
    fixedCodeOf: createTestNumbers(config.sms.testNumbers).fixedCodeOf,
    migrationCode: config.migrationCode,
    clientTokens: config.auth.clientTokens,
  });
  store.onCommitted(events);
  events.on(sinkEvents, hub.publish);
  const accounts = createAccounts({
    domain,
    admins: createAdmins([]),
    anonymous: config.mqtt.anonymous,
    anonymousPacketBytesMax: config.mqtt.anonymousPacketBytesMax,
    findUserNow: store.findUserNow,
    findLongTokenNow: store.findLongTokenNow,
    clock,
  });
  const mint = createAwsCredentials(config.aws)?.mint;
  const hearings = createHearings({ domain, hub, receipts, presence, log, ended: accounts.endLogIn });
  const typing = { set: () => Promise.reject(new Error("no one types here")) };
  const of = { hearings, typing, messageIdNow: store.messageIdNow };
  const parts = { ...of, domain, hub, events, log, clock, accounts, notes: noNotes, mint };
  const service = createErlangTerms(parts, { storedSessions: () => [] });
  return {
    domain,
    store,
    dataDir: folder.path,
    connect: (clientId) => new TermsClient(service, clientId, accounts.anybody("").principal),
    async [Symbol.asyncDispose]() {
      await store.close();
      folder[Symbol.dispose]();
    },
  };
}
