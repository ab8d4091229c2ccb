/**
 * One connected client. Its requests are started in order and answered in order; sends do not wait for each other's
 * commit, while logins and reads wait until everything before them was answered (SPEC § 3). Answers and pushes leave
 * together, once a tick. Both directions are bounded: a peer that sends faster than it is served is not read, and one
 * that does not read is not served.
 */
import { DomainError } from "../domain/errors.ts";
import type { DeviceId, Entered, Sent, User } from "../domain/model.ts";
import type { Own } from "../domain/people/log-ins.ts";
import { type Dialect, Speech } from "./dialect.ts";
import { closeCode, FrameError, failReason, Refusal } from "./errors.ts";
import type { StreamEntry, StreamHost } from "./outgoing/entries.ts";
import { contentBytesMaxOf } from "./outgoing/large-content.ts";
import { type Body, livePush } from "./outgoing/push.ts";
import { Stream } from "./outgoing/stream.ts";
import type { MessageAck, MessageSend, Request } from "./requests/actions.ts";
import { parseAction } from "./requests/actions.ts";
import { decodeFrame, type Encoding, encodeFrame, type Frame, frameBytes } from "./requests/codec.ts";
import {
  type Answer,
  type Connection,
  type Credential,
  handle,
  type LoggedInBy,
} from "./requests/handlers/dispatch.ts";
import { failed } from "./requests/handlers/failed.ts";
import { createLoginWatch, type LoginWatch } from "./requests/login-watch.ts";
import { isWaiting, mustBeAlone, type Slot, type Socket } from "./requests/queue.ts";
import type { RequestRate } from "./requests/rates.ts";
import type { Front } from "./shared.ts";

const byPassword: Credential = { tokenId: undefined, name: undefined };

export class Session implements Connection {
  readonly address: string;
  readonly #front: Front;
  readonly #onClosed: (session: Session) => void;
  readonly #host: StreamHost;
  #socket: Socket | undefined;
  #closed = false;
  #scheduled = false;

  readonly #speech: Speech;
  readonly #rate: RequestRate;
  /** It knows of what the server says beyond the document. */
  #extended = false;
  #credential = byPassword;

  readonly #slots: Slot[] = [];
  #started = 0;
  #startedBytes = 0;
  #waitingBytes = 0;
  #deaf = false;
  #stalled: ReturnType<typeof setTimeout> | undefined;

  #stream: Stream | undefined;
  /** It has sent `message.push.ack`, or said at login that it will (O26). */
  #acknowledges = false;
  /** Written, but not known to have left the socket's buffer. */
  #unsettled: StreamEntry[] = [];

  readonly #loginWatch: LoginWatch;

