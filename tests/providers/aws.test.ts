/** Temporary credentials from a service that verifies every signature, and whatever else may come instead of them. */
import { afterAll, describe, expect, test } from "bun:test";
import { type AwsOptions, createAwsCredentials } from "../../src/providers/aws.ts";
import { type Asked, failureOf, startGateway } from "./gateway.ts";
import { verifySignature } from "./sigv4.ts";

const gateway = await startGateway();
afterAll(() => gateway.stop());

const role = "arn:aws:iam::123456789012:role/roost-users";
const optionsOf = (given: Partial<AwsOptions> = {}): AwsOptions => ({
  operation: "AssumeRole",
  accessKeyId: "AKIDOFROOST",
  secretAccessKey: "secret/of+roost",
  sessionToken: undefined,
  region: "eu-central-1",
  endpoint: `${gateway.url}/`,
  role,
  durationSeconds: 3600,
  policy: undefined,
  ...given,
});
const user = { phone: "380671234567", userId: 10_001 };

function minter(given: Partial<AwsOptions> = {}, timeoutMs = 10_000) {
  const credentials = createAwsCredentials(optionsOf(given), { timeoutMs });
  if (credentials === undefined) throw new Error("it is configured");
  return credentials;
}

const token = `IQoJb3JpZ2luX2VjE${"Aa0+/".repeat(120)}==`;
const secretOfUser = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY";

const answerOf = (
  operation: string,
  credentials: string,
): string => `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <${operation}Result>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/demo/roost-10001</Arn>
      <AssumedRoleId>ARO123EXAMPLE123:roost-10001</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>${credentials}</Credentials>
    <PackedPolicySize>6</PackedPolicySize>
  </${operation}Result>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</${operation}Response>`;

const goodCredentials = `
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>${secretOfUser}</SecretAccessKey>
      <SessionToken>
       ${token}
      </SessionToken>
      <Expiration>2026-07-15T23:28:33.359Z</Expiration>`;

/** Answers like STS: what is not signed by Roost's secret is refused. */
function sts(body: string) {
  return (asked: Asked): Response => {
    const target = `${asked.path}${asked.query.size === 0 ? "" : `?${asked.query}`}`;
    const verdict = verifySignature({ ...asked, target }, "secret/of+roost");
    const { accessKeyId, region, service, signedHeaders } = verdict;
    const known = accessKeyId === "AKIDOFROOST" && region === "eu-central-1" && service === "sts";
    const complete = ["content-type", "host", "x-amz-date"].every((name) => signedHeaders.includes(name));
    const tokenSigned = !asked.headers.has("x-amz-security-token") || signedHeaders.includes("x-amz-security-token");
    if (verdict.valid && known && complete && tokenSigned) {
      return new Response(body, { headers: { "Content-Type": "text/xml" } });
    }
    return new Response("<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>", {
      status: 403,
    });
  };
}

const parametersOf = (asked: Asked): Record<string, string> => Object.fromEntries(new URLSearchParams(asked.body));

describe("each operation", () => {
  const common = { Version: "2011-06-15", DurationSeconds: "3600" };
  const table: [operation: AwsOptions["operation"], parameters: Record<string, string>][] = [
    ["AssumeRole", { ...common, RoleArn: role, RoleSessionName: "roost-10001" }],
    ["GetFederationToken", { ...common, Name: "roost-10001" }],
    ["GetSessionToken", common],
  ];
  for (const [operation, parameters] of table) {
    test(`${operation} is signed, and its answer understood`, async () => {
      gateway.answer(sts(answerOf(operation, goodCredentials)));
      expect(await minter({ operation }).mint(user)).toEqual({
        accessKeyId: "ASIAIOSFODNN7EXAMPLE",
        secretAccessKey: secretOfUser,
        sessionToken: token,
        expiresAtSeconds: Date.UTC(2026, 6, 15, 23, 28, 33) / 1000,
      });
      expect(parametersOf(gateway.last())).toEqual({ Action: operation, ...parameters });
      expect(gateway.last().headers.get("content-type")).toBe("application/x-www-form-urlencoded; charset=utf-8");
    });
  }

  test("a policy is filled in and stays JSON", async () => {
    gateway.answer(sts(answerOf("AssumeRole", goodCredentials)));
    const variable = "$".concat("{aws:username}"); // IAM's own, which stays as it is.
    const resource = `arn:aws:s3:::chat/{user_id}/{phone}/${variable}/*`;
    const statement = { Effect: "Allow", Action: "s3:*", Resource: resource };
    const policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
    await minter({ policy }).mint(user);
    expect(JSON.parse(parametersOf(gateway.last())["Policy"] ?? "")).toEqual({
      Version: "2012-10-17",
      Statement: [{ ...statement, Resource: `arn:aws:s3:::chat/10001/380671234567/${variable}/*` }],
    });
  });

  test("a session token of our own is sent and signed", async () => {
    gateway.answer(sts(answerOf("AssumeRole", goodCredentials)));
    await minter({ sessionToken: "our/own+token==" }).mint(user);
    expect(gateway.last().headers.get("x-amz-security-token")).toBe("our/own+token==");
  });

  test("a wrong secret is refused by the service", async () => {
    gateway.answer(sts(answerOf("AssumeRole", goodCredentials)));
    const failure = await failureOf(minter({ secretAccessKey: "wrong" }).mint(user));
    expect(failure.message).toBe("AWS STS answered 403 (SignatureDoesNotMatch)");
  });
});

