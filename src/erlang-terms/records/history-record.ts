/** Reads the `History` and `Typing` tuples. */
import type { MessageId } from "../../domain/model.ts";
import { atomOf, integerOf, isUnset, recordOf, textOf } from "../../etf/read.ts";
import type { Term } from "../../etf/term.ts";
import { type Feed, readAddressee, readFeed } from "./feeds.ts";

/** Messages of one kind, or texts with a link. */
const historyFilters = ["text", "image", "video", "audio", "file", "link"] as const;
export type HistoryFilter = (typeof historyFilters)[number];

export interface HistoryRecord {
  /** A filter gets messages too. */
  readonly request: "get" | "update" | HistoryFilter;
  readonly roster: Term;
  readonly feed: Feed;
  /** Below 0: messages before the entity, above 0: after it. */
  readonly size: number;
  /** Undefined: from the newest message, or from the oldest. */
  readonly entityId: MessageId | undefined;
}

/** What is read where the client gives no size. */
const usualSize = -20;
const requests = ["get", "update", ...historyFilters] as const;

/** `{'History',RosterId,Feed,Size,EntityId,Data,Status}`; undefined where the fields are not that. */
export function readHistory(fields: readonly Term[]): HistoryRecord | undefined {
  const [roster, feedTerm, sizeTerm, entity, , status] = fields;
  if (fields.length !== 6 || roster === undefined || feedTerm === undefined || sizeTerm === undefined) return undefined;
  if (entity === undefined || status === undefined) return undefined;
  const named = isUnset(status) ? "get" : (atomOf(status) ?? textOf(status));
  const request = requests.find((one) => one === named);
  const feed = readFeed(feedTerm);
  const size = isUnset(sizeTerm) ? usualSize : integerOf(sizeTerm);
  const entityId = isUnset(entity) ? 0 : integerOf(entity);
  if (request === undefined || feed === undefined || feed === null) return undefined;
  if (size === undefined || entityId === undefined || entityId < 0) return undefined;
  return { request, roster, feed, size, entityId: entityId === 0 ? undefined : (entityId as MessageId) };
}

export interface TypingRecord {
  /** Where the user writes. */
  readonly feed: Feed;
  readonly typing: boolean;
}

/** `{'Typing',PhoneId,Comments}`: a PhoneId, a room or a feed, and comments while the user writes. */
export function readTyping(fields: readonly Term[]): TypingRecord | undefined {
  const [place, comments] = fields;
  if (fields.length !== 2 || place === undefined || comments === undefined) return undefined;
  const feed = recordOf(place) === undefined ? readAddressee(place) : readFeed(place);
  return feed === undefined || feed === null ? undefined : { feed, typing: !isUnset(comments) };
}
