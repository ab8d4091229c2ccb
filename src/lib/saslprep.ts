/**
 * SASLprep (RFC 4013): one spelling for names and passwords that two parties hash apart from each other. Its table of
 * unassigned code points is that of today's Unicode and not of 3.2, and its rule for text of two directions (§ 2.3), which
 * is about how text is shown, is left out.
 */

/** RFC 3454 B.1: commonly mapped to nothing. */
const nothing = /\u034F|\u200C|\u200D|[\u180B-\u180D]|[\uFE00-\uFE0F]|[\u00AD\u1806\u200B\u2060\uFEFF]/gu;
/** RFC 3454 C.1.2. */
const otherSpaces = /[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]/gu;
/** Controls, private use, surrogates, what is not assigned or no character, and what RFC 3454 C.6 to C.9 name. */
const prohibited =
  /\u0340|\u0341|[\p{Cc}\p{Co}\p{Cs}\p{Cn}\u06DD\u070F\u180E\u200E\u200F\u2028\u2029\u202A-\u202E\u2061-\u2063\u206A-\u206F\u2FF0-\u2FFB\uFFF9-\uFFFD\u{1D173}-\u{1D17A}\u{E0001}\u{E0020}-\u{E007F}]/u;

/** Undefined where the text has characters that have no place in a name or a password. */
export function saslprep(text: string): string | undefined {
  const mapped = text.replace(nothing, "").replace(otherSpaces, " ").normalize("NFKC");
  return prohibited.test(mapped) ? undefined : mapped;
}
