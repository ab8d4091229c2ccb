/** What a mail is, and the interface of every way of sending one. */
export interface MailSender {
  /** Rejects where the message was refused, with a text that is safe to log. */
  send(message: MailMessage): Promise<void>;
}

export interface MailMessage {
  /** One address, without a name. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** With `smtp`, `host` and `from` are set; the settings check that. */
export interface MailOptions {
  readonly adapter: "log" | "smtp";
  readonly host: string | undefined;
  readonly port: number;
  /** `starttls`: nothing is sent before the connection is TLS. */
  readonly tls: "starttls" | "implicit" | "none";
  /** Path of a PEM file with the only authorities to trust. */
  readonly ca: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly from: { readonly name: string; readonly address: string } | undefined;
  readonly timeoutSeconds: number;
}
