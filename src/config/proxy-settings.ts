/** Settings of proxies in front of the server, `proxy.…` (`Config.proxy`). */
import { networksOf } from "../net/trusted-proxies.ts";
import { items, type Raw, type Reading, type Shown, settingsOf, Unusable } from "./values.ts";

export interface ProxyConfig {
  /** As `networksOf` reads them; none: no proxy is trusted. */
  readonly trusted: readonly string[];
}

const proxies = {
  form: "ADDRESSES",
  list: true as const,
  parse: (raw: Raw): readonly string[] => {
    const words = items(raw).map((word) => word.toLowerCase());
    if (words.some((word) => networksOf(word) === undefined)) {
      throw new Unusable(
        "expected addresses, networks such as 10.1.0.0/16 or fd00::/8, loopback or unix, with commas between",
      );
    }
    return words;
  },
};

export const proxySettings = settingsOf({
  "proxy.trusted": {
    ...proxies,
    fallback: undefined,
    about:
      "Proxies whose word about their clients' addresses counts (X-Forwarded-For, Forwarded, PROXY): addresses, networks, loopback for this machine, unix for a Unix socket (http.listen).",
  },
});

export const readProxy = ({ optional }: Reading<typeof proxySettings>): ProxyConfig => ({
  trusted: optional["proxy.trusted"] ?? [],
});

/** What is in force, for a reader. */
export const shownProxy = (proxy: ProxyConfig): Shown<typeof proxySettings> => ({
  "proxy.trusted": proxy.trusted.join(", ") || null,
});
