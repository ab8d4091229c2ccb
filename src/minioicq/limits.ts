/** Every bound of the MiniOICQ door, each with its reason. */
import { chatMembersMax } from "../domain/bounds.ts";

export interface MiniOicqLimits {
  /** Of one frame; Bun closes with 1009 beyond it. Larger than a message may be, so that too large a message gets an answer. */
  readonly frameBytesMax: number;
  /** The same before log-in: longer than any log-in, too short to be of use to an attacker (1009). */
  readonly loginFrameBytesMax: number;
  /** Requests a second of one connection and of one account, ten times as many at once; beyond, "Try later". */
  readonly requestsPerSecondMax: number;
  readonly accountRequestsPerSecondMax: number;
  /** Requests refused for that in a row, after which the connection is closed (1008). */
  readonly rateRefusalsMax: number;
  /** Frames larger than this are compressed, where the client can read that and the operator allows it. */
  readonly compressFromBytes: number;
  /** Values in one decoded frame: enough for the longest list of members. */
  readonly frameItemsMax: number;
  /** Nesting in one decoded frame; the document needs three levels. */
  readonly frameDepthMax: number;
  /** Requests of one connection that may wait for their commit at once. */
  readonly requestsInFlightMax: number;
  /** Their frames' bytes; one larger request may always run alone. */
  readonly requestBytesInFlightMax: number;
  /** Requests waiting to be started before the socket is no longer read. */
  readonly requestsWaitingMax: number;
  readonly requestBytesWaitingMax: number;
  /** Once the socket is paused, no more can arrive than was read from it before; past this the connection is closed (1008). */
  readonly requestsWaitingHardMax: number;
  readonly requestBytesWaitingHardMax: number;
  /** Bytes queued and in the socket's buffer at which no live message is taken (it waits in the store) and no request starts. */
  readonly sendBytesMax: number;
  /** Bytes at which a push that cannot wait in the store (a chat's announcement) closes a client too slow for it (1013). */
  readonly sendBytesHardMax: number;
  /** Must also be Bun's `backpressureLimit`: beyond it `send` drops. Above `sendBytesHardMax` by the largest answer. */
  readonly socketBufferBytesMax: number;
  /** Missed messages: one push holds at most so much; the next push follows when the socket has drained. */
  readonly pushMessagesMax: number;
  readonly pushBytesMax: number;
  /** Pushes, and messages in them, that an acknowledging client may leave unconfirmed before it is given no more. */
  readonly unconfirmedPushesMax: number;
  readonly unconfirmedMessagesMax: number;
  /** The same with the answers to its own sends, which wait for nothing; past this the connection is closed (1008). */
  readonly unconfirmedMessagesHardMax: number;
  /** Ids in one acknowledgement. */
  readonly acknowledgedIdsMax: number;
  /** `user.sync`: of more users than this only those are listed who share a chat with the asking user. */
  readonly syncUsersMax: number;
  /** `user.sync` in JSON: the newest chats, members of all of them together, and the newest messages. */
  readonly syncChatsMax: number;
  readonly syncMembersMax: number;
  readonly syncMessagesMax: number;
  /** `user.sync`, `user.push`, `chat.spawn`: uploaded avatars beyond this are replaced by the generated ones. */
  readonly avatarBytesMax: number;
  /** `message.get`: messages and content bytes of one answer, messages looked at to find them, and rows read at once. */
  readonly historyMessagesMax: number;
  readonly historyBytesMax: number;
  readonly historyScanMax: number;
  readonly historyRowsAtOnceMax: number;
  /** `chat.create`. */
  readonly membersMax: number;
  readonly deviceNameCharactersMax: number;
  /** `message.send` with a list of messages. */
  readonly messagesPerRequestMax: number;
  readonly connectionsMax: number;
  /** A client that sends, but reads nothing for so long, is closed (1013). */
  readonly stalledMs: number;
  /** Seconds without any frame or pong before Bun closes the socket; it pings shortly before. */
  readonly idleSeconds: number;
}

const kib = 1024;
const mib = 1024 * kib;

export const defaultMiniOicqLimits: MiniOicqLimits = {
  frameBytesMax: 2 * mib,
  loginFrameBytesMax: 64 * kib,
  requestsPerSecondMax: 1000,
  accountRequestsPerSecondMax: 2000,
  rateRefusalsMax: 100,
  compressFromBytes: 1024,
  frameItemsMax: 20_000,
  frameDepthMax: 16,
  requestsInFlightMax: 1000,
  requestBytesInFlightMax: 4 * mib,
  requestsWaitingMax: 1000,
  requestBytesWaitingMax: mib,
  requestsWaitingHardMax: 100_000,
  requestBytesWaitingHardMax: 64 * mib,
  sendBytesMax: mib,
  sendBytesHardMax: 16 * mib,
  socketBufferBytesMax: 64 * mib,
  pushMessagesMax: 256,
  pushBytesMax: mib,
  unconfirmedPushesMax: 256,
  unconfirmedMessagesMax: 4096,
  unconfirmedMessagesHardMax: 65_536,
  acknowledgedIdsMax: 4096,
  syncUsersMax: 5000,
  syncChatsMax: 200,
  syncMembersMax: 2000,
  syncMessagesMax: 200,
  avatarBytesMax: 4 * mib,
  historyMessagesMax: 1000,
  historyBytesMax: 4 * mib,
  historyScanMax: 10_000,
  historyRowsAtOnceMax: 256,
  membersMax: chatMembersMax,
  deviceNameCharactersMax: 128,
  messagesPerRequestMax: 256,
  connectionsMax: 100_000,
  stalledMs: 60_000,
  idleSeconds: 120,
};
