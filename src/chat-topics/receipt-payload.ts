/** The payload of a PUBLISH to `chat/{chatID}/receipts`: `{"read": seq}` or `{"message_id"}`, in JSON. */
import type { ReadPlace } from "../domain/deliveries/receipt-store.ts";
import { safeInteger } from "../domain/keys.ts";
import { parseSmallJson } from "./small-json.ts";

/** Undefined for anything else. */
export function parseReceipt(payload: Uint8Array): ReadPlace | undefined {
  const value = parseSmallJson(payload);
  if (typeof value !== "object" || value === null) return undefined;
  const { read, message_id: id } = value as { readonly read?: unknown; readonly message_id?: unknown };
  if (id === undefined) return isPlace(read) ? { seq: read } : undefined;
  const messageId = typeof id === "string" ? safeInteger(id) : id;
  return read === undefined && isPlace(messageId) ? { messageId } : undefined;
}

const isPlace = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value > 0;
