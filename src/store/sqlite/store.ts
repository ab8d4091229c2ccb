/** The store on one SQLite file: changes through the writer Worker, reads through this thread's own connection. */

import type { DomainEvent, EventType } from "../../domain/events.ts";
import { base64Of, isLeftOut, withBase64Content } from "../../domain/messages/content.ts";
import type {
  ChatId,
  DeletedMessage,
  DeviceId,
  Draft,
  Left,
  Message,
  MessageFile,
  MessageId,
  Sent,
  User,
  UserId,
} from "../../domain/model.ts";
import type { CommitListener, Store } from "../../domain/store.ts";
import type { Clock } from "../../lib/clock.ts";
import { hexOf } from "../../lib/hex.ts";
import type { Log } from "../../lib/log.ts";
import type { BrokerStore } from "../../mqtt/store.ts";
import { createFiles, defaultFileLimits, type FileLimits } from "../files/files.ts";
import { isHash } from "../files/folder.ts";
import { createAnswerStore } from "./answers/answer-store.ts";
import type { ChangeName } from "./changes.ts";
import { createChatReader } from "./chats/chat-reader.ts";
import { toEntered, toLeft } from "./chats/entered.ts";
import { createGroupStore } from "./chats/group-store.ts";
import { createContactStore } from "./contacts/contact-store.ts";
import { createDeliveryReader } from "./deliveries/delivery-reader.ts";
import { createDeliveryStore } from "./deliveries/delivery-store.ts";
import type { WireAdvance } from "./deliveries/positions.ts";
import { type Durability, openForReading } from "./engine/open.ts";
import { openWorkerLog } from "./engine/worker-log.ts";
import { type Asked, createWriter } from "./engine/writer.ts";
import type { WriterThread } from "./engine/writer-thread.ts";
import { eventsOf, MovedPositions } from "./events.ts";
import type { WireExchange, WireExchanged } from "./messages/exchange-changes.ts";
import { createExchangeStore, toExchanged } from "./messages/exchange-store.ts";
import { createHistoryReader } from "./messages/history-reader.ts";
import { createLargeAppends, type PutFile } from "./messages/large-appends.ts";
import type { WireDraft } from "./messages/message-changes.ts";
import { createMessageContent } from "./messages/message-content.ts";
import { createMessageReader } from "./messages/message-reader.ts";
import { type EncodedAppend, sentMessage } from "./messages/stored-message.ts";
import { createMqttReader } from "./mqtt/reader.ts";
import { createMqttStore } from "./mqtt/store.ts";
import { toWireScramKeys } from "./people/device-changes.ts";
import { createMqttDeviceStore } from "./people/device-store.ts";
import type { DirectoryRule } from "./people/directory.ts";
import { createLogInStore } from "./people/log-in-store.ts";
import { createPeopleReader } from "./people/people-reader.ts";
import { createTokenStore } from "./people/token-store.ts";
import { createUserReader } from "./people/user-reader.ts";
import { createPaidMessageStore, type PaidMessageStore } from "./phones/paid-messages.ts";
import { createPhoneStore } from "./phones/phone-store.ts";
import { createProfileStore } from "./profiles/profile-store.ts";
import type { Submit, SubmitLater } from "./submit.ts";
import { createWebhookStore } from "./webhooks/webhook-store.ts";

/** Messages of a chat that is gone, removed by one change. */
const sweepRows = 2000;

