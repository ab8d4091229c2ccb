/** Settings of the web client, `web.…` (`Config.web`). */
import { line, oneOf, pictureFile, type Reading, type Shown, settingsOf } from "./values.ts";

export interface WebConfig {
  readonly client: "on" | "off";
  /** Undefined: the server's. */
  readonly name: string | undefined;
  /** `#rrggbb`. Undefined: the client's own. */
  readonly accent: string | undefined;
  /** An absolute path. */
  readonly logo: string | undefined;
}

export const webSettings = settingsOf({
  "web.client": {
    ...oneOf("on", "off"),
    fallback: "on",
    about:
      "on: the web client is at / on the HTTP port; off: nothing is there, for a server without people at browsers.",
  },
  "web.name": {
    ...line("TEXT", /^(?=.*\S)[^\p{Cc}]{1,64}$/u, "1 to 64 characters"),
    fallback: undefined,
    about:
      "What the web client is called in the browser's tab and where it is installed; without one it is the server's name.",
  },
  "web.accent": {
    ...line("#RRGGBB", /^#[0-9a-f]{6}$/i, "a colour such as #2b6e5b"),
    fallback: undefined,
    about: "The one colour of the web client. It is made lighter or darker where text would be hard to read on it.",
  },
  "web.logo": {
    ...pictureFile,
    fallback: undefined,
    about: "The web client's picture, an SVG or a PNG of at most 256 KiB, best a square one of 512 pixels.",
  },
});

export const readWeb = ({ optional, needed, absolute }: Reading<typeof webSettings>): WebConfig => {
  const logo = optional["web.logo"];
  return {
    client: needed["web.client"],
    name: optional["web.name"],
    accent: optional["web.accent"]?.toLowerCase(),
    logo: logo === undefined ? undefined : absolute("web.logo", logo),
  };
};

/** What is in force, for a reader. */
export const shownWeb = (web: WebConfig): Shown<typeof webSettings> => ({
  "web.client": web.client,
  "web.name": web.name ?? null,
  "web.accent": web.accent ?? null,
  "web.logo": web.logo ?? null,
});
