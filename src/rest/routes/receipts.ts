/** Who got a message, and who read it (docs/protocols/rest.md § Receipts). */
import { placeShape, receiptShape } from "../../delivery/shapes.ts";
import { DomainError } from "../../domain/errors.ts";
import { accessToken, reachOf, refuseUnsigned, requireParticipant } from "../auth.ts";
import { type Handler, own, queryOf, type RouteParts } from "../context.ts";
import { json } from "../json.ts";
import { messageIdOf } from "../paths.ts";

export function createReceiptRoute({ domain, receipts, log, requireSignature }: RouteParts) {
  const { accounts, store } = domain;

  const ofMessage: Handler = own(log, async (c) => {
    const asking = await requireParticipant(accounts, accessToken(c.req.raw, queryOf(c.req.raw)), c.env);
    refuseUnsigned(requireSignature, asking);
    const { userId } = asking.user;
    const message = await store.findMessage(messageIdOf(c.req.param("messageID")), 0);
    // A message with a text for each recipient is told of by statuses, and says nothing to others.
    if (message === undefined || message.kind === "deleted" || !(await store.isMember(message.chatId, userId))) {
      throw new DomainError("message_not_found");
    }
    if (reachOf(asking, store)?.opens("read", message) === false) throw new DomainError("out_of_scope");
    const { receipts: places, ...counts } = await receipts.list(userId, message.chatId, message.seq);
    const shown = places === undefined ? {} : { receipts: places.map((place) => receiptShape(place, message)) };
    return json(JSON.stringify({ ...placeShape(message), ...counts, ...shown }));
  });

  return { ofMessage };
}
