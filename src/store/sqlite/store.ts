/** The store on one SQLite file: changes through the writer Worker, reads through this thread's own connection. */

import type { ChatId, MessageId, User } from "../../domain/model.ts";
import type { LongToken } from "../../domain/people/long-token-store.ts";
import type { OwnerTopics } from "../../domain/people/topic-store.ts";
import type { Store } from "../../domain/store.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { KeptTime } from "../../lib/steady-clock.ts";
import type { BrokerStore } from "../../mqtt/store.ts";
import { createFiles, defaultFileLimits, type FileLimits } from "../files/files.ts";
import { createAnswerStore } from "./answers/answer-store.ts";
import type { ChangeName } from "./changes.ts";
import { createChatReader } from "./chats/chat-reader.ts";
import { createChatStore } from "./chats/chat-store.ts";
import { createGroupStore } from "./chats/group-store.ts";
import { createHookStore } from "./chats/hook-store.ts";
import { createSweep } from "./chats/sweep.ts";
import { createContactStore } from "./contacts/contact-store.ts";
import { createDeliveryReader } from "./deliveries/delivery-reader.ts";
import { createDeliveryStore } from "./deliveries/delivery-store.ts";
import { createReceiptStore } from "./deliveries/receipt-store.ts";
import { createDiskReader } from "./engine/disk-share.ts";
import { readKeptTime } from "./engine/kept-time.ts";
import { type Durability, openForReading } from "./engine/open.ts";
import { openWorkerLog } from "./engine/worker-log.ts";
import { type Asked, createWriter } from "./engine/writer.ts";
import type { WriterThread } from "./engine/writer-thread.ts";
import { createExchangeStore } from "./messages/exchange-store.ts";
import { createHistoryReader } from "./messages/history-reader.ts";
import { createMessageContent } from "./messages/message-content.ts";
import { createMessageReader } from "./messages/message-reader.ts";
import { createMessageStore } from "./messages/message-store.ts";
import { createUploadStore } from "./messages/upload-store.ts";
import { createMqttReader } from "./mqtt/reader.ts";
import { createMqttStore } from "./mqtt/store.ts";
import { createAccountCodeStore } from "./people/account-code-store.ts";
import { createMqttDeviceStore } from "./people/device-store.ts";
import type { DirectoryRule } from "./people/directory.ts";
import { createLinkStore } from "./people/link-store.ts";
import { createLogInStore } from "./people/log-in-store.ts";
import { createLongTokenStore } from "./people/long-token-store.ts";
import { createPeopleReader } from "./people/people-reader.ts";
import { createTokenStore } from "./people/token-store.ts";
import { createTopicStore } from "./people/topic-store.ts";
import { createUserReader } from "./people/user-reader.ts";
import { createUserStore } from "./people/user-store.ts";
import { createPaidMessageStore, type PaidMessageStore } from "./phones/paid-messages.ts";
import { createPhoneStore } from "./phones/phone-store.ts";
import { createProfileStore } from "./profiles/profile-store.ts";
import { createSearchStore, defaultSearchTimes, type SearchTimes } from "./search/search-store.ts";
import type { Submit, SubmitLater } from "./submit.ts";
import { createTelling } from "./telling.ts";
import { createWebhookStore } from "./webhooks/webhook-store.ts";

export interface SqliteStore extends Store {
  /** What an MQTT broker must remember. */
  readonly mqtt: BrokerStore;
  /** What the limits on spending count. */
  readonly paidMessages: PaidMessageStore;
  /** The user with this id, by a plain read. */
  findUserNow(userId: number): User | undefined;
  /** As `messageIdOf`, by a plain read. */
  messageIdNow(chatId: ChatId, seq: number): MessageId | undefined;
  /** As `findTopics`, by a plain read. */
  findTopicsNow(ownerKey: string): OwnerTopics;
  /** The long-lived token with this id, by a plain read. */
  findLongTokenNow(tokenId: string): LongToken | undefined;
  /** Where time goes on; undefined in a new database. */
  readonly keptTime: KeptTime | undefined;
  keepTime(time: Omit<KeptTime, "steadyMs">): Promise<void>;
  waiting(): { changes: number; bytes: number };
  close(): Promise<void>;
}

