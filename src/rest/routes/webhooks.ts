/**
 * Webhooks, managed with the backend's key (docs/protocols/rest.md § Webhooks): where they go, how far they have come,
 * what was given up.
 */
import { isoTime } from "../../delivery/shapes.ts";
import { safeInteger } from "../../domain/keys.ts";
import { type Webhook, type WebhookOffset, webhookKinds } from "../../domain/webhooks/webhook-store.ts";
import { requireBackend } from "../auth.ts";
import { readJson } from "../body.ts";
import { type Handler, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { badRequest, Refusal, webhookNotFound } from "../errors.ts";
import { json } from "../json.ts";
import { parse, pick } from "../schemas.ts";

export function createWebhookRoutes({ domain, log, limits, schemas, webhooks }: RouteParts) {
  const { accounts } = domain;

  const asBackend = (handle: Handler): Handler =>
    own(log, async (c) => {
      await requireBackend(accounts, c.req.raw, c.env.address);
      return handle(c);
    });

  const list = asBackend(async () => {
    const all = await webhooks.list();
    return json(JSON.stringify({ webhooks: await Promise.all(all.map((one) => shapeOf(one))), next: null }));
  });

  const put = asBackend(async (c) => {
    const name = nameOf(c);
    const { url, secret, events } = parse(schemas.webhook, await readJson(c.req.raw, limits));
    const refusal = await webhooks.refusalOf(url);
    if (refusal !== undefined) throw new Refusal(badRequest, refusal);
    const known = (await webhooks.list()).some((one) => one.name === name);
    const stored = await webhooks.put({ name, url, secret: secret ?? undefined, kinds: events ?? webhookKinds });
    // Shown once: when it was made here, or given by the caller.
    const shown = known && (secret ?? undefined) === undefined ? {} : { secret: stored.secret };
    return json(JSON.stringify({ ...(await shapeOf(stored)), ...shown }));
  });

  const get = asBackend(async (c) => json(JSON.stringify(await shapeOf(await find(c)))));

  const remove = asBackend(async (c) => {
    if (!(await webhooks.remove(nameOf(c)))) throw new Refusal(webhookNotFound, "there is no such webhook");
    return json("{}");
  });

  const replay = asBackend(async (c) => {
    const { name } = await find(c);
    const { offset } = parse(schemas.replay, await readJson(c.req.raw, limits));
    await webhooks.rewind(name, offsetOf(offset));
    return json(JSON.stringify(await shapeOf(await find(c))));
  });

  const deadLetters = asBackend(async (c) => {
    const { name } = await find(c);
    const query = parse(
      schemas.deadLettersQuery,
      pick(queryOf(c.req.raw) ?? new URLSearchParams(), ["after", "limit"]),
    );
    const after = query.after === undefined ? 0 : safeInteger(query.after);
    if (after === undefined) throw new Refusal(badRequest, "after: not a value of next");
    const rows = await webhooks.deadLetters(name, { after, limit: query.limit + 1 });
    const page = rows.slice(0, query.limit);
    return json(
      JSON.stringify({
        dead_letters: page.map((letter) => ({
          type: letter.kind,
          offset: textOf(letter),
          chat_id: String(letter.chatId),
          problem: letter.problem,
          time: isoTime(letter.givenUpAtMs),
        })),
        next: rows.length > query.limit ? String(page.at(-1)?.letterId ?? 0) : null,
      }),
    );
  });

  async function find(c: RestContext): Promise<Webhook> {
    const name = nameOf(c);
    const webhook = (await webhooks.list()).find((one) => one.name === name);
    if (webhook === undefined) throw new Refusal(webhookNotFound, "there is no such webhook");
    return webhook;
  }

  async function shapeOf(webhook: Webhook) {
    const places = await webhooks.places(webhook.name);
    const problem = places.find((place) => place.problem !== "")?.problem;
    return {
      name: webhook.name,
      url: webhook.url,
      events: webhook.kinds,
      offset: textOf(webhook),
      failing_chats: places.length,
      ...(problem === undefined ? {} : { problem }),
      created: isoTime(webhook.createdAtMs),
    };
  }

  return { list, put, get, remove, replay, deadLetters };
}

const textOf = ({ messageId, eventId }: WebhookOffset): string => `${messageId}.${eventId}`;

/** Its form was checked already. */
function offsetOf(text: string): WebhookOffset {
  const [messageId = 0, eventId = 0] = text.split(".").map(Number);
  return { messageId, eventId };
}

function nameOf(c: RestContext): string {
  const name = c.req.param("name") ?? "";
  if (/^[a-zA-Z0-9.-]{1,64}$/.test(name)) return name;
  throw new Refusal(badRequest, "the name must match [a-zA-Z0-9.-]{1,64}");
}
