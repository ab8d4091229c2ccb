/** All webhooks, each with its runner. They are created, changed and removed one change at a time. */
import type { Webhook, WebhookKeeper } from "../domain/webhooks/webhook-store.ts";
import { Runner, type RunnerParts } from "./runner.ts";
import { newWebhookSecret } from "./signature.ts";

export interface Webhooks extends WebhookKeeper {
  start(): Promise<void>;
  /** Something was committed that a webhook may be sent. Costs nothing where there is no webhook. */
  wake(): void;
  stop(): Promise<void>;
}

export function createWebhooks(
  parts: RunnerParts & {
    /** The names that the operator allows: `*.example.org` for all names below one, `*` for all names. */
    readonly hosts: readonly string[];
    /** Whether a host has an address now that may not be called. */
    hasClosedAddress(hostname: string): Promise<boolean>;
  },
): Webhooks {
  const { store, hosts } = parts;
  const runners = new Map<string, Runner>();
  let last: Promise<unknown> = Promise.resolve();
  let stopped = false;

  /** Checked on each request, since the operator may have changed the setting after the webhook was created. */
  const send: RunnerParts["send"] = async (request) => {
    const refusal = refusalByName(request.url);
    if (refusal !== undefined) throw new Error(refusal);
    return parts.send(request);
  };

  /** Runs one change at a time: two changes of the same webhook would start it twice. */
  function inTurn<Value>(change: () => Promise<Value>): Promise<Value> {
    const next = last.then(change, change);
    last = next.catch(() => {});
    return next;
  }

  function begin(webhook: Webhook): void {
    if (!stopped) runners.set(webhook.name, new Runner(webhook, { ...parts, send }));
  }

  async function end(name: string): Promise<void> {
    await runners.get(name)?.stop();
    runners.delete(name);
  }

  async function find(name: string): Promise<Webhook | undefined> {
    return (await store.listWebhooks()).find((webhook) => webhook.name === name);
  }

  /** Stops the runner, makes the change, and starts a runner with what is stored then, also where the change failed. */
  function changed<Value>(name: string, change: () => Promise<Value>): Promise<Value> {
    return inTurn(async () => {
      await end(name);
      try {
        return await change();
      } finally {
        const webhook = await find(name);
        if (webhook !== undefined) begin(webhook);
      }
    });
  }

  async function refusalOf(url: string): Promise<string | undefined> {
    const refusal = refusalByName(url);
    if (refusal !== undefined || !(await parts.hasClosedAddress(new URL(url).hostname))) return refusal;
    return "url: the host has an address that is not public, and that the operator does not allow (webhooks.networks)";
  }

  function refusalByName(text: string): string | undefined {
    if (!URL.canParse(text) || text.length > 2048) return "url: not a URL of at most 2048 characters";
    const url = new URL(text);
    if (url.protocol !== "https:" && url.protocol !== "http:") return "url: must begin with https:// or http://";
    if (url.username !== "" || url.password !== "") return "url: must not hold a password";
    const name = url.hostname.toLowerCase();
    const allowed = hosts.some(
      (host) => host === "*" || host === name || (host.startsWith("*.") && name.endsWith(host.slice(1))),
    );
    return allowed ? undefined : "url: the operator does not allow this host (webhooks.hosts)";
  }

  return {
    refusalOf,
    start: () => inTurn(async () => (await store.listWebhooks()).forEach(begin)),
    wake() {
      for (const runner of runners.values()) runner.wake();
    },
    put: ({ name, url, kinds, secret }) =>
      changed(name, async () => {
        const known = await find(name);
        return store.putWebhook({ name, url, kinds, secret: secret ?? known?.secret ?? newWebhookSecret() });
      }),
    remove: (name) => changed(name, () => store.removeWebhook(name)),
    list: () => store.listWebhooks(),
    rewind: (name, offset) => changed(name, () => store.rewindWebhook(name, offset)),
    places: (name) => store.webhookPlaces(name),
    deadLetters: (name, page) => store.deadLetters(name, page),
    stop: () => {
      stopped = true;
      return inTurn(async () => {
        await Promise.all([...runners.keys()].map(end));
      });
    },
  };
}