export interface SqliteStore extends Store {
  /** What an MQTT broker must remember. */
  readonly mqtt: BrokerStore;
  /** What the limits on spending count. */
  readonly paidMessages: PaidMessageStore;
  /** The user with this id, by a plain read. */
  findUserNow(userId: number): User | undefined;
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
  /** The writer's, where it was started already. */
  readonly thread?: WriterThread | undefined;
  /** Writing is refused for this reason, or (undefined) works again. */
  onStorage(reason: string | undefined): void;
  /** The store is gone; the process must end with a failure. */
  onDeath(error: Error): void;
}

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
    thread: options.thread,
    onStorage,
  });
  const writer = createWriter({
    batches,
    clock: options.clock,
    log,
    onStorage,
    onDeath: options.onDeath,
    committed: {
      forget: () => membersOf.clear(),
      settle,
      batchSettled() {
        const events = moved.take();
        if (events.length > 0) void tell(events);
      },
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
  const files = createFiles({
    dataDir,
    durable: options.durability === "disk",
    limits: fileLimits,
    log,
    isReferenced: messageReads.isFileReferenced,
    onDeath: options.onDeath,
  });
  storage.refuse = files.refuse;
  const large = createLargeAppends({ files, bytesMin: fileLimits.bytesMin });
  const { withContent, withContentOf } = createMessageContent(files);
  /** Member lists as of the last commit that told them; see `Appended`. */
  const membersOf = new Map<number, readonly UserId[]>();
  const { tokens, committed: forgetOwners } = createTokenStore({ submit, findToken: userReads.findToken, getUser });
  const listeners = new Set<CommitListener>();
  const moved = new MovedPositions();
  let closing = false;
  for (const chatId of sweeps) sweep(chatId as ChatId);

  /** What was committed is told to all who listen, and then to the caller. */
  function settle({ name, args, local, resolve }: Asked, outcome: unknown): void {
    forgetOwners(name, args);
    const value = built(name, { args, local, outcome });
    const events = eventsOf(name, value, args);
    if (hears("position.moved")) moved.note(name, outcome);
    const told = events.length === 0 ? undefined : tell(events);
    if (told === undefined) resolve(value);
    else void told.then(() => resolve(value));
  }

  function hears(type: EventType): boolean {
    for (const listener of listeners) if (listener.hears(type)) return true;
    return false;
  }

  function tell(events: readonly DomainEvent[]): Promise<unknown> | undefined {
    const pending: Promise<void>[] = [];
    for (const listener of listeners) {
      const told = listener.committed(events);
      if (told !== undefined) pending.push(told);
    }
    return pending.length === 0 ? undefined : Promise.all(pending);
  }

  /** See `ValueOf`. */
  function built(name: ChangeName, given: { args: unknown; local: unknown; outcome: unknown }): unknown {
    const { args, local, outcome } = given;
    switch (name) {
      case "appendMessage":
        return toSent(local as Draft, args as WireDraft, outcome as EncodedAppend);
      case "appendMessages": {
        const { drafts: wires } = args as { drafts: readonly WireDraft[] };
        const drafts = local as readonly Draft[];
        return (outcome as readonly EncodedAppend[]).flatMap((one, index) => {
          const [draft, wire] = [drafts[index], wires[index]];
          return draft === undefined || wire === undefined ? [] : toSent(draft, wire, one);
        });
      }
      case "exchange":
      case "confirmStatuses":
        return outcome === "foreign" ? outcome : toExchanged(args as WireExchange, outcome as WireExchanged);
      default:
        return outcome;
    }
  }

  function appendMessage(draft: Draft): Promise<Sent> {
    if (!large.concernsOne(draft)) return append(draft, undefined).then(withItsContent);
    return large.append([draft], ([file]) => append(draft, file), withItsContent);
  }

  function append(draft: Draft, file: PutFile): Promise<Sent> {
    const [wire, blobs] = toWire(withRule(draft), [], file);
    return submit("appendMessage", wire, { blobs, local: draft });
  }

  const withRule = (draft: Draft): Draft & DirectoryRule =>
    rule.hidesStrangers === undefined ? draft : { ...draft, ...rule };

  /** What is repeated comes from the store, and its content perhaps from a file. */
  function withItsContent(sent: Sent): Sent | Promise<Sent> {
    return sent.repeated && isLeftOut(sent.message) ? withContentOf(sent) : sent;
  }

  function appendMessages(drafts: readonly Draft[]): Promise<Sent[]> {
    return large.concerns(drafts) ? large.append(drafts, submitAll, same) : submitAll([]).then(same);

    function submitAll(put: readonly PutFile[]): Promise<Sent[]> {
      const blobs: Uint8Array[] = [];
      const wires = drafts.map((draft, index) => toWire(withRule(draft), blobs, put[index])[0]);
      return submit("appendMessages", { drafts: wires }, { blobs, local: drafts });
    }
  }

  function toSent(draft: Draft, { content }: WireDraft, encoded: EncodedAppend): Sent {
    const [, , , chatId, , , repeatOf, members, entered] = encoded;
    if (members !== null) membersOf.set(chatId, members as UserId[]);
    if (repeatOf !== 0) {
      const message = messageReads.messageById(repeatOf as MessageId);
      if (message !== undefined) {
        return { message, members: membersOf.get(chatId) ?? [], repeated: true, entered: undefined };
      }
    }
    const file = typeof content !== "string" && "file" in content ? content.file : undefined;
    const message = sentMessage(draft, encoded, file === undefined ? contentOf(draft) : "");
    return {
      message: file === undefined ? message : withFile(message, draft, file),
      members: membersOf.get(chatId) ?? [],
      repeated: repeatOf !== 0,
      entered: entered === null ? undefined : toEntered(entered),
    };
  }

  async function createUser(user: Parameters<Store["createUser"]>[0]): Promise<User> {
    const { scramKeys, invite, ...rest } = user;
    return getUser(
      await submit("createUser", {
        ...rest,
        scramKeys: toWireScramKeys(scramKeys),
        invite: invite === undefined ? undefined : hexOf(invite),
      }),
    );
  }

  function getUser(userId: number): User {
    const user = userReads.findUser(userId);
    if (user === undefined) throw new Error(`user ${userId} cannot be read back`);
    return user;
  }

  async function putMembers(put: Parameters<Store["putMembers"]>[0]) {
    const { chat, userIds, renamed, entered } = await submit("putMembers", { ...put, membersMax });
    // Gone again where a later change of the same commit deleted it: then those who were put are all there is to tell.
    const view = chatReads.findChatView({ id: chat.chatId }, undefined) ?? {
      chat,
      members: [...new Set(userIds)].map(getUser),
    };
    return {
      view,
      users: userIds.map(getUser),
      renamed: renamed.map(getUser),
      entered: entered === undefined ? undefined : toEntered(entered),
    };
  }

  async function removeMembers(removal: Parameters<Store["removeMembers"]>[0]): Promise<Left | undefined> {
    const parts = await submit("removeMembers", removal);
    if (parts === undefined || parts === null) return undefined;
    if (parts.deleted) sweep(parts.chat.chatId);
    return toLeft(parts);
  }

  async function deleteChat(chatKey: string): Promise<Left> {
    const parts = await submit("deleteChat", { chatKey });
    sweep(parts.chat.chatId);
    return toLeft(parts);
  }

  /** One slice after the other; whatever a stop leaves behind goes on at the next start. */
  function sweep(chatId: ChatId): void {
    submit("sweepChat", { chatId, rows: sweepRows }).then(
      (finished) => {
        if (!finished && !closing) sweep(chatId);
      },
      (error: unknown) => log.debug("messages of a deleted chat remain for now", { chatId, error }),
    );
  }

  async function close(): Promise<void> {
    closing = true; // Else a large sweep would be waited for.
    await writer.close();
    files.close();
    db.close();
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  const nothing = (): void => {};
  const same = <Value>(value: Value): Value => value;
  return {
    createUser,
    setPassword: (userId, passwordHash, scramKeys) =>
      submit("setPassword", { userId, passwordHash, scramKeys: toWireScramKeys(scramKeys) }).then(nothing),
    ...createMqttDeviceStore(db, submit),
    ...createExchangeStore(db, submit),
    ...createPhoneStore(db, { submit, submitLater }),
    ...createWebhookStore(db, { submit, toMessages: messageReads.toMessages }),
    ...createAnswerStore(db, { submit, clock: options.clock }),
    ...createContactStore(db, submit, rule),
    ...createGroupStore(submit, { sweep, membersMax, rule }),
    ...createLogInStore(db, { submit, submitLater, sweep }),
    ...createProfileStore(db, { submit, sweep }),
    findUserNow: (userId) => userReads.findUser(userId),
    setAvatar: (userId, picture) =>
      submit("setAvatar", {
        userId,
        avatar: picture === undefined ? undefined : Buffer.from(picture).toString("base64"),
      }).then(({ updatedAtMs }) => ({ updatedAtMs })),
    touchUsers: (seen) => submit("touchUsers", { seen }).then(nothing),
    findUser: async (userId) => userReads.findUser(userId),
    findUserByKey: async (key) => userReads.findUserByKey(key),
    findPasswordHash: async (userId) => userReads.findPasswordHash(userId),
    listUsers: async (page) => userReads.listUsers(page),
    countUsers: people.countUsers,
    userListVersion: people.userListVersion,
    recentChats: people.recentChats,
    listAcquaintances: async (userId, limit) => userReads.enabledUsers(people.acquaintanceIds(userId, limit)),
    ...tokens,
    findParticipant: async (guid) => userReads.findParticipant(guid),
    shareChat: async (userId, other) => userReads.shareChat(userId, other),
    openDevice: (device) => submit("openDevice", device).then((deviceId) => deviceId as DeviceId),
    endDevice: (device) => submit("endDevice", device).then(nothing),
    findBackendKey: async () => userReads.findBackendKey(),
    setBackendKey: (hash) => submit("setBackendKey", { hash: hexOf(hash) }).then(nothing),
    createChat: (chat) => submit("createChat", { ...chat, ...rule, membersMax }).then(toEntered),
    putMembers,
    removeMembers,
    deleteChat,
    findChat: async (ref, asSeenBy) => chatReads.findChat(ref, asSeenBy),
    findChatOf: async (userId, ref) => chatReads.findChatOf(userId, ref),
    findChatView: async (ref, asSeenBy) => chatReads.findChatView(ref, asSeenBy),
    isMember: async (chatId, userId) => chatReads.isMember(chatId, userId),
    chatsOf: async (userId) => chatReads.chatsOf(userId),
    chatPage: async (userId, page) => chatReads.chatPage(userId, page),
    memberIds: async (chatId, limit) => chatReads.memberIds(chatId, limit),
    appendMessage,
    appendMessages,
    deleteMessage: (request) =>
      submit("deleteMessage", request).then(({ members, ...of }) => ({
        message: { ...of, messageId: request.messageId } as DeletedMessage,
        members: members as UserId[],
      })),
    findMessage: async (messageId, inlineBytesMax) => {
      const message = messageReads.messageById(messageId);
      return message === undefined ? undefined : (await withContent([message], inlineBytesMax))[0];
    },
    findFile: async (userId, hash) => {
      const file = isHash(hash) ? messageReads.findFile(userId, hash) : undefined;
      const content = file === undefined ? undefined : await files.open(hash);
      return file === undefined || content === undefined ? undefined : { ...file, content };
    },
    withContent: async (messages, inlineBytesMax) => withContent(messages, inlineBytesMax),
    messages: async ({ chatId, afterSeq, beforeSeq, limit, reader: by, inlineBytesMax, bytesMax }) =>
      withContent(messageReads.page({ chatId, afterSeq, beforeSeq, limit, bytesMax, by }), inlineBytesMax),
    beforeCommit: writer.beforeCommit,
    onCommitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    advance: (moves) =>
      submit("advance", {
        moves: moves.map(
          (move): WireAdvance => [
            move.userId,
            move.deviceId ?? 0,
            move.chatId,
            move.deliveredSeq,
            move.passedOver === true ? 1 : 0,
          ],
        ),
      }).then(nothing),
    positions: async (userId) => deliveryReads.positions(userId),
    ...createDeliveryStore(db, submit),
    ...createHistoryReader(db, messageReads.toMessages),
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
    mqtt: createMqttStore({ submit, submitLater, beforeCommit: writer.beforeCommit }, createMqttReader(db)),
    paidMessages: createPaidMessageStore(db, submit),
    waiting: writer.waiting,
    close,
  };
}

/** Bytes do not fit JSON: they travel beside it, by their place in `blobs`. What stands in a file does not travel. */
function toWire(draft: Draft & DirectoryRule, blobs: Uint8Array[], file?: PutFile): [WireDraft, Uint8Array[]] {
  if (file !== undefined) return [{ ...draft, content: { file } }, blobs];
  if (typeof draft.content === "string") return [draft as WireDraft, blobs];
  if (draft.asBase64 === true) return [{ ...draft, content: base64Of(draft.content) }, blobs];
  blobs.push(draft.content);
  return [{ ...draft, content: { blob: blobs.length - 1 } }, blobs];
}

const contentOf = ({ content, asBase64 }: Draft): string | Uint8Array =>
  asBase64 === true && typeof content !== "string" ? base64Of(content) : content;

function withFile(message: Message, { content, asBase64 }: Draft, file: MessageFile): Message {
  if (asBase64 === true && typeof content !== "string") return withBase64Content({ ...message, file }, content);
  return { ...message, content, file };
}
