/** Every documented route, with what it takes and what it answers. `app.ts` must serve exactly these. */
import type { Schemas } from "../schemas.ts";
import { createContactOperations } from "./contact-operations.ts";
import { createFileOperations } from "./file-operations.ts";
import { createHookOperations } from "./hook-operations.ts";
import { createMessageOperations } from "./message-operations.ts";
import {
  documented,
  fault,
  type OperationTable,
  outOfScope,
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
        summary: "Your chats, or all chats",
        about:
          "Page by page, by rising chat_id. A participant gets their own chats and how far they have come in each; the backend gets all chats.",
        caller: "participant",
        orBackend: true,
        query: schemas.chatsQuery,
        answers: {
          200: { about: "A page.", schema: shapes.chats.or(shapes.allChats) },
          400: problem("A parameter of the query is wrong."),
          403: problem(outOfScope.about),
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
        summary: "The users of a chat",
        about: "In the order in which they joined.",
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
          200: { about: "A GUID for each user of the request, in that order.", schema: shapes.guidList },
          400: documented("Invalid parameters", "The chatID, or a value in the body, is wrong."),
          ...usualWithBody,
          ...withKey,
        },
      },
      DELETE: {
        id: "deleteUsers",
        summary: "Remove users from a chat",
        about:
          "By userID or GUID, in the body or as `?users=a,b`. Users who are not in the chat are ignored. When its owner or its last member is removed, the chat is deleted.",
        caller: "backend",
        once: true,
        query: schemas.removedUsersQuery,
        body: { schema: schemas.removedUsers, required: false, example: { users: ["ben"] } },
        answers: {
          200: { about: "Removed.", schema: shapes.nothing },
          400: documented("Bad request", "The chatID or the list of users is wrong."),
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
          "Ascending. With `after_seq` pages go towards newer messages, else from the newest towards older ones. `next` is the value of that parameter for the page that follows.",
        caller: "participant",
        query: schemas.historyQuery,
        answers: {
          200: { about: "A page.", schema: shapes.history },
          400: problem("The chatID, or a parameter of the query, is wrong."),
          403: problem("This server requires the signed form of participants that have a key."),
          404: problem("There is no such chat, or you are not in it."),
          ...usualOwn,
        },
      },
    },
    "/chats/:chatID/changes": {
      GET: {
        id: "getChanges",
        summary: "What changed in a chat",
        about:
          "Messages that were edited, deleted or reacted to after a revision, each once, as it is now, by rising revision. Messages that are not for you are left out.",
        caller: "participant",
        query: schemas.changesQuery,
        answers: {
          200: { about: "A page.", schema: shapes.changes },
          400: problem("The chatID, or a parameter of the query, is wrong."),
          403: problem("This server requires the signed form of participants that have a key."),
          404: problem("There is no such chat, or you are not in it."),
          ...usualOwn,
        },
      },
    },
    "/chats/:chatID/mute": {
      PUT: {
        id: "putMute",
        summary: "Mute a chat until a time",
        about:
          "You want no notices of it until then, but for messages that name you. Messages are delivered and counted as before: clients keep it. Without `until`, or with a time that is over, notices come again. At most ten years.",
        caller: "participant",
        once: true,
        body: { schema: schemas.mute, required: false, example: { until: "2030-01-02T03:04:05Z" } },
        answers: {
          200: { about: "Until when it is muted.", schema: shapes.muted },
          400: problem("The chatID or the body is wrong."),
          403: problem(outOfScope.about),
          404: problem("There is no such chat, or you are not in it."),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
    },
    ...createContactOperations(schemas),
    ...createHookOperations(schemas),
    "/chats/:chatID/typing": {
      PUT: {
        id: "putTyping",
        summary: "Tell that you are typing",
        about:
          "Members who are connected now are told (`chat_typing`, `chat_typingEnd`), and your own other clients, at most once a second. It ends by itself after ten seconds, and is not stored.",
        caller: "participant",
        once: true,
        body: { schema: schemas.typing, required: false, example: { typing: true } },
        answers: {
          200: { about: "The members were told.", schema: shapes.nothing },
          400: problem("The chatID or the body is wrong."),
          403: problem(outOfScope.about),
          404: problem("There is no such chat, or you are not in it."),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
    },
    ...createFileOperations(schemas),
    ...createWebhookOperations(schemas),
    "/healthz": {
      GET: {
        id: "healthz",
        summary: "Whether the server is alive",
        about: "For a monitor.",
        caller: "anyone",
        answers: {
          200: { about: "It is.", schema: shapes.live },
          429: problem(tooOften.about),
          "5XX": { about: "It should be restarted.", schema: shapes.live },
        },
      },
    },
    "/readyz": {
      GET: {
        id: "readyz",
        summary: "Whether the server can work",
        about: "For a load balancer.",
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
        summary: "The key that verifies replies of the signed form",
        about: "An RSA key. It is made at the first request and kept with the data.",
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
        summary: "The version of the server",
        about: "Of the running program.",
        caller: "anyone",
        answers: { 200: { about: "The version.", schema: shapes.version }, 429: problem(tooOften.about) },
      },
    },
  } as const satisfies OperationTable;
}

export type Operations = ReturnType<typeof createOperations>;
