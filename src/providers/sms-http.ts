/**
 * Any SMS gateway with an HTTP interface. Templates make the request; any 2xx means that the gateway took the message.
 */
import { callOutside, OutsideError } from "./http-call.ts";
import type { SmsSender } from "./sms-message.ts";
import { escapeFor, escapeUrl, fill } from "./template.ts";

/**
 * `{to}` and `{text}` are filled in everywhere. In `url` and `headers` they are escaped as in URLs, in `body` for its
 * media type.
 */
export interface HttpSmsOptions {
  readonly url: string;
  readonly method: "GET" | "POST" | "PUT";
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
  readonly contentType: string;
}

export function createHttpSms(options: HttpSmsOptions, timeoutMs: number): SmsSender {
  const { url, method, body, contentType } = options;
  const escapeBody = escapeFor(contentType);
  return {
    async send({ to, text }) {
      const values = { to, text };
      const request = () => {
        const headers = new Headers(body === undefined ? {} : { "Content-Type": contentType });
        for (const [name, value] of options.headers) headers.set(name, fill(value, values, escapeUrl));
        const filled = body === undefined ? {} : { body: fill(body, values, escapeBody) };
        return new Request(fill(url, values, escapeUrl), { method, headers, ...filled });
      };
      const { ok, status } = await callOutside({ who: "the SMS gateway", request, timeoutMs, answerBytesMax: 0 });
      if (!ok) throw new OutsideError(`the SMS gateway answered ${status}`);
    },
  };
}
