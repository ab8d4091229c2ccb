/** Records of the client as the views show them. What does not change is the same object, so that it is not drawn again. */
import type { ContentAddresses } from "../browser/content-addresses.ts";
import type { Client } from "../client/client.ts";
import type { ChatRecord, MessageRecord, PersonRecord } from "../client/records.ts";
import type { QueuedRecord } from "../client/storage.ts";
import type { Chat, Delivery, FileShown, Message, Person } from "./model.ts";

/** A record as it was shown, and what else that depended on. */
interface Shown<T> {
  readonly state: string;
  readonly value: T;
}

/** `undefined` fields are left out, as the views' types want it. */
type Loose<T> = { [K in keyof T]: T[K] | undefined };
function present<T extends object>(fields: Loose<T>): T {
  const value = { ...fields } as Record<string, unknown>;
  for (const key of Object.keys(value)) if (value[key] === undefined) delete value[key];
  return value as T;
}

const isText = (type: string): boolean => type === "text" || type.startsWith("text/");
const isFile = (type: string): boolean => ["image", "file", "video", "audio"].includes(type) || type.includes("/");

const dateOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms));

export class Showing {
  readonly #client: Client;
  readonly #addresses: ContentAddresses;
  readonly #messages = new WeakMap<MessageRecord | QueuedRecord, Shown<Message>>();
  readonly #chats = new WeakMap<ChatRecord, Shown<Chat>>();
  readonly #people = new WeakMap<PersonRecord, Shown<Person>>();

  constructor(client: Client, addresses: ContentAddresses) {
    this.#client = client;
    this.#addresses = addresses;
  }

  get #me(): string {
    return this.#client.cache.identity?.userId ?? "";
  }

  message(record: MessageRecord): Message {
    const own = record.senderId === this.#me;
    const delivery = own ? this.#delivery(record) : undefined;
    return this.#once(this.#messages, record, delivery ?? "", () => {
      const { chatId, messageId, seq, senderId, type, deleted, replyTo, mentions } = record;
      const key = (own ? record.clientId : undefined) ?? messageId;
      const file = deleted ? undefined : this.#file(record);
      return present<Message>({
        key,
        chatId,
        messageId,
        seq,
        senderId,
        own,
        time: new Date(record.time),
        type,
        text: file === undefined && !deleted ? (record.content ?? "") : undefined,
        file,
        replyTo,
        mentions,
        edited: dateOf(record.edited),
        deleted,
        reactions: record.reactions.map(({ reaction, count, userIds }) => ({
          reaction,
          count,
          own: userIds.includes(this.#me),
          userIds,
        })),
        delivery,
        refusal: undefined,
        progress: undefined,
      });
    });
  }

  /** What waits to be sent. */
  queued(record: QueuedRecord): Message {
    const { clientId, refusal, file } = record;
    const { queue, cache } = this.#client;
    const progress = file === undefined ? undefined : (queue.progressOf(clientId) ?? 0);
    const isUnderWay = queue.isSending(clientId) || (progress ?? 0) > 0;
    const delivery: Delivery = refusal !== undefined ? "refused" : isUnderWay ? "sending" : "waiting";
    return this.#once(this.#messages, record, `${delivery} ${progress}`, () =>
      present<Message>({
        key: clientId,
        chatId: cache.chatIdOf(record.chatId),
        messageId: undefined,
        seq: undefined,
        senderId: record.userId,
        own: true,
        time: new Date(record.madeAt),
        type: file?.type ?? "text",
        text: record.text,
        file:
          file &&
          present<FileShown>({ ...this.#addresses.ofBlob(clientId, file.blob), ...sizesOf(file), name: file.name }),
        replyTo: record.replyTo,
        mentions: record.mentions ?? [],
        edited: undefined,
        deleted: false,
        reactions: [],
        delivery,
        refusal,
        progress,
      }),
    );
  }

  /** `last`: what waits to be sent in the chat, the newest of it. */
  chat(record: ChatRecord, last: QueuedRecord | undefined): Chat {
    const typing = this.#client.people.typingIn(record.chatId);
    const shown = last !== undefined ? this.queued(last) : record.last && this.message(record.last);
    const muted = record.mutedUntil !== undefined && record.mutedUntil > Date.now() ? record.mutedUntil : undefined;
    const state = `${typing} ${muted} ${shown?.key} ${shown?.delivery} ${shown?.progress}`;
    return this.#once(this.#chats, record, state, () => {
      const { chatId, kind, name, avatar, ownerId, peerId, unread, mentioned, readSeq, lastSeq, memberIds } = record;
      return present<Chat>({
        chatId,
        kind,
        name,
        avatar,
        ownerId,
        peerId,
        unread,
        mentioned,
        readSeq,
        lastSeq,
        mutedUntil: dateOf(muted),
        last: shown,
        typing,
        memberIds,
      });
    });
  }

  person(record: PersonRecord): Person {
    const presence = this.#client.people.presence.get(record.userId);
    return this.#once(this.#people, record, `${presence?.online} ${presence?.lastSeen}`, () => {
      const shown = presence && present({ online: presence.online, lastSeen: dateOf(presence.lastSeen) });
      return present<Person>({ ...record, presence: shown });
    });
  }

  #once<K extends object, T>(known: WeakMap<K, Shown<T>>, record: K, state: string, make: () => T): T {
    const before = known.get(record);
    if (before?.state === state) return before.value;
    const value = make();
    known.set(record, { state, value });
    return value;
  }

  /** In a group: that all have it, of those who let it be known. */
  #delivery({ chatId, seq }: MessageRecord): Delivery {
    const others = Object.values(this.#client.cache.chats.get(chatId)?.progress ?? {});
    if (others.length === 0) return "stored";
    if (others.every(({ read }) => read >= seq)) return "read";
    return others.every(({ delivered }) => delivered >= seq) ? "delivered" : "stored";
  }

  #file({ messageId, type, content, file }: MessageRecord): FileShown | undefined {
    if (file !== undefined) return present<FileShown>({ ...file });
    if (content === undefined || content === "" || isText(type) || !isFile(type)) return undefined;
    return this.#addresses.ofBase64(messageId, content);
  }
}

const sizesOf = ({ width, height }: { width?: number | undefined; height?: number | undefined }) => ({ width, height });
