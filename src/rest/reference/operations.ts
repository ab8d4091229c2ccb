/** Every route that is documented, with what it takes and what it answers. `app.ts` must serve exactly these. */
import type { Schemas } from "../schemas.ts";
import { createMessageOperations } from "./message-operations.ts";
import {
  documented,
  fault,
  type OperationTable,
  problem,
  tooLarge,
  tooOften,
  usual,
  usualOwn,
  usualWithBody,
  withKey,
} from "./operation.ts";
import * as shapes from "./shapes.ts";
import { createTokenOperations } from "./token-operations.ts";
import { createWebhookOperations } from "./webhook-operations.ts";

export function createOperations(schemas: Schemas) {
  return {
    ...createTokenOperations(schemas),
    ...createMessageOperations(schemas),
    "/chats": {
      GET: {
        id: "getChats",
        summary: "Your chats",
        about: "Page by page, by rising chat_id.",
        caller: "participant",
        query: schemas.chatsQuery,
        answers: {
          200: { about: "A page.", schema: shapes.chats },
          400: problem("Something in the query is not as it must be."),
          ...usualOwn,
        },
      },
    },
    "/chats/:chatID": {
      DELETE: {
        id: "deleteChat",
        summary: "Delete a chat",
        about: "All participants are removed, then the chat.",
        caller: "backend",
        once: true,
        answers: {
          200: { about: "Deleted.", schema: shapes.nothing },
          400: documented("Invalid chatID", "No such chat."),
          ...usual,
          ...withKey,
        },
      },
    },
    "/chats/:chatID/users": {
      GET: {
        id: "getUsers",
        summary: "Who is in a chat",
        about: "In the order in which they came.",
        caller: "backend",
        answers: {
          200: { about: "The chat.", schema: shapes.chatUsers },
          400: documented("Invalid chatID", "No such chat."),
          ...usual,
        },
      },
      PUT: {
        id: "putUsers",
        summary: "Add users to a chat",
        about: "The chat is made when it does not exist; its first user owns it. Repeating it changes nothing.",
        caller: "backend",
        once: true,
        body: { schema: schemas.putUsers, required: true, example: { users: ["anna", "ben"], chatName: "Our team" } },
        answers: {
          200: { about: "A GUID for each user asked for, in that order.", schema: shapes.guidList },
          400: documented("Invalid parameters", "The chatID, or something in the body, is not as it must be."),
          ...usualWithBody,
          ...withKey,
        },
      },
      DELETE: {
        id: "deleteUsers",
        summary: "Remove users from a chat",
        about:
          "By userID or GUID, in the body or as `?users=a,b`. Strangers are ignored; with its owner, or its last member, the chat goes.",
        caller: "backend",
        once: true,
        query: schemas.removedUsersQuery,
        body: { schema: schemas.removedUsers, required: false, example: { users: ["ben"] } },
        answers: {
          200: { about: "Removed.", schema: shapes.nothing },
          400: documented("Bad request", "The chatID or the list of users is not as it must be."),
          404: documented("ChatID not found", "There is no such chat."),
          ...usualWithBody,
          ...withKey,
        },
      },
    },
    "/chats/:chatID/messages": {
      GET: {
        id: "getHistory",
        summary: "A chat's messages",
        about:
          "Ascending. With `after_seq` towards newer ones, else from the newest towards older ones; `next` is the value of that parameter for the page that follows.",
        caller: "participant",
        query: schemas.historyQuery,
        answers: {
          200: { about: "A page.", schema: shapes.history },
          400: problem("The chatID, or something in the query, is not as it must be."),
          403: problem("This server asks who has a key for the signed form."),
          404: problem("There is no such chat, or you are not in it."),
          ...usualOwn,
        },
      },
    },
    "/chats/:chatID/typing": {
      PUT: {
        id: "putTyping",
        summary: "Say that you are typing",
        about: "Told to the members who are connected just now (`chat_typing`, `chat_typingEnd`), and kept nowhere.",
        caller: "participant",
        once: true,
        body: { schema: schemas.typing, required: false, example: { typing: true } },
        answers: {
          200: { about: "Told.", schema: shapes.nothing },
          400: problem("The chatID or the body is not as it must be."),
          404: problem("There is no such chat, or you are not in it."),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
    },
    ...createWebhookOperations(schemas),
    "/healthz": {
      GET: {
        id: "healthz",
        summary: "Whether the server lives",
        about: "For a monitor.",
        caller: "anyone",
        answers: {
          200: { about: "It does.", schema: shapes.live },
          429: problem(tooOften.about),
          "5XX": { about: "It should be restarted.", schema: shapes.live },
        },
      },
    },
    "/readyz": {
      GET: {
        id: "readyz",
        summary: "Whether the server can work",
        about: "For a balancer.",
        caller: "anyone",
        answers: {
          200: { about: "It can.", schema: shapes.ready },
          429: problem(tooOften.about),
          "5XX": { about: "It cannot, for these reasons.", schema: shapes.ready },
        },
      },
    },
    "/publicKey": {
      GET: {
        id: "publicKey",
        summary: "What replies of the signed form are verified with",
        about: "An RSA key, made when first asked for and kept with the data.",
        caller: "anyone",
        answers: {
          200: { about: "The key.", schema: shapes.publicKey },
          429: problem(tooOften.about),
          "5XX": problem(fault.about),
        },
      },
    },
    "/version": {
      GET: {
        id: "version",
        summary: "Which version this is",
        about: "Of the server.",
        caller: "anyone",
        answers: { 200: { about: "The version.", schema: shapes.version }, 429: problem(tooOften.about) },
      },
    },
  } as const satisfies OperationTable;
}

export type Operations = ReturnType<typeof createOperations>;