  constructor(parts: { front: Front; address: string; onClosed(session: Session): void }) {
    this.address = parts.address;
    this.#front = parts.front;
    this.#onClosed = parts.onClosed;
    this.#speech = new Speech(parts.front.options, contentBytesMaxOf(parts.front.limits));
    this.#rate = parts.front.rates.open();
    this.#host = {
      schedule: () => this.#schedule(),
      contentBytesMax: () => this.#speech.contentBytesMax,
      bufferedBytes: () => this.#socket?.getBufferedAmount() ?? 0,
      extended: () => this.#extended,
      close: (code, reason) => this.close(code, reason),
      client: () => ({
        door: "minioicq",
        ...this.#credential,
        address: this.address,
        phoneSessionId: undefined,
        end: () => this.close(closeCode.policy, "Session ended"),
      }),
    };
    this.#loginWatch = createLoginWatch({
      idleMs: parts.front.limits.loginIdleMs,
      expired: () => this.close(closeCode.policy, "Not logged in"),
    });
  }

  get user(): User | undefined {
    return this.#stream?.user;
  }

  get deviceId(): DeviceId | undefined {
    return this.#stream?.deviceId;
  }

  get dialect(): Dialect {
    return this.#speech.dialect();
  }

  // ---- the socket's life

  opened(socket: Socket): void {
    if (this.#closed) {
      socket.close(closeCode.goingAway, "Server stopping");
      return;
    }
    this.#socket = socket;
    this.#loginWatch.start();
  }

  /** The one way out, safe to call twice. What was not handed over stays in the store. */
  close(code: number, reason: string): void {
    if (this.#closed) return;
    const socket = this.#socket;
    this.#end();
    socket?.close(code, reason);
  }

  /** The peer, or Bun, closed the socket. */
  closed(): void {
    if (!this.#closed) this.#end();
  }

  #end(): void {
    this.#closed = true;
    this.#endStream();
    this.#slots.length = 0;
    this.#unsettled = [];
    this.#rate.left();
    this.#loginWatch.end();
    clearTimeout(this.#stalled);
    this.#socket = undefined;
    this.#onClosed(this);
  }

  // ---- what the handlers see

  /** Logged in on this connection (O21, O23): the stream of what the user is told begins behind the answer. */
  become(user: User, { deviceId, acknowledges, credential }: LoggedInBy): void {
    if (this.#closed) return;
    if (this.#front.domain.accountEnds.hasEnded(user.userId)) {
      this.close(closeCode.policy, "User disabled"); // While he was logging in.
      return;
    }
    this.#credential = credential;
    if (acknowledges) this.#acknowledges = true;
    const before = this.#stream;
    const owed = before?.awaited ?? 0;
    if (before !== undefined && before.user.userId === user.userId && before.deviceId === deviceId) {
      if (acknowledges) before.acknowledgeFromHere();
      return;
    }
    this.#endStream();
    this.#loginWatch.end();
    this.#rate.became(user.userId);
    const stream = new Stream({
      front: this.#front,
      host: this.#host,
      user,
      deviceId,
      acknowledges: this.#acknowledges,
      owed,
    });
    this.#stream = stream;
    if (deviceId !== undefined) this.#front.claimDevice(deviceId, this);
    stream.start();
  }

  #endStream(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.end();
    if (stream?.deviceId !== undefined) this.#front.releaseDevice(stream.deviceId, this);
  }

  wantFilesByUrl(byUrl: boolean): void {
    this.#speech.filesByUrl = byUrl;
  }

  get own(): Own {
    return { connectionId: this.#stream?.connectionId ?? 0, tokenId: this.#credential.tokenId };
  }

  spawnOf(entered: Entered): StreamEntry | undefined {
    return this.#stream?.spawnOf(entered);
  }

  // ---- in

  message(frame: string | Uint8Array): void {
    if (this.#closed || this.#deaf) return;
    this.#loginWatch.heard();
    const text = typeof frame === "string";
    const encoding = text ? "json" : "msgpack";
    this.#speech.encoding = encoding;
    const bytes = frameBytes(frame);
    this.#rate.pass(this.#parse(frame)).forEach((request, index) => {
      if (!(request instanceof Refusal) && request.action === "message.push.ack") {
        this.#acknowledged(request);
        return;
      }
      // A frame with many messages weighs what it weighs once.
      this.#slots.push({ request, bytes: index === 0 ? bytes : 0, encoding, answer: undefined });
      if (index === 0) this.#waitingBytes += bytes;
      // Nothing behind it will be answered.
      if (request.action === "close") this.#deaf = true;
    });
    this.#rate.weigh(bytes);
    this.#pump();
  }

  /** Taken at once: what waits for it must not wait behind requests that wait for room. */
  #acknowledged(ack: MessageAck): void {
    this.#acknowledges = true;
    this.#stream?.acknowledged(ack);
  }

  #parse(frame: string | Uint8Array): readonly Slot["request"][] {
    const { limits } = this.#front;
    if (this.#stream === undefined && frameBytes(frame) > limits.loginFrameBytesMax) {
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
    if (numericIds) this.#speech.wroteNumericIds();
    if (extended) this.#extended = true;
    return this.#speech.understand(requests);
  }

  /** Starts what may start, and reads on or not. */
  #pump(): void {
    for (let slot = this.#slots[this.#started]; slot !== undefined; slot = this.#slots[this.#started]) {
      if (!this.#mayStart(slot)) break;
      this.#started += 1;
      this.#startedBytes += slot.bytes;
      this.#waitingBytes -= slot.bytes;
      this.#start(slot);
      if (this.#closed) return;
    }
    this.#readOrPause();
  }

  #mayStart(slot: Slot): boolean {
    const { limits } = this.#front;
    const [first] = this.#slots;
    if (this.#started > 0 && first !== undefined) {
      if (mustBeAlone(slot) || mustBeAlone(first)) return false;
      if (this.#started >= limits.requestsInFlightMax) return false;
      if (this.#startedBytes + slot.bytes > limits.requestBytesInFlightMax) return false;
    }
    if (this.#stream !== undefined && !this.#stream.ready) return false;
    const sending = (this.#socket?.getBufferedAmount() ?? 0) + (this.#stream?.entries.bytes ?? 0);
    return sending <= limits.sendBytesMax;
  }

  #readOrPause(): void {
    const { limits } = this.#front;
    const waiting = this.#slots.length - this.#started;
    if (waiting > limits.requestsWaitingHardMax || this.#waitingBytes > limits.requestBytesWaitingHardMax) {
      this.close(closeCode.policy, "Too many requests");
      return;
    }
    if (this.#stalled === undefined) {
      if (waiting <= limits.requestsWaitingMax && this.#waitingBytes <= limits.requestBytesWaitingMax) return;
      this.#socket?.pause();
      // Bun's idle timeout rests while paused, so a peer that never reads is ours to end.
      this.#stalled = setTimeout(() => this.close(closeCode.tryAgainLater, "Too slow"), limits.stalledMs);
    } else if (waiting <= limits.requestsWaitingMax / 2 && this.#waitingBytes <= limits.requestBytesWaitingMax / 2) {
      clearTimeout(this.#stalled);
      this.#stalled = undefined;
      this.#socket?.resume();
    }
  }

  #start(slot: Slot): void {
    const { request } = slot;
    if (request instanceof Refusal) {
      const reason = request.needsLogin && this.#stream === undefined ? "Not logged in" : request.reason;
      this.#answer(slot, say({ action: request.action, reason, client_id: request.clientId }));
    } else if (request.action === "close") {
      this.#answer(slot, { is: "close", code: request.code, reason: request.reason });
    } else if (request.action === "message.send" && this.#stream !== undefined) {
      this.#send(slot, request, this.#stream);
    } else {
      handle(this.#front, this, { request, encoding: slot.encoding }).then(
        (answer) => this.#answer(slot, answer),
        (error: unknown) => this.#answer(slot, say(this.#failure(request, error))),
      );
    }
  }

  /** The push of the message is the answer (O8); where the stream brings it, it is not written a second time. */
  #send(slot: Slot, request: MessageSend, stream: Stream): void {
    stream.sendStarted();
    handle(this.#front, this, { request, encoding: slot.encoding }).then(
      (answer) => {
        const entry = stream.sendSettled(answer.is === "sent" ? answer.sent : undefined);
        this.#answer(slot, entry === undefined ? answer : { is: "entry", entry });
      },
      (error: unknown) => {
        stream.sendSettled(undefined);
        this.#answer(slot, say(this.#failure(request, error)));
      },
    );
  }

  #failure(request: Request, error: unknown): Body {
    if (error instanceof DomainError) return failed(request, failReason[error.code]);
    this.#front.log.error("a request failed", { action: request.action, userId: this.user?.userId, error });
    return failed(request, "Internal error");
  }

  // ---- out

  #answer(slot: Slot, answer: Answer): void {
    if (this.#closed) return;
    slot.answer = answer;
    if (answer.is === "entry") answer.entry.answers ??= slot;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#front.schedule(this);
  }

  /** Writes all that is due: answers in the order of the requests, the stream in its own, each own message in both. */
  flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    const frames: Frame[] = [];
    let closing: Extract<Answer, { is: "close" }> | undefined;
    for (;;) {
      const slot = this.#slots[0];
      if (slot?.answer !== undefined && !isWaiting(slot.answer)) {
        if (slot.answer.is === "close") {
          closing = slot.answer;
          break;
        }
        const frame = this.#frameOf(slot.answer, slot.encoding);
        if (slot.answer.is === "fence" && frame !== undefined) {
          const entry = this.#stream?.entries.fence(frame, slot);
          if (entry !== undefined) {
            slot.answer = { is: "entry", entry };
            continue;
          }
        }
        if (frame !== undefined) frames.push(frame);
        this.#slots.shift();
        this.#started -= 1;
        this.#startedBytes -= slot.bytes;
        continue;
      }
      const entry = this.#stream?.entries.first();
      if (entry === undefined || !entry.ready) break;
      // It answers a request, but an earlier one has no answer yet. (One whose answer stands in the stream is reached.)
      if (entry.answers !== undefined && entry.answers !== slot && slot?.answer === undefined) break;
      this.#stream?.entries.shift();
      const frame = entry.frame(this.dialect);
      entry.wrote(frame !== undefined);
      if (frame !== undefined) frames.push(frame);
      this.#unsettled.push(entry);
    }
    this.#write(frames);
    if (this.#closed) return;
    this.#settle();
    if (closing !== undefined) this.close(closing.code, closing.reason);
    else this.#pump();
  }

  #frameOf(answer: Answer, encoding: Encoding): Frame | undefined {
    switch (answer.is) {
      case "said":
      case "fence":
        return encodeFrame(encoding, answer.body);
      case "framed":
        return answer.frame;
      case "sent":
        return this.#ownPush(answer.sent, encoding);
      default:
        return undefined;
    }
  }

  #ownPush({ message }: Sent, encoding: Encoding): Frame {
    this.#stream?.answeredWith(message);
    return livePush(message, this.#speech.dialect(encoding), message.senderId);
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
    // The bounds keep the buffer below Bun's limit, so a dropped frame means the socket is gone or misconfigured.
    if (dropped) this.close(closeCode.tryAgainLater, "Too slow");
  }

  /** Without an effect where the client did not agree to it. */
  #compresses(frame: Frame): boolean {
    const { options, limits } = this.#front;
    return options.compression === "on" && frameBytes(frame) >= limits.compressFromBytes;
  }

  /** The socket's buffer ran empty, or is found empty: what was written has been handed over (O26). */
  #settle(): void {
    if ((this.#socket?.getBufferedAmount() ?? 1) > 0) return;
    if (this.#unsettled.length > 0) {
      const entries = this.#unsettled;
      this.#unsettled = [];
      for (const entry of entries) entry.settled();
    }
    this.#stream?.roomAgain();
  }

  drained(): void {
    if (this.#closed) return;
    this.#settle();
    this.#schedule();
  }
}

const say = (body: Body): Answer => ({ is: "said", body });
