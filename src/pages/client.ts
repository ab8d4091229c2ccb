/** What the build makes of the web client in `src/web`, as the HTTP port serves it. */

/** `br` and `gzip` where they are smaller; `identity` where nothing is. */
export type Encoding = "br" | "gzip" | "identity";

export interface ClientFile {
  readonly type: string;
  readonly encodings: Readonly<Partial<Record<Encoding, Uint8Array<ArrayBuffer>>>>;
}

export type IconName = "logo" | "icon-180" | "icon-192" | "icon-512" | "maskable-512";

export interface Client {
  /** By path, such as `/_/main-3v78q500.js`. The path has a hash of the content, so a file never changes. */
  readonly files: ReadonlyMap<string, ClientFile>;
  /** Paths of what the page loads: the script where the client starts, those it cannot do without, its style. */
  readonly script: string;
  readonly preloads: readonly string[];
  readonly style: string;
  readonly icons: Readonly<Record<IconName, string>>;
  /** The source of the service worker, which is told by its first line what to keep. */
  readonly worker: string;
  /** Set while someone works on the client: the page asks there whether it is still the newest one. */
  readonly reloadScript?: string | undefined;
}
