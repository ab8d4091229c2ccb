/**
 * The changes of messages that one session hears, as PUBLISH at QoS 0. What finds no room is not kept here: the chat's
 * revision is, and once there is room the session is given what the store says of the changes since.
 */
import type { ChatPlace } from "../access/chat-form.ts";
import type { MessageChange } from "../delivery/shapes.ts";
import { DomainError } from "../domain/errors.ts";
import { concerns } from "../domain/messages/addressed.ts";
import type { Changes } from "../domain/messages/edits.ts";
import type { ChatId, Message, MessageReader } from "../domain/model.ts";
import type { PreparedPublish } from "../mqtt/publish/prepared-publish.ts";
import type { ServiceSession } from "../mqtt/service.ts";

/** Chats in which a session is behind. Beyond that it misses changes of the one that waits longest, and sees it by the revisions. */
const behindMax = 1024;
const pageMax = 32;
/** No message has this id, so a change that was sent is not taken for a message. */
const noMessage = 0;

interface Behind {
  readonly chatKey: string;
  /** The session was told up to here. */
  after: number;
  /** The newest change that it was not told of. */
  noticed: number;
}

interface ChangeWriterParts {
  /** As which it reads now. */
  reader(): MessageReader;
  session: Pick<ServiceSession, "deliver">;
  /** Under which name the session hears changes of a chat; undefined where it does not. */
  nameOf(chat: ChatPlace): string | undefined;
  /** Undefined where there is nothing to say of it. */
  packetOf(change: MessageChange | Message, name: string): PreparedPublish | undefined;
  changesAfter(chatId: ChatId, after: number, limit: number): Promise<Changes>;
  failed(error: unknown): void;
}

export class ChangeWriter {
  readonly #parts: ChangeWriterParts;
  readonly #behind = new Map<ChatId, Behind>();
  #reading = false;

  constructor(parts: ChangeWriterParts) {
    this.#parts = parts;
  }

  tell(change: MessageChange): void {
    const of = change.type === "message.reacted" ? change.reacted : change.message;
    const name = this.#parts.nameOf(of);
    const isFor = change.type === "message.edited" || isForReader(change, this.#parts.reader());
    if (name === undefined || !isFor) return;
    const { chatId, chatKey, revision = 0 } = of;
    const behind = this.#behind.get(chatId);
    if (behind !== undefined) {
      behind.noticed = revision;
      return;
    }
    if (this.#deliver(name, change)) return;
    this.#behind.set(chatId, { chatKey, after: revision - 1, noticed: revision });
    if (this.#behind.size <= behindMax) return;
    for (const oldest of this.#behind.keys()) {
      this.#behind.delete(oldest);
      return;
    }
  }

  /** The session has room. */
  writable(): void {
    if (this.#behind.size === 0 || this.#reading) return;
    this.#reading = true;
    this.#catchUp()
      .catch((error: unknown) => this.#parts.failed(error))
      .finally(() => {
        this.#reading = false;
      });
  }

  /** The connection is gone; who comes back asks. */
  end(): void {
    this.#behind.clear();
  }

  async #catchUp(): Promise<void> {
    for (const [chatId, behind] of this.#behind) {
      while (this.#behind.get(chatId) === behind) {
        const page = await this.#parts.changesAfter(chatId, behind.after, pageMax).catch(noneOfGone);
        const name = this.#parts.nameOf({ chatId, chatKey: behind.chatKey });
        // The user left the chat, or the filter is gone.
        if (page === undefined || name === undefined) {
          this.#behind.delete(chatId);
          break;
        }
        for (const message of page.messages) {
          if (!this.#deliver(name, message)) return;
          behind.after = message.revision ?? behind.after;
        }
        behind.after = page.revision;
        if (!page.more && behind.noticed <= page.revision) this.#behind.delete(chatId);
      }
    }
  }

  #deliver(name: string, change: MessageChange | Message): boolean {
    const packet = this.#parts.packetOf(change, name);
    return packet === undefined || this.#parts.session.deliver(packet, 0, noMessage) === "queued";
  }
}

const isForReader = (change: Exclude<MessageChange, { type: "message.edited" }>, reader: MessageReader): boolean =>
  concerns(change.type === "message.reacted" ? change.reacted : change.message, reader);

/** The user is in the chat no more. */
function noneOfGone(error: unknown): undefined {
  if (!(error instanceof DomainError)) throw error;
}
