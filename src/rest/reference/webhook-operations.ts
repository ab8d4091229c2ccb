/** The reference of webhooks. */
import type { Schemas } from "../schemas.ts";
import { type OperationTable, problem, tooLarge, usualOwn, withKey } from "./operation.ts";
import * as shapes from "./shapes.ts";

export const createWebhookOperations = (schemas: Schemas) =>
  ({
    "/webhooks": {
      GET: {
        id: "getWebhooks",
        summary: "All webhooks",
        about: "At most a hundred.",
        caller: "backend",
        answers: { 200: { about: "All of them.", schema: shapes.webhooks }, ...usualOwn },
      },
    },
    "/webhooks/:name": {
      GET: {
        id: "getWebhook",
        summary: "One webhook",
        about: "And how far it has come.",
        caller: "backend",
        answers: {
          200: { about: "The webhook.", schema: shapes.webhook },
          400: problem("The name is wrong."),
          404: problem("There is no such webhook."),
          ...usualOwn,
        },
      },
      PUT: {
        id: "putWebhook",
        summary: "Have a URL called for every message and event",
        about:
          "From now on; a webhook that exists keeps its place. Each call is signed as Standard Webhooks requires: HMAC-SHA256 in webhook-signature over webhook-id, webhook-timestamp and body. The host must be among webhooks.hosts.",
        caller: "backend",
        once: true,
        body: { schema: schemas.webhook, required: true, example: { url: "https://hooks.example.org/roost" } },
        answers: {
          200: { about: "The webhook, with its secret if this request made or gave it.", schema: shapes.webhook },
          400: problem("The name or the body is wrong, or the host is not allowed."),
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
          400: problem("The name is wrong."),
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
        about: "Everything after the offset, in every chat; `0.0` is the beginning.",
        caller: "backend",
        once: true,
        body: { schema: schemas.replay, required: true, example: { offset: "0.0" } },
        answers: {
          200: { about: "The webhook as it stands now.", schema: shapes.webhook },
          400: problem("The name or the offset is wrong."),
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
        summary: "Calls that were given up",
        about: "The oldest first; the newest ten thousand are kept. To get one again, replay from before its offset.",
        caller: "backend",
        query: schemas.deadLettersQuery,
        answers: {
          200: { about: "A page.", schema: shapes.deadLetters },
          400: problem("The name, or a parameter of the query, is wrong."),
          404: problem("There is no such webhook."),
          ...usualOwn,
        },
      },
    },
  }) as const satisfies OperationTable;
