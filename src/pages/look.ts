/** How the operator wants the web client to look: `web.…` of the settings. */
export interface Look {
  readonly name: string;
  /** `#rrggbb`. Undefined: the client's own. */
  readonly accent: string | undefined;
  /** The path of a picture. */
  readonly logo: string | undefined;
}
