/** Users and what they log in with in the store: reads of this thread's connection, and changes sent to the writer. */
import type { DeviceId, User } from "../../../domain/model.ts";
import type { CredentialStore, UserStore } from "../../../domain/store.ts";
import { hexOf } from "../../../lib/hex.ts";
import type { Submit } from "../submit.ts";
import { toWireScramKeys } from "./credential-parts.ts";
import type { PeopleReader } from "./people-reader.ts";
import type { UserReader } from "./user-reader.ts";

export function createUserStore(
  reads: UserReader,
  parts: {
    submit: Submit;
    people: PeopleReader;
    /** Throws where there is no such user. */
    getUser(userId: number): User;
  },
): UserStore & CredentialStore {
  const { submit, people, getUser } = parts;
  const nothing = (): void => {};

  async function createUser(user: Parameters<UserStore["createUser"]>[0]): Promise<User> {
    const { scramKeys, invite, ...rest } = user;
    const { userId } = await submit("createUser", {
      ...rest,
      scramKeys: toWireScramKeys(scramKeys),
      invite: invite === undefined ? undefined : hexOf(invite),
    });
    return getUser(userId);
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    createUser,
    setPassword: (userId, passwordHash, { scramKeys, end } = {}) =>
      submit("setPassword", { userId, passwordHash, scramKeys: toWireScramKeys(scramKeys), end }).then(nothing),
    setLoginName: (userId, loginName) => submit("setLoginName", { userId, loginName }).then(nothing),
    setNick: (userId, nick) => submit("setNick", { userId, nick }).then(nothing),
    setPresenceRule: (userId, rule) => submit("setPresenceRule", { userId, rule }).then(nothing),
    setAvatar: (userId, picture) =>
      submit("setAvatar", {
        userId,
        avatar: picture === undefined ? undefined : Buffer.from(picture).toString("base64"),
      }).then(({ updatedAtMs }) => ({ updatedAtMs })),
    touchUsers: (seen) => submit("touchUsers", { seen }).then(nothing),
    findUser: async (userId) => reads.findUser(userId),
    findUserByKey: async (key) => reads.findUserByKey(key),
    findUserByLoginName: async (loginName) => reads.findUserByLoginName(loginName),
    findPasswordHash: async (userId) => reads.findPasswordHash(userId),
    listUsers: async (page) => reads.listUsers(page),
    countUsers: people.countUsers,
    userListVersion: people.userListVersion,
    recentChats: people.recentChats,
    namesOfAcquaintances: people.namesOfAcquaintances,
    usersNamed: people.usersNamed,
    listAcquaintances: async (userId, limit) => reads.enabledUsers(people.acquaintanceIds(userId, limit)),
    findParticipant: async (guid) => reads.findParticipant(guid),
    shareChat: async (userId, other) => reads.shareChat(userId, other),
    openDevice: (device) =>
      submit("openDevice", device).then(({ deviceId, isNew }) => ({ deviceId: deviceId as DeviceId, isNew })),
    endDevice: (device) => submit("endDevice", device).then(nothing),
    findBackendKey: async () => reads.findBackendKey(),
    setBackendKey: (hash) => submit("setBackendKey", { hash: hexOf(hash) }).then(nothing),
  };
}
