/**
 * One connected client. Its requests are started in order and answered in order; sends do not wait for each other's
 * commit, while log-ins and reads wait until everything before them was answered (docs/protocols/minioicq.md §
 * Answers). Answers and pushes leave together, once a tick. Both directions are bounded: a client that sends faster
 * than it is served is not read, and a client that does not read is not served.
 */
import { DomainError } from "../domain/errors.ts";
import type { ChatId, DeviceId, Entered, User } from "../domain/model.ts";
import { chatReachOf } from "../domain/people/chat-reach.ts";
import type { ListedClient } from "../domain/people/clients.ts";
import type { Client, Own } from "../domain/people/log-ins.ts";
import type { LongToken } from "../domain/people/long-token-store.ts";
import { nameOfUser } from "../domain/people/refusals.ts";
import type { MonotonicMs } from "../lib/clock.ts";
import { keptFor } from "../net/kept-frames.ts";
import { type Holder, heldStepBytes } from "../net/memory-budget.ts";
import type { StrangerEnd, WebSocketPlace } from "../net/websocket-guard.ts";
import { type Dialect, DialectBuilder } from "./dialect.ts";
import { closeCode, FrameError, Refusal, reasonOf } from "./errors.ts";
import { FeedWriter } from "./outgoing/feed-writer.ts";
import { contentBytesMaxOf } from "./outgoing/large-content.ts";
import { Outgoing } from "./outgoing/outgoing.ts";
import type { ClientConnection, QueuedFrame } from "./outgoing/push-queue.ts";
import { handle } from "./requests/action.ts";
import { parseAction, type Request } from "./requests/actions.ts";
import { type Answer, answerWith, failed } from "./requests/answer.ts";
import { decodeFrame, type Frame, frameBytes } from "./requests/codec.ts";
import type { MessageAck } from "./requests/handlers/acknowledge.ts";
import type { Caller, Credential, LoggedInBy } from "./requests/handlers/caller.ts";
import { type PendingRequest, pendingRequest, RequestQueue } from "./requests/queue.ts";
import type { CloseRequest, RequestRate } from "./requests/rates.ts";
import { noteRefusal, triesName } from "./requests/refused.ts";
import type { Shared } from "./shared.ts";

/** What a connection needs of Bun's `ServerWebSocket`. */
interface Socket {
  /** Bytes written, -1 when they were buffered, 0 when they were dropped. */
  send(frame: Frame, compress: boolean): number;
  cork(callback: () => void): unknown;
  close(code: number, reason: string): void;
  getBufferedAmount(): number;
  pause(): void;
  resume(): void;
  terminate(): void;
}

const byPassword: Credential = { tokenId: undefined, name: undefined, longToken: undefined };

export class Connection implements Caller, ClientConnection, Holder {
  readonly address: string;
  readonly #shared: Shared;
  readonly #onClosed: (connection: Connection) => void;
  readonly #dialects: DialectBuilder;
  readonly #requests: RequestQueue;
  readonly #outgoing: Outgoing;
  readonly #rate: RequestRate;
  readonly #openedAtMs: MonotonicMs;
  #socket: Socket | undefined;
  #place: WebSocketPlace | undefined;
  #closed = false;
  #scheduled = false;
  /** A request that will close the connection has arrived; later ones are not read. */
  #deaf = false;
  /** Runs while the socket is not read. */
  #stalled: ReturnType<typeof setTimeout> | undefined;
  /** A stranger is not read while a request of theirs has no answer: what follows a log-in is their account's to hold. */
  #awaitsAnswer = false;

  #credential = byPassword;
  #feedWriter: FeedWriter | undefined;
  /** The client has sent `message.push.ack`, or said at log-in that it will (O26). */
  #acknowledges = false;

  constructor(parts: {
    shared: Shared;
    rate: RequestRate;
    address: string;
    openedAtMs: MonotonicMs;
    onClosed(connection: Connection): void;
  }) {
    const { limits, options } = parts.shared;
    this.address = parts.address;
    this.#openedAtMs = parts.openedAtMs;
    this.#shared = parts.shared;
    this.#onClosed = parts.onClosed;
    this.#dialects = new DialectBuilder(options, contentBytesMaxOf(limits));
    this.#requests = new RequestQueue(limits);
    this.#outgoing = new Outgoing(this.#requests, this.#dialects);
    this.#rate = parts.rate;
  }

  // ---- the socket's life

  opened(socket: Socket): void {
    if (this.#closed) {
      socket.close(closeCode.goingAway, "Server stopping");
      return;
    }
    this.#socket = socket;
    this.#place = this.#shared.websocketGuard.enter(this.address, (why) => this.#endStranger(why));
  }

