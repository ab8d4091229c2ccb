/**
 * Hooks: addresses whose posts become messages of a chat, for programs that can post and not log in. The address holds a
 * secret, which is shown once; the store has its hash. Each hook writes as a user of its own, which comes and goes with it.
 */
import { nickCharactersMax } from "../bounds.ts";
import { DomainError } from "../errors.ts";
import type { Messages } from "../messages/messages.ts";
import type { Chat, ChatRef, Sent, UserId } from "../model.ts";
import { newSecret } from "../people/new-secrets.ts";
import { hashSecret, hookPrefix } from "../people/secrets.ts";
import type { Store } from "../store.ts";
import type { Hook } from "./hook-store.ts";

/** Of one chat. */
export const hooksMax = 100;
/** What the path of an address begins with; the secret follows. */
export const hookPath = "/in/";

export type Hooks = ReturnType<typeof createHooks>;

export function createHooks({ store, messages }: { store: Store; messages: Pick<Messages, "send"> }) {
  /** Makes a hook; its address is shown only this once. Without `by` the operator does it. Throws as the store does, and `invalid_name`. */
  async function add(request: {
    chat: ChatRef;
    name: string | undefined;
    by?: UserId | undefined;
  }): Promise<{ hook: Hook; path: string }> {
    const name = checkName(request.name);
    const secret = newSecret(hookPrefix);
    const { chat, by } = request;
    const hook = await store.addHook({ chat, by, name, hash: hashSecret(secret), hooksMax });
    return { hook, path: hookPath + secret };
  }

  /** The hooks of a chat, for its owner. Throws `chat_not_found`, `not_authorized`. */
  async function list(by: UserId, ref: ChatRef): Promise<Hook[]> {
    const chat = await store.findChatOf(by, ref);
    if (chat === undefined) throw new DomainError("chat_not_found");
    if (chat.ownerId !== by || chat.kind === "direct") throw new DomainError("not_authorized", "not the owner");
    return store.listHooks({ chatId: chat.chatId, after: 0, limit: hooksMax });
  }

  /** Its address leads nowhere from now on. Throws as the store does. */
  async function remove(request: {
    userId: number;
    chat?: ChatRef | undefined;
    by?: UserId | undefined;
  }): Promise<Chat> {
    return store.removeHook({ userId: request.userId, chat: request.chat, by: request.by });
  }

  /** Resolves once the message is on disk and queued. Undefined where the hook is gone by then. Throws as `send` does. */
  async function post(
    { userId, chatId }: Hook,
    message: { text: string; clientId: string | undefined },
  ): Promise<Sent | undefined> {
    const { text: content, clientId } = message;
    try {
      return await messages.send({ chat: { id: chatId }, from: userId, type: "text", content, clientId });
    } catch (error) {
      if (error instanceof DomainError && gone.has(error.code)) return undefined;
      throw error;
    }
  }

  return {
    add,
    list,
    remove,
    post,
    find: (secret: string): Promise<Hook | undefined> => store.findHook(hashSecret(secret)),
  };
}

const gone: ReadonlySet<string> = new Set(["user_not_found", "user_disabled", "not_a_member", "chat_not_found"]);

function checkName(name: string | undefined): string {
  const trimmed = name?.trim() ?? "";
  if (trimmed === "") return "hook";
  if (!trimmed.isWellFormed() || [...trimmed].length > nickCharactersMax) {
    throw new DomainError("invalid_name", `a hook's name has at most ${nickCharactersMax} characters`);
  }
  return trimmed;
}
