/**
 * Text messages. `log` (the default) writes them to the server's log, for development; `http` asks any gateway; `twilio`
 * speaks Twilio's interface; `device` hands them to the operator's own telephone over MQTT.
 */
import { assert } from "../lib/assert.ts";
import type { Log } from "../lib/log.ts";
import { OutsideError } from "./http-call.ts";
import { createHttpSms, type HttpSmsOptions } from "./sms-http.ts";
import type { SmsSender } from "./sms-message.ts";
import { createTwilioSms } from "./sms-twilio.ts";

/** The options of the adapter in use are set; the settings check that. */
export interface SmsOptions {
  readonly adapter: "log" | "http" | "twilio" | "device";
  readonly http: Omit<HttpSmsOptions, "url"> & { readonly url: string | undefined };
  readonly twilio: {
    readonly accountSid: string | undefined;
    readonly authToken: string | undefined;
    readonly from: string | undefined;
    readonly url: string;
  };
  readonly device: { readonly topic: string };
}

export interface SmsParts {
  readonly log: Log;
  /**
   * Publishes to the device that sends; false where no such device is connected. The payload holds a code, so the
   * program ensures that no other client gets the topic.
   */
  readonly publish: (topic: string, payload: Uint8Array) => boolean | Promise<boolean>;
  readonly timeoutMs?: number;
}

/** The length that every gateway takes as one message in parts. */
const textCharactersMax = 1600;
const timeoutMsByDefault = 10_000;

export function createSmsSender(options: SmsOptions, parts: SmsParts): SmsSender {
  const sender = adapterOf(options, parts);
  return {
    async send({ to, text }) {
      if (!/^\d{5,15}$/.test(to)) throw new OutsideError("an SMS needs a number of 5 to 15 digits");
      if (text.length > textCharactersMax) throw new OutsideError("an SMS is too long");
      await sender.send({ to, text });
    },
  };
}

function adapterOf(options: SmsOptions, { log, publish, timeoutMs = timeoutMsByDefault }: SmsParts): SmsSender {
  switch (options.adapter) {
    case "log":
      return {
        async send({ to, text }) {
          log.info("SMS, written here since sms.adapter = log", { to, text });
        },
      };
    case "http": {
      const { url, ...http } = options.http;
      assert(url !== undefined, "sms.adapter = http without a URL");
      return createHttpSms({ ...http, url }, timeoutMs);
    }
    case "twilio": {
      const { accountSid, authToken, from, url } = options.twilio;
      assert(accountSid !== undefined && authToken !== undefined && from !== undefined, "an incomplete Twilio account");
      return createTwilioSms({ accountSid, authToken, from, url }, timeoutMs);
    }
    case "device":
      return {
        async send(message) {
          const payload = new TextEncoder().encode(JSON.stringify({ to: message.to, text: message.text }));
          if (await publish(options.device.topic, payload)) return;
          throw new OutsideError("no device subscribes to sms.device_topic");
        },
      };
  }
}
