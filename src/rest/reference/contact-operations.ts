/** The reference of /contacts. */
import type { Schemas } from "../schemas.ts";
import { type OperationTable, outOfScope, problem, usualOwn, withKey } from "./operation.ts";
import * as shapes from "./shapes.ts";

const unknown = problem("There is no such user, or the user is no contact of yours: you cannot tell which.");

export const createContactOperations = (schemas: Schemas) =>
  ({
    "/contacts": {
      GET: {
        id: "getContacts",
        summary: "Your contacts",
        about: "Page by page, by rising user_id: friends, users you asked or who asked you, and users you block.",
        caller: "participant",
        query: schemas.contactsQuery,
        answers: {
          200: { about: "A page.", schema: shapes.contacts },
          400: problem("A parameter of the query is wrong."),
          403: problem(outOfScope.about),
          ...usualOwn,
        },
      },
    },
    "/contacts/:user": {
      GET: {
        id: "getContact",
        summary: "A contact of yours",
        about: "By userID.",
        caller: "participant",
        answers: {
          200: { about: "The contact.", schema: shapes.contact },
          403: problem(outOfScope.about),
          404: unknown,
          ...usualOwn,
        },
      },
      PUT: {
        id: "putContact",
        summary: "Ask a user to be friends, or agree",
        about:
          "The contact is `friend` from then on where the other user asked you, else `request` until they agree. Friends have a direct chat. Repeating it changes nothing.",
        caller: "participant",
        once: true,
        answers: {
          200: { about: "The contact as it is now.", schema: shapes.contact },
          400: problem("One of you has the most contacts that are allowed (10,000)."),
          403: problem(outOfScope.about),
          404: problem("There is no such user whom you may ask."),
          ...withKey,
          ...usualOwn,
        },
      },
      DELETE: {
        id: "deleteContact",
        summary: "End a friendship, a request or a block",
        about: "Either of the two may have begun it. The direct chat and its messages stay.",
        caller: "participant",
        once: true,
        answers: {
          200: { about: "It has ended.", schema: shapes.nothing },
          403: problem(outOfScope.about),
          404: unknown,
          ...withKey,
          ...usualOwn,
        },
      },
    },
  }) as const satisfies OperationTable;
