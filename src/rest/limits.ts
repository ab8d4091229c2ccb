/** Every bound of the REST door, each with its reason. The server may hand in others. */

export interface RestLimits {
  /** Longer bodies are answered with 413 (docs/limits.md § Limits that are settings). */
  readonly bodyBytesMax: number;
  /** The same where the body itself holds the token: room for one long message, not for 16 MiB of an unknown client. */
  readonly strangersBodyBytesMax: number;
  /** Deeper JSON is refused: no valid body nests past five. */
  readonly jsonDepthMax: number;
  /** Values in one JSON text: a small body of commas must not become a big heap of objects. */
  readonly jsonValuesMax: number;
  /** Users in one PUT or DELETE of members (R26: the documents set no limit; this one is generous). */
  readonly membersMax: number;
  /** Participants in one POST /token. */
  readonly participantsMax: number;
  /** One line of a streamed POST /token: a participant with the longest key. */
  readonly lineBytesMax: number;
  /** Lines of one stream that are one change in the store. */
  readonly linesAtOnceMax: number;
  /** A streamed body that brings nothing for so long is ended. */
  readonly streamIdleSeconds: number;
  /** Messages in one POST /messages of the simple form: they are one change in the store. */
  readonly messagesMax: number;
  /** Confirmations in one POST /messages: as many as a page of GET /messages can hold. */
  readonly statusesMax: number;
  /** RSA keys below this are refused (docs/protocols/rest-signed.md § Tokens). */
  readonly rsaBitsMin: number;
  /** The longest `wait` of GET /messages; a longer one is cut to it. */
  readonly waitSecondsMax: number;
  /** Requests one user may have waiting at once, and all users together. */
  readonly waitingPerUserMax: number;
  readonly waitingMax: number;
  /** A page of GET /messages stops after this much content, whatever `limit` says. */
  readonly pageBytesMax: number;
  /** A page of a chat's history stops behind the message that brings its content to so much. */
  readonly historyBytesMax: number;
  /** Content of one step of an event stream, which is what a stream may have waiting for its reader. */
  readonly streamBytesMax: number;
  /** After so long a comment tells the reader, and every proxy between, that the stream lives. */
  readonly streamCommentSeconds: number;
  /** A reader that takes nothing for so long is cut off, and comes again with the last id it saw. */
  readonly streamStallSeconds: number;
  /** JSON of recently read messages kept for the next reader of their chat, in characters; pages add at most as much again. */
  readonly encodedCharactersMax: number;
}

export const defaultRestLimits: RestLimits = {
  bodyBytesMax: 16 * 1024 * 1024,
  strangersBodyBytesMax: 2 * 1024 * 1024,
  jsonDepthMax: 32,
  jsonValuesMax: 250_000,
  membersMax: 10_000,
  participantsMax: 10_000,
  lineBytesMax: 64 * 1024,
  linesAtOnceMax: 256,
  streamIdleSeconds: 60,
  messagesMax: 1000,
  statusesMax: 100,
  rsaBitsMin: 2048,
  waitSecondsMax: 60,
  waitingPerUserMax: 16,
  waitingMax: 10_000,
  pageBytesMax: 2 * 1024 * 1024,
  historyBytesMax: 2 * 1024 * 1024,
  streamBytesMax: 256 * 1024,
  streamCommentSeconds: 15,
  streamStallSeconds: 60,
  encodedCharactersMax: 8 * 1024 * 1024,
};

/** The limits for bodies as long as the operator allows. */
export const restLimits = (bodyBytesMax: number): RestLimits => ({
  ...defaultRestLimits,
  bodyBytesMax,
  strangersBodyBytesMax: Math.min(bodyBytesMax, defaultRestLimits.strangersBodyBytesMax),
});
