/** What an operator writes of SMS, mail and AWS, and what the program makes of it. */
import { describe, expect, test } from "bun:test";
import { showConfig } from "../../src/config/texts.ts";
import { ConfigError, loadConfig } from "../../src/config.ts";

const load = (env: Record<string, string>, files: Record<string, string> = {}) =>
  loadConfig({ env, readFile: (path) => files[path], cwd: "/srv" });

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("without settings, SMS and mail go to the log, users get no AWS credentials, and the limits are the documented ones", () => {
  const { sms, mail, aws } = load({});
  expect(sms.adapter).toBe("log");
  expect(sms.limits).toEqual({ perNumberHour: 5, perAddressHour: 20, perPrefixHour: 200, perDay: 1000 });
  expect(sms.countries).toBeUndefined();
  expect(sms.testNumbers).toEqual([]);
  expect(sms.device.topic).toBe("sms/send");
  expect(mail.adapter).toBe("log");
  expect(aws).toBeUndefined();
});

test("the limits have the documented variables", () => {
  const { sms } = load({
    ROOST_SMS_PER_NUMBER_HOUR: "1",
    ROOST_SMS_PER_ADDRESS_HOUR: "2",
    ROOST_SMS_PER_PREFIX_HOUR: "3",
    ROOST_SMS_PER_DAY: "4",
    ROOST_SMS_COUNTRIES: "ua, DE,+881",
  });
  expect(sms.limits).toEqual({ perNumberHour: 1, perAddressHour: 2, perPrefixHour: 3, perDay: 4 });
  expect(sms.countries).toEqual(["UA", "DE", "+881"]);
});

test("test numbers, headers and a sender are understood", () => {
  const { sms, mail } = load({
    ROOST_SMS_TEST_NUMBERS: "+15550001=903182, 15550002 = 1234",
    ROOST_SMS_HTTP_HEADERS: "Authorization: Bearer a:b,X-To: {to}",
    ROOST_MAIL_FROM: "Roost at home <chat@example.org>",
  });
  expect(sms.testNumbers).toEqual([
    { number: "15550001", code: "903182" },
    { number: "15550002", code: "1234" },
  ]);
  expect(sms.http.headers).toEqual([
    ["Authorization", "Bearer a:b"],
    ["X-To", "{to}"],
  ]);
  expect(mail.from).toEqual({ name: "Roost at home", address: "chat@example.org" });
  expect(load({ ROOST_MAIL_FROM: "chat@example.org" }).mail.from).toEqual({ name: "", address: "chat@example.org" });
});

const secrets: Record<string, string> = {
  ROOST_SMS_HTTP_URL: "https://gateway.example/?key=secret-of-url&to={to}&text={text}",
  ROOST_SMS_HTTP_HEADERS: "Authorization: secret-of-header",
  ROOST_SMS_HTTP_BODY: '{"key":"secret-of-body"}',
  ROOST_SMS_TWILIO_AUTH_TOKEN: "secret-of-twilio",
  ROOST_SMS_TEST_NUMBERS: "15550001=903182",
  ROOST_MAIL_PASSWORD: "secret-of-mail",
  ROOST_AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
  ROOST_AWS_ROLE: "arn:aws:iam::123456789012:role/roost",
  ROOST_AWS_SECRET_ACCESS_KEY: "secret-of-aws",
  ROOST_AWS_SESSION_TOKEN: "secret-of-session",
};

test("secrets are never shown, and may come from files", () => {
  const shown = JSON.stringify(showConfig(load(secrets)));
  expect(shown).not.toContain("secret-of");
  expect(shown).not.toContain("903182");
  for (const [name, value] of Object.entries(secrets)) {
    if (name === "ROOST_AWS_ACCESS_KEY_ID" || name === "ROOST_AWS_ROLE") continue;
    const { [name]: _, ...others } = secrets;
    const config = load({ ...others, [`${name}_FILE`]: "/run/secret" }, { "/run/secret": `${value}\n` });
    expect({ ...config, origins: null }).toEqual({ ...load(secrets), origins: null });
  }
});

describe("what is wrong is said at start", () => {
  const table: [env: Record<string, string>, problem: RegExp][] = [
    [{ ROOST_SMS_ADAPTER: "http" }, /sms.http_url/],
    [{ ROOST_SMS_ADAPTER: "http", ROOST_SMS_HTTP_URL: "https://a.example/{to}" }, /lack \{text\}/],
    [{ ROOST_SMS_ADAPTER: "twilio", ROOST_SMS_TWILIO_FROM: "MG1" }, /sms.twilio_auth_token/],
    [{ ROOST_SMS_HTTP_URL: "https://{text}.example/" }, /host stands as it is/],
    [{ ROOST_SMS_HTTP_URL: "file:///etc/passwd" }, /expected a URL/],
    [{ ROOST_SMS_HTTP_BODY: "{txt}" }, /\{txt\} is not one of/],
    [{ ROOST_SMS_HTTP_HEADERS: "X-A: b\r\nX-C: d" }, /expected headers/],
    [{ ROOST_SMS_DEVICE_TOPIC: "chat/x" }, /reserved/],
    [{ ROOST_SMS_DEVICE_TOPIC: "sms/#" }, /wildcards/],
    [{ ROOST_SMS_COUNTRIES: "Ukraine" }, /expected countries/],
    [{ ROOST_SMS_TEST_NUMBERS: "15550001" }, /NUMBER=CODE|expected numbers/],
    [{ ROOST_MAIL_ADAPTER: "smtp" }, /mail.host and mail.from/],
    [{ ROOST_MAIL_FROM: "a@b.example\r\nBcc: c@d.example" }, /expected chat@example.org/],
    [{ ROOST_AWS_ACCESS_KEY_ID: "AKID" }, /need each other/],
    [{ ROOST_AWS_ACCESS_KEY_ID: "AKID", ROOST_AWS_SECRET_ACCESS_KEY: "x" }, /needs aws.role/],
    [
      {
        ROOST_AWS_ACCESS_KEY_ID: "AKID",
        ROOST_AWS_SECRET_ACCESS_KEY: "x",
        ROOST_AWS_OPERATION: "GetSessionToken",
        ROOST_AWS_POLICY: "{}",
      },
      /GetSessionToken knows none/,
    ],
    [{ ROOST_AWS_POLICY: '{"Resource":{user}}' }, /\{user\} is not one of/],
    [{ ROOST_AWS_POLICY: "{" }, /expected a policy/],
  ];
  for (const [env, problem] of table) {
    test(JSON.stringify(env), () => expect(problemsOf(env).join("\n")).toMatch(problem));
  }
});