  #endStranger(why: StrangerEnd): void {
    if (why === "login_timeout") {
      this.close(closeCode.policy, "Not logged in");
      return;
    }
    this.close(closeCode.tryAgainLater, "Too many connections without a log-in");
  }

  /** The one way out, safe to call twice. What was not handed over stays in the store. */
  close(code: number, reason: string): void {
    if (this.#closed) return;
    const socket = this.#socket;
    const lingers = code === closeCode.goingAway || this.#place?.mayLinger() !== false;
    this.#end();
    if (lingers) socket?.close(code, reason);
    else socket?.terminate();
  }

  /** The client, or Bun, closed the socket. */
  closed(): void {
    if (!this.#closed) this.#end();
    this.#place?.closed();
  }

  #end(): void {
    this.#closed = true;
    const { user, address } = this;
    const account = user === undefined ? {} : { account: nameOfUser(user) };
    this.#shared.logConnections("connection closed", { door: "minioicq", address, ...account });
    this.#endFeedWriter();
    this.#outgoing.end();
    this.#rate.left();
    this.#place?.leave();
    clearTimeout(this.#stalled);
    this.#socket = undefined;
    this.#onClosed(this);
  }

  // ---- what the handlers see

  get user(): User | undefined {
    return this.#feedWriter?.user;
  }

  get deviceId(): DeviceId | undefined {
    return this.#feedWriter?.deviceId;
  }

  get dialect(): Dialect {
    return this.#dialects.dialect();
  }

  get own(): Own {
    return { connectionId: this.#feedWriter?.connectionId ?? 0, tokenId: this.#credential.tokenId };
  }

  get longToken(): LongToken | undefined {
    return this.#credential.longToken;
  }

  /** The client logged in (O21, O23). What its user is told begins behind the answer. */
  become(user: User, { deviceId, acknowledges, credential }: LoggedInBy): void {
    if (this.#closed) return;
    if (this.#shared.domain.accountRemoval.hasEnded(user.userId)) {
      this.close(closeCode.policy, "User disabled"); // During the log-in.
      return;
    }
    this.#credential = credential;
    if (acknowledges) this.#acknowledges = true;
    const before = this.#feedWriter;
    const owed = before?.acknowledgements.awaited ?? 0;
    if (before !== undefined && before.user.userId === user.userId && before.deviceId === deviceId) {
      if (acknowledges) before.acknowledgements.begin();
      return;
    }
    if (this.#place?.logIn(`user:${user.userId}`) === false) {
      this.close(closeCode.tryAgainLater, "Too many connections");
      return;
    }
    this.#endFeedWriter();
    this.#rate.became(user.userId);
    const address = this.address;
    this.#shared.logConnections("client connected", { door: "minioicq", address, account: nameOfUser(user) });
    const feedWriter = new FeedWriter({
      shared: this.#shared,
      connection: this,
      dialects: this.#dialects,
      user,
      deviceId,
      reach: chatReachOf(credential.longToken, user.userId, this.#shared.domain.store),
      acknowledges: this.#acknowledges,
      owed,
    });
    this.#feedWriter = feedWriter;
    this.#outgoing.pushFrom(feedWriter);
    if (deviceId !== undefined) this.#shared.claimDevice(deviceId, this);
    feedWriter.start();
  }

  #endFeedWriter(): void {
    const feedWriter = this.#feedWriter;
    this.#feedWriter = undefined;
    this.#outgoing.pushFrom(undefined);
    feedWriter?.end();
    if (feedWriter?.deviceId !== undefined) this.#shared.releaseDevice(feedWriter.deviceId, this);
  }

  wantFilesByUrl(byUrl: boolean): void {
    this.#dialects.filesByUrl = byUrl;
  }

  wantAvatarsByUrl(byUrl: boolean): void {
    this.#dialects.avatarsByUrl = byUrl;
  }

  confirmedThrough(chatId: ChatId, seq: number, read: boolean): void {
    this.#feedWriter?.confirmedThrough(chatId, seq, read);
  }

  watchPresence(watch: boolean): void {
    this.#feedWriter?.watchPresence(watch);
  }

  announcementOf(entered: Entered): QueuedFrame | undefined {
    return this.#feedWriter?.announcementOf(entered);
  }

  // ---- in

  message(frame: string | Uint8Array): void {
    if (this.#closed || this.#deaf) return;
    const encoding = typeof frame === "string" ? "json" : "msgpack";
    this.#dialects.encoding = encoding;
    const bytes = frameBytes(frame);
    this.#rate.pass(this.#parse(frame)).forEach((request, index) => {
      if (!(request instanceof Refusal) && request.action === "message.push.ack") {
        this.#acknowledged(request);
        return;
      }
      // A frame with many messages counts once, and one that only closes the connection is not kept.
      const held = index === 0 && request.action !== "close" ? bytes : 0;
      this.#requests.add(pendingRequest(request, held, encoding));
      // Requests behind it get no answer.
      if (request.action === "close") this.#deaf = true;
    });
    this.#rate.weigh(bytes);
    if (bytes >= heldStepBytes) this.#shared.memory.grew(this, bytes);
    this.#pump();
  }

  /** Taken at once: what waits for it must not wait behind requests that wait for room. */
  #acknowledged(ack: MessageAck): void {
    this.#acknowledges = true;
    this.#feedWriter?.acknowledged(ack);
  }

  #parse(frame: string | Uint8Array): readonly PendingRequest["request"][] {
    const { limits } = this.#shared;
    if (this.#feedWriter === undefined && frameBytes(frame) > limits.loginFrameBytesMax) {
      return [{ action: "close", code: closeCode.tooBig, reason: "Frame too large before login" }];
    }
    let value: unknown;
    try {
      value = decodeFrame(frame, limits);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      const code = typeof frame === "string" ? closeCode.invalidPayload : closeCode.unsupportedData; // O20
      return [{ action: "close", code, reason: error.message }];
    }
    const { requests, numericIds, extended } = parseAction(value, limits);
    if (numericIds) this.#dialects.wroteNumericIds();
    if (extended && !this.#dialects.extended) {
      this.#dialects.extended = true;
      this.#feedWriter?.hearReceipts();
    }
    return this.#dialects.watchesTypes ? requests.map((request) => this.#inPlain(request)) : requests;
  }

  #inPlain(request: Request | Refusal): Request | Refusal {
    if (request instanceof Refusal || request.action !== "message.send") return request;
    return this.#dialects.inPlain(request);
  }

  /** Starts the requests that may start, and reads on or not. */
  #pump(): void {
    for (let next = this.#requests.startable; next !== undefined; next = this.#requests.startable) {
      if (!this.#hasRoom()) break;
      this.#requests.started(next);
      this.#start(next);
      if (this.#closed) return;
    }
    this.#readOrPause();
  }

  /** Whether an answer can be written, and all chats from before the log-in were announced. */
  #hasRoom(): boolean {
    if (this.#feedWriter !== undefined && !this.#feedWriter.ready) return false;
    return this.bufferedBytes + this.#outgoing.pushBytes <= this.#shared.limits.sendBytesMax;
  }

  #readOrPause(): void {
    if (this.#requests.isOverfull) {
      this.close(closeCode.policy, "Too many requests");
      return;
    }
    this.#awaitAnswer(this.#feedWriter === undefined && this.#requests.first !== undefined);
    if (this.#stalled === undefined) {
      if (!this.#requests.isFull) return;
      this.#socket?.pause();
      // Bun's idle timeout rests while the socket is paused, so this door has to end a client that never reads.
      const { stalledMs } = this.#shared.limits;
      this.#stalled = setTimeout(() => this.close(closeCode.tryAgainLater, "Too slow"), stalledMs);
    } else if (this.#requests.hasRoom) {
      clearTimeout(this.#stalled);
      this.#stalled = undefined;
      if (!this.#awaitsAnswer) this.#socket?.resume();
    }
  }

  #awaitAnswer(awaits: boolean): void {
    if (awaits === this.#awaitsAnswer) return;
    this.#awaitsAnswer = awaits;
    if (awaits) this.#socket?.pause();
    else if (this.#stalled === undefined) this.#socket?.resume();
  }

  #start(pending: PendingRequest): void {
    if (pending.action === undefined) {
      this.#answer(pending, this.#refusal(pending.request));
      return;
    }
    const { request, action, encoding } = pending;
    const call = { shared: this.#shared, caller: this, user: this.user, encoding };
    if (request.action === "message.send" && this.#feedWriter !== undefined) {
      const feedWriter = this.#feedWriter;
      feedWriter.sendStarted();
      this.#answerSend(pending, handle(action, call, request), feedWriter);
      return;
    }
    handle(action, call, request).then(
      (answer) => this.#answer(pending, answer),
      (error: unknown) => this.#answer(pending, this.#failure(request, error)),
    );
  }

  /** The push of the message is the answer (O8). Where the feed writer holds it, it is not written a second time. */
  #answerSend(pending: PendingRequest, answering: Promise<Answer>, feedWriter: FeedWriter): void {
    answering.then(
      (answer) => {
        const queued = feedWriter.sendSettled(answer.is === "sent" ? answer.sent : undefined);
        this.#answer(pending, queued === undefined ? answer : { is: "queued", queued });
      },
      (error: unknown) => {
        feedWriter.sendSettled(undefined);
        this.#answer(pending, this.#failure(pending.request, error));
      },
    );
  }

  #refusal(request: Refusal | CloseRequest): Answer {
    if (!(request instanceof Refusal)) return { is: "close", code: request.code, reason: request.reason };
    const reason = request.needsLogIn && this.#feedWriter === undefined ? "Not logged in" : request.reason;
    return answerWith({ action: request.action, reason, client_id: request.clientId });
  }

  #failure(request: PendingRequest["request"], error: unknown): Answer {
    if (error instanceof DomainError) {
      if (!(request instanceof Refusal) && request.action !== "close") this.#noteRefusal(request, error);
      return failed(request, reasonOf(error.code, { byName: triesName(request) }));
    }
    this.#shared.log.error("a request failed", { action: request.action, userId: this.user?.userId, error });
    return failed(request, "Internal error");
  }

  // ---- what waits in memory

  get heldBytes(): number {
    if (this.#closed) return 0;
    return keptFor(this.#socket) + this.#outgoing.pushBytes + this.#requests.bytes;
  }

  get holder(): string | undefined {
    return this.user === undefined ? undefined : `user:${this.user.userId}`;
  }

  endForRoom(): void {
    const socket = this.#socket;
    // Behind what the client does not read, a close frame would not arrive, and all of it would stay.
    if (this.bufferedBytes > 0) {
      this.#end();
      socket?.terminate();
    } else this.close(closeCode.tryAgainLater, "Too slow");
  }

  #noteRefusal(request: Request, error: DomainError): void {
    const { user, address } = this;
    const { name } = this.#credential;
    noteRefusal(this.#shared, { user, address, name }, request, error).catch((failure: unknown) => {
      this.#shared.log.error("a refusal could not be noted", { error: failure });
    });
  }

  // ---- out

  /** In the socket's own buffer. */
  get bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  /** As the operator lists it. */
  listed(nowMs: MonotonicMs): ListedClient {
    const { user, address } = this;
    return {
      door: "minioicq",
      account: user === undefined ? undefined : { userId: user.userId },
      clientId: this.#credential.name,
      address,
      connectedMs: nowMs - this.#openedAtMs,
      idleMs: undefined,
      protocol: "MiniOICQ",
      subscriptions: undefined,
      queued: undefined,
      end: () => this.close(closeCode.policy, "Ended by the operator"),
    };
  }

  client(): Client {
    const { tokenId, name } = this.#credential;
    return {
      door: "minioicq",
      tokenId,
      name,
      address: this.address,
      phoneSessionId: undefined,
      end: () => this.close(closeCode.policy, "Session ended"),
    };
  }

  #answer(request: PendingRequest, answer: Answer): void {
    if (this.#closed) return;
    this.#outgoing.answer(request, answer);
    this.schedule();
  }

  /** Something can be written, or a request may start. */
  schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#shared.schedule(this);
  }

  /** Writes all that is due. */
  flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    const frames: Frame[] = [];
    for (let frame = this.#outgoing.next(); frame !== undefined; frame = this.#outgoing.next()) frames.push(frame);
    this.#write(frames);
    if (this.#closed) return;
    this.#settle();
    const { closing } = this.#outgoing;
    if (closing !== undefined) this.close(closing.code, closing.reason);
    else this.#pump();
  }

  #write(frames: readonly Frame[]): void {
    const socket = this.#socket;
    if (socket === undefined || frames.length === 0) return;
    let dropped = false;
    const write = (): void => {
      for (const frame of frames) dropped = socket.send(frame, this.#compresses(frame)) === 0 || dropped;
    };
    if (frames.length === 1) write();
    else socket.cork(write);
    if (this.bufferedBytes >= heldStepBytes) this.#shared.memory.grew(this, this.bufferedBytes);
    // The bounds keep the buffer below Bun's limit, so a dropped frame means the socket is gone or misconfigured.
    if (dropped) this.close(closeCode.tryAgainLater, "Too slow");
  }

  /** Without an effect where the client did not agree to it. */
  #compresses(frame: Frame): boolean {
    const { options, limits } = this.#shared;
    return options.compression === "on" && frameBytes(frame) >= limits.compressFromBytes;
  }

  /** The socket's buffer ran empty, or is found empty. */
  #settle(): void {
    if ((this.#socket?.getBufferedAmount() ?? 1) > 0) return;
    this.#outgoing.sent();
    this.#feedWriter?.roomAgain();
  }

  drained(): void {
    if (this.#closed) return;
    this.#settle();
    this.schedule();
  }
}
