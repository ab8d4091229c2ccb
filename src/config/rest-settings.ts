/** Settings of the REST door, `rest.…` and `limits.rest_…`, and what it is given (`Config.rest`). */
import {
  bytes,
  count,
  duration,
  items,
  kib,
  mib,
  type Raw,
  type Reading,
  type Shown,
  settingsOf,
  Unusable,
  yesOrNo,
} from "./values.ts";

export interface RestConfig {
  readonly accessTokenMs: number;
  readonly refreshTokenMs: number;
  readonly openTokens: boolean;
  readonly requireSignature: boolean;
  /** Requests in a minute, each with the same number at once; 0: no limit. */
  readonly requestsPerMinute: number;
  readonly backendRequestsPerMinute: number;
  readonly anonymousRequestsPerMinute: number;
  /** `https://chat.example.org`, or `*` for every one; none: no page of another origin may ask. */
  readonly corsOrigins: readonly string[];
}

const origins = {
  form: "ORIGINS",
  list: true as const,
  parse: (raw: Raw): readonly string[] => {
    const given = items(raw);
    for (const one of given) {
      if (one !== "*" && (!URL.canParse(one) || new URL(one).origin !== one)) {
        throw new Unusable("expected origins such as https://chat.example.org, or *, with commas between");
      }
    }
    return given;
  },
};

export const restSettings = settingsOf({
  "rest.access_token_lifetime": {
    ...duration(60, 3650 * 86_400),
    fallback: "24 h",
    about: "How long an access token of REST is good for.",
  },
  "rest.refresh_token_lifetime": {
    ...duration(60, 3650 * 86_400),
    fallback: "7 d",
    about: "How long a refresh token of REST may be exchanged for the next pair.",
  },
  "rest.open_tokens": {
    ...yesOrNo,
    fallback: false,
    about: "true: a client without the backend key may make a participant that does not exist yet (POST /token).",
  },
  "rest.require_signature": {
    ...yesOrNo,
    fallback: false,
    about: "true: participants with a key must sign what they send and fetch on REST; the unsigned forms are refused.",
  },
  "rest.requests_per_minute": {
    ...count(0, 1_000_000_000),
    fallback: 600_000,
    about: "Requests one access token may make in a minute, and at once; beyond them REST answers 429. 0: no limit.",
  },
  "rest.backend_requests_per_minute": {
    ...count(0, 1_000_000_000),
    fallback: 6_000_000,
    about: "The same for the backend key.",
  },
  "rest.anonymous_requests_per_minute": {
    ...count(0, 1_000_000_000),
    fallback: 6000,
    about: "The same for all requests of one address that show no right token or key.",
  },
  "rest.cors_origins": {
    ...origins,
    fallback: undefined,
    about:
      "Web pages of these origins may call REST from a browser: https://chat.example.org, with commas between, or * for all.",
  },
});

export const restLimitSettings = settingsOf({
  "limits.rest_body_bytes": {
    ...bytes(kib, 1024 * mib),
    fallback: "16 MiB",
    memoryShare: 1 / 8,
    about: "The body of one REST request.",
  },
});

export function readRest({ optional, needed }: Reading<typeof restSettings>): RestConfig {
  return {
    accessTokenMs: needed["rest.access_token_lifetime"] * 1000,
    refreshTokenMs: needed["rest.refresh_token_lifetime"] * 1000,
    openTokens: needed["rest.open_tokens"],
    requireSignature: needed["rest.require_signature"],
    requestsPerMinute: needed["rest.requests_per_minute"],
    backendRequestsPerMinute: needed["rest.backend_requests_per_minute"],
    anonymousRequestsPerMinute: needed["rest.anonymous_requests_per_minute"],
    corsOrigins: optional["rest.cors_origins"] ?? [],
  };
}

/** What is in force, for a reader. */
export const shownRest = (rest: RestConfig): Shown<typeof restSettings> => ({
  "rest.access_token_lifetime": rest.accessTokenMs / 1000,
  "rest.refresh_token_lifetime": rest.refreshTokenMs / 1000,
  "rest.open_tokens": rest.openTokens,
  "rest.require_signature": rest.requireSignature,
  "rest.requests_per_minute": rest.requestsPerMinute,
  "rest.backend_requests_per_minute": rest.backendRequestsPerMinute,
  "rest.anonymous_requests_per_minute": rest.anonymousRequestsPerMinute,
  "rest.cors_origins": rest.corsOrigins.join(", ") || null,
});
