/** How a message names a file: an upload by its id, content that is stored already by its hash. */

export const isUploadId = (text: string): boolean => /^up_[0-9a-f]{32}$/.test(text);

/** SHA-256, lower-case hex. */
export const isHash = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

export const isFileId = (text: string): boolean => isUploadId(text) || isHash(text);
