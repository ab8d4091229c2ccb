/** Which chats a device was told of. It must know every chat its user is in; it is told of those that are missing here. */
import { freeing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { UserEvents } from "./user-events.ts";

export function createDeviceChatChanges(tx: Tx, events: UserEvents) {
  const { db } = tx;
  // A user who left meanwhile is skipped: the device must be told of the chat again if the user comes back.
  const tell = db.prepare(
    `INSERT OR IGNORE INTO device_chats (device_id, chat_id)
     SELECT d.device_id, m.chat_id FROM devices d JOIN members m ON m.user_id = d.user_id
     WHERE d.device_id = ?1 AND d.user_id = ?2 AND m.chat_id = ?3`,
  );

  /** The device was told of the chats; the user's own copies of that, `eventIds`, are confirmed with it. */
  function announceChats(args: {
    userId: number;
    deviceId: number;
    chatIds: readonly number[];
    eventIds: readonly number[];
  }): null {
    tx.writes += 1;
    for (const chatId of args.chatIds) tell.run(args.deviceId, args.userId, chatId);
    for (const eventId of args.eventIds) events.confirm(args.userId, "minioicq", eventId);
    events.dropOld();
    return null;
  }

  return { announceChats: freeing(announceChats) };
}
