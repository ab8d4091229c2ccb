/** Settings of the REST door, `rest.…`. */
import { count, type Raw, type Reading, setting, Unusable } from "./values.ts";

export interface RestConfig {
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
    const given = (typeof raw === "object" ? raw : String(raw).split(",")).map((one) => one.trim()).filter(Boolean);
    for (const one of given) {
      if (one !== "*" && (!URL.canParse(one) || new URL(one).origin !== one)) {
        throw new Unusable("expected origins such as https://chat.example.org, or *, with commas between");
      }
    }
    return given;
  },
};

export const restSettings = {
  "rest.requests_per_minute": setting({
    ...count(0, 1_000_000_000),
    fallback: 600_000,
    about: "Requests one access token may make in a minute, and at once; beyond them REST answers 429. 0: no limit.",
  }),
  "rest.backend_requests_per_minute": setting({
    ...count(0, 1_000_000_000),
    fallback: 6_000_000,
    about: "The same for the backend key.",
  }),
  "rest.anonymous_requests_per_minute": setting({
    ...count(0, 1_000_000_000),
    fallback: 6000,
    about: "The same for all requests of one address that show neither token nor key.",
  }),
  "rest.cors_origins": setting({
    ...origins,
    fallback: undefined,
    about:
      "Web pages of these origins may call REST from a browser: https://chat.example.org, with commas between, or * for all.",
  }),
};

export function readRest({ read, need }: Reading<typeof restSettings>): RestConfig {
  return {
    requestsPerMinute: need("rest.requests_per_minute"),
    backendRequestsPerMinute: need("rest.backend_requests_per_minute"),
    anonymousRequestsPerMinute: need("rest.anonymous_requests_per_minute"),
    corsOrigins: read("rest.cors_origins") ?? [],
  };
}

/** What is in force, for a reader. */
export const shownRest = (rest: RestConfig): Readonly<Record<keyof typeof restSettings, string | number | null>> => ({
  "rest.requests_per_minute": rest.requestsPerMinute,
  "rest.backend_requests_per_minute": rest.backendRequestsPerMinute,
  "rest.anonymous_requests_per_minute": rest.anonymousRequestsPerMinute,
  "rest.cors_origins": rest.corsOrigins.length === 0 ? null : rest.corsOrigins.join(", "),
});
