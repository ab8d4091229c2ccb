/**
 * The one place where the parts meet: opens the store, builds the domain, starts the doors. Everything below is handed
 * its dependencies from here.
 */
import { readFileSync } from "node:fs";
import { type Account, createAdmins, nobodyIn, principalKeyOf, userAccount } from "./access/accounts.ts";
import { createPermissionCheck } from "./access/permission-check.ts";
import { createTopicHooks } from "./chat-topics/hooks.ts";
import type { Config } from "./config.ts";
import { createEvents, type Events } from "./delivery/events.ts";
import { createHub, type Hub, sinkEvents } from "./delivery/hub.ts";
import { createTyping } from "./delivery/typing.ts";
import { createDomain, type Domain } from "./domain/domain.ts";
import { defaultMessageLimits } from "./domain/messages/messages.ts";
import type { PasswordCost } from "./domain/people/passwords.ts";
import type { Store } from "./domain/store.ts";
import { createRosterDoor } from "./erlang-terms/service.ts";
import { createPatience, listenHttp } from "./http.ts";
import { type Address, formatAddress } from "./lib/address.ts";
import { type Clock, systemClock } from "./lib/clock.ts";
import { lazily } from "./lib/lazily.ts";
import { type Log, silentLog } from "./lib/log.ts";
import { version } from "./lib/version.ts";
import { createMiniOicq } from "./minioicq/listener.ts";
import { type Broker, createBroker } from "./mqtt/broker.ts";
import { type BrokerLimits, defaultBrokerLimits } from "./mqtt/limits.ts";
import { type Certificate, type CertificateFiles, readCertificate } from "./ops/certificate.ts";
import { prepareDataFolder } from "./ops/data-folder.ts";
import { createHealth, type Health } from "./ops/health.ts";
import { operatorSocketPath, serveOperator } from "./ops/operator-socket.ts";
import { probeAddress } from "./ops/probe.ts";
import { createAddressRule } from "./providers/address-rules.ts";
import { createAwsCredentials } from "./providers/aws.ts";
import { post } from "./providers/post.ts";
import { createTestNumbers } from "./providers/test-numbers.ts";
import { createSendCode, createSendMail } from "./providers/verification-codes/send.ts";
import { createRest } from "./rest/door.ts";
import { restLimits } from "./rest/limits.ts";
import { lockDataFolder } from "./store/sqlite/engine/lock.ts";
import type { WriterThread } from "./store/sqlite/engine/writer-thread.ts";
import { openStore, type SqliteStore } from "./store/sqlite/store.ts";
import { defaultRetryPolicy } from "./webhooks/runner.ts";
import { createWebhooks } from "./webhooks/webhooks.ts";

export interface RunningServer {
  /** `host:port` as bound. */
  readonly http: string;
  readonly mqtt: string | null;
  readonly mqtts: string | null;
  readonly dataDir: string;
  /** Only at the first start, and only where it was not configured: it is stored hashed. */
  readonly backendKey: string | undefined;
  readonly domain: Domain;
  /** All of it, past every rule; a door gets `domain.store`. */
  readonly store: Store;
  readonly hub: Hub;
  /** Reads the certificate again, also from other files than before; connections stay. Throws `CertificateError`. */
  reloadCertificate(files: CertificateFiles): void;
  /** Answers what is under way, says goodbye at every door, and closes the store. */
  stop(): Promise<void>;
}

