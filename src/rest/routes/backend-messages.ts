/**
 * POST /messages with the backend key: the simple form, sent as the participant whom `sender` names, or as `"system"`.
 * There is no sender by default: a backend that shows its key by mistake must not send as the system.
 */
import { sentJson } from "../../delivery/message-json.ts";
import { DomainError } from "../../domain/errors.ts";
import { systemUserId, type UserId } from "../../domain/model.ts";
import { readJson } from "../body.ts";
import type { RestContext, RouteParts } from "../context.ts";
import { answerProblem, badRequest, Refusal } from "../errors.ts";
import { json } from "../json.ts";
import { clientIdsOf, draftOf } from "../outgoing.ts";
import { parse } from "../schemas.ts";

export function createBackendMessages({ domain, limits, schemas, clock, log }: RouteParts) {
  const { messages, store } = domain;

  async function post(c: RestContext): Promise<Response> {
    const body = await readJson(c.req.raw, limits);
    const items: unknown[] = Array.isArray(body) ? body : [body];
    try {
      if (!items.every(namesSender)) {
        throw new Refusal(
          badRequest,
          'sender: with the backend key each message names one, a userID, a GUID or "system"',
        );
      }
      const sent = (await send(items, clientIdsOf(c.req.raw, clock.steadyMs()))).map(sentJson);
      return json(Array.isArray(body) ? `[${sent.join(",")}]` : (sent[0] ?? ""));
    } catch (error) {
      return answerProblem(error, log, { method: c.req.method, path: c.req.path });
    }
  }

  async function send(items: unknown[], clientIdAt: (index: number) => string | undefined) {
    const outgoing = parse(schemas.backendMessages, items);
    const senders = await Promise.all(outgoing.map(({ sender }) => senderOf(sender)));
    return messages.sendAll(
      outgoing.map((one, index) =>
        draftOf(one, { from: senders[index] ?? systemUserId, fallbackClientId: clientIdAt(index) }),
      ),
    );
  }

  /** By userID or GUID. A participant whose userID is `system` is named by their GUID. */
  async function senderOf(name: string): Promise<UserId> {
    if (name === "system") return systemUserId;
    const user = (await store.findUserByKey(name)) ?? (await store.findParticipant(name.toLowerCase()))?.user;
    if (user === undefined) throw new DomainError("user_not_found", "sender");
    return user.userId;
  }

  return { post };
}

const namesSender = (message: unknown): boolean =>
  typeof message === "object" && message !== null && "sender" in message;
