/** What a reference to a chat names, and who may write there: every change asks the same place, before it writes. */
import { expect, test } from "bun:test";
import type { ChatRef } from "../../src/domain/model.ts";
import type { NamedChange } from "../../src/store/sqlite/engine/committer.ts";
import { openStage, type Stage, userIdsOf, valuesOf } from "./committer-stage.ts";

const append = (chat: ChatRef, from: number, more: object = {}): NamedChange => [
  "appendMessage",
  { chat, from, type: "text", content: "x", ...more },
];

const guidOf = (stage: Stage, userId: number) =>
  String(stage.rows(`SELECT guid FROM users WHERE user_id = ${userId}`)[0]?.[0]);

/** A signed batch of one message per chat, each for one recipient. */
function exchange(stage: Stage, userId: number, ...to: { chatKey: string; recipient: number }[]): NamedChange {
  const messages = to.map(({ chatKey, recipient }, n) => ({
    chatKey,
    clientId: `${n}`,
    texts: [{ guid: guidOf(stage, recipient), text: "x" }],
  }));
  return ["exchange", { userId, deviceId: null, confirmations: [], messages }];
}

/** Ann, Bob and Carl: a group of Ann and Carl, and a direct chat of Ann and Bob, who blocked her. */
function blockedStage() {
  const stage = openStage();
  const [ann = 0, bob = 0, carl = 0] = userIdsOf(
    stage.commit(...["Ann", "Bob", "Carl"].map((nick): NamedChange => ["createUser", { nick }])),
  );
  const [made] = valuesOf(stage.commit(["createChat", { ownerId: ann, members: [carl], name: "g" }]));
  const { chatId } = (made as { chat: { chatId: number } }).chat;
  valuesOf(stage.commit(append({ id: bob }, ann), ["blockContact", { userId: bob, contactId: ann }]));
  return { stage, ann, bob, carl, group: `chat.${chatId}`, direct: `direct.${ann}.${bob}` };
}

test("a batch to a user who blocked its sender is refused as a single message is, and nothing is rolled back", () => {
  const { stage, ann, bob, carl, group, direct } = blockedStage();
  using _ = stage;
  const before = stage.commit().generation;
  const batch = exchange(stage, ann, { chatKey: group, recipient: carl }, { chatKey: direct, recipient: bob });
  const count = stage.rows("SELECT count(*) FROM messages");
  const { outcomes, generation } = stage.commit(append({ id: bob }, ann), batch, [
    "appendMessages",
    { drafts: [append({ key: group }, ann)[1], append({ key: direct }, ann)[1]] },
  ]);
  expect(outcomes.map((outcome) => outcome.slice(0, 2))).toEqual(Array(3).fill([1, "not_a_member"]));
  expect(generation).toBe(before);
  expect(stage.rows("SELECT count(*) FROM messages")).toEqual(count);
});

test("a reference names the same chat to every change, and to who is none of it the same nothing", () => {
  const { stage, ann, bob, carl, group } = blockedStage();
  using _ = stage;
  const [dora = 0] = userIdsOf(stage.commit(["createUser", { nick: "Dora" }]));
  valuesOf(
    stage.commit(
      ["putMembers", { chatKey: "team", people: [{ username: `user.${ann}` }, { username: `user.${carl}` }] }],
      append({ id: carl }, ann),
    ),
  );
  const [[pair] = []] = stage.rows(`SELECT chat_id FROM chats WHERE direct_low = ${ann} AND direct_high = ${carl}`);
  const [[team] = []] = stage.rows("SELECT chat_id FROM chats WHERE chat_key = 'team'");
  const groupId = Number(group.slice(5));
  const named: [ref: ChatRef, chatId: number, isDirect: boolean][] = [
    [{ id: groupId }, groupId, false],
    [{ key: group }, groupId, false],
    [{ key: "team" }, Number(team), false],
    [{ key: `chat.${team}` }, Number(team), false],
    [{ id: carl }, Number(pair), true],
    [{ id: Number(pair) }, Number(pair), true],
    [{ key: `user.${carl}` }, Number(pair), true],
    [{ key: `direct.${ann}.${carl}` }, Number(pair), true],
    [{ key: `chat.${pair}` }, Number(pair), true],
  ];
  for (const [ref, chatId, isDirect] of named) {
    const rename: NamedChange = ["renameChat", { userId: ann, chat: ref, name: "g" }];
    const leave = (userId: number): NamedChange => ["leaveChat", { userId, chat: ref }];
    const batch = stage.commit(append(ref, ann), rename, append(ref, dora), leave(dora));
    const [sent, renamed, strange, left] = batch.outcomes;
    expect([ref, sent]).toMatchObject([ref, [0, { 3: chatId }]]);
    expect([ref, renamed?.[1]]).toEqual([ref, isDirect ? "chat_is_direct" : expect.anything()]);
    // A number of a user, and `user.<number>`, mean a direct chat of whoever says it.
    const isUser = "id" in ref ? ref.id === carl : ref.key === `user.${carl}`;
    if (isUser) expect([ref, strange?.[0]]).toEqual([ref, 0]);
    else expect([ref, strange?.[1], left?.[1]]).toEqual([ref, "not_a_member", "chat_not_found"]);
    if (!("key" in ref)) continue;
    const [exchanged] = stage.commit(exchange(stage, ann, { chatKey: ref.key, recipient: carl })).outcomes;
    expect([ref, exchanged]).toMatchObject([ref, [0, { messages: [{ chatId }] }]]);
  }
  for (const ref of [
    { id: 404 },
    { id: 0 },
    { key: "user.0" },
    { key: "user.404" },
    { key: "chat.404" },
    { key: `direct.${bob}.${dora}` },
    { key: "nobody" },
  ]) {
    const { outcomes, generation } = stage.commit(append(ref, ann), ["leaveChat", { userId: ann, chat: ref }]);
    expect([ref, outcomes.map((outcome) => outcome[1])]).toEqual([ref, ["chat_not_found", "chat_not_found"]]);
    expect(generation).toBe(0);
  }
});

test("no message goes to a removed user, and their direct chat stays with the other", () => {
  const { stage, ann, carl } = blockedStage();
  using _ = stage;
  valuesOf(stage.commit(append({ id: carl }, ann), ["removeUser", { userId: carl }]));
  const refs: ChatRef[] = [{ id: carl }, { key: `user.${carl}` }];
  const { outcomes } = stage.commit(...refs.map((ref) => append(ref, ann)));
  expect(outcomes.map((outcome) => outcome[1])).toEqual(["chat_not_found", "chat_not_found"]);
  valuesOf(stage.commit(append({ key: `direct.${ann}.${carl}` }, ann)));
});
