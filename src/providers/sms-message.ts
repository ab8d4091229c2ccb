/** What a text message is, and what every way of sending one takes. */
export interface SmsSender {
  /** `to` is digits with the country code. Rejects where the message was not taken, with a text that may be logged. */
  send(message: SmsMessage): Promise<void>;
}

export interface SmsMessage {
  readonly to: string;
  readonly text: string;
}
