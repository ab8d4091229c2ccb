/**
 * MiniOICQ § Sync Users (O4): all users, the asking one too; on a server with very many users, or one that hides
 * strangers, those whom the user knows. The list of all users is encoded once for each of its versions, in slices, so
 * that other work gets its turn between them. In JSON the newest chats and messages stand beside it, where the
 * original's later client looks for them (docs/protocols/minioicq.md § user.sync).
 */
import type { Domain } from "../../domain/domain.ts";
import type { DeviceId, User } from "../../domain/model.ts";
import type { Dialect } from "../dialect.ts";
import type { MiniOicqLimits } from "../limits.ts";
import { chatBody, messageBody, userBodies } from "../outgoing/push.ts";
import { encodeFrame, type Frame } from "../requests/codec.ts";
import { readHistory } from "./history.ts";

/** Users encoded before other work gets its turn. */
const sliceUsers = 200;
/** The messages beside the list are an overview, not a history. */
const messagesBytesMax = 1024 * 1024;

/** All users, encoded: the whole frame in MessagePack, the list alone in JSON. */
interface EncodedUsers {
  readonly version: number;
  readonly frame: Promise<Frame>;
}

export function createUserSync({ domain, limits }: { domain: Domain; limits: MiniOicqLimits }) {
  const { store } = domain;
  /** By dialect, of which there are eight. */
  const encoded = new Map<string, EncodedUsers>();
  let counted = { version: -1, small: true };

  async function answer(user: User, deviceId: DeviceId | undefined, dialect: Dialect): Promise<Frame> {
    const version = await store.userListVersion();
    if (counted.version !== version) {
      counted = { version, small: (await store.countUsers(limits.syncUsersMax + 1)) <= limits.syncUsersMax };
    }
    const users = await (counted.small && domain.directory === "all"
      ? encodedUsers(version, dialect)
      : encodeUsers([await store.listAcquaintances(user.userId, limits.syncUsersMax)], dialect));
    if (typeof users !== "string") return users;
    const { chats, messages } = await overview(user, deviceId, dialect);
    return `{"action":"user.sync","users":${users},"chats":${JSON.stringify(chats)},"messages":${JSON.stringify(messages)}}`;
  }

  function encodedUsers(version: number, dialect: Dialect): Promise<Frame> {
    const key = `${dialect.encoding} ${dialect.numericIds} ${dialect.avatarsByUrl}`;
    const known = encoded.get(key);
    if (known?.version === version) return known.frame;
    const made: EncodedUsers = { version, frame: encodeUsers(allUsers(), dialect) };
    encoded.set(key, made);
    made.frame.catch(() => {
      if (encoded.get(key) === made) encoded.delete(key);
    });
    return made.frame;
  }

  async function* allUsers(): AsyncGenerator<User[]> {
    let left = limits.syncUsersMax;
    for (let after = 0; left > 0; ) {
      const page = await store.listUsers({ after, limit: Math.min(sliceUsers, left) });
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      after = last.userId;
      left -= page.length;
    }
  }

  /** Uploaded avatars are shown while they fit, all pages together. */
  async function encodeUsers(pages: Iterable<User[]> | AsyncIterable<User[]>, dialect: Dialect): Promise<Frame> {
    const bodies: Frame[] = [];
    let avatarBytes = limits.avatarBytesMax;
    for await (const page of pages) {
      for (let at = 0; at < page.length; at += sliceUsers) {
        const slice = page.slice(at, at + sliceUsers);
        for (const body of userBodies(slice, dialect, avatarBytes)) bodies.push(encodeFrame(dialect.encoding, body));
        for (const user of dialect.avatarsByUrl ? [] : slice) avatarBytes -= user.avatar?.byteLength ?? 0;
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }
    return dialect.encoding === "json" ? `[${bodies.join(",")}]` : messagePackSync(bodies);
  }

  /** Newest chats first, as long as their members are not too many; messages ascending. */
  async function overview(user: User, deviceId: DeviceId | undefined, dialect: Dialect) {
    const { userId } = user;
    const chats = [];
    let members = limits.syncMembersMax;
    let avatarBytes = limits.avatarBytesMax;
    for (const chat of await store.recentChats(userId, { limit: limits.syncChatsMax, membersMax: members })) {
      if (chat.members > members) continue;
      const view = await store.findChatView({ id: chat.chatId }, userId);
      if (view === undefined) continue;
      chats.push(chatBody(view, dialect, userId, avatarBytes));
      members -= view.members.length;
      for (const member of view.members) avatarBytes -= member.avatar?.byteLength ?? 0;
    }
    const { messages } = await readHistory(
      { domain, limits: { ...limits, historyBytesMax: messagesBytesMax } },
      {
        logs: await store.chatLogs(userId, userId),
        places: "message",
        senders: undefined,
        range: { by: "time", fromMs: undefined, toMs: undefined },
        page: { limit: limits.syncMessagesMax, from: undefined },
        reader: { userId, deviceId },
        contentBytesMax: dialect.contentBytesMax,
      },
    );
    return { chats, messages: messages.map((message) => messageBody(message, dialect, userId)) };
  }

  return answer;
}

/** `{action, users}` around users that are encoded already. */
function messagePackSync(users: readonly Frame[]): Frame {
  const head = encodeFrame("msgpack", { action: "user.sync", users: [] });
  const count = Buffer.alloc(5);
  count[0] = 0xdd; // array 32
  count.writeUInt32BE(users.length, 1);
  // The empty list is the head's last byte.
  return new Uint8Array(Buffer.concat([Buffer.from(head.slice(0, -1)), count, ...(users as readonly Uint8Array[])]));
}
