/** How codes leave the server: by SMS within the spend limits, or by mail, through the adapters the operator chose. */
import type { SendCode } from "../../domain/phones/phone-sessions.ts";
import type { SendMail } from "../../domain/profiles/profiles.ts";
import type { Clock } from "../../lib/clock.ts";
import { lazily } from "../../lib/lazily.ts";
import type { Log } from "../../lib/log.ts";
import { createMailSender } from "../mail.ts";
import type { MailOptions } from "../mail-message.ts";
import { createRefusals } from "../refusals.ts";
import { createSmsSender, type SmsOptions, type SmsParts } from "../sms.ts";
import type { SpendLimits } from "../spend-guard.ts";
import type { CountedMessage } from "../spend-windows.ts";
import { codeMail, codeText } from "./texts.ts";

export interface CodeSmsOptions extends SmsOptions {
  /** Undefined: all countries, without premium ranges. */
  readonly countries: readonly string[] | undefined;
  readonly limits: SpendLimits;
}

export function createSendCode(
  sms: CodeSmsOptions,
  parts: {
    log: Log;
    clock: Clock;
    publish: SmsParts["publish"];
    /** The messages that were counted, so that a restart does not reset the day. */
    paid: { list(): readonly CountedMessage[]; keep(message: CountedMessage): Promise<void> };
  },
): SendCode {
  const { log, clock, paid } = parts;
  const sender = createSmsSender(sms, parts);
  // Loads the metadata of phone numbers, which a server that sends no codes does not need.
  const guard = lazily(async () => {
    const { createSpendGuard } = await import("../spend-guard.ts");
    return createSpendGuard({ limits: sms.limits, countries: sms.countries, clock, earlier: paid.list() });
  });
  const refusals = createRefusals({ log, clock });
  return async ({ phone, code, language, address }) => {
    let kept: Promise<void> | undefined;
    const admission = (await guard()).admit(`+${phone}`, address, (message) => {
      kept = paid.keep(message);
    });
    if (admission !== "ok") {
      refusals.add(admission, address);
      return "refused";
    }
    try {
      await kept; // Money is spent only on a message that a restart would know of.
      await sender.send({ to: phone, text: codeText(code, language) });
      return "sent";
    } catch (error) {
      log.error("a code could not be sent", { why: error instanceof Error ? error.message : "unknown" });
      return "failed";
    }
  };
}

export function createSendMail(mail: MailOptions, { log }: { log: Log }): SendMail {
  const sender = createMailSender(mail, { log });
  return async ({ to, code, language }) => {
    try {
      await sender.send({ to, ...codeMail(code, language) });
      return true;
    } catch (error) {
      log.error("a mail could not be sent", { why: error instanceof Error ? error.message : "unknown" });
      return false;
    }
  };
}
