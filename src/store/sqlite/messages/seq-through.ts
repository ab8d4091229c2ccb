/**
 * Where an id falls in a chat's messages. Message ids and `seq` rise together, so halving the range finds it; a place
 * whose message is gone counts as older than every id.
 */
export function seqThrough(
  messageId: number,
  { firstSeq, lastSeq }: { readonly firstSeq: number; readonly lastSeq: number },
  idAt: (seq: number) => number | undefined,
): number {
  let low = firstSeq - 1;
  let high = lastSeq;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((idAt(middle) ?? 0) <= messageId) low = middle;
    else high = middle - 1;
  }
  return low;
}
