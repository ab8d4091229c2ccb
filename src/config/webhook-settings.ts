/** Settings of webhooks, `webhooks.…`: which addresses the server may be made to call. */
import { type Network, parseNetwork } from "../providers/address-rules.ts";
import { duration, pemFile, type Raw, type Reading, setting, Unusable } from "./values.ts";

export interface WebhookConfig {
  /** Names, `*.example.org` for all below one, `*` for all; none: there are no webhooks. */
  readonly hosts: readonly string[];
  /** Networks that may be called besides public addresses. */
  readonly networks: readonly Network[];
  readonly timeoutSeconds: number;
  /** An absolute path. */
  readonly ca: string | undefined;
}

const items = (raw: Raw): string[] =>
  (typeof raw === "object" ? raw : String(raw).split(",")).map((one) => one.trim().toLowerCase()).filter(Boolean);

const hosts = {
  form: "HOSTS",
  list: true as const,
  parse: (raw: Raw): readonly string[] => {
    const given = items(raw);
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
      const network = parseNetwork(one);
      if (network === undefined)
        throw new Unusable("expected networks such as 10.1.0.0/16 or fd00::/8, with commas between");
      return network;
    }),
};

export const webhookSettings = {
  "webhooks.hosts": setting({
    ...hosts,
    fallback: undefined,
    about:
      "Hosts that a backend may have called for every message and event (PUT /webhooks): names, *.example.org, or * for all. Without any there are no webhooks.",
  }),
  "webhooks.networks": setting({
    ...networks,
    fallback: undefined,
    about: "Networks those hosts may lie in besides public addresses, such as 10.1.0.0/16 or 127.0.0.1.",
  }),
  "webhooks.timeout": setting({
    ...duration(1, 300),
    fallback: "10 s",
    about: "How long a webhook may take to answer.",
  }),
  "webhooks.ca": setting({
    ...pemFile,
    fallback: undefined,
    about: "Certificates to trust besides the usual ones, in PEM form: for receivers with a CA of your own.",
  }),
};

export function readWebhooks({
  read,
  need,
  absolute,
}: Reading<typeof webhookSettings> & {
  readonly absolute: (key: keyof typeof webhookSettings, path: string) => string;
}): WebhookConfig {
  const ca = read("webhooks.ca");
  return {
    hosts: read("webhooks.hosts") ?? [],
    networks: read("webhooks.networks") ?? [],
    timeoutSeconds: need("webhooks.timeout"),
    ca: ca === undefined ? undefined : absolute("webhooks.ca", ca),
  };
}

/** What is in force, for a reader. */
export const shownWebhooks = (
  webhooks: WebhookConfig,
): Readonly<Record<keyof typeof webhookSettings, string | number | null>> => ({
  "webhooks.hosts": webhooks.hosts.join(", ") || null,
  "webhooks.networks": webhooks.networks.map(({ address, prefix }) => `${address}/${prefix}`).join(", ") || null,
  "webhooks.timeout": webhooks.timeoutSeconds,
  "webhooks.ca": webhooks.ca ?? null,
});
