/** Twilio's Programmable Messaging: `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`. */
import { callOutside, OutsideError } from "./http-call.ts";
import type { SmsSender } from "./sms-message.ts";

export interface TwilioOptions {
  readonly accountSid: string;
  readonly authToken: string;
  /** A number (`+15557122661`), a sender's name, or a messaging service (`MG…`). */
  readonly from: string;
  readonly url: string;
}

const answerBytesMax = 16_384;

export function createTwilioSms({ accountSid, authToken, from, url }: TwilioOptions, timeoutMs: number): SmsSender {
  const account = encodeURIComponent(accountSid);
  const address = `${url.replace(/\/+$/, "")}/2010-04-01/Accounts/${account}/Messages.json`;
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`;
  const sender = /^MG[0-9a-fA-F]{32}$/.test(from) ? { MessagingServiceSid: from } : { From: from };
  return {
    async send({ to, text }) {
      const request = () =>
        new Request(address, {
          method: "POST",
          headers: { Authorization: authorization, Accept: "application/json" },
          body: new URLSearchParams({ To: `+${to}`, ...sender, Body: text }),
        });
      const { ok, status, body } = await callOutside({ who: "Twilio", request, timeoutMs, answerBytesMax });
      if (!ok) throw new OutsideError(`Twilio answered ${status}${codeIn(body)}`);
    },
  };
}

/** Gives ` (error 21211)`, the number that its documentation explains. The sentence quotes the recipient. */
function codeIn(body: Uint8Array): string {
  try {
    const answer: unknown = JSON.parse(new TextDecoder().decode(body));
    const code = typeof answer === "object" && answer !== null && "code" in answer ? answer.code : undefined;
    return typeof code === "number" && Number.isSafeInteger(code) ? ` (error ${code})` : "";
  } catch {
    return ""; // An answer that is not JSON comes from a proxy in between; the status says enough.
  }
}
