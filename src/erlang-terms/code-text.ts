/** What an SMS or a mail with a code says, in the language that a profile's settings or the client's services name. */
const texts: Readonly<Record<string, (code: string) => string>> = {
  de: (code) => `Ihr Code: ${code}. Geben Sie ihn niemandem.`,
  en: (code) => `Your code: ${code}. Give it to nobody.`,
  es: (code) => `Su código: ${code}. No se lo dé a nadie.`,
  fr: (code) => `Votre code : ${code}. Ne le donnez à personne.`,
  pl: (code) => `Twój kod: ${code}. Nie podawaj go nikomu.`,
  ua: (code) => `Ваш код: ${code}. Нікому його не повідомляйте.`,
  zh: (code) => `您的验证码：${code}，请勿告诉他人。`,
};

const subjects: Readonly<Record<string, string>> = {
  de: "Bestätigungscode",
  en: "Confirmation code",
  es: "Código de confirmación",
  fr: "Code de confirmation",
  pl: "Kod potwierdzający",
  ua: "Код підтвердження",
  zh: "验证码",
};

/** English where the language is not known. */
export const codeText = (code: string, language: string | undefined): string =>
  texts[knownLanguage(language)]?.(code) ?? code;

export const codeMail = (code: string, language: string | undefined): { subject: string; text: string } => ({
  subject: subjects[knownLanguage(language)] ?? "",
  text: `${codeText(code, language)}\n`,
});

/** Whether there are words in it. */
export const isLanguage = (name: string): boolean => Object.hasOwn(texts, spelled(name));

const knownLanguage = (language: string | undefined): string =>
  language !== undefined && isLanguage(language) ? spelled(language) : "en";

/** `uk-UA` is what `ua` is: Ukrainian has a code of its own in ISO 639, and its country's in these documents. */
function spelled(language: string): string {
  const [named = ""] = language.toLowerCase().split(/[-_]/, 1);
  return named === "uk" ? "ua" : named;
}