export interface ServerParts {
  readonly log: Log;
  readonly clock?: Clock;
  /** Of passwords that are set from now on; what they should cost where it is not given. */
  readonly passwordCost?: PasswordCost;
  /** Of the store's writer, where it was started already. */
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

/** Starts every listener; adds to `doors` how each is closed. */
async function openDoors(config: Config, core: Core, doors: (() => unknown)[]): Promise<OpenDoors> {
  const { domain, hub, events, store, health, log, clock } = core;
  const { limits } = config;
  const httpAddress = probeAddress(config.http.listen);
  const mqttAddress = config.mqtt.listen === null ? undefined : probeAddress(config.mqtt.listen);
  const mqttsAddress = config.mqtts.listen === null ? undefined : probeAddress(config.mqtts.listen);
  const admins = createAdmins(config.admins);
  const { anonymous } = config.mqtt;
  const anonymousPacketBytesMax = limits.mqttAnonymousPacketBytesMax;
  const certificate = config.tls === undefined ? undefined : readCertificate(config.tls);
  const broker: Broker<Account> = createBroker({
    store: store.mqtt,
    hooks: createTopicHooks({
      domain,
      hub,
      log,
      admins,
      anonymous,
      anonymousPacketBytesMax,
      findUserNow: store.findUserNow,
      roster: createRosterDoor({
        domain,
        hub,
        events,
        log,
        clock,
        mint: createAwsCredentials(config.aws)?.mint,
        phoneOf: (userId) => store.findUserNow(userId)?.phone,
        storedSessions: (userId) => broker.storedSessions(principalKeyOf(userId)),
        authenticated: (login) => {
          const user = login.session && store.findUserNow(login.session.userId);
          return (
            user && { principal: userAccount(user.userId, { admin: admins(user), roster: login }), persistent: true }
          );
        },
        nobody: anonymous === "off" ? undefined : nobodyIn({ anonymousPacketBytesMax }),
      }),
      codesTopic: config.sms.adapter === "device" ? config.sms.device.topic : undefined,
    }),
    limits: brokerLimits(limits),
    clock,
    log,
    sys: { version: `roost version ${version}`, intervalSeconds: config.mqtt.sysIntervalSeconds },
  });
  core.publishing.publish = (topic, payload) => broker.publish(topic, payload, 1);
  events.on("user.revoked", ({ to }) => {
    for (const userId of to) broker.endSessions(principalKeyOf(userId));
  });
  domain.devices.onRevoked(({ name }) => broker.endSessions(`device:${name}`));
  await broker.start();
  const patience = createPatience();
  const mayCall = createAddressRule(config.webhooks.networks);
  const ca = config.webhooks.ca === undefined ? undefined : readFileSync(config.webhooks.ca, "utf8");
  const webhooks = createWebhooks({
    store,
    clock,
    log,
    hosts: config.webhooks.hosts,
    retry: defaultRetryPolicy,
    send: ({ url, ...request }) =>
      post({ ...request, url: new URL(url), mayCall, ca, timeoutMs: config.webhooks.timeoutSeconds * 1000 }),
  });
  events.on(["message.sent", "chat.entered", "chat.left"], webhooks.wake);
  doors.push(() => webhooks.stop());
  await webhooks.start();
  const rest = createRest({
    domain,
    hub,
    typing: createTyping({ store, hub, clock }),
    log,
    clock,
    health,
    version,
    limits: restLimits(limits.restBodyBytesMax),
    openTokens: config.participants.openTokens,
    requireSignature: config.participants.requireSignature,
    rates: config.rest,
    corsOrigins: config.rest.corsOrigins,
    webhooks,
    keepOpen: (request, seconds) => patience.keepOpen(request, seconds),
  });
  events.on("message.deleted", ({ message }) => rest.invalidate(message.chatId));
  const minioicq = createMiniOicq({
    domain,
    hub,
    log,
    clock,
    limits: {
      frameBytesMax: limits.websocketFrameBytesMax,
      loginFrameBytesMax: limits.websocketLoginFrameBytesMax,
      requestsPerSecondMax: limits.websocketRequestsPerSecondMax,
      accountRequestsPerSecondMax: limits.websocketAccountRequestsPerSecondMax,
      syncUsersMax: config.ws.syncUsersMax,
    },
    options: config.ws,
  });
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
    patience,
    bodyBytesMax: limits.restBodyBytesMax,
  });
  doors.push(() => http.stop());
  // The shapes of an operator's requests are loaded by the first of them.
  const operator = lazily(async () => {
    const { createOperator } = await import("./ops/operator.ts");
    return createOperator({
      domain,
      hub,
      may: createPermissionCheck({ domain, admins, anonymous: config.mqtt.anonymous }),
      backendKeyConfigured: config.backendKey !== undefined,
      onFailure: (error) => log.error("an operator's request failed", { error }),
    });
  });
  const socket = serveOperator(operatorSocketPath(config.data), {
    handle: async (request) => (await operator()).handle(request),
  });
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

