/** Settings of AUTH in Erlang terms, `auth.…` (`Config.auth`). */
import { type Reading, type Shown, settingsOf, yesOrNo } from "./values.ts";

export interface AuthConfig {
  /** Whether a client may bring a token of its own. */
  readonly clientTokens: boolean;
}

export const authSettings = settingsOf({
  "auth.client_tokens": {
    ...yesOrNo,
    fallback: true,
    about:
      "Whether a client of AUTH may bring a token of its own, of 16 bytes or more; false: it gets one of the server's.",
  },
});

export const readAuth = ({ needed }: Reading<typeof authSettings>): AuthConfig => ({
  clientTokens: needed["auth.client_tokens"],
});

/** What is in force, for a reader. */
export const shownAuth = (auth: AuthConfig): Shown<typeof authSettings> => ({
  "auth.client_tokens": auth.clientTokens,
});
