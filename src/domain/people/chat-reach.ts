/**
 * The chats that a token with scopes opens to its user. A chat has several names: its key, `chat.<chatId>`, and for a direct
 * chat `user.<userId>` of the other one. A scope names a chat by any of them.
 */
import { DomainError } from "../errors.ts";
import { otherInDirect, userIdOfKey } from "../keys.ts";
import { isHash } from "../messages/file-ids.ts";
import type { Chat, ChatId, ChatRef, TokenScopes, UserId } from "../model.ts";
import type { ChatReads, MessageReads } from "../store.ts";
import type { LongToken } from "./long-token-store.ts";
import { opensChat } from "./scopes.ts";

type Named = Pick<Chat, "chatId" | "chatKey">;
type Allow = "send" | "read";

/** Chats of one token whose answer is remembered; names of a chat do not change. */
const rememberedMax = 1024;
/** Of a file that many chats have, so many are looked at. */
export const chatsOfFileMax = 1000;
/** Chats looked up before other work gets its turn. */
const lookedUpAtOnce = 256;

export interface ChatReach {
  opens(allow: Allow, chat: Named): boolean;
  /** Whether it opens a chat as a client names it: also a direct chat that is not made yet. */
  opensNamed(allow: Allow, ref: ChatRef): Promise<boolean>;
  /** Throws `out_of_scope`, whether there is such a chat or not. */
  require(allow: Allow, ref: ChatRef): Promise<void>;
  /** Those of the user's chats that it opens for reading. */
  readable<One extends { readonly chatId: ChatId }>(of: readonly One[]): Promise<One[]>;
}

/** A device may write for another user than before. */
const reaches = new WeakMap<object, { readonly userId: UserId; readonly reach: ChatReach }>();

/** Undefined for a token without scopes, and where a client came otherwise: they open every chat of their user. */
export function chatReachOf(
  token: Pick<LongToken, "scopes"> | undefined,
  userId: UserId,
  store: Pick<ChatReads, "findChatOf">,
): ChatReach | undefined {
  if (token?.scopes === undefined) return undefined;
  const known = reaches.get(token);
  if (known?.userId === userId) return known.reach;
  const reach = createChatReach(token.scopes, userId, store);
  reaches.set(token, { userId, reach });
  return reach;
}

/**
 * What a token does not read, it does not send on: a message may name a hash where the token opens a chat with that file.
 * Throws `file_not_found`.
 */
export async function requireReadableFile(
  reach: ChatReach,
  userId: UserId,
  file: string | undefined,
  store: Pick<MessageReads, "chatsOfFile">,
): Promise<void> {
  if (file === undefined || !isHash(file)) return;
  const chats = await store.chatsOfFile(userId, file, chatsOfFileMax);
  if ((await reach.readable(chats)).length === 0) throw new DomainError("file_not_found");
}

export function createChatReach(scopes: TokenScopes, userId: UserId, store: Pick<ChatReads, "findChatOf">): ChatReach {
  const remembered = { send: new Map<ChatId, boolean>(), read: new Map<ChatId, boolean>() };

  function opens(allow: Allow, chat: Named): boolean {
    const known = remembered[allow];
    let opened = known.get(chat.chatId);
    if (opened === undefined) {
      opened = opensChat(scopes, allow, namesOf(chat));
      if (known.size >= rememberedMax) known.clear();
      known.set(chat.chatId, opened);
    }
    return opened;
  }

  function namesOf({ chatId, chatKey }: Named): string[] {
    const other = otherInDirect(chatKey, userId);
    return [chatKey, `chat.${chatId}`, ...(other === undefined ? [] : [`user.${other}`])];
  }

  async function opensNamed(allow: Allow, ref: ChatRef): Promise<boolean> {
    if ("key" in ref && opensChat(scopes, allow, [ref.key])) return true;
    const chat = await store.findChatOf(userId, ref);
    if (chat !== undefined) return opens(allow, chat);
    // A chat's id that is a user's means the direct chat with that user.
    const other = "key" in ref ? (userIdOfKey(ref.key) ?? otherInDirect(ref.key, userId)) : ref.id;
    if (other === undefined) return false;
    const [low, high] = [Math.min(userId, other), Math.max(userId, other)];
    return opensChat(scopes, allow, [`user.${other}`, `direct.${low}.${high}`]);
  }

  return {
    opens,
    opensNamed,
    async require(allow, ref) {
      if (!(await opensNamed(allow, ref))) throw new DomainError("out_of_scope");
    },
    async readable(of) {
      const readable: (typeof of)[number][] = [];
      for (const [index, one] of of.entries()) {
        let opened = remembered.read.get(one.chatId);
        if (opened === undefined) {
          if (index % lookedUpAtOnce === lookedUpAtOnce - 1) await new Promise<void>((done) => setImmediate(done));
          const chat = await store.findChatOf(userId, { id: one.chatId });
          opened = chat !== undefined && opens("read", chat);
        }
        if (opened) readable.push(one);
      }
      return readable;
    },
  };
}
