/** Characters that a terminal obeys rather than shows: they could rewrite, hide or reorder what an operator reads. */

/** C0, DEL and C1; the marks of writing direction and other invisible format characters; the separators of lines and paragraphs. */
const obeyed = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Writes each of them as JSON does, `\u001b`. The result of JSON stays the same JSON. */
export const escapeControls = (text: string): string => text.replace(obeyed, escapeOne);

/** Shows � in place of each of them. */
export const replaceControls = (text: string): string => text.replace(obeyed, "\ufffd");

/** A character beyond the BMP is two code units. */
function escapeOne(character: string): string {
  let escaped = "";
  for (let at = 0; at < character.length; at += 1) {
    escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}
