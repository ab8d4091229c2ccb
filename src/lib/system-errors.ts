/** What the operating system's error codes mean to us. */

/** `ENOSPC` and its kin; undefined where the error is not the system's. */
export const systemCodeOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;

/** The process, or the machine, has no file descriptor left. That says nothing about the disk, and it passes. */
export const isOutOfDescriptors = (error: unknown): boolean => {
  const code = systemCodeOf(error);
  return code === "EMFILE" || code === "ENFILE";
};

/** This system user may not. */
export const isDenied = (error: unknown): boolean => {
  const code = systemCodeOf(error);
  return code === "EACCES" || code === "EPERM";
};
