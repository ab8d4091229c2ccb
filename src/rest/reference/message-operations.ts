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
  withKey,
} from "./operation.ts";
import * as shapes from "./shapes.ts";

const badSignature = documented("Bad signature", "The signature is missing or wrong, or this server requires one.");

export const createMessageOperations = (schemas: Schemas) =>
  ({
    "/messages": {
      GET: {
        id: "getMessages",
        summary: "What waits for you",
        about:
          "With `format=simple` the simple form, else the signed form: `sign` is over `timestamp`, and only participants that have a key can sign. Nothing is consumed: a message stays until its status is delivered. `after` is the last `next`. With `wait` the answer comes when there is something to tell. With `Accept: text/event-stream` the same objects come one by one, as `message` and `event`, with the cursor as their id.",
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
          403: badSignature,
          404: either(problem("There is no such chat, or you or a recipient are not in it."), "ChatID not found"),
          409: either(problem("The timestamp is more than five minutes off."), "Time conflict"),
          413: either(tooLarge, "Request too large"),
          ...usualOfMessages,
          ...withKey,
        },
      },
    },
  }) as const satisfies OperationTable;
