/**
 * The names in certificates, written as RFC 4514 does, most specific part first: `CN=sensor-1,O=Acme`. Two spellings of
 * one name give the same text, so names can be compared.
 */

const charactersMax = 1024;
/** A keyword or a dotted number, then a value in which separators are escaped. */
const attribute = /^([a-z][a-z0-9-]*|\d+(?:\.\d+)*)=((?:[^\\,+"<>;]|\\[ ,+"<>;=#\\]|\\[0-9a-f]{2})*)$/i;

/** Gives the one spelling of a name; undefined where the text is empty or is not a distinguished name. */
export function canonicalName(text: string): string | undefined {
  if (text.length > charactersMax || text.includes("\u0000")) return undefined;
  const parts = splitUnescaped(text, ",").map(canonicalPart);
  return parts.every((part) => part !== undefined) ? parts.join(",") : undefined;
}

/** Reads the form of `X509Certificate.subject`: a line for each part, the most general part first. */
export function nameOfLines(lines: string): string | undefined {
  return canonicalName(
    lines
      .split("\n")
      .reverse()
      .map((line) => splitUnescaped(line, "+").join("+"))
      .join(","),
  );
}

/** The values of one part have no order, so they are sorted. */
function canonicalPart(part: string): string | undefined {
  const values = splitUnescaped(part, "+").map((value) => {
    const match = attribute.exec(value);
    return match === null ? undefined : `${(match[1] ?? "").toUpperCase()}=${match[2]}`;
  });
  return values.every((value) => value !== undefined) ? values.sort().join("+") : undefined;
}

/** Spaces around a separator are ignored, unless they are escaped. */
function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (text[at] === "\\") {
      at++;
      if (at < text.length) continue;
    }
    if (at < text.length && text[at] !== separator) continue;
    parts.push(trim(text.slice(start, at)));
    start = at + 1;
  }
  return parts;
}

function trim(part: string): string {
  const begun = part.replace(/^ +/, "");
  const ended = begun.replace(/ +$/, "");
  // "\ " at the end is a space that belongs to the value.
  return ended !== begun && /(?:^|[^\\])(?:\\\\)*\\$/.test(ended) ? `${ended} ` : ended;
}
