/**
 * Libraries that are loaded by hand. The build embeds each as one file of plain source and puts its name here
 * (`tests/support/plain-libraries.ts`), since their bytecode would take five to ten times the room.
 */

export const loadPhone = () => import("./libraries/phone.ts");
export const loadSmtp = () => import("./libraries/smtp.ts");