export interface StoreOptions {
  readonly dataDir: string;
  readonly durability: Durability;
  /** Users find only their acquaintances by number. */
  readonly hidesStrangers?: boolean;
  /** Of one chat; the store's own bound where it is not given. */
  readonly chatMembersMax?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly files?: FileLimits;
  /** Left out: nothing is found, and the index stays as it is; it learns of what changes when search is on again. */
  readonly search?: "on" | "off" | undefined;
  readonly searchTimes?: SearchTimes | undefined;
  /** Content of more bytes fits no client's frame: where a message names a file, it is told without it. */
  readonly toldBytesMax?: number;
  /** See `WorkerLogOptions`. */
  readonly startEmpty?: boolean | undefined;
  /** The writer's, where it was started already. */
  readonly thread?: WriterThread | undefined;
  /** Writing is refused for this reason, or (undefined) works again. */
  onStorage(reason: string | undefined): void;
  /** Large content is refused for this reason, or (undefined) works again. */
  onFiles(reason: string | undefined): void;
  /** The store is gone; the process must end with a failure. */
  onDeath(error: Error): void;
}

/** After these changes the index of search has something to do. */
const indexed: ReadonlySet<ChangeName> = new Set([
  "appendMessage",
  "appendMessages",
  "editMessage",
  "deleteMessage",
  "sweepChat",
]);

/** After these changes a user has another key. */
const renaming: ReadonlySet<ChangeName> = new Set(["linkUsername", "unlinkUsername"]);

