/** The reference of hooks, for the owners of chats. */
import type { Schemas } from "../schemas.ts";
import { type OperationTable, problem, tooLarge, usualOwn, withKey } from "./operation.ts";
import * as shapes from "./shapes.ts";

const notOwner = problem("You are in the chat, and not its owner.");

export const createHookOperations = (schemas: Schemas) =>
  ({
    "/chats/:chatID/hooks": {
      GET: {
        id: "getHooks",
        summary: "The hooks of a chat",
        about:
          "Addresses whose posts become messages of the chat, without their secrets. For the owner; at most a hundred.",
        caller: "participant",
        answers: {
          200: { about: "All of them.", schema: shapes.hooks },
          400: problem("The chatID is wrong."),
          403: notOwner,
          404: problem("There is no such chat, or you are not in it."),
          ...usualOwn,
        },
      },
      POST: {
        id: "postHook",
        summary: "Make a hook",
        about:
          "Gives an address. `POST` to it a text, JSON with `text`, `title`, `priority` and `client_id`, or the body of an incoming webhook of Slack or Mattermost: each post is one message of the chat. No long-lived token makes one.",
        caller: "participant",
        once: true,
        body: { schema: schemas.hook, required: false, example: { name: "grafana" } },
        answers: {
          200: { about: "The hook, with its address.", schema: shapes.madeHook },
          400: problem(
            "The chatID or the body is wrong, the chat is a direct chat, or it has as many hooks as it may.",
          ),
          403: notOwner,
          404: problem("There is no such chat, or you are not in it."),
          413: problem(tooLarge.about),
          ...withKey,
          ...usualOwn,
        },
      },
    },
    "/chats/:chatID/hooks/:hookID": {
      DELETE: {
        id: "deleteHook",
        summary: "Remove a hook",
        about: "Its address leads nowhere from now on. Its messages stay.",
        caller: "participant",
        once: true,
        answers: {
          200: { about: "Removed.", schema: shapes.nothing },
          400: problem("The chatID is wrong."),
          403: notOwner,
          404: problem("There is no such hook or no such chat, or you are not in it."),
          ...withKey,
          ...usualOwn,
        },
      },
    },
  }) as const satisfies OperationTable;