/** For commands that work on the data while no server runs; holds the same lock a server would. */
export async function openOffline(config: Config): Promise<{ domain: Domain; hub: Hub; close(): Promise<void> }> {
  const { domain, hub, close } = await openCore(config, { log: silentLog, clock: systemClock });
  return { domain, hub, close };
}

interface Core {
  readonly store: SqliteStore;
  readonly domain: Domain;
  readonly hub: Hub;
  readonly events: Events;
  readonly health: Health;
  readonly log: Log;
  readonly clock: Clock;
  /** To the devices; nobody is there before the broker is. */
  readonly publishing: { publish(topic: string, payload: Uint8Array): boolean };
  close(): Promise<void>;
}

/** What is there with or without listeners: lock, store, hub, domain. */
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
    const publishing: Core["publishing"] = { publish: () => false };
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
        publish: (topic, payload) => publishing.publish(topic, payload),
        paid: store.paidMessages,
      }),
      migrationCode: config.migrationCode,
      clientTokens: config.clientTokens,
      sendMail: createSendMail(config.mail, { log }),
      fixedCodeOf: createTestNumbers(config.sms.testNumbers).fixedCodeOf,
    });
    // The domain listens too, and before any client hears of anything.
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
    return { store, domain, hub, events, health, log, clock, publishing, close };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The key configured, or the one made at the first start; that one is given back to be shown once. */
async function ensureBackendKey(domain: Domain, configured: string | undefined): Promise<string | undefined> {
  if (configured !== undefined) {
    await domain.accounts.useBackendKey(configured);
    return undefined;
  }
  if ((await domain.accounts.describeBackendKey()) !== undefined) return undefined;
  return domain.accounts.rotateBackendKey();
}

function brokerLimits(limits: Config["limits"]): BrokerLimits {
  return {
    ...defaultBrokerLimits,
    packetBytesMax: limits.mqttPacketBytesMax,
    topicBytesMax: limits.mqttTopicBytesMax,
    topicLevelsMax: limits.mqttTopicLevelsMax,
    topicAliasesMax: limits.mqttTopicAliasesMax,
    subscriptionsPerSessionMax: limits.mqttSubscriptionsMax,
    inflightMax: limits.mqttInflightMax,
    inboundInflightMax: limits.mqttInflightMax,
    queuedMessagesMax: limits.mqttQueuedMessagesMax,
    queuedBytesMax: limits.mqttQueuedBytesMax,
    sessionsPerPrincipalMax: limits.mqttSessionsPerUserMax,
    sessionExpirySecondsMax: limits.mqttSessionExpiryMax,
    retainedMessagesMax: limits.mqttRetainedMessagesMax,
    retainedBytesMax: limits.mqttRetainedBytesMax,
    connectionsMax: limits.mqttConnectionsMax,
    connectionsPerAddressMax: limits.mqttConnectionsPerAddressMax,
    connectsPerAddressSecondMax: limits.mqttConnectsPerAddressSecondMax,
  };
}

/** `host:port` with the port the system chose. */
function boundTo(address: Address | undefined, listener: { readonly port: number } | undefined): string | null {
  if (address === undefined || listener === undefined) return null;
  return formatAddress({ hostname: address.hostname, port: listener.port });
}