export async function openStore(options: StoreOptions): Promise<SqliteStore> {
  const { dataDir, log, files: fileLimits = defaultFileLimits } = options;
  /** Told before the files are there, and by the writer alone. */
  const storage: { refuse(reason: string | undefined): void } = { refuse() {} };
  const onStorage = (reason: string | undefined): void => {
    storage.refuse(reason);
    options.onStorage(reason);
  };
  const { sweeps, ...batches } = await openWorkerLog({
    dataDir,
    durability: options.durability,
    nowMs: options.clock.nowMs(),
    log,
    startEmpty: options.startEmpty,
    thread: options.thread,
    onStorage,
  });
  const telling = createTelling();
  const writer = createWriter({
    batches,
    clock: options.clock,
    log,
    onStorage,
    onDeath: options.onDeath,
    committed: {
      forget: () => messages.forgetMembers(),
      settle,
      batchSettled: telling.batchSettled,
      released: (hashes) => files.remove(hashes),
    },
  });
  const submit = writer.submit as Submit;
  const submitLater = writer.submitLater as SubmitLater;
  const db = openForReading(dataDir);
  const userReads = createUserReader(db);
  const chatReads = createChatReader(db);
  const messageReads = createMessageReader(db);
  const deliveryReads = createDeliveryReader(db);
  const { chatMembersMax: membersMax } = options;
  /** What the server's settings say to the rules of a change goes along with its arguments. */
  const rule: DirectoryRule = options.hidesStrangers === true ? { hidesStrangers: true } : {};
  const people = createPeopleReader(db);
  const disk = createDiskReader(db);
  const files = createFiles({
    dataDir,
    durable: options.durability === "disk",
    limits: fileLimits,
    log,
    isReferenced: messageReads.isFileReferenced,
    onDisk: options.onFiles,
    onDeath: options.onDeath,
  });
  storage.refuse = files.refuse;
  const content = createMessageContent(files);
  const { withContent } = content;
  const messages = createMessageStore(messageReads, {
    submit,
    files,
    content,
    fileBytesMin: fileLimits.bytesMin,
    toldBytesMax: options.toldBytesMax ?? 1024 * 1024,
    rule,
  });
  const search = createSearchStore(options.search, {
    dataDir,
    db,
    submit,
    reads: messageReads,
    content,
    log,
    times: options.searchTimes ?? defaultSearchTimes,
  });
  const { tokens, committed: forgetOwners } = createTokenStore({ submit, findToken: userReads.findToken, getUser });
  const {
    longTokens,
    findLongTokenNow,
    committed: forgetLongTokens,
  } = createLongTokenStore(db, { submit, submitLater, findUser: userReads.findUser });
  const { sweep, stop: stopSweeps } = createSweep({ submit, log });
  for (const chatId of sweeps) sweep(chatId as ChatId);

  function settle(asked: Asked, outcome: unknown): void {
    forgetOwners(asked, outcome);
    forgetLongTokens(asked.name);
    if (renaming.has(asked.name)) messageReads.forgetUserKeys();
    if (indexed.has(asked.name)) search.changed();
    telling.settle(asked, outcome, messages.valueFor(asked.name, { args: asked.args, local: asked.local, outcome }));
  }

  function getUser(userId: number): User {
    const user = userReads.findUser(userId);
    if (user === undefined) throw new Error(`user ${userId} cannot be read back`);
    return user;
  }

  async function close(): Promise<void> {
    stopSweeps();
    await search.close();
    await writer.close();
    files.close();
    db.close();
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  const nothing = (): void => {};
  return {
    ...createUserStore(userReads, { submit, people, getUser }),
    ...createAccountCodeStore(submit),
    ...createMqttDeviceStore(db, { submit, membersMax }),
    ...createTopicStore(db, submit),
    ...createExchangeStore(db, submit),
    ...createPhoneStore(db, { submit, submitLater }),
    ...createWebhookStore(db, { submit, toMessages: messageReads.toMessages }),
    ...createAnswerStore(db, { submit, clock: options.clock }),
    ...createContactStore(db, { submit, findUser: userReads.findUser, rule }),
    ...createChatStore(chatReads, { submit, sweep, getUser, membersMax, rule }),
    ...createHookStore(db, { submit, membersMax }),
    ...createGroupStore(submit, { sweep, membersMax, rule }),
    ...createLogInStore(db, { submit, submitLater, sweep }),
    ...createLinkStore(db, submit),
    ...createProfileStore(db, { submit, sweep }),
    findUserNow: (userId) => userReads.findUser(userId),
    findLongTokenNow,
    ...tokens,
    ...longTokens,
    ...messages.store,
    ...createUploadStore(db, { submit, files, clock: options.clock }),
    beforeCommit: writer.beforeCommit,
    onCommitted: telling.onCommitted,
    onEvent: telling.onEvent,
    positions: async (userId) => deliveryReads.positions(userId),
    ...createDeliveryStore(db, submit),
    ...createReceiptStore(db, submit),
    ...createHistoryReader(db, messageReads.toMessages),
    searchMessages: search.searchMessages,
    lastMessageId: async () => messageReads.lastMessageId(),
    undelivered: async (userId, deviceId) => deliveryReads.undelivered(userId, deviceId),
    newerThan: async (userId, after) => deliveryReads.newerThan(userId, after),
    run: async (from) => withContent(messageReads.run(from), from.inlineBytesMax),
    scan: async (range) => {
      const { messages, through } = messageReads.scan(range);
      return { messages: await withContent(messages, range.inlineBytesMax), through };
    },
    events: async (userId, door, page) => deliveryReads.events(userId, door, page),
    confirmEvents: (userId, door, eventIds) =>
      submit("confirmEvents", { userId, door, eventIds: [...eventIds] }).then(nothing),
    mqtt: createMqttStore({ submit, submitLater, beforeCommit: writer.beforeCommit }, createMqttReader(db, disk)),
    paidMessages: createPaidMessageStore(db, submit),
    keptTime: readKeptTime(db),
    keepTime: (time) => submit("keepTime", time).then(nothing),
    setDiskShare: async (bytes) => {
      if (disk.shareBytes() !== bytes) await submit("setDiskShare", { bytes });
    },
    takenOfDisk: async (userId) => disk.takenBy(userId),
    waiting: writer.waiting,
    close,
  };
}
