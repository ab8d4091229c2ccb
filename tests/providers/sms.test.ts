/** Text messages as gateways and devices get them, and what is said where they fail: enough for the log, and never a code. */
import { afterAll, describe, expect, test } from "bun:test";
import { createSmsSender, type SmsOptions, type SmsParts } from "../../src/providers/sms.ts";
import { failureOf, recordingLog, startGateway } from "./gateway.ts";

const gateway = await startGateway();
afterAll(() => gateway.stop());

const code = "903182";
const message = { to: "380671234567", text: `Code ${code}` };
/** What breaks out of quotes, tags, parameters and lines where nobody escapes. */
const hostile = { to: "380671234567", text: "a\"b\\c&d=e+f %41{to}<g>'h\r\nX-Injected: 1\u0000\ud800 ї😀" };
const wellFormed = hostile.text.toWellFormed();

const nobody = {
  url: undefined,
  method: "POST",
  headers: [],
  body: undefined,
  contentType: "application/json",
} as const;
const options = (given: Partial<SmsOptions> & { readonly adapter: SmsOptions["adapter"] }): SmsOptions => ({
  http: nobody,
  twilio: { accountSid: "AC00", authToken: "twilio-secret", from: "+15557122661", url: gateway.url },
  device: { topic: "sms/send" },
  ...given,
});
const sender = (given: Parameters<typeof options>[0], parts: Partial<SmsParts> = {}) =>
  createSmsSender(options(given), { log: recordingLog().log, publish: () => false, timeoutMs: 10_000, ...parts });
const http = (given: Partial<SmsOptions["http"]>, parts: Partial<SmsParts> = {}) =>
  sender({ adapter: "http", http: { ...nobody, url: `${gateway.url}/send`, ...given } }, parts);

describe("http", () => {
  test("a JSON body holds number and text, whatever is in the text", async () => {
    await http({ body: '{"to":"+{to}","text":"{text}","n":{"x":1}}' }).send(hostile);
    const asked = gateway.last();
    expect(asked.method).toBe("POST");
    expect(asked.path).toBe("/send");
    expect(asked.headers.get("content-type")).toBe("application/json");
    expect(JSON.parse(asked.body)).toEqual({ to: "+380671234567", text: wellFormed, n: { x: 1 } });
  });

  test("a form's body does", async () => {
    const contentType = "application/x-www-form-urlencoded";
    await http({ body: "to={to}&text={text}&from=me", contentType }).send(hostile);
    expect([...new URLSearchParams(gateway.last().body)]).toEqual([
      ["to", "380671234567"],
      ["text", wellFormed],
      ["from", "me"],
    ]);
  });

  test("an XML body does, without what XML cannot hold", async () => {
    await http({ body: "<sms to='{to}'>{text}</sms>", contentType: "text/xml; charset=utf-8" }).send(hostile);
    expect(gateway.last().body).toBe(
      "<sms to='380671234567'>a&quot;b\\c&amp;d=e+f %41{to}&lt;g&gt;&apos;h\r\nX-Injected: 1 \ufffd ї😀</sms>",
    );
  });

  test("a plain body is the text itself", async () => {
    await http({ body: "{text}", contentType: "text/plain", method: "PUT" }).send(message);
    expect(gateway.last()).toMatchObject({ method: "PUT", body: message.text });
  });

  test("a URL does, and a GET has no body", async () => {
    await http({ url: `${gateway.url}/sms/{to}?text={text}&key=k#x`, method: "GET" }).send(hostile);
    const asked = gateway.last();
    expect(asked.method).toBe("GET");
    expect(asked.path).toBe("/sms/380671234567");
    expect([...asked.query]).toEqual([
      ["text", wellFormed],
      ["key", "k"],
    ]);
    expect(asked.body).toBe("");
    expect(asked.headers.get("content-type")).toBeNull();
  });

  test("headers are sent, and a text in one of them stays in it", async () => {
    const headers = [
      ["Authorization", "Bearer abc"],
      ["X-To", "+{to}"],
      ["X-Text", "{text}"],
      ["Content-Type", "application/vnd.sms+json"],
    ] as const;
    await http({ headers, body: "{}" }).send(hostile);
    const asked = gateway.last().headers;
    expect(asked.get("authorization")).toBe("Bearer abc");
    expect(asked.get("x-to")).toBe("+380671234567");
    expect(decodeURIComponent(asked.get("x-text") ?? "")).toBe(wellFormed);
    expect(asked.get("content-type")).toBe("application/vnd.sms+json");
    expect(asked.get("x-injected")).toBeNull();
  });

  for (const status of [200, 201, 202, 204]) {
    test(`${status} is success`, async () => {
      gateway.answer(() => new Response(null, { status }));
      await http({ body: "{text}" }).send(message);
    });
  }

  for (const status of [301, 302, 307, 400, 401, 404, 429, 500, 503]) {
    test(`${status} is a failure, without a second request`, async () => {
      const before = gateway.count();
      gateway.answer(() => new Response(message.text, { status, headers: { Location: `${gateway.url}/elsewhere` } }));
      const failure = await failureOf(http({ body: "{text}" }).send(message));
      expect(failure.message).toBe(`the SMS gateway answered ${status}`);
      expect(gateway.count()).toBe(before + 1);
    });
  }

  test("a gateway that says nothing ends in time", async () => {
    gateway.hang();
    const failure = await failureOf(http({ body: "{text}" }, { timeoutMs: 50 }).send(message));
    expect(failure.message).toBe("the SMS gateway could not be asked (TimeoutError)");
  });

  test("a gateway that answers without end is not waited for", async () => {
    gateway.answer(() => new Response(new ReadableStream({ pull: (out) => out.enqueue(new Uint8Array(65_536)) })));
    await http({ body: "{text}" }).send(message);
  });

  test("one that is not there is a failure that names neither address nor key", async () => {
    const closed = await startGateway();
    await closed.stop();
    const failure = await failureOf(
      http({
        url: `${closed.url}/?key=gateway-secret&text={text}&to={to}`,
        headers: [["X-Key", "header-secret"]],
      }).send(message),
    );
    expect(failure.message).toMatch(/^the SMS gateway could not be asked \(\w+\)$/);
    expect(Bun.inspect(failure)).not.toMatch(/gateway-secret|header-secret|903182|127\.0\.0\.1/);
  });
});

