/** Nodemailer's client and its writer of messages. */
export { default as MailComposer } from "nodemailer/lib/mail-composer";
export { default as SmtpConnection } from "nodemailer/lib/smtp-connection";
