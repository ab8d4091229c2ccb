/** MiniOICQ § Push Message, the client's acknowledgement (O26). */
import type { OpenHandler } from "../action.ts";
import { isAbsent, type Reader, Refused } from "../fields.ts";

/** Confirms the oldest push where it names nothing, else these messages and chats. */
export interface MessageAck {
  readonly action: "message.push.ack";
  readonly messageIds: readonly number[] | undefined;
  readonly chatIds: readonly number[] | undefined;
}

export const acknowledge: OpenHandler<MessageAck> = {
  parse: (fields, reader) => ({
    action: "message.push.ack",
    messageIds: parseIds(fields["message_ids"], reader),
    chatIds: parseIds(fields["chat_ids"], reader),
  }),
  // The connection takes it when it arrives; it has no answer.
  handle: async () => ({ is: "none" }),
};

function parseIds(value: unknown, reader: Reader): readonly number[] | undefined {
  const wrong = "Invalid acknowledgement";
  if (isAbsent(value)) return undefined;
  if (!Array.isArray(value) || value.length > reader.limits.acknowledgedIdsMax) throw new Refused(wrong);
  return value.map((one: unknown) => reader.id(one, wrong)).filter((id) => id !== undefined);
}
