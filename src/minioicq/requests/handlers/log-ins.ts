/** The user's password, and where the user is logged in at every door (docs/protocols/minioicq.md). */
import { isoTime } from "../../../delivery/shapes.ts";
import type { User } from "../../../domain/model.ts";
import type { LogIn } from "../../../domain/people/log-ins.ts";
import { closeCode } from "../../errors.ts";
import type { Handler, UserCall } from "../action.ts";
import { answerWith } from "../answer.ts";
import { flag, isAbsent, Refused, text } from "../fields.ts";
import { parseLoginName } from "./auth.ts";
import { parseCode, parseNewPassword, parsePassword } from "./shown-proof.ts";

/** Longer texts are no ids of log-ins. */
const sessionIdCharactersMax = 64;

/**
 * With a code it is the user's first password. Throws `wrong_password`, `code_invalid`, `already_linked`,
 * `password_too_short`, `try_later`, `busy`.
 */
export const setPassword: Handler<{
  readonly action: "password.set";
  readonly password: string;
  readonly by: { readonly oldPassword: string } | { readonly code: string };
  /** The user's other log-ins end. */
  readonly endSessions: boolean;
}> = {
  parse: (fields) => {
    const password = parseNewPassword(fields);
    const endSessions = flag(fields["end_sessions"], "Invalid end_sessions");
    const first = !isAbsent(fields["code"]);
    if (first && !isAbsent(fields["old_password"])) throw new Refused("Invalid code");
    const by = first
      ? { code: parseCode(fields, "Invalid code") }
      : { oldPassword: text(fields["old_password"], { empty: "Incorrect password", wrong: "Invalid password" }) };
    return { action: "password.set", password, by, endSessions };
  },
  handle: async (call, { by, password, endSessions: endOthers }) => {
    const { own, address } = call.caller;
    const { links, logIns } = call.shared.domain;
    if ("code" in by) await links.linkPassword(call.user, { password, code: by.code, address });
    else await logIns.changePassword(await currentUser(call), { ...by, password, address, endOthers, own });
    return answerWith({ action: "password.set.success" });
  },
};

/** Without a name the user has none from then on. Throws `wrong_password`, `reserved_key`, `username_taken`, `try_later`, `busy`. */
export const setLoginName: Handler<{
  readonly action: "login_name.set";
  readonly loginName: string | undefined;
  readonly password: string;
}> = {
  parse: (fields) => {
    return { action: "login_name.set", loginName: parseLoginName(fields), password: parsePassword(fields) };
  },
  handle: async (call, { loginName, password }) => {
    const { address } = call.caller;
    await call.shared.domain.loginNames.choose(await currentUser(call), { loginName, password, address });
    return answerWith({ action: "login_name.set.success", login_name: loginName });
  },
};

export const listLogIns: Handler<{ readonly action: "session.list" }> = {
  parse: () => ({ action: "session.list" }),
  handle: async (call) => {
    const logIns = await call.shared.domain.logIns.list(await currentUser(call), call.caller.own);
    return answerWith({ action: "session.list.success", sessions: logIns.map(sessionFields) });
  },
};

/** Throws `session_not_found`. */
export const endLogIn: Handler<{ readonly action: "session.end"; readonly sessionId: string }> = {
  parse: (fields) => {
    const wrong = "Session not found";
    const sessionId = text(fields["session_id"], { empty: wrong, wrong });
    if (sessionId.length > sessionIdCharactersMax) throw new Refused(wrong);
    return { action: "session.end", sessionId };
  },
  handle: async (call, { sessionId }) => {
    const { logIns } = call.shared.domain;
    const ended = await logIns.end(await currentUser(call), sessionId, call.caller.own.connectionId);
    if (ended.own) return { is: "close", code: closeCode.normal, reason: "Session ended" };
    return answerWith({ action: "session.end.success", session_id: sessionId });
  },
};

/** Read anew: whether the user has a phone may have changed since the log-in. */
const currentUser = async ({ shared, user }: UserCall): Promise<User> =>
  (await shared.domain.store.findUser(user.userId)) ?? user;

export const sessionFields = (logIn: LogIn) => ({
  session_id: logIn.id,
  kind: logIn.kind,
  door: logIn.door,
  name: logIn.name,
  address: logIn.address,
  created: time(logIn.createdAtMs),
  last_seen: time(logIn.lastSeenAtMs),
  expires: time(logIn.expiresAtMs),
  online: logIn.online,
  own: logIn.own,
  by: logIn.by,
});

const time = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : isoTime(ms));
