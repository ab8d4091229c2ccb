/**
 * Clients that come, go, leave the group and return, beside a model of what was said: whoever asks for what changed after
 * the revision they know shows what the model shows. Commands of one group are in flight together.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { DomainError } from "../../src/domain/errors.ts";
import { createEdits } from "../../src/domain/messages/edits.ts";
import { defaultMessageLimits } from "../../src/domain/messages/messages.ts";
import type { ChatId, Message, MessageId, User, UserId } from "../../src/domain/model.ts";
import type { Store } from "../../src/domain/store.ts";
import { openSqlite } from "./open-sqlite.ts";

const seed = process.env["ROOST_MODEL_SEED"];
const runs = Number(process.env["ROOST_MODEL_RUNS"] ?? 40);
const usersCount = 3;
const reactions = ["👍", "🎉", "❤️"] as const;

type Command =
  | { readonly do: "send"; readonly by: number; readonly answers: number | undefined }
  | { readonly do: "edit" | "delete"; readonly by: number; readonly at: number }
  | { readonly do: "react"; readonly by: number; readonly at: number; readonly kind: number; readonly added: boolean }
  | { readonly do: "leave" | "join" | "ask"; readonly by: number };

const by = fc.nat(usersCount - 1);
const at = fc.nat(12);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("send" as const), by, answers: fc.option(at, { nil: undefined }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("edit" as const), by, at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), by, at }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("react" as const), by, at, kind: fc.nat(2), added: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("leave" as const, "join" as const), by }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("ask" as const), by }) },
);

interface Said {
  readonly id: MessageId;
  readonly by: UserId;
  content: string | undefined;
  answers: MessageId | undefined;
  edited: boolean;
  /** In the order in which they came; kinds in that of their first one. */
  readonly reactions: Map<string, Set<UserId>>;
}

const modelOf = ({ content, answers, edited, reactions: given }: Said) =>
  content === undefined
    ? "deleted"
    : { content, answers, edited, reactions: [...given].map(([kind, users]) => [kind, users.size, [...users]]) };

const shownAs = ({ kind, content, replyTo, editedAtMs, reactions: given = [] }: Message) =>
  kind === "deleted"
    ? "deleted"
    : {
        content: String(content),
        answers: replyTo,
        edited: editedAtMs !== undefined,
        reactions: given.map(({ reaction, count, userIds }) => [reaction, count, userIds]),
      };

/** What a client of one user keeps of the group. */
class Client {
  readonly shown = new Map<MessageId, ReturnType<typeof shownAs>>();
  #lastSeq = 0;
  #revision = 0;

