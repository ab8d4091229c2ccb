/**
 * The words of a text, for search. Text and query pass through the same rules, so what they do to a letter matters less
 * than that they do the same to both. Letters lose case, accents, points and width. Where a script puts no spaces between
 * words, or builds them by joining, a stretch of letters is a run: it is found by any part of it.
 */

/** Letters of a text beyond this are not looked at: about ten thousand words. */
export const charactersMax = 65_536;
/** Of a word in the index. A longer one is found by what it begins with. */
const wordCharactersMax = 32;

export interface Words {
  /** Of letters and digits, between spaces and punctuation. */
  readonly words: readonly string[];
  /** Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese. */
  readonly runs: readonly string[];
  /** Emoji, one by one and without the colour of their skin; flags. */
  readonly signs: readonly string[];
}

const nothing: Words = { words: [], runs: [], signs: [] };

const runScripts =
  "[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Bopo}\\p{scx=Hang}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}]";
const letters = "[\\p{L}\\p{M}\\p{N}]";
let parts: RegExp | undefined;

/** Made when it is first needed: sets of Unicode take a moment. */
const findParts = (): RegExp =>
  new RegExp(
    `([${letters}&&${runScripts}]+)|(\\p{RI}\\p{RI}|[\\p{Extended_Pictographic}--[\\u{1f3fb}-\\u{1f3ff}]])|([${letters}--${runScripts}]+)`,
    "gv",
  );

/** Accents and dots above, Hebrew points, Arabic vowel signs, the stroke that lengthens Arabic words. */
const marks =
  /[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]/g;
/** What joins or separates letters without being seen, and the forms of emoji. */
const unseen = /[\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff]|\u200d|\ufe0e|\ufe0f/g;
/** Letters that people also write in another way, and that Unicode does not take apart. */
const otherLetters = /[ßıłøđæœς]/g;
const spelled: Readonly<Record<string, string>> = {
  ß: "ss",
  ı: "i",
  ł: "l",
  ø: "o",
  đ: "d",
  æ: "ae",
  œ: "oe",
  ς: "σ",
};

/** Letters, digits and what stands between them; nothing of it has another form. */
const plain = /^[\0-\x7f]*$/;

function folded(text: string): string {
  const apart = text.normalize("NFKD").replace(marks, "").replace(unseen, "").normalize("NFC").toLowerCase();
  return apart.replace(marks, "").replace(otherLetters, (letter) => spelled[letter] ?? letter);
}

/** In the order of the text, repeats included. */
export function wordsOf(text: string): Words {
  const looked = text.length > charactersMax ? text.slice(0, charactersMax) : text;
  if (plain.test(looked)) {
    const words = looked.toLowerCase().match(/[a-z0-9]+/g);
    return words === null ? nothing : { words, runs: [], signs: [] };
  }
  parts ??= findParts();
  const [words, runs, signs]: [string[], string[], string[]] = [[], [], []];
  for (const [, run, sign, word] of folded(looked).matchAll(parts)) {
    if (run !== undefined) runs.push(run);
    else if (sign !== undefined) signs.push(sign);
    else if (word !== undefined) words.push(word);
  }
  return { words, runs, signs };
}

export const isEmpty = ({ words, runs, signs }: Words): boolean =>
  words.length === 0 && runs.length === 0 && signs.length === 0;

/** What an index keeps of a text, each once: words, signs, and of a run each pair of neighbours and the last letter. */
export function termsOf({ words, runs, signs }: Words): Set<string> {
  const terms = new Set<string>(signs);
  for (const word of words) terms.add(cut(word));
  for (const run of runs) {
    const letters = [...run];
    for (let at = 0; at < letters.length; at += 1) terms.add(`${letters[at]}${letters[at + 1] ?? ""}`);
  }
  return terms;
}

/** A term that a text must have to match a query: whole, or as the beginning of one of its terms. */
export interface Needle {
  readonly term: string;
  readonly begins: boolean;
}

/** What narrows the search for a query, each once; `isMatch` says what matches it. */
export function needlesOf({ words, runs, signs }: Words): Needle[] {
  const needles = new Map<string, Needle>();
  const add = (term: string, begins: boolean): void => {
    needles.set(`${term}${begins}`, { term, begins });
  };
  for (const sign of signs) add(sign, false);
  for (const word of words) add(cut(word), isPrefix(word));
  for (const run of runs) {
    const letters = [...run];
    if (letters.length === 1) add(run, true);
    for (let at = 0; at + 1 < letters.length; at += 1) add(`${letters[at]}${letters[at + 1]}`, false);
  }
  return [...needles.values()];
}

/** One letter stands for itself: too many words begin with it. */
const isPrefix = (word: string): boolean => word.length > 1;

/** Whether a text has every word of the query, as a word or as the beginning of one, every run, and every sign. */
export function isMatch(query: Words, text: Words): boolean {
  return (
    query.words.every((wanted) =>
      isPrefix(wanted) ? text.words.some((word) => word.startsWith(wanted)) : text.words.includes(wanted),
    ) &&
    query.runs.every((wanted) => text.runs.some((run) => run.includes(wanted))) &&
    query.signs.every((wanted) => text.signs.includes(wanted))
  );
}

/** Whole letters. */
function cut(word: string): string {
  return word.length <= wordCharactersMax ? word : [...word].slice(0, wordCharactersMax).join("");
}