describe("twilio", () => {
  const twilio = (given: Partial<SmsOptions["twilio"]> = {}) => {
    const { twilio: account } = options({ adapter: "twilio" });
    return sender({ adapter: "twilio", twilio: { ...account, ...given } });
  };

  test("is asked as its documentation says", async () => {
    gateway.answer(() => Response.json({ sid: "SM1", status: "queued" }, { status: 201 }));
    await twilio().send(hostile);
    const asked = gateway.last();
    expect(asked).toMatchObject({ method: "POST", path: "/2010-04-01/Accounts/AC00/Messages.json" });
    expect(asked.headers.get("authorization")).toBe(`Basic ${btoa("AC00:twilio-secret")}`);
    expect(asked.headers.get("content-type")).toStartWith("application/x-www-form-urlencoded");
    expect([...new URLSearchParams(asked.body)]).toEqual([
      ["To", "+380671234567"],
      ["From", "+15557122661"],
      ["Body", wellFormed],
    ]);
  });

  test("a messaging service is named as one", async () => {
    const from = `MG${"0a".repeat(16)}`;
    gateway.answer(() => Response.json({}, { status: 201 }));
    await twilio({ from, url: `${gateway.url}/` }).send(message);
    expect(gateway.last().path).toBe("/2010-04-01/Accounts/AC00/Messages.json");
    expect(new URLSearchParams(gateway.last().body).get("MessagingServiceSid")).toBe(from);
    expect(new URLSearchParams(gateway.last().body).has("From")).toBe(false);
  });

  test("its error's number is told, its sentence is not", async () => {
    gateway.answer(() => Response.json({ code: 21211, message: `'To' ${message.text}`, status: 400 }, { status: 400 }));
    expect((await failureOf(twilio().send(message))).message).toBe("Twilio answered 400 (error 21211)");
  });

  for (const body of ["", "<html>", "[]", "null", '{"code":"903182"}', "x".repeat(1_000_000)]) {
    test(`an error that is ${body.slice(0, 20) || "empty"} is its status`, async () => {
      gateway.answer(() => new Response(body, { status: 502 }));
      expect((await failureOf(twilio().send(message))).message).toBe("Twilio answered 502");
    });
  }
});

describe("device", () => {
  test("number and text go to the topic as JSON", async () => {
    const published: [string, string][] = [];
    const publish = (topic: string, payload: Uint8Array) => {
      published.push([topic, new TextDecoder().decode(payload)]);
      return true;
    };
    await sender({ adapter: "device", device: { topic: "my/phone" } }, { publish }).send(message);
    expect(published).toEqual([["my/phone", JSON.stringify(message)]]);
  });

  test("no device there to send is a failure", async () => {
    const failure = await failureOf(sender({ adapter: "device" }, { publish: async () => false }).send(message));
    expect(failure.message).toBe("no device subscribes to sms.device_topic");
  });
});

test("log writes the message, and the other adapters write nothing", async () => {
  const { log, lines } = recordingLog();
  await sender({ adapter: "log" }, { log }).send(message);
  expect(lines).toEqual([{ level: "info", message: "SMS, written here since sms.adapter = log", fields: message }]);
  lines.length = 0;
  gateway.answer(() => new Response(null, { status: 201 }));
  for (const adapter of ["http", "twilio", "device"] as const) {
    const given = adapter === "http" ? { http: { ...nobody, url: gateway.url, body: "{text}" } } : {};
    await sender({ adapter, ...given }, { log, publish: () => true }).send(message);
  }
  expect(lines).toEqual([]);
});

test("what is no number is sent nowhere, and neither is a book", async () => {
  const before = gateway.count();
  for (const to of ["", "+380671234567", "38067\r\n", "1".repeat(16), "a"]) {
    await failureOf(http({ body: "{text}" }).send({ to, text: "" }));
  }
  const failure = await failureOf(http({ body: "{text}" }).send({ to: "380671234567", text: code.repeat(1000) }));
  expect(failure.message).not.toContain(code);
  expect(gateway.count()).toBe(before);
});
