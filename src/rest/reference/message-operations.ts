/** The reference of /messages. */
import type { Schemas } from "../schemas.ts";
import {
  badToken,
  documented,
  either,
  type OperationTable,
  problem,
  tooLarge,
  usualOfMessages,
  usualOwn,
  withKey,
} from "./operation.ts";
import * as shapes from "./shapes.ts";

const badSignature = {
  about: "The signature is missing or wrong, or this server requires one; or a long-lived token does not open this.",
  schema: shapes.documentedError("Bad signature", "Out of scope"),
};

const signedFormAsked = "This server requires the signed form of participants that have a key.";

export const createMessageOperations = (schemas: Schemas) =>
  ({
    "/messages": {
      GET: {
        id: "getMessages",
        summary: "What waits for you",
        about:
          "With `format=simple` the simple form, else the signed form: `sign` is over `timestamp`, and only participants that have a key can sign. Nothing is consumed: a message stays until its status is delivered. `after` is the last `next`. With `wait` the answer comes when there is something to tell. With `Accept: text/event-stream` the same objects come one by one, as `message` and `event`, with the cursor as their id. With `receipts=true` events tell how far others have got since `after`, and take no place of `limit`.",
        caller: "participant",
        query: schemas.inboxQuery.extend(shapes.signedQuery.shape),
        answers: {
          200: { about: "The oldest first.", schema: shapes.inbox.or(shapes.incoming), stream: true },
          400: either(problem("A parameter of the query is wrong."), "Bad request"),
          403: badSignature,
          409: documented("Time conflict", "The timestamp is more than five minutes off."),
          ...usualOfMessages,
        },
      },
      POST: {
        id: "postMessages",
        summary: "Send messages, or confirm what you received",
        about:
          "A message, an array of messages (all or nothing), statuses, or `outgoingEvents`: messages with a text for each recipient, signed where the sender has a key. The same clientID or clientHash again means the same message and gets the same answer. The backend names the `sender` of each message: a participant, or `system`.",
        caller: "participant",
        orBackend: true,
        once: true,
        body: {
          schema: schemas.message
            .or(schemas.messages)
            .or(schemas.statuses)
            .or(schemas.outgoingEvents)
            .or(schemas.backendMessage)
            .or(schemas.backendMessages),
          required: true,
          example: { chatID: "team", content: "hello", clientID: "1" },
        },
        answers: {
          200: {
            about: "On disk, and queued for every recipient.",
            schema: shapes.sent.or(shapes.sent.array()).or(shapes.confirmed).or(shapes.exchanged),
          },
          400: either({ ...badToken, about: "A value in the body is wrong." }, "Bad request"),
          403: either(badSignature, "Bad signature", "Out of scope"),
          404: either(problem("There is no such chat, or you or a recipient are not in it."), "ChatID not found"),
          409: either(problem("The timestamp is more than five minutes off."), "Time conflict"),
          413: either(tooLarge, "Request too large"),
          ...usualOfMessages,
          ...withKey,
        },
      },
    },
    "/messages/:messageID": {
      PATCH: {
        id: "editMessage",
        summary: "Edit a message of yours",
        about:
          "Id, seq, time, type and reactions stay; the former content is gone at every door. You need the right to write in the chat now.",
        caller: "participant",
        once: true,
        body: { schema: schemas.edit, required: true, example: { content: "hello again" } },
        answers: {
          200: { about: "The message as it is now.", schema: shapes.message },
          400: problem("A value in the body is wrong."),
          403: problem(signedFormAsked),
          404: problem("There is no such message, it is not yours, or you may not write there."),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
      DELETE: {
        id: "deleteMessage",
        summary: "Delete a message",
        about:
          "Its sender may, the owner of its group, and a backend. It keeps its place (`seq`, sender, time) and loses its content: histories show it with the type `deleted`, and no door delivers it any more.",
        caller: "participant",
        orBackend: true,
        once: true,
        answers: {
          200: { about: "Where it was; a backend is told nothing.", schema: shapes.deleted.or(shapes.nothing) },
          403: problem(
            "It is another member's and you do not own the group; or this server requires the signed form of participants that have a key.",
          ),
          404: problem("There is no such message, it is deleted already, or you are not in its chat."),
          ...withKey,
          ...usualOwn,
        },
      },
    },
    "/messages/:messageID/reactions/:reaction": {
      PUT: {
        id: "react",
        summary: "React to a message",
        about:
          "With one character as a reader sees it, such as an emoji. Repeating it changes nothing. You need the right to write in the chat now.",
        caller: "participant",
        once: true,
        answers: { 200: { about: "The reactions to the message now.", schema: shapes.reacted }, ...ofReactions },
      },
      DELETE: {
        id: "unreact",
        summary: "Take a reaction back",
        about: "Where there is none, nothing changes.",
        caller: "participant",
        once: true,
        answers: {
          200: { about: "The reactions to the message now.", schema: shapes.reacted },
          ...ofReactionsTakenBack,
        },
      },
    },
    "/messages/:messageID/receipts": {
      GET: {
        id: "getReceipts",
        summary: "Who got a message, and who read it",
        about:
          "For members of its chat. `receipts` say how far each member who lets it be known has got; a member whose `delivered` or `read` is the message's `seq` or more has it. In chats of more than 256 members there are the counts alone.",
        caller: "participant",
        answers: {
          200: { about: "As it is now.", schema: shapes.receipts },
          403: problem(signedFormAsked),
          404: problem(
            "There is no such message, it is deleted, it has texts for single recipients, or you are not in its chat.",
          ),
          ...usualOwn,
        },
      },
    },
    "/search": {
      GET: {
        id: "search",
        summary: "Find messages by their words",
        about:
          "Text messages of your chats, the newest first. A message is found if it has every word of `query`, or a word that begins with it; case and accents do not count. Of Chinese, Japanese, Korean and Thai any part is found. Page by page: a page may hold few messages, or none, and still have a `next`.",
        caller: "participant",
        query: schemas.searchQuery,
        answers: {
          200: { about: "A page.", schema: shapes.found },
          400: problem("A parameter of the query is wrong, or `query` has no word."),
          403: problem("Search is off on this server, or it requires the signed form of participants that have a key."),
          404: problem("There is no such chat, or you are not in it."),
          ...usualOwn,
        },
      },
    },
  }) as const satisfies OperationTable;

const ofReactionsTakenBack = {
  400: problem("That is not one character."),
  403: problem(signedFormAsked),
  404: problem("There is no such message, or you may not write there."),
  ...withKey,
  ...usualOwn,
};
const ofReactions = { ...ofReactionsTakenBack, 409: problem("The message has twenty kinds of reactions already.") };
