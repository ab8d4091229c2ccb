/** What this browser's user chose of looks and language, kept in the browser alone. */
import { effect, signal } from "@preact/signals";
import { en, type Words } from "../words/en.ts";

export type Theme = "system" | "light" | "dark";
/** Each language by its own name; what is not English is fetched when it is chosen. */
export const languages = { en: "English", de: "Deutsch", ar: "العربية" } as const;
export type Language = keyof typeof languages;

/** Storage may be denied: then the choice lasts as long as the page. */
function kept(key: string): string | null {
  try {
    return localStorage.getItem(`roost.${key}`);
  } catch {
    return null;
  }
}
function keep(key: string, value: string): void {
  try {
    localStorage.setItem(`roost.${key}`, value);
  } catch {
    return;
  }
}

const isLanguage = (tag: string | null): tag is Language => tag !== null && Object.hasOwn(languages, tag);

function firstLanguage(): Language {
  const chosen = kept("language");
  if (isLanguage(chosen)) return chosen;
  for (const tag of navigator.languages) {
    const short = tag.split("-", 1)[0] ?? "";
    if (isLanguage(short)) return short;
  }
  return "en";
}

const loaders: Readonly<Record<Language, () => Promise<Words>>> = {
  en: async () => en,
  de: async () => (await import("../words/de.ts")).de,
  ar: async () => (await import("../words/ar.ts")).ar,
};

const table = signal<Words>(en);
/** The words in force; a component that calls it is drawn again when they change. */
export const useWords = (): Words => table.value;
export const wordsNow = (): Words => table.peek();

export const language = signal<Language>(firstLanguage());
const keptTheme = kept("theme");
export const theme = signal<Theme>(keptTheme === "light" || keptTheme === "dark" ? keptTheme : "system");

export function chooseLanguage(chosen: Language): void {
  keep("language", chosen);
  language.value = chosen;
}
export function chooseTheme(chosen: Theme): void {
  keep("theme", chosen);
  theme.value = chosen;
}

/** Keeps the document in step with what was chosen. Call it once. */
export function followPreferences(): void {
  effect(() => {
    const chosen = language.value;
    void loaders[chosen]().then((words) => {
      if (language.peek() !== chosen) return;
      table.value = words;
      document.documentElement.lang = words.tag;
      document.documentElement.dir = words.direction;
    });
  });
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
  });
}

/** A sentence that says what to do, for the server's `reason`. */
export function sentenceOf(words: Words, reason: string): string {
  return words.reasons[reason] ?? en.reasons[reason] ?? words.failed(reason.slice(0, 300));
}
