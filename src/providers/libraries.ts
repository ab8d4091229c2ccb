/**
 * Libraries that are loaded on demand. The build embeds each as one file of plain source and puts its name here
 * (`tests/support/plain-libraries.ts`), since their bytecode takes five to ten times the space.
 */

export const loadPhone = () => import("./libraries/phone.ts");
export const loadSmtp = () => import("./libraries/smtp.ts");
