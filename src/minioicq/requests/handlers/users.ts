/** MiniOICQ § Get User Info, Sync Users; finding people, and one's own nick (docs/protocols/minioicq.md). */
import { DomainError } from "../../../domain/errors.ts";
import { peopleQueryCharactersMax } from "../../../domain/people/people-search.ts";
import { userBodies, userFields, wireId } from "../../outgoing/push.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { isAbsent, Refused, text, type WireId } from "../fields.ts";

/** `nick` is the document's key here, `user_name` what its client reads (O3). Throws `user_not_found` (O18), also for hidden strangers. */
export const getUser: Handler<{ readonly action: "user.get"; readonly userId: WireId }> = {
  parse: (fields, reader) => ({ action: "user.get", userId: reader.id(fields["user_id"], "User not found") }),
  handle: async ({ shared, caller, user: asker }, { userId }) => {
    if (userId === undefined) throw new DomainError("user_not_found");
    const user = await shared.domain.people.get(asker.userId, userId);
    return answerWith({ action: "user.push", ...userFields(user, caller.dialect), nick: user.nick });
  },
};

/** See `history/user-sync.ts`. */
export const syncUsers: Handler<{ readonly action: "user.sync" }> = {
  parse: () => ({ action: "user.sync" }),
  handle: async ({ shared, caller, user, encoding }) => {
    const frame = await shared.userSync(user, caller.deviceId, { ...caller.dialect, encoding });
    return { is: "frame", frame };
  },
};

interface UserSearch {
  readonly action: "user.search";
  readonly query: string;
  readonly limit: number | undefined;
}

/** Throws `invalid_query`. */
export const searchUsers: Handler<UserSearch> = {
  parse: ({ query: given, limit }) => {
    const query = text(given, { empty: "Invalid query", wrong: "Invalid query" });
    if (query.length > peopleQueryCharactersMax) throw new Refused("Invalid query");
    if (isAbsent(limit)) return { action: "user.search", query, limit: undefined };
    if (typeof limit !== "number" || !Number.isSafeInteger(limit) || limit < 1) throw new Refused("Invalid limit");
    return { action: "user.search", query, limit };
  },
  handle: async ({ shared, caller, user }, { query, limit }) => {
    const found = await shared.domain.people.search(user.userId, limit === undefined ? { query } : { query, limit });
    return answerWith({
      action: "user.search.success",
      users: userBodies(found, caller.dialect, shared.limits.avatarBytesMax),
    });
  },
};

/** Throws `invalid_name`, `user_disabled`. */
export const setProfile: Handler<{ readonly action: "profile.set"; readonly nick: string }> = {
  parse: ({ nick, user_name: name }) => ({
    action: "profile.set",
    nick: text(isAbsent(nick) ? name : nick, { empty: "Invalid name", wrong: "Invalid name" }),
  }),
  handle: async ({ shared, caller, user }, request) => {
    const nick = await shared.domain.nicks.set(user.userId, request.nick);
    return answerWith({
      action: "profile.set.success",
      user_id: wireId(user.userId, caller.dialect),
      user_name: nick,
      nick,
    });
  },
};
