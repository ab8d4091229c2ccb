/** The store on one SQLite file: changes through the writer Worker, reads through this thread's own connection. */

import { kindOfType } from "../../domain/messages.ts";
import type {
  ChatId,
  DeletedMessage,
  DeviceId,
  Draft,
  Left,
  Message,
  MessageId,
  Sent,
  TokenOwner,
  User,
  UserId,
} from "../../domain/model.ts";
import type { Store, TokenKind } from "../../domain/store.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { WireAvatarSet } from "./changes/avatars.ts";
import type { EnteredParts, LeftParts, WirePut } from "./changes/chats.ts";
import type { ChangeName } from "./changes/index.ts";
import type { WireDeleted } from "./changes/message-ends.ts";
import type { EncodedAppend, WireDraft } from "./changes/messages.ts";
import { toWireScramKeys } from "./changes/mqtt-devices.ts";
import type { WireProvisioned } from "./changes/users.ts";
import { createContactStore } from "./contact-store.ts";
import { createDeliveryStore } from "./delivery-store.ts";
import { toEntered, toLeft } from "./entered.ts";
import { createGroupStore } from "./group-store.ts";
import { createHistoryReader } from "./history-reader.ts";
import { createLogInStore } from "./log-in-store.ts";
import { createMqttDeviceStore } from "./mqtt-devices.ts";
import { createMqttReader } from "./mqtt-reader.ts";
import { createMqttStore, type MqttStore } from "./mqtt-store.ts";
import { type Durability, openForReading } from "./open.ts";
import { createPaidMessageStore, type PaidMessageStore } from "./paid-messages.ts";
import { createPeopleReader } from "./people-reader.ts";
import { createPhoneStore } from "./phone-store.ts";
import { createProfileStore } from "./profile-store.ts";
import { createReader } from "./reader.ts";
import { openWriter } from "./writer.ts";

/** Messages of a chat that is gone, removed by one change. */
const sweepRows = 2000;
const tokenOwnersMax = 10_000;

export interface SqliteStore extends Store {
  /** What an MQTT broker must remember. */
  readonly mqtt: MqttStore;
  /** What the limits on spending count. */
  readonly paidMessages: PaidMessageStore;
  /** Whether somebody has this id and may be here; a plain read. */
  findUserNow(userId: number): User | undefined;
  waiting(): { changes: number; bytes: number };
  close(): Promise<void>;
}

export interface StoreOptions {
  readonly dataDir: string;
  readonly durability: Durability;
  /** Users find only those by number whom they know. */
  readonly hidesStrangers?: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Writing is refused for this reason, or (undefined) works again. */
  onStorage(reason: string | undefined): void;
  /** The store is gone; the process must end with a failure. */
  onDeath(error: Error): void;
}

