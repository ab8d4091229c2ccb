/** A message of the simple form as the domain takes it. */
import type { Draft, UserId } from "../domain/model.ts";
import { badRequest, Refusal } from "./errors.ts";
import type { Schemas } from "./schemas.ts";

type Outgoing = ReturnType<Schemas["message"]["parse"]>;

export function draftOf({ chatID, type, content, encoding, clientID }: Outgoing, from: UserId): Draft {
  return {
    chat: { key: chatID },
    from,
    type: type ?? "text",
    content: encoding === "base64" ? bytesOf(content) : content,
    clientId: clientID ?? undefined,
  };
}

function bytesOf(base64: string): Uint8Array {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    throw new Refusal(badRequest, "content: not base64");
  }
  return new Uint8Array(Buffer.from(base64, "base64"));
}
