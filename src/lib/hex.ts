/** Bytes as lower-case hex, as hashes cross to a Worker and stand in file names. */
export const hexOf = (bytes: Uint8Array): string => bytes.toHex();

export const bytesOfHex = (text: string): Buffer => Buffer.from(text, "hex");
