/** What a change is to the committer: a function of the database, the batch's time and seed, and its arguments. */

/** Bytes that stand beside the arguments are given by `{"blob": n}` in them. */
type Run = (args: never, blobs: readonly Uint8Array[]) => unknown;

export type Change<Of extends Run = Run> = Of & {
  /** Goes on when the disk is full. */
  readonly frees: boolean;
};

/** For a change that gives space back, or must be remembered when the disk is full all the same. */
export const freeing = <Of extends Run>(run: Of): Change<Of> => Object.assign(run, { frees: true });

/** For any other change: it is refused with `storage_full` while the disk is full. */
export const growing = <Of extends Run>(run: Of): Change<Of> => Object.assign(run, { frees: false });
