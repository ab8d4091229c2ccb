import type { Act } from "./model.ts";
import type { Reply, Wires } from "./wires.ts";
import { done, type Fields, type Outcome, refused, type Words } from "./words.ts";

/** One request of a user's token, or of the backend. */
export async function actByRest(
  { words, wires, token }: { words: Words; wires: Wires; token: string },
  act: Act,
  clientId: string,
): Promise<Outcome> {
  const answer = await requestOf(words, wires, token, act, clientId);
  if (answer.status >= 500) throw new Error(`${act.does}: ${answer.status} ${answer.text}`);
  if (answer.status >= 300) return refused;
  return done(act.does === "send" ? String((JSON.parse(answer.text) as Fields)["message_id"]) : "");
}

function requestOf(words: Words, wires: Wires, as: string, act: Act, clientId: string): Promise<Reply> {
  const byBackend = { as: wires.backendKey };
  switch (act.does) {
    case "send": {
      const body = { chatID: words.chatID(act.chat, act.by), content: act.content, clientID: clientId };
      return wires.call("POST /messages", { as, body });
    }
    case "edit":
      return wires.call(`PATCH /messages/${act.message.id}`, { as, body: { content: act.content } });
    case "delete":
      return wires.call(`DELETE /messages/${act.message.id}`, { as });
    case "react": {
      const path = `/messages/${act.message.id}/reactions/${encodeURIComponent(act.kind)}`;
      return wires.call(`${act.added ? "PUT" : "DELETE"} ${path}`, { as });
    }
    case "read": {
      const status = {
        chatID: words.chatID(act.message.chat, act.by),
        through: act.message.seq,
        messageStatus: "read",
      };
      return wires.call("POST /messages", { as, body: { statuses: [status] } });
    }
    case "leave":
    case "join": {
      const body = { users: [words.person(act.by).userID] };
      const method = act.does === "join" ? "PUT" : "DELETE";
      return wires.call(`${method} /chats/${words.names.groupID}/users`, { ...byBackend, body });
    }
    default:
      throw new Error(`REST has no word for ${act.does}`);
  }
}
