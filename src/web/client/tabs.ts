/** The tabs of one browser that are one user's: they share a storage, and one of them sends what waits in it. */

export type Note =
  /** What waits is another now. */
  | { readonly type: "queue" }
  /** The user logged in, or out. */
  | { readonly type: "identity" }
  | { readonly type: "progress"; readonly key: string; readonly share: number }
  | { readonly type: "drop"; readonly key: string };

export interface Tabs {
  /** This one sends what waits. */
  readonly leads: boolean;
  /** To all other tabs. */
  tell(note: Note): void;
  heard: (note: Note) => void;
  /** This tab leads from now on. */
  led: () => void;
}

/** A program, or a tab that shares nothing. */
export const onlyTab = (): Tabs => ({ leads: true, tell: () => {}, heard: () => {}, led: () => {} });
