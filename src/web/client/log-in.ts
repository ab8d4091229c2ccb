/** Questions of a client without a log-in, and the beginning and the end of a log-in. */
import { type Answer, Channel, type MakeSocket, noLine, type Refusal, type Timing } from "./channel.ts";
import { type Fields, idOf, isFields, textOf } from "./json.ts";
import type { Line } from "./line.ts";
import { readAvatar } from "./records.ts";
import type { Identity } from "./storage.ts";

interface Parts {
  readonly url: string;
  readonly timing: Timing;
  readonly makeSocket: MakeSocket;
}

/** One question over a channel of its own. */
export function askOnce(parts: Parts, action: string, fields: Fields): Promise<Answer | Refusal> {
  return new Promise((resolve) => {
    const opened = async () => {
      resolve(await channel.ask(action, fields));
      channel.drop();
    };
    let channel: Channel;
    try {
      const hooks = { opened: () => void opened(), pushed: () => {}, closed: () => resolve(noLine) };
      channel = new Channel({ ...parts, hooks });
    } catch {
      resolve(noLine);
    }
  });
}

/** What the answer to a log-in says of the user. */
export function identityOf(fields: Fields, token: string): Identity | undefined {
  const userId = idOf(fields["user_id"]);
  if (userId === undefined) return undefined;
  return {
    userId,
    token,
    name: textOf(fields["user_name"]) ?? "",
    avatar: readAvatar(fields["avatar"]),
    loginName: textOf(fields["login_name"]),
    epoch: textOf(fields["epoch"]),
  };
}

/** Ends the log-in with its token. The connection goes with it, so nothing else is asked of it. */
export async function endOwnSession(line: Pick<Line, "ask" | "say">): Promise<void> {
  const answer = await line.ask("session.list");
  if (!answer.ok || !Array.isArray(answer.fields["sessions"])) return;
  const token = answer.fields["sessions"].find(
    (one) => isFields(one) && one["own"] === true && one["kind"] === "token",
  );
  if (isFields(token)) line.say("session.end", { session_id: token["session_id"] });
}
