/** My password and my log-ins at every door (docs/minioicq.md). */
import { isoTime } from "../../../delivery/shapes.ts";
import type { User } from "../../../domain/model.ts";
import type { LogIn } from "../../../domain/people/log-ins.ts";
import { closeCode } from "../../errors.ts";
import type { Front } from "../../shared.ts";
import type { ExtensionRequest } from "../extensions.ts";
import type { Answer, Connection } from "./dispatch.ts";

type SessionRequest = Extract<ExtensionRequest, { action: "password.set" | `session.${string}` }>;

/** Throws `wrong_password`, `try_later`, `busy`, `session_not_found`. */
export async function handleSession(
  { domain }: Front,
  connection: Connection,
  user: User,
  request: SessionRequest,
): Promise<Answer> {
  const { logIns } = domain;
  const { own, address } = connection;
  // Whether he has a phone may have changed since he logged in.
  const current = (await domain.store.findUser(user.userId)) ?? user;
  switch (request.action) {
    case "password.set": {
      const { oldPassword, password, endSessions: endOthers } = request;
      await logIns.changePassword(current, { oldPassword, password, address, endOthers, own });
      return { is: "said", body: { action: "password.set.success" } };
    }
    case "session.list": {
      const sessions = (await logIns.list(current, own)).map(sessionFields);
      return { is: "said", body: { action: "session.list.success", sessions } };
    }
    case "session.end": {
      const ended = await logIns.end(current, request.sessionId, own.connectionId);
      if (ended.own) return { is: "close", code: closeCode.normal, reason: "Session ended" };
      return { is: "said", body: { action: "session.end.success", session_id: request.sessionId } };
    }
  }
}

const sessionFields = (session: LogIn) => ({
  session_id: session.id,
  kind: session.kind,
  door: session.door,
  name: session.name,
  address: session.address,
  created: time(session.createdAtMs),
  last_seen: time(session.lastSeenAtMs),
  expires: time(session.expiresAtMs),
  online: session.online,
  own: session.own,
  by: session.by,
});

const time = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : isoTime(ms));