  async ask(store: Store, chatId: ChatId, userId: UserId): Promise<void> {
    const edits = createEdits({ store, limits: defaultMessageLimits });
    const reader = { userId };
    for (;;) {
      const page = await store.messages({ chatId, afterSeq: this.#lastSeq, limit: 3, reader });
      for (const message of page) this.#show(message);
      this.#lastSeq = page.at(-1)?.seq ?? this.#lastSeq;
      if (page.length === 0) break;
    }
    for (;;) {
      const changes = await edits.changesAfter(reader, { chat: { id: chatId }, after: this.#revision, limit: 2 });
      for (const message of changes.messages) this.#show(message);
      this.#revision = changes.revision;
      if (!changes.more) return;
    }
  }

  #show(message: Message): void {
    this.shown.set(message.messageId, shownAs(message));
  }
}

async function play(groups: readonly (readonly Command[])[]): Promise<void> {
  await using opened = await openSqlite();
  const { store } = opened;
  const people = await Promise.all(["Ann", "Bob", "Carl"].map((nick) => store.createUser({ nick })));
  const user = (index: number): User => people[index] as User;
  const members = new Set(people.map(({ userId }) => userId));
  const { chat } = await store.createChat({ ownerId: user(0).userId, members: [...members], name: "all" });
  const { chatId } = chat;
  const said: Said[] = [];
  const clients = people.map(() => new Client());
  let words = 0;

  /** Gives what must come of it: "done", or the code of a refusal; undefined where both may be. */
  function start(one: Command): { expected: string | undefined; outcome: Promise<unknown>; sent?: Said } {
    const { userId } = user(one.by);
    const isMember = members.has(userId);
    switch (one.do) {
      case "send": {
        words += 1;
        const content = `words ${words}`;
        const answered = one.answers === undefined ? undefined : said[one.answers];
        const draft = { chat: { id: chatId }, from: userId, type: "text", content, replyTo: answered?.id };
        const outcome = store.appendMessage(draft);
        if (!isMember) return { expected: "not_a_member", outcome };
        if (answered !== undefined && answered.content === undefined) return { expected: "message_not_found", outcome };
        const sent: Said = {
          id: 0 as MessageId,
          by: userId,
          content,
          answers: answered?.id,
          edited: false,
          reactions: new Map(),
        };
        return { expected: "done", outcome, sent };
      }
      case "edit": {
        const message = said[one.at];
        words += 1;
        const content = `words ${words}`;
        const messageId = message?.id ?? (999_999 as MessageId);
        const outcome = store.editMessage({ userId, messageId, content, type: "text" });
        if (!isMember || message?.content === undefined || message.by !== userId) {
          return { expected: "message_not_found", outcome };
        }
        message.content = content;
        message.edited = true;
        // Deleted by the same commit, it is not found any more.
        return { expected: undefined, outcome };
      }
      case "delete": {
        const message = said[one.at];
        const outcome = store.deleteMessage({ userId, messageId: message?.id ?? (999_999 as MessageId) });
        if (!isMember || message?.content === undefined) return { expected: "message_not_found", outcome };
        if (message.by !== userId && one.by !== 0) return { expected: "not_authorized", outcome };
        message.content = undefined;
        return { expected: "done", outcome };
      }
      case "react": {
        const message = said[one.at];
        const reaction = reactions[one.kind] ?? "";
        const { added } = one;
        const messageId = message?.id ?? (999_999 as MessageId);
        const outcome = store.reactToMessage({ userId, messageId, reaction, added });
        if (!isMember || message?.content === undefined) return { expected: "message_not_found", outcome };
        const users = message.reactions.get(reaction) ?? new Set();
        if (added) message.reactions.set(reaction, users.add(userId));
        else if (users.delete(userId) && users.size === 0) message.reactions.delete(reaction);
        return { expected: "done", outcome };
      }
      case "leave":
        // The owner stays, and lets the others in again.
        if (one.by === 0) return { expected: "done", outcome: Promise.resolve() };
        members.delete(userId);
        return {
          expected: isMember ? "done" : "chat_not_found",
          outcome: store.leaveChat({ userId, chat: { id: chatId } }),
        };
      case "join":
        members.add(userId);
        return {
          expected: "done",
          outcome: store.addToChat({ userId: user(0).userId, chat: { id: chatId }, members: [userId] }),
        };
      case "ask":
        return { expected: "done", outcome: Promise.resolve() };
    }
  }

  async function askAndCompare(index: number): Promise<void> {
    const client = clients[index];
    const { userId } = user(index);
    if (!members.has(userId)) {
      const edits = createEdits({ store, limits: defaultMessageLimits });
      const asked = edits.changesAfter({ userId }, { chat: { id: chatId }, after: 0 });
      expect(await asked.catch((error: unknown) => error)).toMatchObject({ code: "chat_not_found" });
      return;
    }
    await client?.ask(store, chatId, userId);
    expect([...(client?.shown ?? [])].toSorted(([a], [b]) => a - b)).toEqual(
      said.map((one) => [one.id, modelOf(one)] as const),
    );
  }

  for (const group of groups) {
    const started = group.map(start);
    for (const { expected, outcome, sent } of started) {
      const came = await outcome.then(
        (value) => value,
        (error: unknown) => error,
      );
      const code = came instanceof DomainError ? came.code : came instanceof Error ? String(came) : "done";
      expect(code).toBe(expected ?? code);
      if (sent !== undefined) said.push({ ...sent, id: (came as { message: Message }).message.messageId });
    }
    for (const one of group) if (one.do === "ask") await askAndCompare(one.by);
  }
  for (let index = 0; index < usersCount; index += 1) await askAndCompare(index);
}

test("who comes back and asks for what changed shows what was said, edited, deleted and reacted to", async () => {
  const groups = fc.array(fc.array(command, { minLength: 1, maxLength: 4 }), { minLength: 5, maxLength: 40 });
  await fc.assert(fc.asyncProperty(groups, play), {
    numRuns: runs,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  });
}, 120_000);
