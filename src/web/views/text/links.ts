/** What a text is made of: plain runs, addresses to follow, and names of members. There is no markup language. */

export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string }
  | { readonly kind: "mention"; readonly text: string; readonly userId: string };

/** No address of more characters is made a link. */
const linkLengthMax = 2_048;
const closers: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

/**
 * The length of `candidate` without the signs that belong to the sentence around it: final stops, quotes, and brackets
 * that were not opened inside.
 */
function lengthOfAddress(candidate: string): number {
  let length = candidate.length;
  for (; length > 0; length--) {
    const last = candidate[length - 1] ?? "";
    if (/[.,:;!?'"*_~»”’…]/.test(last)) continue;
    const opener = closers[last];
    if (opener === undefined) break;
    const inside = candidate.slice(0, length);
    if (inside.split(opener).length >= inside.split(last).length) break;
  }
  return length;
}

/** The address as the browser reads it; undefined unless it is http or https with a host, and without a password. */
function hrefOf(address: string): string | undefined {
  if (address.length > linkLengthMax || !URL.canParse(address)) return undefined;
  const { protocol, hostname, username, password, href } = new URL(address);
  const web = protocol === "http:" || protocol === "https:";
  return web && hostname !== "" && username === "" && password === "" ? href : undefined;
}

/**
 * The pieces of `text`, in order; together they are the text again. `names` are the members that the message names, with
 * their names. Linear in the length of the text, whatever it is.
 */
export function piecesOf(text: string, names: ReadonlyMap<string, string> = new Map()): Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  const put = (from: number, piece: Piece) => {
    if (from > done) pieces.push({ kind: "text", text: text.slice(done, from) });
    pieces.push(piece);
    done = from + piece.text.length;
  };
  // Longer names first: `@Anna Maria` is not `@Anna`.
  const called = [...names].filter(([, name]) => name !== "").toSorted(([, a], [, b]) => b.length - a.length);
  for (const { index, 0: found } of text.matchAll(/https?:\/\/[^\s<>"\p{Cc}\u200b\u202a-\u202e\u2066-\u2069]+|@/giu)) {
    if (index < done) continue;
    if (found === "@") {
      const before = index === 0 ? " " : (text[index - 1] ?? " ");
      if (/[\p{L}\p{N}]/u.test(before)) continue;
      const named = called.find(([, name]) => text.startsWith(name, index + 1));
      if (named !== undefined) put(index, { kind: "mention", text: `@${named[1]}`, userId: named[0] });
      continue;
    }
    const address = found.length > linkLengthMax * 2 ? "" : found.slice(0, lengthOfAddress(found));
    const href = hrefOf(address);
    if (href !== undefined) put(index, { kind: "link", text: address, href });
  }
  if (done < text.length) pieces.push({ kind: "text", text: text.slice(done) });
  return pieces;
}
