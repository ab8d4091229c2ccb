/** The reference of tokens, and of the participants that have them. */
import type { Schemas } from "../schemas.ts";
import {
  documented,
  type OperationTable,
  outOfScope,
  problem,
  tooLarge,
  usual,
  usualOwn,
  usualWithBody,
  withKey,
} from "./operation.ts";
import * as shapes from "./shapes.ts";

const unknown = documented("userGUID not found", "No user has this GUID, or none you share a chat with.");

const notTheirs = problem(
  "A token makes no tokens; a password is for its own user's; and a backend for users without a password.",
);

export const createTokenOperations = (schemas: Schemas) =>
  ({
    "/token": {
      POST: {
        id: "createTokens",
        summary: "Make participants and their tokens",
        about:
          "One participant, or an array of them: all or nothing, answered in order. A participant that does not exist is made; a new key replaces the older one. As a stream (`application/x-ndjson`) each line is answered by a line as soon as it is on disk, and a stream repeated with the same Idempotency-Key gets the same tokens.",
        caller: "backend",
        once: true,
        body: {
          schema: schemas.token.or(schemas.tokens),
          required: true,
          example: [{ userID: "anna" }, { userID: "ben", displayName: "Ben" }],
          line: schemas.token,
        },
        answers: {
          200: {
            about: "A stream with a line for each line of the request.",
            schema: shapes.tokenLine,
            contentType: "application/x-ndjson",
          },
          201: { about: "A pair, or an array of pairs.", schema: shapes.tokenPair.or(shapes.tokenPair.array()) },
          400: documented("Invalid parameters", "A value in the body is wrong."),
          ...usualWithBody,
          ...withKey,
        },
      },
      PUT: {
        id: "refreshTokens",
        summary: "The next pair",
        about:
          "Uses the refresh token up. A refresh token that is used a second time ends every token that goes back to the same request.",
        caller: "anyone",
        body: { schema: schemas.refresh, required: true, example: { refreshToken: "rr_…" } },
        answers: {
          201: { about: "A pair.", schema: shapes.tokenPair },
          400: documented("Invalid parameters", "The body is wrong."),
          ...usualWithBody,
          401: documented("refreshToken is not valid", "It is unknown, used up, expired or revoked."),
        },
      },
      DELETE: {
        id: "revokeTokens",
        summary: "Revoke a token",
        about:
          "The access token of the request, or a token in its body, with all other tokens that go back to the same request.",
        caller: "participant",
        body: { schema: schemas.revocation, required: false, example: { refreshToken: "rr_…" } },
        answers: {
          200: { about: "Revoked.", schema: shapes.nothing },
          400: documented("Invalid parameters", "The body is wrong."),
          403: outOfScope,
          ...usualWithBody,
        },
      },
    },
    "/tokens": {
      GET: {
        id: "getLongTokens",
        summary: "Long-lived tokens",
        about: "The newest first, without their secrets. A backend names a user who has no password.",
        caller: "owner",
        orBackend: true,
        query: schemas.longTokensQuery,
        answers: {
          200: { about: "All of the user's.", schema: shapes.longTokens },
          400: problem("The query is wrong."),
          403: notTheirs,
          404: problem("No such user."),
          ...usualOwn,
        },
      },
      POST: {
        id: "createLongToken",
        summary: "Make a long-lived token",
        about:
          "For a device or a program of your own. It is valid at every door until it expires or is revoked. A backend names a user who has no password.",
        caller: "owner",
        orBackend: true,
        body: {
          schema: schemas.longToken,
          required: true,
          example: { name: "alarm", scopes: [{ allow: "send", chat: "team" }], expires_in: 7_776_000 },
        },
        answers: {
          201: { about: "The token. It is shown only this once.", schema: shapes.newLongToken },
          400: problem("A value in the body is wrong."),
          403: notTheirs,
          404: problem("No such user."),
          409: problem("The user has 100 tokens."),
          413: problem(tooLarge.about),
          ...usualOwn,
        },
      },
    },
    "/tokens/:tokenID": {
      DELETE: {
        id: "revokeLongToken",
        summary: "Revoke a long-lived token",
        about: "Its connections end at every door.",
        caller: "owner",
        orBackend: true,
        query: schemas.longTokensQuery,
        answers: {
          200: { about: "Revoked.", schema: shapes.nothing },
          400: problem("The query is wrong."),
          403: notTheirs,
          404: problem("No such user or token."),
          ...usualOwn,
        },
      },
    },
    "/links": {
      PUT: {
        id: "link",
        summary: "Link a userID or a password to a user",
        about:
          "The user is the one of the access token in the body, also of another door. A `userID` that a participant without messages, chats and contacts has moves from them. A `password` is for a user who has none. Nothing is merged.",
        caller: "backend",
        once: true,
        body: { schema: schemas.link, required: true, example: { accessToken: "ra_…", userID: "anna" } },
        answers: {
          200: { about: "Linked. The user, and the ways into the account.", schema: shapes.linked },
          400: problem("A value in the body is wrong."),
          403: problem(outOfScope.about),
          409: problem(
            "The user has one already, or the participant who has the userID has messages, chats or contacts.",
          ),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
      DELETE: {
        id: "unlink",
        summary: "Take a userID from a user",
        about: "The user stays, with their chats. Your tokens for them end, and their connections by these.",
        caller: "backend",
        once: true,
        body: { schema: schemas.unlink, required: true, example: { accessToken: "ra_…" } },
        answers: {
          200: { about: "Unlinked. The user, and the ways into the account.", schema: shapes.linked },
          400: problem("The body is wrong."),
          403: problem(outOfScope.about),
          404: problem("The user has no userID of a backend."),
          409: problem("The user has no other way into the account."),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
    },
    "/users": {
      GET: {
        id: "getUsersPage",
        summary: "All users, or the one of a userID",
        about:
          "Page by page, by rising user_id; people of every door, deactivated users left out. With `userID` the list has that user, or is empty.",
        caller: "backend",
        query: schemas.usersQuery,
        answers: {
          200: { about: "A page.", schema: shapes.users },
          400: problem("A parameter of the query is wrong."),
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
        answers: { 200: { about: "You.", schema: shapes.me }, 403: problem(outOfScope.about), ...usualOwn },
      },
      PATCH: {
        id: "patchMe",
        summary: "Change your name, and what others see of you",
        about: "What the body does not name stays as it is.",
        caller: "participant",
        once: true,
        body: { schema: schemas.me, required: false, example: { displayName: "Anna", presence: "none" } },
        answers: {
          200: { about: "You, as you are now.", schema: shapes.me },
          400: problem("A value in the body is wrong."),
          403: problem(outOfScope.about),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
    },
    "/users/:GUID": {
      GET: {
        id: "getUser",
        summary: "Who a user is",
        about:
          "And the key they sign with. For the user, for users who share a chat with them, and for the backend. The GUID may be a device's.",
        caller: "participant",
        orBackend: true,
        answers: {
          200: { about: "The user. `displayName` and `userKey` are missing where there is none.", schema: shapes.user },
          403: outOfScope,
          404: unknown,
          ...usual,
        },
      },
      DELETE: {
        id: "deactivateUser",
        summary: "Deactivate a user",
        about:
          "Their tokens and log-ins end, their connections are closed, and no one can log in as them. Their messages stay.",
        caller: "backend",
        once: true,
        answers: {
          200: { about: "Deactivated.", schema: shapes.nothing },
          404: unknown,
          ...usual,
          ...withKey,
        },
      },
    },
  }) as const satisfies OperationTable;