test("nothing configured means no service to ask", () => {
  expect(createAwsCredentials(undefined)).toBeUndefined();
});

test("a phone that is no number is not asked for", async () => {
  const before = gateway.count();
  for (const phone of ["", '1"},{"', "+1", "1".repeat(16)]) await failureOf(minter().mint({ phone, userId: 1 }));
  await failureOf(minter().mint({ phone: "1", userId: Number.NaN }));
  expect(gateway.count()).toBe(before);
});

describe("a failure", () => {
  const secrets = /secret\/of|our\/own|AKIDOFROOST|127\.0\.0\.1|wJalr|IQoJ/;
  const told = async (given: Partial<AwsOptions> = {}, timeoutMs?: number): Promise<string> => {
    const failure = await failureOf(minter({ sessionToken: "our/own", ...given }, timeoutMs).mint(user));
    expect(Bun.inspect(failure)).not.toMatch(secrets);
    return failure.message;
  };

  test("is told by AWS's code", async () => {
    const error = "<Type>Sender</Type><Code>AccessDenied</Code><Message>User AKIDOFROOST is not authorized</Message>";
    gateway.answer(() => new Response(`<ErrorResponse><Error>${error}</Error></ErrorResponse>`, { status: 403 }));
    expect(await told()).toBe("AWS STS answered 403 (AccessDenied)");
  });

  for (const body of ["", "oops", "<ErrorResponse>", "<a><Code>x y</Code></a>", "<html><body>502</body></html>"]) {
    test(`is told by its status: ${JSON.stringify(body)}`, async () => {
      gateway.answer(() => new Response(body, { status: 502 }));
      expect(await told()).toBe("AWS STS answered 502");
    });
  }

  test("is a redirect too, which is not followed", async () => {
    const before = gateway.count();
    gateway.answer(() => Response.redirect(`${gateway.url}/elsewhere`, 307));
    expect(await told()).toBe("AWS STS answered 307");
    expect(gateway.count()).toBe(before + 1);
  });

  test("is not asked for again", async () => {
    const before = gateway.count();
    gateway.answer(() => new Response("", { status: 500 }));
    await told();
    expect(gateway.count()).toBe(before + 1);
  });

  test("is a service that says nothing", async () => {
    gateway.hang();
    expect(await told({}, 50)).toBe("AWS STS could not be asked (TimeoutError)");
  });

  test("is a service that is not there", async () => {
    const closed = await startGateway();
    await closed.stop();
    expect(await told({ endpoint: closed.url })).toMatch(/^AWS STS could not be asked \(\w+\)$/);
  });

  const without = (name: string): string => goodCredentials.replace(new RegExp(`<${name}>[^]*</${name}>`), "");
  const answers: [what: string, body: string][] = [
    ["empty", ""],
    ["JSON", '{"Credentials":{}}'],
    ...["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"].map((name): [string, string] => [
      `without ${name}`,
      answerOf("AssumeRole", without(name)),
    ]),
    ["another operation's", answerOf("GetSessionToken", goodCredentials)],
    ["two sets", answerOf("AssumeRole", `${goodCredentials}</Credentials><Credentials>${goodCredentials}`)],
    ["two ids", answerOf("AssumeRole", `${goodCredentials}<AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>`)],
    [
      "an id with a line in it",
      answerOf("AssumeRole", goodCredentials.replace("ASIAIOSFODNN7EXAMPLE", "ASIAIOS\nFODNN7EXAMPLE")),
    ],
    ["a date that is none", answerOf("AssumeRole", goodCredentials.replace("2026-07-15", "2026-17-45"))],
    ["cut", answerOf("AssumeRole", goodCredentials).slice(0, -30)],
    ["with a document type", `<!DOCTYPE a [<!ENTITY b "c">]>${answerOf("AssumeRole", goodCredentials)}`],
    [
      "with CDATA",
      answerOf("AssumeRole", goodCredentials.replace("ASIAIOSFODNN7EXAMPLE", "<![CDATA[ASIAIOSFODNN7EXAMPLE]]>")),
    ],
    ["endless", answerOf("AssumeRole", `${" ".repeat(100_000)}${goodCredentials}`)],
  ];
  for (const [what, body] of answers) {
    test(`is an answer that is ${what}`, async () => {
      gateway.answer(() => new Response(body));
      expect(await told()).toBe("AWS STS gave an answer without credentials");
    });
  }
});
