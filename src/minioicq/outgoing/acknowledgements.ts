/**
 * The pushes of one log-in, and which of them its client has (O26). A client that acknowledges has what it confirms; any
 * other has what it was sent once the socket's buffer is empty.
 */
import type { ChatId, EventId, Message } from "../../domain/model.ts";
import { closeCode } from "../errors.ts";
import type { MiniOicqLimits } from "../limits.ts";
import type { MessageAck } from "../requests/handlers/acknowledge.ts";
import { type AckListener, AckWindow } from "./ack-window.ts";
import type { ClientConnection } from "./push-queue.ts";

/** Where more pushes than this were written before its first acknowledgement, a client is taken not to acknowledge those. */
const owedMax = 64;

export class Acknowledgements {
  readonly #limits: MiniOicqLimits;
  readonly #connection: ClientConnection;
  readonly #listener: AckListener<readonly EventId[]>;
  /** Where the client acknowledges. */
  #window: AckWindow<readonly EventId[]> | undefined;
  #pushesWritten = 0;
  /** Not written yet: pushes, and the messages in them. */
  #queuedPushes = 0;
  #queuedMessages = 0;

  constructor(parts: {
    limits: MiniOicqLimits;
    connection: ClientConnection;
    listener: AckListener<readonly EventId[]>;
  }) {
    this.#limits = parts.limits;
    this.#connection = parts.connection;
    this.#listener = parts.listener;
  }

  /** Pushes written from here on wait for the client's acknowledgement. */
  begin(owed = 0): void {
    this.#window ??= new AckWindow({ limits: this.#limits, listener: this.#listener, owed });
  }

  /** Plain acknowledgements that may be on their way. */
  get awaited(): number {
    return this.#window?.awaited ?? 0;
  }

  /** Gives whether something was confirmed, so that there may be room for more. */
  acknowledged({ messageIds, chatIds }: MessageAck): boolean {
    const plain = messageIds === undefined && chatIds === undefined;
    const window = this.#window;
    if (window === undefined) {
      // Its first one: it stands for the first push, which was confirmed by itself, and those for the others follow.
      const owed = Math.max(0, this.#pushesWritten - 1);
      this.begin(plain && owed <= owedMax ? owed : 0);
      return false;
    }
    if (plain) window.confirmOldest();
    if (messageIds !== undefined) window.confirmMessages(messageIds);
    if (chatIds !== undefined) window.confirmChats(chatIds);
    return true;
  }

  /** As `AckWindow.confirmThrough`. */
  confirmedThrough(chatId: ChatId, seq: number): void {
    this.#window?.confirmThrough(chatId, seq);
  }

  /** No more is to be pushed before something is confirmed. */
  get isFull(): boolean {
    return this.#window?.isFull(this.#queuedPushes, this.#queuedMessages) ?? false;
  }

  /** A push of so many messages waits to be written. */
  queued(messages: number): void {
    this.#queuedPushes += 1;
    this.#queuedMessages += messages;
  }

  /** It waits no longer. */
  unqueued(messages: number): void {
    this.#queuedPushes -= 1;
    this.#queuedMessages -= messages;
  }

  /** A push of `messages` is being written. */
  wrote(messages: readonly Message[]): void {
    this.#pushesWritten += 1;
    if (this.#window === undefined) return;
    this.#window.pushed(messages);
    // Answers to its own sends are not held back, so a client that never confirms them must be stopped here.
    if (this.#window.messages > this.#limits.unconfirmedMessagesHardMax) {
      this.#connection.close(closeCode.policy, "Too many unacknowledged messages");
    }
  }

  /** A chat's announcement is being written. */
  announced(chatId: ChatId, eventIds: readonly EventId[]): void {
    this.#window?.announced(chatId, eventIds);
  }

  /** Whether what is written now is confirmed by the client. */
  get expected(): boolean {
    return this.#window !== undefined;
  }

  end(): void {
    this.#window = undefined;
  }
}
