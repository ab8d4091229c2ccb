/**
 * Temporary AWS credentials for a user, from the Security Token Service: AssumeRole, GetFederationToken or
 * GetSessionToken, signed by Signature Version 4. The credentials are never stored.
 */
import { AwsClient } from "aws4fetch";
import { callOutside, OutsideError } from "./http-call.ts";
import { escapeJson, fill } from "./template.ts";
import { parseXml, textAt } from "./xml.ts";

export interface AwsOptions {
  readonly operation: "AssumeRole" | "GetFederationToken" | "GetSessionToken";
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly region: string;
  /** Undefined: AWS's own endpoint of the region. */
  readonly endpoint: string | undefined;
  /** For AssumeRole. */
  readonly role: string | undefined;
  readonly durationSeconds: number;
  /** JSON with `{phone}` and `{user_id}` in its texts. */
  readonly policy: string | undefined;
}

export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Since the epoch. */
  readonly expiresAtSeconds: number;
}

export interface AwsCredentials {
  /** `phone` is digits. Rejects with a text that is safe to log. */
  mint(user: { readonly phone: string; readonly userId: number }): Promise<TemporaryCredentials>;
}

const answerBytesMax = 65_536;
const timeoutMsByDefault = 10_000;

/** Undefined where nothing is configured. */
export function createAwsCredentials(
  options: AwsOptions | undefined,
  { timeoutMs = timeoutMsByDefault }: { readonly timeoutMs?: number } = {},
): AwsCredentials | undefined {
  if (options === undefined) return undefined;
  const { operation, accessKeyId, secretAccessKey, sessionToken, region } = options;
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    service: "sts",
    region,
    retries: 0,
  });
  const endpoint = options.endpoint ?? `https://sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}/`;
  return {
    async mint(user) {
      if (!/^\d{1,15}$/.test(user.phone) || !Number.isSafeInteger(user.userId)) {
        throw new OutsideError("AWS credentials need a number in digits and a user's id");
      }
      const body = new URLSearchParams(parametersOf(options, user)).toString();
      const request = () =>
        client.sign(endpoint, {
          method: "POST",
          headers: { "Content-Type": "application/x-www-form-urlencoded; charset=utf-8", Accept: "text/xml" },
          body,
          aws: { allHeaders: true },
        });
      const answer = await callOutside({ who: "AWS STS", request, timeoutMs, answerBytesMax });
      const text = new TextDecoder().decode(answer.body);
      if (!answer.ok) throw new OutsideError(`AWS STS answered ${answer.status}${errorCodeIn(text)}`);
      const credentials = credentialsIn(text, operation);
      if (credentials === undefined) throw new OutsideError("AWS STS gave an answer without credentials");
      return credentials;
    },
  };
}

function parametersOf(
  { operation, role, durationSeconds, policy }: AwsOptions,
  { phone, userId }: { readonly phone: string; readonly userId: number },
): Record<string, string> {
  const common = { Action: operation, Version: "2011-06-15", DurationSeconds: String(durationSeconds) };
  if (operation === "GetSessionToken") return common;
  const name = `roost-${userId}`;
  const limited = policy === undefined ? {} : { Policy: fill(policy, { phone, user_id: String(userId) }, escapeJson) };
  return operation === "AssumeRole"
    ? { ...common, ...limited, RoleArn: role ?? "", RoleSessionName: name }
    : { ...common, ...limited, Name: name };
}

/** Gives the four parts, each as AWS documents it; undefined where one is missing or malformed. */
function credentialsIn(text: string, operation: AwsOptions["operation"]): TemporaryCredentials | undefined {
  const root = parseXml(text);
  const part = (name: string, form: RegExp): string | undefined => {
    const value = textAt(root, [`${operation}Response`, `${operation}Result`, "Credentials", name]);
    return value !== undefined && form.test(value) ? value : undefined;
  };
  const accessKeyId = part("AccessKeyId", /^\w{16,128}$/);
  const secretAccessKey = part("SecretAccessKey", /^[\w+/=-]{16,256}$/);
  const sessionToken = part("SessionToken", /^[\w+/=.-]{1,16384}$/);
  const expiration = part("Expiration", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/);
  const expiresAtSeconds = Math.floor(Date.parse(expiration ?? "") / 1000);
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) return undefined;
  return Number.isNaN(expiresAtSeconds) ? undefined : { accessKeyId, secretAccessKey, sessionToken, expiresAtSeconds };
}

/** Gives ` (AccessDenied)`. The sentence that comes with the code quotes names of the account. */
function errorCodeIn(text: string): string {
  const code = textAt(parseXml(text), ["ErrorResponse", "Error", "Code"]);
  return code !== undefined && /^[\w.]{1,64}$/.test(code) ? ` (${code})` : "";
}
