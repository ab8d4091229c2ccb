/** The operator's texts with places to fill in, `{to}`, and the escaping for each context. */

/** Fills every place once. A value that holds a place's name stays as it is, and so do other braces. */
export function fill(
  template: string,
  values: Readonly<Record<string, string>>,
  escaped: (value: string) => string,
): string {
  return template.replace(/\{([a-z_]+)\}/g, (place, name: string) =>
    Object.hasOwn(values, name) ? escaped((values[name] ?? "").toWellFormed()) : place,
  );
}

export const escapeUrl = (value: string): string => encodeURIComponent(value);

/** For use inside the quotes of a JSON string. */
export const escapeJson = (value: string): string => JSON.stringify(value).slice(1, -1);

const xmlEntities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Escapes text for XML. Characters that XML 1.0 cannot hold become spaces. */
export const escapeXml = (value: string): string =>
  value
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones XML 1.0 § 2.2 leaves out.
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, " ")
    .replace(/[&<>"']/g, (character) => xmlEntities[character] ?? "");

/** Gives the escaping for a body of this media type. */
export function escapeFor(contentType: string): (value: string) => string {
  const type = (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
  if (/[/+]json$/.test(type)) return escapeJson;
  if (/[/+]xml$/.test(type)) return escapeXml;
  return type === "application/x-www-form-urlencoded" ? escapeUrl : (value) => value;
}
