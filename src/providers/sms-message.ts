/** What a text message is, and the interface of every way of sending one. */
export interface SmsSender {
  /** `to` is digits with the country code. Rejects where the message was refused, with a text that is safe to log. */
  send(message: SmsMessage): Promise<void>;
}

export interface SmsMessage {
  readonly to: string;
  readonly text: string;
}
