/** Settings of AWS credentials for users, `aws.…`, and what `src/providers/aws.ts` is given (`Config.aws`). */
import type { AwsOptions } from "../providers/aws.ts";
import {
  checkPlaces,
  duration,
  hidden,
  keyId,
  line,
  oneOf,
  type Raw,
  type Reading,
  type Shown,
  secretLine,
  settingsOf,
  Unusable,
  webUrl,
} from "./values.ts";

const policyTemplate = {
  form: "JSON",
  parse: (raw: Raw): string => {
    const text = checkPlaces(String(raw), ["phone", "user_id"]);
    try {
      JSON.parse(text.replaceAll(/\{(?:phone|user_id)\}/g, "0"));
    } catch {
      throw new Unusable("expected a policy in JSON, with {phone} and {user_id} inside its texts");
    }
    return text;
  },
};

export const awsSettings = settingsOf({
  "aws.operation": {
    ...oneOf("AssumeRole", "GetFederationToken", "GetSessionToken"),
    fallback: "AssumeRole",
    about: "What AWS STS is asked for when a user wants temporary credentials. GetSessionToken knows no aws.policy.",
  },
  "aws.access_key_id": {
    ...keyId,
    fallback: undefined,
    about: "The access key to ask with. Not set: users are given no AWS credentials.",
  },
  "aws.secret_access_key": { ...secretLine, fallback: undefined, secret: true, about: "Its secret." },
  "aws.session_token": {
    ...line("TEXT", /^[\x21-\x7e]{1,16384}$/, "a token without spaces"),
    fallback: undefined,
    secret: true,
    about: "Its session token, where it is a temporary one itself.",
  },
  "aws.region": {
    ...line("REGION", /^[a-z0-9-]{1,64}$/, "a region such as eu-central-1"),
    fallback: "us-east-1",
    about: "The region whose STS is asked.",
  },
  "aws.endpoint": {
    ...webUrl,
    fallback: undefined,
    about: "Another endpoint than AWS's own of that region, for services that are compatible.",
  },
  "aws.role": {
    ...line("ARN", /^[\w+=,.@:/-]{20,2048}$/, "a role's ARN"),
    fallback: undefined,
    about: "The role that AssumeRole takes, arn:aws:iam::….",
  },
  "aws.duration": {
    ...duration(900, 129_600),
    fallback: "1 h",
    about: "How long credentials last: from 15 min, up to 12 h for AssumeRole and 36 h for the others.",
  },
  "aws.policy": {
    ...policyTemplate,
    fallback: undefined,
    about: "A policy in JSON that limits what a user gets, with {phone} and {user_id} in its texts.",
  },
});

/** Undefined where users are given no credentials. */
export function readAws({ optional, needed, problems }: Reading<typeof awsSettings>): AwsOptions | undefined {
  const [accessKeyId, secretAccessKey] = [optional["aws.access_key_id"], optional["aws.secret_access_key"]];
  const others = {
    operation: needed["aws.operation"],
    sessionToken: optional["aws.session_token"],
    region: needed["aws.region"],
    endpoint: optional["aws.endpoint"],
    role: optional["aws.role"],
    durationSeconds: needed["aws.duration"],
    policy: optional["aws.policy"],
  };
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    if (accessKeyId !== secretAccessKey) problems.push("aws.access_key_id and aws.secret_access_key need each other");
    return undefined;
  }
  const { operation, role, durationSeconds, policy } = others;
  if (operation === "AssumeRole") {
    if (role === undefined) problems.push("aws.operation = AssumeRole needs aws.role");
    if (durationSeconds > 43_200) problems.push("aws.duration: AssumeRole gives at most 12 h");
  }
  if (operation === "GetSessionToken" && policy !== undefined) {
    problems.push("aws.policy: GetSessionToken knows none, so every user would get all that the access key may do");
  }
  return { ...others, accessKeyId, secretAccessKey };
}

/** What is in force, for a reader. */
export const shownAws = (aws: AwsOptions | undefined): Shown<typeof awsSettings> => ({
  "aws.operation": aws?.operation ?? null,
  "aws.access_key_id": aws?.accessKeyId ?? null,
  "aws.secret_access_key": hidden(aws?.secretAccessKey),
  "aws.session_token": hidden(aws?.sessionToken),
  "aws.region": aws?.region ?? null,
  "aws.endpoint": aws?.endpoint ?? null,
  "aws.role": aws?.role ?? null,
  "aws.duration": aws?.durationSeconds ?? null,
  "aws.policy": aws?.policy ?? null,
});
