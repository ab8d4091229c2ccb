/** Every route that is documented, with what it takes and what it answers. `app.ts` must serve exactly these. */
import type { z } from "zod";
import type { Schemas } from "../schemas.ts";
import * as shapes from "./shapes.ts";

export interface OperationAnswer {
  readonly about: string;
  readonly schema: z.ZodType;
  /** Of the answer; problem documents have their own. */
  readonly contentType?: "application/problem+json";
  /** The same path also answers in this form, where it is asked for. */
  readonly stream?: true;
  /** Another form of the same answer, with a content type of its own. */
  readonly or?: OperationAnswer;
}

export interface Operation {
  readonly id: string;
  readonly summary: string;
  readonly about: string;
  readonly caller: "backend" | "participant" | "anyone";
  /** Whether a request with an idempotency key is answered once. */
  readonly once?: true;
  readonly query?: z.ZodObject;
  readonly body?: { readonly schema: z.ZodType; readonly required: boolean; readonly example: unknown };
  readonly answers: Readonly<Record<number | "5XX", OperationAnswer>>;
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

const badToken: OperationAnswer = {
  about: "The backend key or the access token is missing or wrong.",
  schema: shapes.documentedError("Bad token"),
};
const fault: OperationAnswer = {
  about: "A fault of the server, or it is too busy, stopping or out of room; Retry-After says when to come again.",
  schema: shapes.documentedError("Internal server error", "Service unavailable", "Not implemented"),
};
const tooOften: OperationAnswer = {
  about: "Asked too often, or too many wrong secrets; Retry-After says when to come again.",
  schema: shapes.documentedError("Too many requests"),
};
const tooLarge: OperationAnswer = {
  about: "The body is too large.",
  schema: shapes.documentedError("Request too large"),
};

const problem = (about: string): OperationAnswer => ({
  about,
  schema: shapes.problem,
  contentType: "application/problem+json",
});
const documented = (text: string, about: string): OperationAnswer => ({ about, schema: shapes.documentedError(text) });

/** What a route of REST.md may answer at any time. */
const usual = { 401: badToken, 429: tooOften, "5XX": fault };
const usualWithBody = { ...usual, 413: tooLarge };
/** REST.md's form of an answer where the request could not be told from one of its own, else a problem document. */
const either = (answer: OperationAnswer, ...texts: readonly [string, ...string[]]): OperationAnswer => ({
  ...problem(answer.about),
  or: { about: answer.about, schema: shapes.documentedError(...texts) },
});
const usualOfMessages = {
  401: badToken,
  429: either(tooOften, "Too many requests"),
  "5XX": either(fault, "Internal server error", "Service unavailable", "Not implemented"),
};
/** The same of a route of our own. */
const usualOwn = { 401: problem(badToken.about), 429: problem(tooOften.about), "5XX": problem(fault.about) };
const withKey = { 422: problem("The Idempotency-Key was used with another request.") };

export function createOperations(schemas: Schemas) {
  return {
    "/token": {
      POST: {
        id: "createTokens",
        summary: "Make participants and their tokens",
        about:
          "One participant, or an array of them: all or nothing, answered in order. One that does not exist is made; a new key replaces the older one.",
        caller: "backend",
        once: true,
        body: {
          schema: schemas.token.or(schemas.tokens),
          required: true,
          example: [{ userID: "anna" }, { userID: "ben", displayName: "Ben" }],
        },
        answers: {
          201: { about: "A pair, or an array of pairs.", schema: shapes.tokenPair.or(shapes.tokenPair.array()) },
          400: documented("Invalid parameters", "Something in the body is not as it must be."),
          ...usualWithBody,
          ...withKey,
        },
      },
    },
    "/messages": {
      GET: {
        id: "getMessages",
        summary: "What waits for you",
        about:
          "The simple form. Nothing is consumed: a message stays until its status is delivered. `after` is the last `next`. With `wait` the answer comes when there is something; with `Accept: text/event-stream` the same objects come one by one, as `message` and `event`, with the cursor as their id.",
        caller: "participant",
        query: schemas.inboxQuery,
        answers: {
          200: { about: "The oldest first.", schema: shapes.inbox, stream: true },
          400: problem("Something in the query is not as it must be."),
          ...usualOfMessages,
        },
      },
      POST: {
        id: "postMessages",
        summary: "Say something, or confirm what you got",
        about:
          "A message, an array of messages (all or nothing), or statuses. The same clientID again is the same message with the same answer.",
        caller: "participant",
        once: true,
        body: {
          schema: schemas.message.or(schemas.messages).or(schemas.statuses),
          required: true,
          example: { chatID: "team", content: "hello", clientID: "1" },
        },
        answers: {
          200: {
            about: "On disk, and queued for everyone it is for.",
            schema: shapes.sent.or(shapes.sent.array()).or(shapes.confirmed),
          },
          400: either({ ...badToken, about: "Something in the body is not as it must be." }, "Bad request"),
          404: problem("There is no such chat, or you are not in it."),
          413: either(tooLarge, "Request too large"),
          ...usualOfMessages,
          ...withKey,
        },
      },
    },
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
    "/users/me": {
      GET: {
        id: "getMe",
        summary: "Who you are",
        about: "The user behind the access token.",
        caller: "participant",
        answers: { 200: { about: "You.", schema: shapes.me }, ...usualOwn },
      },
    },
    "/webhooks": {
      GET: {
        id: "getWebhooks",
        summary: "The webhooks there are",
        about: "At most a hundred.",
        caller: "backend",
        answers: { 200: { about: "All of them.", schema: shapes.webhooks }, ...usualOwn },
      },
    },
    "/webhooks/:name": {
      GET: {
        id: "getWebhook",
        summary: "One webhook",
        about: "And how far it has got.",
        caller: "backend",
        answers: {
          200: { about: "The webhook.", schema: shapes.webhook },
          400: problem("The name is not as it must be."),
          404: problem("There is no such webhook."),
          ...usualOwn,
        },
      },
      PUT: {
        id: "putWebhook",
        summary: "Have a URL called for every message and event",
        about:
          "From now on; one that is there keeps its place. Each call is signed as Standard Webhooks have it: HMAC-SHA256 in webhook-signature over webhook-id, webhook-timestamp and body. Its host must be among webhooks.hosts.",
        caller: "backend",
        once: true,
        body: { schema: schemas.webhook, required: true, example: { url: "https://hooks.example.org/roost" } },
        answers: {
          200: { about: "The webhook; with its secret where that was made or given.", schema: shapes.webhook },
          400: problem("The name or the body is not as it must be, or the host is not allowed."),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
      DELETE: {
        id: "deleteWebhook",
        summary: "End a webhook",
        about: "With its place and its dead letters.",
        caller: "backend",
        once: true,
        answers: {
          200: { about: "Ended.", schema: shapes.nothing },
          400: problem("The name is not as it must be."),
          404: problem("There is no such webhook."),
          ...withKey,
          ...usualOwn,
        },
      },
    },
    "/webhooks/:name/replay": {
      POST: {
        id: "replayWebhook",
        summary: "Deliver again",
        about: "Everything behind the offset, in every chat; `0.0` is the beginning.",
        caller: "backend",
        once: true,
        body: { schema: schemas.replay, required: true, example: { offset: "0.0" } },
        answers: {
          200: { about: "The webhook as it stands now.", schema: shapes.webhook },
          400: problem("The name or the offset is not as it must be."),
          404: problem("There is no such webhook."),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
    },
    "/webhooks/:name/dead-letters": {
      GET: {
        id: "getDeadLetters",
        summary: "What was given up",
        about: "The oldest first; the newest ten thousand are kept. To have one again, replay from before its offset.",
        caller: "backend",
        query: schemas.deadLettersQuery,
        answers: {
          200: { about: "A page.", schema: shapes.deadLetters },
          400: problem("The name, or something in the query, is not as it must be."),
          404: problem("There is no such webhook."),
          ...usualOwn,
        },
      },
    },
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
    "/version": {
      GET: {
        id: "version",
        summary: "Which version this is",
        about: "Of the server.",
        caller: "anyone",
        answers: { 200: { about: "The version.", schema: shapes.version }, 429: problem(tooOften.about) },
      },
    },
  } as const satisfies Readonly<
    Record<string, Partial<Record<Method, Omit<Operation, "answers"> & { answers: object }>>>
  >;
}

export type Operations = ReturnType<typeof createOperations>;
