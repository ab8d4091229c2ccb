/**
 * The one place where the parts meet: opens the store, builds the domain, starts the doors. Every part gets its
 * dependencies from here.
 */
import { readFileSync } from "node:fs";
import { type Account, createAccounts } from "./access/accounts.ts";
import { listedClients } from "./access/clients.ts";
import { CodeDevices } from "./access/code-devices.ts";
import { createIdentity } from "./access/identity.ts";
import { createPermissionCheck } from "./access/permission-check.ts";
import { createRefusalNotes } from "./access/refusals.ts";
import { type ConnectedDevices, createRevocation } from "./access/revocation.ts";
import { createRights, type Rights } from "./access/rights.ts";
import { createHearings } from "./chat-topics/hearings.ts";
import { createChatPermissions } from "./chat-topics/permissions.ts";
import { createChatTopics } from "./chat-topics/service.ts";
import { memoryLimitsOf } from "./config/memory-settings.ts";
import type { Config } from "./config.ts";
import { createEvents, type Events } from "./delivery/events.ts";
import { createHub, type Hub, sinkEvents } from "./delivery/hub.ts";
import { createPresenceNews, type PresenceNews } from "./delivery/presence.ts";
import { createReceipts, type Receipts } from "./delivery/receipts.ts";
import { inlineFileBytesMax } from "./delivery/shapes.ts";
import { createTyping, type Typing } from "./delivery/typing.ts";
import { createDomain, type Domain } from "./domain/domain.ts";
import { defaultMessageLimits } from "./domain/messages/messages.ts";
import { createAdmins, problemOfAdmin } from "./domain/people/admins.ts";
import type { ListedClient } from "./domain/people/clients.ts";
import type { PasswordCost } from "./domain/people/passwords.ts";
import type { Store } from "./domain/store.ts";
import { createErlangTerms } from "./erlang-terms/service.ts";
import { listenHttp } from "./http.ts";
import { type Address, formatAddress, formatListen, isSocketPath } from "./lib/address.ts";
import type { TimeSource } from "./lib/clock.ts";
import { hexOf } from "./lib/hex.ts";
import { lazily } from "./lib/lazily.ts";
import { type Log, silentLog } from "./lib/log.ts";
import { SteadyClock, systemTime } from "./lib/steady-clock.ts";
import { version } from "./lib/version.ts";
import { createMiniOicq, type MiniOicq } from "./minioicq/listener.ts";
import { type Broker, createBroker } from "./mqtt/broker.ts";
import { Descriptors, openFilesMax } from "./net/descriptors.ts";
import { createHttpClientOf } from "./net/forwarded.ts";
import { Garbage } from "./net/garbage.ts";
import { MemoryBudget } from "./net/memory-budget.ts";
import { createTrust } from "./net/trusted-proxies.ts";
import { WebSocketGuard } from "./net/websocket-guard.ts";
import { type Certificate, type CertificateFiles, readCertificate } from "./ops/certificate.ts";
import { type ClockWatch, watchClock } from "./ops/clock-watch.ts";
import { fileSystemBytes, prepareDataFolder } from "./ops/data-folder.ts";
import { createHealth, type Health } from "./ops/health.ts";
import { IdleMemory } from "./ops/idle-memory.ts";
import type { Operator } from "./ops/operator.ts";
import { operatorSocketPath, serveOperator } from "./ops/operator-socket.ts";
import { probeAddress, probeSocket } from "./ops/probe.ts";
import { createPages } from "./pages/door.ts";
import { createAddressRule } from "./providers/address-rules.ts";
import { createAwsCredentials } from "./providers/aws.ts";
import { hasClosedAddress, post } from "./providers/post.ts";
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
  /** `host:port` as bound, or `unix:` and a path. */
  readonly http: string;
  readonly mqtt: string | null;
  readonly mqtts: string | null;
  readonly dataDir: string;
  /** Set only at the first start, and only where no key is configured: the key is stored hashed. */
  readonly backendKey: string | undefined;
  /** No user and no device was there at the start. */
  readonly isEmpty: boolean;
  readonly domain: Domain;
  /** What accounts may do with ordinary MQTT topics. */
  readonly rights: Rights;
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
  readonly clock?: TimeSource;
  /** The cost of passwords that are set from now on; without it the proper cost. */
  readonly passwordCost?: PasswordCost;
  /** The thread of the store's writer, where it was started already. */
  readonly writerThread?: WriterThread;
  /** Where the database is lost or foreign, starts with an empty one; else that is refused. */
  readonly startEmpty?: boolean | undefined;
}

