/** How the operator wants the web client to look: `web.…` of the settings. */
export interface Look {
  readonly name: string;
  /** `#rrggbb`. */
  readonly accent: string;
  /** The path of a picture. */
  readonly logo: string | undefined;
}
