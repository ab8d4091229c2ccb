/**
 * The one place where the parts meet: opens the store, builds the domain, starts the doors. Every part gets its
 * dependencies from here.
 */
import { readFileSync } from "node:fs";
import { createAccounts, createAdmins } from "./access/accounts.ts";
import { CodeDevices } from "./access/code-devices.ts";
import { createIdentity } from "./access/identity.ts";
import { createPermissionCheck } from "./access/permission-check.ts";
import { createRevocation } from "./access/revocation.ts";
import { createChatPermissions } from "./chat-topics/permissions.ts";
import { createChatTopics } from "./chat-topics/service.ts";
import type { Config } from "./config.ts";
import { createEvents, type Events } from "./delivery/events.ts";
import { createHub, type Hub, sinkEvents } from "./delivery/hub.ts";
import { createTyping } from "./delivery/typing.ts";
import { createDomain, type Domain } from "./domain/domain.ts";
import { defaultMessageLimits } from "./domain/messages/messages.ts";
import type { PasswordCost } from "./domain/people/passwords.ts";
import type { Store } from "./domain/store.ts";
import { createErlangTerms } from "./erlang-terms/service.ts";
import { listenHttp } from "./http.ts";
import { type Address, formatAddress } from "./lib/address.ts";
import { type Clock, systemClock } from "./lib/clock.ts";
import { lazily } from "./lib/lazily.ts";
import { type Log, silentLog } from "./lib/log.ts";
import { version } from "./lib/version.ts";
import { createMiniOicq, type MiniOicq } from "./minioicq/listener.ts";
import { type Broker, createBroker } from "./mqtt/broker.ts";
import { type Certificate, type CertificateFiles, readCertificate } from "./ops/certificate.ts";
import { prepareDataFolder } from "./ops/data-folder.ts";
import { createHealth, type Health } from "./ops/health.ts";
import type { Operator } from "./ops/operator.ts";
import { operatorSocketPath, serveOperator } from "./ops/operator-socket.ts";
import { probeAddress } from "./ops/probe.ts";
import { createAddressRule } from "./providers/address-rules.ts";
import { createAwsCredentials } from "./providers/aws.ts";
import { post } from "./providers/post.ts";
import { createTestNumbers } from "./providers/test-numbers.ts";
import { createSendCode, createSendMail } from "./providers/verification-codes/send.ts";
import { createRest, type Rest } from "./rest/door.ts";
import { restLimits } from "./rest/limits.ts";
import { lockDataFolder } from "./store/sqlite/engine/lock.ts";
import type { WriterThread } from "./store/sqlite/engine/writer-thread.ts";
import { openStore, type SqliteStore } from "./store/sqlite/store.ts";
import { defaultRetryPolicy } from "./webhooks/runner.ts";
import { createWebhooks, type Webhooks } from "./webhooks/webhooks.ts";

export interface RunningServer {
  /** `host:port` as bound. */
  readonly http: string;
  readonly mqtt: string | null;
  readonly mqtts: string | null;
  readonly dataDir: string;
  /** Set only at the first start, and only where no key is configured: the key is stored hashed. */
  readonly backendKey: string | undefined;
  readonly domain: Domain;
  /** The whole store, past every rule; a door gets `domain.store`. */
  readonly store: Store;
  readonly hub: Hub;
  /**
   * Reads the certificate again, also from other files than before. Connections stay open. Throws `CertificateError`.
   */
  reloadCertificate(files: CertificateFiles): void;
  /** Answers requests under way, ends the connections of every door, and closes the store. */
  stop(): Promise<void>;
}

export interface ServerParts {
  readonly log: Log;
  readonly clock?: Clock;
  /** The cost of passwords that are set from now on; without it the proper cost. */
  readonly passwordCost?: PasswordCost;
  /** The thread of the store's writer, where it was started already. */
  readonly writerThread?: WriterThread;
}

