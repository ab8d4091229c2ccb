/**
 * The answers of one connection, in the order of the packets they answer [MQTT-4.6.0-2], whatever each of them waits
 * for. PINGRESP is not among them: a slow service must not look like a dead server.
 */
import type { Outbox } from "../../net/outbox.ts";
import { appendAnswer, packetType } from "../wire/packet-bytes.ts";

/** A place in the order. */
export interface Acknowledgement {
  ready: boolean;
  /** The packet type and id of a PUBACK, PUBREC or PUBCOMP, unless `bytes` is the answer. */
  type: number;
  packetId: number;
  reasonCode: number;
  reasonString: string | undefined;
  bytes: Buffer | undefined;
}

/** A place for PUBACKs that are sent together. */
export interface Pubacks {
  ready: boolean;
  readonly packetIds: number[];
  /** The refusal in these PUBACKs, MQTT 5 only. */
  refusal: { readonly reasonCode: number; readonly reasonString: string | undefined } | undefined;
}

/** A connection, as its answers need it. */
export interface Answering {
  readonly outbox: Outbox;
  /** The answers that wait; undefined where none does, so that an idle connection has no list. */
  answers: (Acknowledgement | Pubacks)[] | undefined;
  /** Nothing more is sent. */
  readonly closed: boolean;
}

/** Sends a PUBACK at once, or after the answers that still wait. */
export function puback(to: Answering, packetId: number): void {
  if (to.answers !== undefined) acknowledge(to, packetType.puback, packetId);
  else if (!to.closed) appendPuback(to.outbox, packetId);
}

/** The same with PUBREC or PUBCOMP, or with a reason, which only MQTT 5 has. */
export function acknowledge(
  to: Answering,
  type: number,
  packetId: number,
  reasonCode = 0,
  reasonString?: string,
): void {
  if (to.answers !== undefined) {
    to.answers.push({ ready: true, type, packetId, reasonCode, reasonString, bytes: undefined });
  } else if (!to.closed) appendAnswer(to.outbox, type, packetId, reasonCode, reasonString);
}

/** Takes the next place; one of the `settle` functions must follow. */
export function reserveAnswer(to: Answering): Acknowledgement {
  const acknowledgement: Acknowledgement = {
    ready: false,
    type: 0,
    packetId: 0,
    reasonCode: 0,
    reasonString: undefined,
    bytes: undefined,
  };
  to.answers ??= [];
  to.answers.push(acknowledgement);
  return acknowledgement;
}

/** Takes the next place for a PUBACK, and for more PUBACKs while it `isLast`; `ready` and `flushAnswers` must follow. */
export function reservePubacks(to: Answering, packetId: number): Pubacks {
  const pubacks: Pubacks = { ready: false, packetIds: [packetId], refusal: undefined };
  to.answers ??= [];
  to.answers.push(pubacks);
  return pubacks;
}

/** Whether no answer has a place after this one. */
export function isLast({ answers }: Answering, pubacks: Pubacks): boolean {
  return answers !== undefined && answers[answers.length - 1] === pubacks;
}

export function settleAcknowledgement(
  to: Answering,
  acknowledgement: Acknowledgement,
  type: number,
  packetId: number,
  reasonCode = 0,
  reasonString?: string,
): void {
  acknowledgement.type = type;
  acknowledgement.packetId = packetId;
  acknowledgement.reasonCode = reasonCode;
  acknowledgement.reasonString = reasonString;
  settle(to, acknowledgement);
}

export function settleWith(to: Answering, acknowledgement: Acknowledgement, bytes: Buffer): void {
  acknowledgement.bytes = bytes;
  settle(to, acknowledgement);
}

function settle(to: Answering, acknowledgement: Acknowledgement): void {
  acknowledgement.ready = true;
  if (to.answers?.[0] === acknowledgement) flushAnswers(to);
}

/** Sends the answers that are ready and have no waiting answer before them. */
export function flushAnswers(to: Answering): void {
  const { outbox, answers } = to;
  if (to.closed || answers?.[0]?.ready !== true) return;
  let sent = 0;
  for (const next of answers) {
    if (!next.ready) break;
    if ("packetIds" in next) appendPubacks(outbox, next);
    else if (next.bytes !== undefined) outbox.append(next.bytes);
    else appendAnswer(outbox, next.type, next.packetId, next.reasonCode, next.reasonString);
    sent++;
  }
  if (sent === answers.length) to.answers = undefined;
  else answers.splice(0, sent);
}

function appendPubacks(outbox: Outbox, { packetIds, refusal }: Pubacks): void {
  for (const packetId of packetIds) {
    if (refusal === undefined) appendPuback(outbox, packetId);
    else appendAnswer(outbox, packetType.puback, packetId, refusal.reasonCode, refusal.reasonString);
  }
}

/** Skips the checks of `appendAnswer`: most of a broker's answers are plain PUBACKs. */
function appendPuback(outbox: Outbox, packetId: number): void {
  const at = outbox.reserve(4);
  const out = outbox.buffer;
  out[at] = packetType.puback << 4;
  out[at + 1] = 2;
  out[at + 2] = packetId >> 8;
  out[at + 3] = packetId & 0xff;
}
