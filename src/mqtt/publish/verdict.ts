/** The outcome of a client's PUBLISH, as its acknowledgement reports it. */
import type { PublishRefusal } from "../service.ts";
import { reasonCodes } from "../wire/reason-codes.ts";

/** The refusal where the store does not take a message. The store's own failure was logged. */
export const notStored = "the message could not be stored";

/** A service's refusal. */
export interface Refused {
  readonly reasonCode: number;
  readonly why: string;
}

export type Verdict =
  | "taken"
  /** Accepted, and no client subscribed to its topic. */
  | "unheard"
  /** The publisher may not publish there. */
  | "denied"
  /** A subscriber had no room for it. */
  | "overflowed"
  /** There is no room to retain it, so it was not taken. */
  | "unretained"
  | "unstored"
  | Refused;

const reasons = {
  taken: { reasonCode: reasonCodes.success, why: undefined },
  unheard: { reasonCode: reasonCodes.noMatchingSubscribers, why: undefined },
  denied: { reasonCode: reasonCodes.notAuthorized, why: "this topic is not yours to publish to" },
  overflowed: { reasonCode: reasonCodes.quotaExceeded, why: "a subscriber's queue is full" },
  unretained: { reasonCode: reasonCodes.quotaExceeded, why: "there is no room for more retained messages" },
  unstored: { reasonCode: reasonCodes.quotaExceeded, why: notStored },
} as const satisfies Record<Exclude<Verdict, Refused>, { reasonCode: number; why: string | undefined }>;

/** Gives the reason code of the acknowledgement and, for a refusal, its reason string. */
export const reasonOf = (verdict: Verdict): { readonly reasonCode: number; readonly why: string | undefined } =>
  typeof verdict === "string" ? reasons[verdict] : verdict;

const refusalCodes: Readonly<Record<PublishRefusal, number>> = {
  not_authorized: reasonCodes.notAuthorized,
  topic_name_invalid: reasonCodes.topicNameInvalid,
  payload_format_invalid: reasonCodes.payloadFormatInvalid,
  quota_exceeded: reasonCodes.quotaExceeded,
};

export const refusedBy = (refusal: { readonly refused: PublishRefusal; readonly why: string }): Refused => ({
  reasonCode: refusalCodes[refusal.refused],
  why: refusal.why,
});