/** Throws where an address is taken, the data folder is in use, or the data cannot be opened. */
export async function startServer(config: Config, parts: ServerParts): Promise<RunningServer> {
  const { log } = parts;
  const core = await openCore(config, { ...parts, search: config.search });
  /** In the order of stopping. */
  const doors: (() => unknown)[] = [];
  async function stop(): Promise<void> {
    core.health.setReason("stopping", "the server is stopping");
    for (const close of doors.splice(0)) await close();
    await core.close();
  }
  try {
    await shareDisk(config, core);
    const { useCertificate, ...bound } = await openDoors(config, core, doors);
    const isEmpty = core.domain.devices.list().length === 0 && (await core.store.countUsers(1)) === 0;
    const backendKey = await ensureBackendKey(core.domain, config.backendKey);
    log.info("serving", { ...bound, data: config.data });
    await nameMissingAdmins(config.admins, core);
    const reloadCertificate = (files: CertificateFiles): void => useCertificate(readCertificate(files));
    const { domain, rights, store, hub } = core;
    return { ...bound, dataDir: config.data, backendKey, isEmpty, domain, rights, store, hub, reloadCertificate, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Says of each name that makes no one an admin why not. */
async function nameMissingAdmins(admins: readonly string[], { store, log }: Core): Promise<void> {
  for (const name of admins) {
    const problem = problemOfAdmin(name, await store.findUserByKey(name));
    if (problem !== undefined) log.warn(`admins: ${problem}`, { name });
  }
}

/** Each user whom neither the operator nor a backend made gets a share. On a full disk the share of before holds. */
async function shareDisk({ data, limits }: Config, { store, log }: Core): Promise<void> {
  const { diskBytesPerUserMax: most } = limits;
  const bytes = most === "auto" ? Math.floor(fileSystemBytes(data) / 10) : most;
  try {
    await store.setDiskShare(bytes);
  } catch (error) {
    log.warn("limits.disk_bytes_per_user could not be stored; the value of before holds", { error });
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
  const { listen } = config.http;
  const httpAddress = isSocketPath(listen) ? await probeSocket(listen) : probeAddress(listen);
  const mqttAddress = config.mqtt.listen === null ? undefined : probeAddress(config.mqtt.listen);
  const mqttsAddress = config.mqtts.listen === null ? undefined : probeAddress(config.mqtts.listen);
  const certificate = config.tls === undefined ? undefined : readCertificate(config.tls);
  const isTrusted = config.proxy.trusted.length === 0 ? undefined : createTrust(config.proxy.trusted);
  const proxies = config.mqtt.proxyProtocol === "on" ? isTrusted : undefined;
  const shared = makeShared(config, core);
  const broker = makeBroker(config, core, shared);
  await broker.start();
  const webhooks = makeWebhooks(config, core);
  core.events.on(
    ["message.sent", "chat.entered", "chat.left", "message.edited", "message.deleted", "message.reacted"],
    webhooks.wake,
  );
  doors.push(() => webhooks.stop());
  await webhooks.start();
  const rest = makeRest(config, core, webhooks, shared);
  const minioicq = makeMiniOicq(config, core, shared);
  doors.push(() => rest.stop());
  const mqtt = mqttAddress === undefined ? undefined : broker.listen(mqttAddress, { proxies });
  const mqtts =
    mqttsAddress === undefined || certificate === undefined
      ? undefined
      : broker.listen(mqttsAddress, { tls: certificate, proxies });
  doors.push(() => broker.stop());
  doors.push(() => minioicq.closeAll(1001));
  const http = listenHttp({
    address: httpAddress,
    tls: config.http.tls === "on" ? certificate : undefined,
    rest,
    pages:
      config.web.client === "off"
        ? undefined
        : createPages({ look: { ...config.web, name: config.web.name ?? config.name }, log: core.log }),
    minioicq,
    mqtt: broker.websocket,
    clientOf: createHttpClientOf({ isTrusted, log: core.log }),
    origins: config.ws.origins,
    bodyBytesMax: Math.max(config.limits.restBodyBytesMax, config.files.bytesMax),
  });
  doors.push(() => http.stop());
  const { descriptors } = shared;
  descriptors.watch(...[mqtt, mqtts, http].filter((listener) => listener !== undefined));
  descriptors.start();
  doors.unshift(() => descriptors.stop());
  const expiry = setInterval(() => {
    void core.domain.logIns.endExpired();
    void core.domain.longTokens.endExpired();
    void core.domain.uploads.endExpired();
  }, 1000);
  const idleMemory = new IdleMemory({ connections: () => broker.stats().connections + minioicq.connections() });
  idleMemory.start();
  doors.unshift(() => idleMemory.stop());
  doors.unshift(() => clearInterval(expiry));
  function* clients(): Generator<ListedClient> {
    yield* listedClients(broker.clients());
    yield* minioicq.clients();
    yield* rest.clients();
  }
  const socket = serveOperator(operatorSocketPath(config.data), makeOperator(config, core, clients));
  doors.unshift(() => socket.stop());
  return {
    http: formatListen(http.address),
    mqtt: boundTo(mqttAddress, mqtt),
    mqtts: boundTo(mqttsAddress, mqtts),
    useCertificate(replacement) {
      mqtts?.useCertificate(replacement);
      http.useCertificate(replacement);
    },
  };
}

/** What bounds several doors together. */
interface SharedBounds {
  readonly descriptors: Descriptors;
  readonly memory: MemoryBudget;
  readonly websocketGuard: WebSocketGuard;
}

function makeShared({ limits }: Config, { log, clock }: Core): SharedBounds {
  const websocketLimits = {
    strangersMax: limits.websocketStrangersMax,
    loginSecondsMax: limits.loginSecondsMax,
    perAccountMax: limits.websocketsPerAccountMax,
    perAddressMax: limits.websocketsPerAddressMax,
  };
  return {
    descriptors: new Descriptors({ log, limit: openFilesMax() }),
    memory: new MemoryBudget({ limits: memoryLimitsOf(limits.memoryBytesMax), log, clock, garbage: new Garbage() }),
    websocketGuard: new WebSocketGuard({ limits: websocketLimits, log, clock }),
  };
}

/** The MQTT door: identifies its clients, and has the services besides ordinary topics. */
function makeBroker(
  config: Config,
  { domain, rights, hub, events, receipts, typing, presence, store, codeDevices, connectedDevices, log, clock }: Core,
  shared: SharedBounds,
): Broker<Account> {
  const { anonymous } = config.mqtt;
  const accounts = createAccounts({
    domain,
    admins: createAdmins(config.admins),
    anonymous,
    anonymousPacketBytesMax: config.mqtt.anonymousPacketBytesMax,
    findUserNow: store.findUserNow,
    findLongTokenNow: store.findLongTokenNow,
    clock,
  });
  const mint = createAwsCredentials(config.aws)?.mint;
  const notes = createRefusalNotes({ refusals: domain.refusals, rights, anonymous, accounts });
  const hearings = createHearings({ domain, hub, receipts, presence, log, ended: accounts.endLogIn });
  return createBroker({
    identity: createIdentity({ domain, accounts, rights, anonymous, notes }),
    services: [
      createRevocation({
        devices: domain.devices,
        events,
        longTokens: domain.longTokens,
        connected: connectedDevices,
        presence: domain.presence,
      }),
      codeDevices.service(rights),
      (broker) =>
        createErlangTerms(
          {
            domain,
            hub,
            hearings,
            typing,
            messageIdNow: store.messageIdNow,
            events,
            log,
            clock,
            accounts,
            notes,
            mint,
          },
          broker,
        ),
      () => createChatTopics({ domain, hearings, typing, accounts, notes }),
    ],
    store: store.mqtt,
    limits: config.mqtt.limits,
    clock,
    log,
    connectionsAt: connectionsAt(config.log),
    sys: { version: `roost version ${version}`, intervalSeconds: config.mqtt.sysIntervalSeconds },
    ...shared,
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
    hasClosedAddress: (hostname) => hasClosedAddress(hostname, mayCall),
    retry: defaultRetryPolicy,
    send: ({ url, ...request }) => post({ ...request, url: new URL(url), mayCall, ca, timeoutMs }),
  });
}

function makeRest(config: Config, core: Core, webhooks: Webhooks, { memory }: SharedBounds): Rest {
  const { domain, hub, receipts, typing, presence, events, health, log, clock } = core;
  const rest = createRest({
    domain,
    hub,
    receipts,
    typing,
    presence,
    log,
    clock,
    health,
    version,
    limits: restLimits(config.limits.restBodyBytesMax),
    memory,
    openTokens: config.rest.openTokens,
    requireSignature: config.rest.requireSignature,
    rates: config.rest,
    corsOrigins: config.rest.corsOrigins,
    webhooks,
  });
  events.on(["message.deleted", "message.edited"], ({ message }) => rest.invalidate(message.chatId));
  events.on("message.reacted", ({ reacted }) => rest.invalidate(reacted.chatId));
  events.on("user-key.changed", () => rest.invalidate());
  return rest;
}

function makeMiniOicq(
  { name, registration, passwordLengthMin, files, limits, ws, log: loggedAs }: Config,
  { domain, hub, receipts, typing, presence, log, clock }: Core,
  shared: SharedBounds,
): MiniOicq {
  return createMiniOicq({
    domain,
    hub,
    receipts,
    typing,
    presence,
    log,
    clock,
    connectionsAt: connectionsAt(loggedAs),
    ...shared,
    limits: {
      frameBytesMax: limits.websocketFrameBytesMax,
      loginFrameBytesMax: limits.websocketLoginFrameBytesMax,
      requestsPerSecondMax: limits.websocketRequestsPerSecondMax,
      accountRequestsPerSecondMax: limits.websocketAccountRequestsPerSecondMax,
      syncUsersMax: ws.syncUsersMax,
    },
    options: {
      ...ws,
      about: {
        name,
        registration,
        messageBytesMax: limits.messageBytesMax,
        fileBytesMax: files.bytesMax,
        chatMembersMax: limits.chatMembersMax,
        passwordCharactersMin: passwordLengthMin,
      },
    },
  });
}

type OperatorCore = Pick<Core, "domain" | "rights" | "hub" | "log" | "clockWatch" | "connectedDevices">;

/** The level at which it is logged that clients come and go. */
const connectionsAt = ({ connections }: Config["log"]): "info" | "debug" => (connections === "on" ? "info" : "debug");

/** Answers the operator's commands. The first request loads the shapes of requests. */
function makeOperator(
  config: Config,
  { domain, rights, hub, log, clockWatch, connectedDevices }: OperatorCore,
  clients?: () => Iterable<ListedClient>,
): Operator {
  const operator = lazily(async () => {
    const { createOperator } = await import("./ops/operator.ts");
    return createOperator({
      domain,
      hub,
      checkPermission: createPermissionCheck({
        domain,
        rights,
        admins: createAdmins(config.admins),
        anonymous: config.mqtt.anonymous,
        services: [createChatPermissions(domain)],
      }),
      clock: clockWatch,
      clients,
      isDeviceOnline: (name) => connectedDevices.has(name),
      backendKeyConfigured: config.backendKey !== undefined,
      onFailure: (error) => log.error("an operator's request failed", { error }),
    });
  });
  return { handle: async (request) => (await operator()).handle(request) };
}

/** For commands that read or change the data while no server runs; holds the same lock as a server. */
export async function openOffline(config: Config, error: Log["error"]): Promise<Operator & { close(): Promise<void> }> {
  const core = await openCore(config, { log: silentLog });
  const operator = makeOperator(config, { ...core, log: { ...silentLog, error } });
  return { handle: operator.handle, close: core.close };
}

interface Core {
  readonly store: SqliteStore;
  readonly domain: Domain;
  /** What accounts may do with ordinary MQTT topics. */
  readonly rights: Rights;
  readonly hub: Hub;
  readonly events: Events;
  readonly receipts: Receipts;
  readonly typing: Typing;
  readonly presence: PresenceNews;
  readonly health: Health;
  readonly log: Log;
  readonly clock: SteadyClock;
  readonly clockWatch: ClockWatch;
  /** Devices that send codes by SMS. */
  readonly codeDevices: CodeDevices;
  readonly connectedDevices: ConnectedDevices;
  close(): Promise<void>;
}

/** Opens what a server needs with or without listeners: lock, store, hub, domain. */
/** @param parts without `search` nothing is indexed. */
async function openCore(config: Config, parts: ServerParts & { search?: "on" | "off" }): Promise<Core> {
  const { log } = parts;
  const clock = new SteadyClock(parts.clock ?? systemTime);
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
      files: { ...config.files, textBytesMax: config.limits.messageBytesMax },
      toldBytesMax: Math.max(inlineFileBytesMax, config.limits.websocketFrameBytesMax),
      search: parts.search,
      thread: parts.writerThread,
      startEmpty: parts.startEmpty,
      onStorage(reason) {
        if (reason === undefined) log.info("writing works again");
        else log.error("writing is refused until the disk has room", { reason });
        health.setReason("storage", reason === undefined ? undefined : `storage_full: ${reason}`);
      },
      onFiles(reason) {
        const size = `content of ${config.files.bytesMin} bytes and more`;
        if (reason === undefined) log.info(`${size} is taken again`);
        else log.error(`${size} is refused until the disk has room`, { reason });
        health.setReason("files", reason === undefined ? undefined : `storage_full: ${size} is refused: ${reason}`);
      },
      onDeath(error) {
        log.error("the writer died; ending, so that nothing is acknowledged that is not on disk", { error });
        process.exit(1);
      },
    });
    const { keptTime } = store;
    const clockWatch = watchClock({ clock, log, health, keep: store.keepTime });
    // Before anything is stored or is to end.
    const step = keptTime && clock.resume(keptTime);
    if (step !== undefined) clockWatch.note(step);
    const hub = createHub({ log });
    const events = createEvents({ log });
    const connectedDevices: ConnectedDevices = new Map();
    const codeDevices = new CodeDevices(config.sms.adapter === "device" ? config.sms.device.topic : undefined);
    const domain = createDomain({
      store,
      isOnline: hub.isOnline,
      clientsOf: hub.clientsOf,
      clock,
      log,
      epoch: await readEpoch(store),
      directory: config.directory,
      registration: config.registration,
      invites: config.invites,
      admins: config.admins,
      loginLimits: config.login,
      passwordCost: parts.passwordCost,
      passwordCharactersMin: config.passwordLengthMin,
      tokenLifetimes: { accessMs: config.rest.accessTokenMs, refreshMs: config.rest.refreshTokenMs },
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
      clientTokens: config.auth.clientTokens,
      sendMail: createSendMail(config.mail, { log }),
      fixedCodeOf: createTestNumbers(config.sms.testNumbers).fixedCodeOf,
    });
    // The domain listens too, and before any client is told.
    store.onCommitted(events);
    events.on(sinkEvents, hub.publish);
    const receipts = createReceipts({ store, hub, clock, log });
    events.on("position.moved", receipts.moved, receipts.isHeard);
    const typing = createTyping({ store, hub, clock, log });
    events.on(["chat.entered", "chat.left", "contact.blocked", "contact.changed", "user.revoked"], typing.changed);
    events.on("chat.entered", ({ entered }) => receipts.changed(entered.chat.chatId));
    events.on("chat.left", ({ left }) => receipts.changed(left.chat.chatId));
    events.on(["contact.blocked", "contact.changed", "receipts.allowed", "user.revoked"], () => receipts.changed());
    await domain.devices.load();
    const rights = createRights({
      devices: domain.devices,
      anonymous: config.mqtt.anonymous,
      findTopicsNow: store.findTopicsNow,
      findUserNow: store.findUserNow,
      events,
    });
    hub.onPresence(({ userId, online }) => {
      if (!online) domain.presence.wentOffline(userId);
    });
    const presence = createPresenceNews({ store, hub, clock, log, lastSeenOfUser: domain.presence.lastSeenOfUser });
    hub.onPresence(presence.changed);
    // Each side of a friendship has a change of its own; blocking has one.
    events.on("contact.changed", ({ change: { userId, contactId, status, wereFriends } }) => {
      if (status === "friend") presence.befriended(userId, contactId);
      else if (wereFriends === true || status === "deleted") presence.parted(userId, contactId);
    });
    events.on("contact.blocked", ({ userId, contactId, blocked, wereFriends }) => {
      if (!blocked) {
        presence.befriended(userId, contactId);
        presence.befriended(contactId, userId);
      } else if (wereFriends) {
        presence.parted(userId, contactId);
        presence.parted(contactId, userId, true);
      }
    });
    events.on("presence.allowed", ({ userId }) => presence.ruleChanged(userId));
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      clockWatch.stop();
      domain.refusals.close();
      receipts.stop();
      typing.stop();
      presence.stop();
      closing ??= Promise.all([domain.deliveries.flush(), domain.presence.flush()])
        .then(() => store.close())
        .finally(() => lock.release());
      return closing;
    };
    return {
      store,
      domain,
      rights,
      hub,
      events,
      receipts,
      typing,
      presence,
      health,
      log,
      clock,
      clockWatch,
      codeDevices,
      connectedDevices,
      close,
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Made at the first start of a data folder. */
async function readEpoch(store: SqliteStore): Promise<string> {
  const kept = await store.findSecret("epoch");
  const epoch = kept ?? (await store.keepSecret("epoch", crypto.getRandomValues(new Uint8Array(8))));
  return hexOf(epoch);
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
