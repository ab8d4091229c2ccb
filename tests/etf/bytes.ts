/** Bytes as tests write them down. */

/** Of hexadecimal digits, spaces between them as one likes. */
export const bytesOfHex = (hex: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
