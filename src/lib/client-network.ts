/**
 * What counts as one source of requests: an IPv4 address, or the /64 of an IPv6 address, since a subscriber has a whole
 * /64. A site may have a whole /48.
 */

/**
 * `203.0.113.7`, also for `::ffff:203.0.113.7`; `2001:db8:0:1::/64`; any other text is shortened and stands for itself.
 */
export const networkOf = (address: string): string => within(address, 4, "::/64");

/** The same with the /48 of an IPv6 address: `2001:db8:0::/48`. */
export const siteOf = (address: string): string => within(address, 3, "::/48");

const otherCharactersMax = 64;

function within(address: string, groupsKept: number, suffix: string): string {
  if (!address.includes(":")) return address.slice(0, otherCharactersMax);
  const bare = address.split("%", 1)[0] ?? "";
  const groups = groupsOf(bare);
  if (groups === undefined) return bare.slice(0, otherCharactersMax);
  const [high = 0, low = 0] = groups.slice(6);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  const prefix = groups.slice(0, groupsKept).map((group) => group.toString(16));
  return prefix.join(":") + suffix;
}

/** The eight groups of an IPv6 address; undefined where the text is none. */
function groupsOf(address: string): number[] | undefined {
  const [head = "", tail, ...more] = address.split("::");
  const first = partOf(head);
  if (first === undefined || more.length > 0) return undefined;
  if (tail === undefined) return first.length === 8 ? first : undefined;
  const last = partOf(tail);
  if (last === undefined || first.length + last.length > 7) return undefined;
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function partOf(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  for (const group of text.split(":")) {
    if (group.includes(".")) {
      const bytes = group.split(".").map((byte) => (/^\d{1,3}$/.test(byte) ? Number(byte) : 256));
      const [a = 0, b = 0, c = 0, d = 0] = bytes;
      if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) return undefined;
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(group)) {
      groups.push(Number.parseInt(group, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}
