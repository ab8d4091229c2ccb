/** What the parts of the contract share: a store to be opened, people to act in it, and refusals to be expected. */
import { expect } from "bun:test";
import type { ContactStatus } from "../../../src/domain/contacts/contact-store.ts";
import { DomainError, type DomainErrorCode } from "../../../src/domain/errors.ts";
import type { Chat, ChatRef, DeviceId, Draft, Sent, User, UserId } from "../../../src/domain/model.ts";
import type { DeviceName, NewMqttDevice, Store } from "../../../src/domain/store.ts";
import type { ManualClock } from "../../support/manual-clock.ts";

export interface OpenedForTest extends AsyncDisposable {
  /** The one that is open now. */
  readonly store: Store;
  /** The store's own clock. */
  readonly clock: ManualClock;
  /** Closes and opens again what is on disk. */
  reopen(): Promise<Store>;
  /** A persistent MQTT session for drafts to name; its door keeps them, the store tells their DUPs. */
  openMqttSession(clientId: string): Promise<number>;
  /** Resolves when search has its index of all that was committed. */
  indexed(): Promise<void>;
  /** All that is kept on the disk, to show what is not. */
  bytesOnDisk(): Promise<Buffer>;
  /** Puts what no method of the store makes, behind its back. */
  readonly plant: Plant;
}

export interface Plant {
  /** What one user's row about another says. */
  contact(userId: UserId, contactId: UserId, status: ContactStatus): void;
  /** A profile that owns no user. */
  emptyProfile(phone: string): void;
}

export type OpenFresh = () => Promise<OpenedForTest>;

/** Checks what is remembered now, and that it still is after a restart. */
export async function alsoAfterReopening(opened: OpenedForTest, check: (now: Store) => Promise<void>): Promise<void> {
  await check(opened.store);
  await check(await opened.reopen());
}

export const openDevice = async (store: Store, device: DeviceName): Promise<DeviceId> =>
  (await store.openDevice(device)).deviceId;

/** Users without a username, in order. */
export function people<const Names extends readonly string[]>(
  store: Store,
  ...names: Names
): Promise<{ [Index in keyof Names]: User }> {
  return Promise.all(names.map((nick) => store.createUser({ nick }))) as Promise<{ [Index in keyof Names]: User }>;
}

export async function group(store: Store, owner: User, ...others: User[]): Promise<Chat> {
  const entered = await store.createChat({
    ownerId: owner.userId,
    members: others.map((user) => user.userId),
    name: undefined,
  });
  return entered.chat;
}

export const text = (from: User, chat: ChatRef, content: string | Uint8Array, more: Partial<Draft> = {}): Draft => ({
  chat,
  from: from.userId,
  type: "text",
  content,
  ...more,
});

export const inChat = (chat: { readonly chatId: number }): ChatRef => ({ id: chat.chatId });
export const withUser = (user: User): ChatRef => ({ id: user.userId });

/** Sends `count` messages, all in flight together. */
export function sendMany(store: Store, from: User, chat: ChatRef, count: number): Promise<Sent[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) => store.appendMessage(text(from, chat, `message ${n + 1}`))),
  );
}

export async function expectRefusal(work: Promise<unknown>, code: DomainErrorCode): Promise<void> {
  const outcome = await work.then(
    () => "done",
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(DomainError);
  expect(outcome).toMatchObject({ code });
}

/** Everything about `users` that the interface shows, to tell whether a refusal left anything behind. */
export async function snapshot(store: Store, users: readonly User[]) {
  const listed = await store.listUsers({ after: 0, limit: 1000 });
  const of = (userId: UserId) =>
    Promise.all([
      store.chatsOf(userId).then((chats) =>
        Promise.all(
          chats.map(async (chat) => ({
            view: await store.findChatView({ id: chat.chatId }),
            messages: await store.messages({ chatId: chat.chatId, limit: 1000 }),
          })),
        ),
      ),
      store.events(userId, "minioicq", { after: 0, limit: 1000 }),
      store.events(userId, "rest", { after: 0, limit: 1000 }),
      store.positions(userId),
      store.findPasswordHash(userId),
      store.undelivered(userId, undefined),
    ]);
  return {
    listed,
    count: await store.countUsers(),
    lastMessageId: await store.lastMessageId(),
    perUser: await Promise.all(users.map((user) => of(user.userId))),
  };
}

/** A device as the operator adds it: nothing is set but what `more` says. */
export const device = (name: string, more: Partial<NewMqttDevice> = {}): NewMqttDevice => ({
  name,
  passwordHash: undefined,
  certificateSubject: undefined,
  publish: undefined,
  subscribe: undefined,
  userId: undefined,
  scramKeys: undefined,
  ...more,
});
