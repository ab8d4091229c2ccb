/** The outcome of a client's PUBLISH, as its acknowledgement reports it. */
import type { PublishOutcome, PublishRefusal } from "../service.ts";
import { reasonCodes } from "../wire/reason-codes.ts";

/** The refusal where the store does not take a message. The store's own failure was logged. */
export const notStored = "the message could not be stored";

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
  /** What a service did with it. */
  | PublishOutcome;

const reasons = {
  taken: { reasonCode: reasonCodes.success, why: undefined },
  unheard: { reasonCode: reasonCodes.noMatchingSubscribers, why: undefined },
  denied: { reasonCode: reasonCodes.notAuthorized, why: "this topic is not yours to publish to" },
  overflowed: { reasonCode: reasonCodes.quotaExceeded, why: "a subscriber's queue is full" },
  unretained: { reasonCode: reasonCodes.quotaExceeded, why: "there is no room for more retained messages" },
  unstored: { reasonCode: reasonCodes.quotaExceeded, why: notStored },
} as const satisfies Record<Exclude<Verdict, PublishOutcome>, { reasonCode: number; why: string | undefined }>;

const refusalCodes: Readonly<Record<PublishRefusal, number>> = {
  not_authorized: reasonCodes.notAuthorized,
  topic_name_invalid: reasonCodes.topicNameInvalid,
  payload_format_invalid: reasonCodes.payloadFormatInvalid,
  quota_exceeded: reasonCodes.quotaExceeded,
};

/** Gives the reason code of the acknowledgement and, for a refusal, its reason string. */
export function reasonOf(verdict: Verdict): { readonly reasonCode: number; readonly why: string | undefined } {
  if (typeof verdict === "string") return reasons[verdict];
  return "refused" in verdict ? { reasonCode: refusalCodes[verdict.refused], why: verdict.why } : reasons.taken;
}
