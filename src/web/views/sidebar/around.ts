/** The part of a text around the first word that was searched for: at most about 160 characters. */
export function around(text: string, query: string): string {
  const word = query.trim().split(/\s+/)[0]?.toLocaleLowerCase() ?? "";
  const at = text.slice(0, 20_000).toLocaleLowerCase().indexOf(word);
  const start = at > 60 ? at - 40 : 0;
  return `${start > 0 ? "…" : ""}${text.slice(start, start + 160)}`;
}
