/** The program of `compiled.slow.test.ts`: the parts that speak to the outside, as in the executable. Settings are its environment. */
import { loadConfig } from "../../src/config.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createAwsCredentials } from "../../src/providers/aws.ts";
import { createMailSender } from "../../src/providers/mail.ts";
import { createSmsSender } from "../../src/providers/sms.ts";
import { createSpendGuard } from "../../src/providers/spend-guard.ts";
import { realClock } from "../support/manual-clock.ts";

const config = loadConfig({ env: process.env, readFile: () => undefined });
const { admit } = createSpendGuard({ ...config.sms, clock: realClock });
const admissions = ["380671234567", "33899123456", "1"].map((number) => admit(number, "192.0.2.1"));
await createSmsSender(config.sms, { log: silentLog, publish: () => false }).send({ to: "380671234567", text: "sms" });
await createMailSender(config.mail, { log: silentLog }).send({ to: "anna@example.org", subject: "s", text: "mail" });
const credentials = await createAwsCredentials(config.aws)?.mint({ phone: "380671234567", userId: 10_001 });
console.log(JSON.stringify({ admissions, credentials }));
