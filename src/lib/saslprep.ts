/**
 * SASLprep (RFC 4013): gives one spelling to names and passwords that two parties hash independently. Two things differ
 * from the RFC. The table of unassigned code points is that of today's Unicode, not of 3.2. The rule for bidirectional
 * text (§ 2.3) is left out, since it is about display.
 */

/** RFC 3454 B.1: commonly mapped to nothing. */
const nothing = /\u034F|\u200C|\u200D|[\u180B-\u180D]|[\uFE00-\uFE0F]|[\u00AD\u1806\u200B\u2060\uFEFF]/gu;
/** RFC 3454 C.1.2. */
const otherSpaces = /[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]/gu;
/**
 * Control characters, private use, surrogates, unassigned code points and noncharacters, and what RFC 3454 C.6 to C.9
 * name.
 */
const prohibited =
  /\u0340|\u0341|[\p{Cc}\p{Co}\p{Cs}\p{Cn}\u06DD\u070F\u180E\u200E\u200F\u2028\u2029\u202A-\u202E\u2061-\u2063\u206A-\u206F\u2FF0-\u2FFB\uFFF9-\uFFFD\u{1D173}-\u{1D17A}\u{E0001}\u{E0020}-\u{E007F}]/u;

/** Gives the prepared text; undefined where it has prohibited characters. */
export function saslprep(text: string): string | undefined {
  const mapped = text.replace(nothing, "").replace(otherSpaces, " ").normalize("NFKC");
  return prohibited.test(mapped) ? undefined : mapped;
}
