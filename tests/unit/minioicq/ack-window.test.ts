/** What a client confirms by `message_ids`: the whole id, or the low 31 bits that integer clients are shown, and no other message. */
import { expect, test } from "bun:test";
import type { ChatId, MessageId } from "../../../src/domain/model.ts";
import { AckWindow } from "../../../src/minioicq/outgoing/ack-window.ts";

const wrap = 2 ** 31;

function windowWith(...messageIds: number[]) {
  const confirmed: number[] = [];
  const window = new AckWindow<undefined>({
    limits: { unconfirmedPushesMax: 100, unconfirmedMessagesMax: 100 },
    listener: { messageConfirmed: (_, seq) => confirmed.push(seq), chatConfirmed: () => {} },
    owed: 0,
  });
  window.pushed(messageIds.map((id, at) => ({ messageId: id as MessageId, chatId: 1 as ChatId, seq: at + 1 })));
  return { window, confirmed };
}

test.each([
  ["a whole id", [7, wrap + 7], [wrap + 7], [2]],
  ["a whole id that is not there, though its low bits are", [7], [wrap + 7], []],
  ["the low bits", [wrap + 7], [7], [1]],
  ["an unknown id", [7, 8], [9], []],
] as const)("%s", (_, pushed, ids, seqs) => {
  const { window, confirmed } = windowWith(...pushed);
  window.confirmMessages(ids);
  expect(confirmed).toEqual([...seqs]);
});