/** Throws where an address is taken, the data folder is in use, or the data cannot be opened. */
export async function startServer(config: Config, parts: ServerParts): Promise<RunningServer> {
  const { log } = parts;
  const core = await openCore(config, { clock: systemClock, ...parts });
  /** In the order of stopping. */
  const doors: (() => unknown)[] = [];
  async function stop(): Promise<void> {
    core.health.setReason("stopping", "the server is stopping");
    for (const close of doors.splice(0)) await close();
    await core.close();
  }
  try {
    const { useCertificate, ...bound } = await openDoors(config, core, doors);
    const backendKey = await ensureBackendKey(core.domain, config.backendKey);
    log.info("serving", { ...bound, data: config.data });
    const reloadCertificate = (files: CertificateFiles): void => useCertificate(readCertificate(files));
    const { domain, store, hub } = core;
    return { ...bound, dataDir: config.data, backendKey, domain, store, hub, reloadCertificate, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface OpenDoors {
  readonly http: string;
  readonly mqtt: string | null;
  readonly mqtts: string | null;
  /** Does nothing where no door has TLS. */
  useCertificate(certificate: Certificate): void;
}

/** Makes every door and starts its listeners. Adds to `doors` how each is closed. */
async function openDoors(config: Config, core: Core, doors: (() => unknown)[]): Promise<OpenDoors> {
  const httpAddress = probeAddress(config.http.listen);
  const mqttAddress = config.mqtt.listen === null ? undefined : probeAddress(config.mqtt.listen);
  const mqttsAddress = config.mqtts.listen === null ? undefined : probeAddress(config.mqtts.listen);
  const certificate = config.tls === undefined ? undefined : readCertificate(config.tls);
  const broker = makeBroker(config, core);
  await broker.start();
  const webhooks = makeWebhooks(config, core);
  core.events.on(["message.sent", "chat.entered", "chat.left"], webhooks.wake);
  doors.push(() => webhooks.stop());
  await webhooks.start();
  const rest = makeRest(config, core, webhooks);
  const minioicq = makeMiniOicq(config, core);
  doors.push(() => rest.stop());
  const mqtt = mqttAddress === undefined ? undefined : broker.listen(mqttAddress);
  const mqtts =
    mqttsAddress === undefined || certificate === undefined ? undefined : broker.listen(mqttsAddress, certificate);
  doors.push(() => broker.stop());
  doors.push(() => minioicq.closeAll(1001));
  const http = listenHttp({
    address: httpAddress,
    tls: config.http.tls === "on" ? certificate : undefined,
    rest,
    minioicq,
    mqtt: broker.websocket,
    bodyBytesMax: config.limits.restBodyBytesMax,
  });
  doors.push(() => http.stop());
  const socket = serveOperator(operatorSocketPath(config.data), makeOperator(config, core));
  doors.unshift(() => socket.stop());
  return {
    http: formatAddress(http.address),
    mqtt: boundTo(mqttAddress, mqtt),
    mqtts: boundTo(mqttsAddress, mqtts),
    useCertificate(replacement) {
      mqtts?.useCertificate(replacement);
      http.useCertificate(replacement);
    },
  };
}

/** The MQTT door: identifies its clients, and has the services besides ordinary topics. */
function makeBroker(config: Config, { domain, hub, events, store, codeDevices, log, clock }: Core): Broker {
  const { anonymous } = config.mqtt;
  const accounts = createAccounts({
    domain,
    admins: createAdmins(config.admins),
    anonymous,
    anonymousPacketBytesMax: config.mqtt.anonymousPacketBytesMax,
    findUserNow: store.findUserNow,
  });
  const mint = createAwsCredentials(config.aws)?.mint;
  return createBroker({
    identity: createIdentity({ domain, accounts, anonymous, log }),
    services: [
      createRevocation({ devices: domain.devices, events }),
      codeDevices.service,
      (broker) => createErlangTerms({ domain, hub, events, log, clock, accounts, mint }, broker),
      () => createChatTopics({ domain, hub, log, accounts }),
    ],
    store: store.mqtt,
    limits: config.mqtt.limits,
    clock,
    log,
    sys: { version: `roost version ${version}`, intervalSeconds: config.mqtt.sysIntervalSeconds },
  });
}

function makeWebhooks({ webhooks }: Config, { store, clock, log }: Core): Webhooks {
  const mayCall = createAddressRule(webhooks.networks);
  const ca = webhooks.ca === undefined ? undefined : readFileSync(webhooks.ca, "utf8");
  const timeoutMs = webhooks.timeoutSeconds * 1000;
  return createWebhooks({
    store,
    clock,
    log,
    hosts: webhooks.hosts,
    retry: defaultRetryPolicy,
    send: ({ url, ...request }) => post({ ...request, url: new URL(url), mayCall, ca, timeoutMs }),
  });
}

function makeRest(config: Config, core: Core, webhooks: Webhooks): Rest {
  const { domain, hub, events, store, health, log, clock } = core;
  const rest = createRest({
    domain,
    hub,
    typing: createTyping({ store, hub, clock }),
    log,
    clock,
    health,
    version,
    limits: restLimits(config.limits.restBodyBytesMax),
    openTokens: config.participants.openTokens,
    requireSignature: config.participants.requireSignature,
    rates: config.rest,
    corsOrigins: config.rest.corsOrigins,
    webhooks,
  });
  events.on("message.deleted", ({ message }) => rest.invalidate(message.chatId));
  return rest;
}

function makeMiniOicq({ limits, ws }: Config, { domain, hub, log, clock }: Core): MiniOicq {
  return createMiniOicq({
    domain,
    hub,
    log,
    clock,
    limits: {
      frameBytesMax: limits.websocketFrameBytesMax,
      loginFrameBytesMax: limits.websocketLoginFrameBytesMax,
      requestsPerSecondMax: limits.websocketRequestsPerSecondMax,
      accountRequestsPerSecondMax: limits.websocketAccountRequestsPerSecondMax,
      syncUsersMax: ws.syncUsersMax,
    },
    options: ws,
  });
}

/** Answers the operator's commands. The first request loads the shapes of requests. */
function makeOperator(config: Config, { domain, hub, log }: Pick<Core, "domain" | "hub" | "log">): Operator {
  const operator = lazily(async () => {
    const { createOperator } = await import("./ops/operator.ts");
    return createOperator({
      domain,
      hub,
      checkPermission: createPermissionCheck({
        domain,
        admins: createAdmins(config.admins),
        anonymous: config.mqtt.anonymous,
        services: [createChatPermissions(domain)],
      }),
      backendKeyConfigured: config.backendKey !== undefined,
      onFailure: (error) => log.error("an operator's request failed", { error }),
    });
  });
  return { handle: async (request) => (await operator()).handle(request) };
}

/** For commands that read or change the data while no server runs; holds the same lock as a server. */
export async function openOffline(config: Config, error: Log["error"]): Promise<Operator & { close(): Promise<void> }> {
  const core = await openCore(config, { log: silentLog, clock: systemClock });
  const operator = makeOperator(config, { ...core, log: { ...silentLog, error } });
  return { handle: operator.handle, close: core.close };
}

interface Core {
  readonly store: SqliteStore;
  readonly domain: Domain;
  readonly hub: Hub;
  readonly events: Events;
  readonly health: Health;
  readonly log: Log;
  readonly clock: Clock;
  /** Devices that send codes by SMS. */
  readonly codeDevices: CodeDevices;
  close(): Promise<void>;
}

/** Opens what a server needs with or without listeners: lock, store, hub, domain. */
async function openCore(config: Config, parts: ServerParts & { readonly clock: Clock }): Promise<Core> {
  const { log, clock } = parts;
  prepareDataFolder(config.data);
  const lock = lockDataFolder(config.data);
  try {
    const health = createHealth();
    const store = await openStore({
      dataDir: config.data,
      durability: config.durability,
      hidesStrangers: config.directory === "contacts",
      chatMembersMax: config.limits.chatMembersMax,
      clock,
      log,
      files: config.files,
      thread: parts.writerThread,
      onStorage(reason) {
        if (reason === undefined) log.info("writing works again");
        else log.error("writing is refused until the disk has room", { reason });
        health.setReason("storage", reason === undefined ? undefined : `storage_full: ${reason}`);
      },
      onDeath(error) {
        log.error("the writer died; ending, so that nothing is acknowledged that is not on disk", { error });
        process.exit(1);
      },
    });
    const hub = createHub({ log });
    const events = createEvents({ log });
    const codeDevices = new CodeDevices(config.sms.adapter === "device" ? config.sms.device.topic : undefined);
    const domain = createDomain({
      store,
      isOnline: hub.isOnline,
      clientsOf: hub.clientsOf,
      clock,
      log,
      directory: config.directory,
      registration: config.registration,
      loginLimits: config.login,
      passwordCost: parts.passwordCost,
      tokenLifetimes: { accessMs: config.participants.accessTokenMs, refreshMs: config.participants.refreshTokenMs },
      messageLimits: {
        ...defaultMessageLimits,
        contentBytesMax: config.limits.messageBytesMax,
        fileBytesMax: config.files.bytesMax,
      },
      sendCode: createSendCode(config.sms, {
        log,
        clock,
        publish: (topic, payload) => codeDevices.publish(topic, payload),
        paid: store.paidMessages,
      }),
      migrationCode: config.migrationCode,
      clientTokens: config.clientTokens,
      sendMail: createSendMail(config.mail, { log }),
      fixedCodeOf: createTestNumbers(config.sms.testNumbers).fixedCodeOf,
    });
    // The domain listens too, and before any client is told.
    store.onCommitted(events);
    events.on(sinkEvents, hub.publish);
    await domain.devices.load();
    hub.onPresence(({ userId, online }) => {
      if (!online) domain.presence.wentOffline(userId);
    });
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closing ??= Promise.all([domain.deliveries.flush(), domain.presence.flush()])
        .then(() => store.close())
        .finally(() => lock.release());
      return closing;
    };
    return { store, domain, hub, events, health, log, clock, codeDevices, close };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Stores the configured key, or makes one at the first start and gives it back to be shown once. */
async function ensureBackendKey(domain: Domain, configured: string | undefined): Promise<string | undefined> {
  if (configured !== undefined) {
    await domain.accounts.useBackendKey(configured);
    return undefined;
  }
  if ((await domain.accounts.describeBackendKey()) !== undefined) return undefined;
  return domain.accounts.rotateBackendKey();
}

/** Gives `host:port` with the port that the system chose. */
function boundTo(address: Address | undefined, listener: { readonly port: number } | undefined): string | null {
  if (address === undefined || listener === undefined) return null;
  return formatAddress({ hostname: address.hostname, port: listener.port });
}
