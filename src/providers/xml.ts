/**
 * The small part of XML that answers of AWS use: elements and text. Other features (a document type with entities,
 * processing instructions, CDATA) are refused, so an answer can neither expand nor load anything.
 */

export interface XmlElement {
  /** Without its namespace prefix. */
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** Its own text, without that of its children. */
  readonly text: string;
}

interface OpenElement {
  readonly name: string;
  readonly qualified: string;
  readonly children: XmlElement[];
  text: string;
}

const depthMax = 16;
const elementsMax = 1000;

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

const token =
  /<(\/?)([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|<!--(?:(?!--)[\s\S])*-->|([^<]+)/y;

/** Gives the root element; undefined where the text is not well-formed, is too deep, or uses other features. */
export function parseXml(text: string): XmlElement | undefined {
  const document: OpenElement = { name: "", qualified: "", children: [], text: "" };
  const open: OpenElement[] = [document];
  let elements = 0;
  const declaration = /^\uFEFF?(?:<\?xml\s[^<>?]*\?>)?/.exec(text);
  token.lastIndex = declaration?.[0].length ?? 0;
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    if (match === null) return undefined;
    const [, slash, qualified, attributes, empty, characters] = match;
    const parent = open.at(-1) ?? document;
    if (characters !== undefined) {
      const decoded = decode(characters);
      if (decoded === undefined || (parent === document && decoded.trim() !== "")) return undefined;
      parent.text += decoded;
    } else if (qualified === undefined) {
      // A comment.
    } else if (slash === "/") {
      if (open.length < 2 || parent.qualified !== qualified || attributes !== "" || empty !== "") return undefined;
      open.pop();
    } else {
      if (++elements > elementsMax || open.length > depthMax) return undefined;
      const element: OpenElement = { name: qualified.replace(/^.*:/, ""), qualified, children: [], text: "" };
      parent.children.push(element);
      if (empty === "") open.push(element);
    }
  }
  return open.length === 1 && document.children.length === 1 ? document : undefined;
}

/**
 * Gives the trimmed text of the only element at `path` below `root`; undefined where there is none, or more than one.
 */
export function textAt(root: XmlElement | undefined, path: readonly string[]): string | undefined {
  let element = root;
  for (const name of path) {
    const [found, second] = element?.children.filter((child) => child.name === name) ?? [];
    if (second !== undefined) return undefined;
    element = found;
  }
  return element === undefined || element.children.length > 0 ? undefined : element.text.trim();
}

/** Undefined where an entity is unknown or a number is no character. */
function decode(text: string): string | undefined {
  let unknown = false;
  const decoded = text.replace(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([a-z]{1,8}));|&/g, (_, decimal, hex, name) => {
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : undefined;
    const character = code === undefined ? entities[name ?? ""] : characterOf(code);
    if (character === undefined) unknown = true;
    return character ?? "";
  });
  return unknown ? undefined : decoded;
}

const characterOf = (code: number): string | undefined =>
  code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? undefined : String.fromCodePoint(code);
