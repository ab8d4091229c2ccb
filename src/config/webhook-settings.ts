/** Settings of webhooks, `webhooks.…`: which addresses the server may be made to call (`Config.webhooks`). */
import { type Network, parseNetwork } from "../lib/networks.ts";
import { duration, items, pemFile, type Raw, type Reading, type Shown, settingsOf, Unusable } from "./values.ts";

export interface WebhookConfig {
  /** Names, `*.example.org` for all below one, `*` for all; none: there are no webhooks. */
  readonly hosts: readonly string[];
  /** Networks that may be called besides public addresses. */
  readonly networks: readonly Network[];
  readonly timeoutSeconds: number;
  /** An absolute path. */
  readonly ca: string | undefined;
}

const hosts = {
  form: "HOSTS",
  list: true as const,
  parse: (raw: Raw): readonly string[] => {
    const given = items(raw).map((one) => one.toLowerCase());
    if (!given.every((one) => /^(?:\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*\.?|\[[0-9a-f:.]+\])$/.test(one))) {
      throw new Unusable("expected names such as hooks.example.org or *.example.org, or *, with commas between");
    }
    return given;
  },
};

const networks = {
  form: "NETWORKS",
  list: true as const,
  parse: (raw: Raw): readonly Network[] =>
    items(raw).map((one) => {
      const network = parseNetwork(one.toLowerCase());
      if (network === undefined)
        throw new Unusable("expected networks such as 10.1.0.0/16 or fd00::/8, with commas between");
      return network;
    }),
};

export const webhookSettings = settingsOf({
  "webhooks.hosts": {
    ...hosts,
    fallback: undefined,
    about:
      "Hosts that a backend may have called for every message and event (PUT /webhooks): names, *.example.org, or * for all. Without any there are no webhooks.",
  },
  "webhooks.networks": {
    ...networks,
    fallback: undefined,
    about: "Networks those hosts may lie in besides public addresses, such as 10.1.0.0/16 or 127.0.0.1.",
  },
  "webhooks.timeout": {
    ...duration(1, 300),
    fallback: "10 s",
    about: "How long a webhook may take to answer.",
  },
  "webhooks.ca": {
    ...pemFile,
    fallback: undefined,
    about: "Certificates to trust besides the usual ones, in PEM form: for receivers with a CA of your own.",
  },
});

export function readWebhooks({ optional, needed, absolute }: Reading<typeof webhookSettings>): WebhookConfig {
  const ca = optional["webhooks.ca"];
  return {
    hosts: optional["webhooks.hosts"] ?? [],
    networks: optional["webhooks.networks"] ?? [],
    timeoutSeconds: needed["webhooks.timeout"],
    ca: ca === undefined ? undefined : absolute("webhooks.ca", ca),
  };
}

/** What is in force, for a reader. */
export const shownWebhooks = (webhooks: WebhookConfig): Shown<typeof webhookSettings> => ({
  "webhooks.hosts": webhooks.hosts.join(", ") || null,
  "webhooks.networks": webhooks.networks.map(({ address, prefix }) => `${address}/${prefix}`).join(", ") || null,
  "webhooks.timeout": webhooks.timeoutSeconds,
  "webhooks.ca": webhooks.ca ?? null,
});
