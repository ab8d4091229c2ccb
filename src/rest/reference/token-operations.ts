/** What the reference says of tokens and of those they are given to. */
import type { Schemas } from "../schemas.ts";
import { documented, type OperationTable, usual, usualOwn, usualWithBody, withKey } from "./operation.ts";
import * as shapes from "./shapes.ts";

const nobody = documented("userGUID not found", "Nobody has this GUID, or nobody you may know.");

export const createTokenOperations = (schemas: Schemas) =>
  ({
    "/token": {
      POST: {
        id: "createTokens",
        summary: "Make participants and their tokens",
        about:
          "One participant, or an array of them: all or nothing, answered in order. One that does not exist is made; a new key replaces the older one. As a stream (`application/x-ndjson`) a line is answered by a line as soon as it is on disk, and an Idempotency-Key gives a repeated stream the same tokens.",
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
            about: "A stream: a line for each line.",
            schema: shapes.tokenLine,
            contentType: "application/x-ndjson",
          },
          201: { about: "A pair, or an array of pairs.", schema: shapes.tokenPair.or(shapes.tokenPair.array()) },
          400: documented("Invalid parameters", "Something in the body is not as it must be."),
          ...usualWithBody,
          ...withKey,
        },
      },
      PUT: {
        id: "refreshTokens",
        summary: "The next pair",
        about: "Uses the refresh token up. One that is used again ends every token that goes back to the same request.",
        caller: "anyone",
        body: { schema: schemas.refresh, required: true, example: { refreshToken: "rr_…" } },
        answers: {
          201: { about: "A pair.", schema: shapes.tokenPair },
          400: documented("Invalid parameters", "The body is not as it must be."),
          ...usualWithBody,
          401: documented("refreshToken is not valid", "It is unknown, used up, expired or revoked."),
        },
      },
      DELETE: {
        id: "revokeTokens",
        summary: "Revoke a token",
        about:
          "The access token that is shown, or a token in the body, with every other that goes back to the same request.",
        caller: "participant",
        body: { schema: schemas.revocation, required: false, example: { refreshToken: "rr_…" } },
        answers: {
          200: { about: "Revoked.", schema: shapes.nothing },
          400: documented("Invalid parameters", "The body is not as it must be."),
          ...usualWithBody,
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
    "/users/:GUID": {
      GET: {
        id: "getUser",
        summary: "Who somebody is",
        about:
          "And what he signs with. For himself, for those who share a chat with him, and for the backend. The GUID may be a device's.",
        caller: "participant",
        orBackend: true,
        answers: {
          200: { about: "The user, without `displayName` and `userKey` where there is none.", schema: shapes.user },
          404: nobody,
          ...usual,
        },
      },
      DELETE: {
        id: "deactivateUser",
        summary: "Deactivate a user",
        about:
          "His tokens and log-ins are ended and his connections closed, and nobody can be him; what he said stays.",
        caller: "backend",
        once: true,
        answers: {
          200: { about: "Deactivated.", schema: shapes.nothing },
          404: nobody,
          ...usual,
          ...withKey,
        },
      },
    },
  }) as const satisfies OperationTable;
