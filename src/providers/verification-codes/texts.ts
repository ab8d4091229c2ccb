/**
 * The text of an SMS or a mail with a code, in the language that a profile's settings or the client's services name.
 */
import { type Language, languageOf } from "../../domain/phones/languages.ts";

const texts: Readonly<Record<Language, (code: string) => string>> = {
  de: (code) => `Ihr Code: ${code}. Geben Sie ihn niemandem.`,
  en: (code) => `Your code: ${code}. Give it to nobody.`,
  es: (code) => `Su código: ${code}. No se lo dé a nadie.`,
  fr: (code) => `Votre code : ${code}. Ne le donnez à personne.`,
  pl: (code) => `Twój kod: ${code}. Nie podawaj go nikomu.`,
  ua: (code) => `Ваш код: ${code}. Нікому його не повідомляйте.`,
  zh: (code) => `您的验证码：${code}，请勿告诉他人。`,
};

const subjects: Readonly<Record<Language, string>> = {
  de: "Bestätigungscode",
  en: "Confirmation code",
  es: "Código de confirmación",
  fr: "Code de confirmation",
  pl: "Kod potwierdzający",
  ua: "Код підтвердження",
  zh: "验证码",
};

/** English where the language is unknown. */
export const codeText = (code: string, language: string | undefined): string => texts[known(language)](code);

export const codeMail = (code: string, language: string | undefined): { subject: string; text: string } => ({
  subject: subjects[known(language)],
  text: `${codeText(code, language)}\n`,
});

const known = (language: string | undefined): Language =>
  (language === undefined ? undefined : languageOf(language)) ?? "en";
