/** The payload of a PUBLISH to `chat/{chatID}/typing`: `{"typing": true}` or `{"typing": false}`, in JSON. */
import { parseSmallJson } from "./small-json.ts";

/** Undefined for anything else. */
export function parseTyping(payload: Uint8Array): boolean | undefined {
  const value = parseSmallJson(payload);
  if (typeof value !== "object" || value === null) return undefined;
  const { typing } = value as { readonly typing?: unknown };
  return typeof typing === "boolean" ? typing : undefined;
}
