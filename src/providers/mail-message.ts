/** What a mail is, and what every way of sending one takes. */
export interface MailSender {
  /** Rejects where the message was not taken, with a text that may be logged. */
  send(message: MailMessage): Promise<void>;
}

export interface MailMessage {
  /** One address, without a name. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** With `smtp`, `host` and `from` are there; the settings see to it. */
export interface MailOptions {
  readonly adapter: "log" | "smtp";
  readonly host: string | undefined;
  readonly port: number;
  /** `starttls`: nothing is said before the connection is TLS. */
  readonly tls: "starttls" | "implicit" | "none";
  /** Path of a PEM file with the only authorities to trust. */
  readonly ca: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly from: { readonly name: string; readonly address: string } | undefined;
  readonly timeoutSeconds: number;
}
