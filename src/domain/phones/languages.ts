/** The languages in which the server writes to a phone or an address. */
export const languages = ["de", "en", "es", "fr", "pl", "ua", "zh"] as const;
export type Language = (typeof languages)[number];

/** The language that a client's spelling names (`uk-UA`, `en_GB`); undefined where the server does not write in it. */
export function languageOf(spelling: string): Language | undefined {
  const [first = ""] = spelling.toLowerCase().split(/[-_]/, 1);
  // ISO 639 has `uk` for Ukrainian; the documents use the country's code.
  const name = first === "uk" ? "ua" : first;
  return languages.find((language) => language === name);
}
