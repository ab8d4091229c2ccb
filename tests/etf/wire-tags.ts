/** Walks bytes for a client without our decoder: only the eight tags, canonical, and nothing after the term. */

/** Throws for anything else. Gives the tags met. */
export function wireTags(bytes: Uint8Array): ReadonlySet<number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tags = new Set<number>();
  let at = 1;
  const walk = (): void => {
    const tag = view.getUint8(at);
    tags.add(tag);
    at += 1;
    switch (tag) {
      case 97:
        at += 1;
        return;
      case 98:
        at += 4;
        return;
      case 100:
        at += 2 + view.getUint16(at);
        return;
      case 104: {
        let left = view.getUint8(at);
        at += 1;
        for (; left > 0; left -= 1) walk();
        return;
      }
      case 106:
        return;
      case 108: {
        let left = view.getUint32(at);
        at += 4;
        if (left === 0) throw new Error("the empty list is 106");
        for (; left > 0; left -= 1) walk();
        if (view.getUint8(at) !== 106) throw new Error("a list ends with 106");
        at += 1;
        return;
      }
      case 109:
        at += 4 + view.getUint32(at);
        return;
      case 110:
        at += 2 + view.getUint8(at);
        return;
      default:
        throw new Error(`tag ${tag} is none of the wire`);
    }
  };
  if (bytes[0] !== 131) throw new Error("no version");
  walk();
  if (at !== bytes.byteLength) throw new Error("the term is not all there is");
  return tags;
}
