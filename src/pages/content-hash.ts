/** Stands in the names of files and in entity tags: as long as those that the bundler makes. */
export const hashOf = (content: Uint8Array | string): string =>
  Bun.hash(content).toString(36).slice(0, 8).padStart(8, "0");
