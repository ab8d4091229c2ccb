/**
 * /messages in the signed form (docs/protocols/rest-signed.md § Sending): a batch of messages, each with a text per
 * recipient, and statuses, signed by its sender; and what waits, signed by the server. Errors in the documents' order:
 * the token, the shape, the signature, the time, then the chats.
 */

import { safeInteger } from "../../domain/keys.ts";
import type { AddressedDraft, Confirmation } from "../../domain/messages/exchange-store.ts";
import type { EventId, Message, MessageId } from "../../domain/model.ts";
import type { LoggedIn } from "../../domain/people/accounts.ts";
import { reachOf, requireReadableMessage } from "../auth.ts";
import { keepOpen, type RestContext, type RouteParts } from "../context.ts";
import { badRequest, outOfTime, Refusal, unauthorized, unsigned } from "../errors.ts";
import { type Inbox, readerOf } from "../inbox.ts";
import { json } from "../json.ts";
import type { ReplyKey } from "../reply-key.ts";
import { inboxItems, parse, pick, type Schemas } from "../schemas.ts";
import { memberText, requireSignature, spellings } from "../signatures.ts";
import { incomingText, resultText } from "../signed-shapes.ts";

/** How far a client's clock may be off (R23). */
const windowMs = 300_000;
/** Times below it are seconds (R23). */
const millisecondsFrom = 1e11;
/** GUIDs in one `recipientList`. */
const recipientsMax = 1000;

type OutgoingEvents = ReturnType<Schemas["outgoingEvents"]["parse"]>["outgoingEvents"];

export function createSignedForm(parts: RouteParts & { inbox: Inbox; replyKey: ReplyKey }) {
  const { domain, clock, schemas, inbox, replyKey } = parts;
  const { accounts, exchanges, store } = domain;

  /** `body` is what `text` says. */
  async function post(sender: LoggedIn, body: { readonly outgoingEvents: unknown }, text: string): Promise<Response> {
    const signedText = memberText(text, "outgoingEvents") ?? "";
    const { outgoingEvents, sign } = parse(schemas.outgoingEvents, body);
    const messages = (outgoingEvents.messages ?? []).map(draftOf);
    const statuses = outgoingEvents.statuses ?? [];
    const confirmations = statuses.map(confirmationOf);
    await checkSignature(sender, sign ?? undefined, spellings(signedText, body.outgoingEvents));
    checkTime(outgoingEvents.timestamp);
    const { userId } = sender.user;
    const reach = reachOf(sender, store);
    if (reach !== undefined) {
      for (const { chatKey } of messages) await reach.require("send", { key: chatKey });
      for (const { messageID } of statuses) await requireReadableMessage(reach, { store, userId }, messageID);
    }
    const exchanged = await exchanges.exchange({
      from: { userId, deviceId: sender.deviceId },
      messages,
      confirmations,
    });
    if (exchanged === "foreign") throw unsigned("oldMessageID: the message is another sender's");
    const result = resultText(
      exchanged,
      statuses.map(({ clientHash }) => clientHash),
    );
    return json(`{"outgoingEventsResult":${result},"sign":"${await replyKey.sign(result)}"}`);
  }

  async function get(
    reader: LoggedIn,
    token: string,
    { query, context }: { query: URLSearchParams; context: RestContext },
  ): Promise<Response> {
    const timestamp = query.get("timestamp") ?? undefined;
    const sign = query.get("sign") ?? undefined;
    const mustSign = parts.requireSignature && reader.signingKey !== undefined;
    if (timestamp !== undefined || sign !== undefined || mustSign) {
      if (timestamp === undefined || !/^\d{1,15}$/.test(timestamp)) throw unsigned("timestamp must be decimal digits");
      await checkSignature(reader, sign, [timestamp, `"${timestamp}"`]);
      checkTime(Number(timestamp));
    }
    const { wait } = parse(schemas.inboxQuery, pick(query, ["wait"]));
    const waitMs = wait * 1000;
    if (waitMs > 0) keepOpen(context);
    const page = await inbox.wait(readerOf(reader, { address: context.env.address, store }), {
      after: undefined,
      limit: inboxItems,
      waitMs,
      signal: context.req.raw.signal,
      content: "whole",
    });
    // The token may have ended while the request waited.
    if (waitMs > 0 && !(await accounts.isTokenValid(token))) throw unauthorized("the access token has ended");
    const messages = await Promise.all(page.messages.map(incomingOf));
    const incoming = incomingText(clock.nowMs(), { ...page, messages });
    return json(`{"incomingEvents":${incoming},"sign":"${await replyKey.sign(incoming)}"}`);
  }

  /** A participant without a key cannot sign, and need not (R22). */
  async function checkSignature(by: LoggedIn, sign: string | undefined, texts: Iterable<string>): Promise<void> {
    if (by.signingKey !== undefined) return requireSignature(by.signingKey, sign, texts);
    if (sign !== undefined) throw unsigned("there is no key to verify sign with");
  }

  function checkTime(time: number): void {
    if (Math.abs(clock.nowMs() - toMs(time)) > windowMs) throw outOfTime("timestamp is more than five minutes off");
  }

  async function incomingOf(message: Message) {
    const [sender, addressing] = await Promise.all([
      store.findUser(message.senderId),
      store.addressing(message, recipientsMax),
    ]);
    return { message, senderGuid: sender?.guid, addressing };
  }

  return { post, get };
}

function draftOf(outgoing: NonNullable<OutgoingEvents["messages"]>[number]): AddressedDraft {
  const { chatID, clientHash, timestamp, messageBlock, oldMessageID } = outgoing;
  if (new Set(messageBlock.map(({ recipient }) => recipient)).size < messageBlock.length) {
    throw new Refusal(badRequest, "messageBlock: a recipient stands there twice");
  }
  return {
    chatKey: chatID,
    clientId: clientHash,
    clientTimeMs: toMs(timestamp),
    // No message has an id past 2^53, and none has id 0.
    oldMessageId: oldMessageID === undefined ? undefined : ((safeInteger(oldMessageID) ?? 0) as MessageId),
    texts: messageBlock.map(({ recipient, messageText }) => ({ guid: recipient, text: messageText })),
  };
}

function confirmationOf(status: NonNullable<OutgoingEvents["statuses"]>[number]): Confirmation {
  const { messageID, messageStatus } = status;
  const isEvent = messageID.startsWith("e");
  const id = safeInteger(isEvent ? messageID.slice(1) : messageID) ?? 0;
  return { of: isEvent ? { eventId: id as EventId } : { messageId: id as MessageId }, status: messageStatus };
}

const toMs = (time: number): number => (time < millisecondsFrom ? time * 1000 : time);