export async function openStore(options: StoreOptions): Promise<SqliteStore> {
  const writer = await openWriter(options);
  const db = openForReading(options.dataDir);
  const reader = createReader(db);
  const people = createPeopleReader(db);
  const { log } = options;
  /** Member lists as of the last commit that told them; see `Appended`. */
  const membersOf = new Map<number, readonly UserId[]>();
  writer.onGeneration(() => membersOf.clear());

  /** Tokens seen lately, by the hex of their hash: every REST request shows one. Void with any change to people or tokens. */
  const tokenOwners = new Map<string, TokenOwner>();

  const { submit } = writer;
  let closing = false;
  for (const chatId of writer.sweeps) sweep(chatId as ChatId);

  function appendMessage(draft: Draft): Promise<Sent> {
    const [wire, blobs] = toWire(draft, []);
    return submit<EncodedAppend>("appendMessage", wire, blobs).then((encoded) => toSent(draft, encoded));
  }

  // Both ways in settle after the same number of turns, so that messages are published in the order of their commits.
  function appendMessages(drafts: readonly Draft[]): Promise<Sent[]> {
    const blobs: Uint8Array[] = [];
    const wires = drafts.map((draft) => toWire(draft, blobs)[0]);
    return submit<EncodedAppend[]>("appendMessages", { drafts: wires }, blobs).then((encoded) =>
      drafts.flatMap((draft, index) => {
        const one = encoded[index];
        return one === undefined ? [] : [toSent(draft, one)];
      }),
    );
  }

  function toSent(draft: Draft, encoded: EncodedAppend): Sent {
    const [messageId, seq, sentAtMs, chatId, chatKey, senderKey, repeatOf, members, entered] = encoded;
    if (members !== null) membersOf.set(chatId, members as UserId[]);
    if (repeatOf !== 0) {
      const message = reader.messageById(repeatOf as MessageId);
      if (message !== undefined) {
        return { message, members: membersOf.get(chatId) ?? [], repeated: true, entered: undefined };
      }
    }
    const message: Message = {
      messageId: messageId as MessageId,
      chatId: chatId as ChatId,
      chatKey,
      seq,
      senderId: draft.from,
      senderKey,
      kind: kindOfType(draft.type),
      type: draft.type,
      content: draft.content,
      clientId: draft.clientId,
      clientTimeMs: draft.clientTimeMs,
      sentAtMs,
    };
    return {
      message,
      members: membersOf.get(chatId) ?? [],
      repeated: repeatOf !== 0,
      entered: entered === null ? undefined : toEntered(entered),
    };
  }

  async function createUser(user: Parameters<Store["createUser"]>[0]): Promise<User> {
    const { scramKeys, invite, ...rest } = user;
    return getUser(
      await submit<number>("createUser", {
        ...rest,
        scramKeys: toWireScramKeys(scramKeys),
        invite: invite === undefined ? undefined : hex(invite),
      }),
    );
  }

  function getUser(userId: number): User {
    const user = reader.findUser(userId);
    if (user === undefined) throw new Error(`user ${userId} cannot be read back`);
    return user;
  }

  async function provision(participants: Parameters<Store["provision"]>[0]) {
    const wire = participants.map((participant) => ({
      ...participant,
      publicKey:
        participant.publicKey === undefined ? undefined : Buffer.from(participant.publicKey).toString("base64"),
      tokens: participant.tokens.map((token) => ({ ...token, hash: hex(token.hash) })),
    }));
    const owners = await submitPeople<WireProvisioned[]>("provision", { participants: wire });
    return owners.map((owner) => ({
      user: getUser(owner.userId),
      deviceId: (owner.deviceId ?? undefined) as DeviceId | undefined,
      renamed: owner.renamed,
    }));
  }

  function findToken(hash: Uint8Array, kind: TokenKind): TokenOwner | undefined {
    const key = `${kind}:${hex(hash)}`;
    const known = tokenOwners.get(key);
    if (known !== undefined) return known;
    const owner = reader.findToken(hash, kind);
    if (owner === undefined) return undefined;
    if (tokenOwners.size >= tokenOwnersMax) tokenOwners.clear();
    tokenOwners.set(key, owner);
    return owner;
  }

  /** A change to people or tokens: what is remembered of them is void once it settled. */
  function submitPeople<Value>(name: ChangeName, args: unknown): Promise<Value> {
    const clear = (): void => tokenOwners.clear();
    const settled = submit<Value>(name, args);
    // Beside the caller's own turn, not before it: it must not settle later than what was submitted after it.
    settled.then(clear, clear);
    return settled;
  }

  async function putMembers(put: Parameters<Store["putMembers"]>[0]) {
    const { chat, userIds, renamed, entered } = await submitPeople<WirePut>("putMembers", put);
    // Gone again where a later change of the same commit deleted it: then those who were put are all there is to tell.
    const view = reader.findChatView({ id: chat.chatId }, undefined) ?? {
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
    const parts = await submit<LeftParts | undefined>("removeMembers", removal);
    if (parts === undefined || parts === null) return undefined;
    if (parts.deleted) sweep(parts.chat.chatId);
    return toLeft(parts);
  }

  async function deleteChat(chatKey: string): Promise<Left> {
    const parts = await submit<LeftParts>("deleteChat", { chatKey });
    sweep(parts.chat.chatId);
    return toLeft(parts);
  }

  /** One slice after the other; whatever a stop leaves behind goes on at the next start. */
  function sweep(chatId: ChatId): void {
    submit<boolean>("sweepChat", { chatId, rows: sweepRows }).then(
      (finished) => {
        if (!finished && !closing) sweep(chatId);
      },
      (error: unknown) => log.debug("messages of a deleted chat remain for now", { chatId, error }),
    );
  }

  async function close(): Promise<void> {
    closing = true; // Else a large sweep would be waited for.
    await writer.close();
    db.close();
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  const nothing = (): void => {};
  const same = <Value>(value: Value): Value => value;
  return {
    createUser,
    setPassword: (userId, passwordHash, scramKeys) =>
      submitPeople("setPassword", { userId, passwordHash, scramKeys: toWireScramKeys(scramKeys) }).then(nothing),
    ...createMqttDeviceStore(db, submit),
    ...createPhoneStore(db, writer),
    ...createContactStore(db, submit),
    ...createGroupStore(submit, sweep),
    ...createLogInStore(db, { submit, submitLater: writer.submitLater, submitPeople, sweep }),
    ...createProfileStore(db, { submit, submitPeople, sweep }),
    findUserNow: (userId) => reader.findUser(userId),
    setAvatar: (userId, picture) =>
      submitPeople<WireAvatarSet>("setAvatar", {
        userId,
        avatar: picture === undefined ? undefined : Buffer.from(picture).toString("base64"),
      }),
    touchUsers: (seen) => submit("touchUsers", { seen }).then(nothing),
    findUser: async (userId) => reader.findUser(userId),
    findUserByKey: async (key) => reader.findUserByKey(key),
    findPasswordHash: async (userId) => reader.findPasswordHash(userId),
    listUsers: async (page) => reader.listUsers(page),
    countUsers: people.countUsers,
    userListVersion: people.userListVersion,
    recentChats: people.recentChats,
    listAcquaintances: async (userId, limit) => reader.enabledUsers(people.acquaintanceIds(userId, limit)),
    provision,
    findToken: async (hash, kind) => findToken(hash, kind),
    openDevice: (device) => submit<DeviceId>("openDevice", device).then(same),
    endDevice: (device) => submitPeople("endDevice", device).then(nothing),
    findBackendKey: async () => reader.findBackendKey(),
    setBackendKey: (hash) => submit("setBackendKey", { hash: hex(hash) }).then(nothing),
    createChat: (chat) => submit<EnteredParts>("createChat", chat).then(toEntered),
    putMembers,
    removeMembers,
    deleteChat,
    findChat: async (ref, asSeenBy) => reader.findChat(ref, asSeenBy),
    findChatOf: async (userId, ref) => reader.findChatOf(userId, ref),
    findChatView: async (ref, asSeenBy) => reader.findChatView(ref, asSeenBy),
    isMember: async (chatId, userId) => reader.isMember(chatId, userId),
    chatsOf: async (userId) => reader.chatsOf(userId),
    appendMessage,
    appendMessages,
    deleteMessage: (request) =>
      submit<WireDeleted>("deleteMessage", request).then(({ members, ...of }) => ({
        message: { ...of, messageId: request.messageId } as DeletedMessage,
        members: members as UserId[],
      })),
    findMessage: async (messageId) => reader.messageById(messageId),
    messages: async ({ chatId, afterSeq, beforeSeq, limit }) => reader.page({ chatId, afterSeq, beforeSeq, limit }),
    beforeCommit: writer.beforeCommit,
    advance: (moves) =>
      submit("advance", {
        moves: moves.map((move) => [
          move.userId,
          move.deviceId ?? 0,
          move.chatId,
          move.deliveredSeq,
          move.passedOver === true ? 1 : 0,
        ]),
      }).then(nothing),
    positions: async (userId) => reader.positions(userId),
    ...createDeliveryStore(db, submit),
    ...createHistoryReader(db, reader.toMessage),
    lastMessageId: async () => reader.lastMessageId(),
    undelivered: async (userId, deviceId) => reader.undelivered(userId, deviceId),
    newerThan: async (userId, after) => reader.newerThan(userId, after),
    run: async (from) => reader.run(from),
    scan: async (range) => reader.scan(range),
    events: async (userId, door, page) => reader.events(userId, door, page),
    confirmEvents: (userId, door, eventIds) =>
      submit("confirmEvents", { userId, door, eventIds: [...eventIds] }).then(nothing),
    mqtt: createMqttStore(writer, createMqttReader(db)),
    paidMessages: createPaidMessageStore(db, writer),
    waiting: writer.waiting,
    close,
  };
}

/** Bytes do not fit JSON: they travel beside it, by their place in `blobs`. */
function toWire(draft: Draft, blobs: Uint8Array[]): [WireDraft, Uint8Array[]] {
  if (typeof draft.content === "string") return [draft as WireDraft, blobs];
  blobs.push(draft.content);
  return [{ ...draft, content: { blob: blobs.length - 1 } }, blobs];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
