/** `roost token add|list|revoke` */
import { duration, Unusable } from "../config/values.ts";
import type { TokenScopes } from "../domain/model.ts";
import type { OperatorToken } from "../ops/operator.ts";
import { CommandError, exitCodes } from "./exit.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf } from "./options.ts";
import { printJson, printLine, printTable } from "./print.ts";

const lifetime = duration(60, 3650 * 86_400);

export async function addToken(
  owner: string,
  options: CommonOptions & { name?: string; expires?: string },
  scopes: ScopeOptions,
): Promise<void> {
  const config = configOf(options);
  const { name, expires } = options;
  const named = scopesOf(scopes);
  const seconds = expires === undefined ? undefined : secondsOf(expires);
  const { token, secret } = await withOperator(config, (ask) =>
    ask("addToken", {
      owner,
      ...(name === undefined ? {} : { name }),
      ...(named.length === 0 ? {} : { scopes: named }),
      ...(seconds === undefined ? {} : { lifetime_seconds: seconds }),
    }),
  );
  if (options.json) {
    printJson({ token, secret });
    return;
  }
  printLine(`added ${token.token_id} for ${ownerOf(token)}`);
  printLine(`token ${secret}`);
}

/** `--scope`, `--topic` and `--chat` in the order of the command line. */
export type ScopeOptions = readonly { readonly option: "scope" | "topic" | "chat"; readonly value: string }[];

interface Scope {
  readonly allow: "publish" | "read" | "send";
  readonly topic?: string;
  readonly chat?: string;
}

/** Each `--topic` and `--chat` belongs to the `--scope` before it. */
function scopesOf(options: ScopeOptions): Scope[] {
  const scopes: Scope[] = [];
  let allow: Scope["allow"] | undefined;
  let isOpen = false;
  for (const { option, value } of options) {
    if (option !== "scope") {
      if (allow === undefined) throw new CommandError(exitCodes.usage, `--${option} belongs to a --scope before it`);
      scopes.push({ allow, [option]: value });
      isOpen = false;
      continue;
    }
    if (isOpen) throw withoutPattern(allow);
    if (value !== "publish" && value !== "read" && value !== "send") {
      throw new CommandError(exitCodes.usage, `--scope: "${value}" is none of publish, read and send`);
    }
    allow = value;
    isOpen = true;
  }
  if (isOpen) throw withoutPattern(allow);
  return scopes;
}

const withoutPattern = (allow: string | undefined): CommandError =>
  new CommandError(
    exitCodes.usage,
    `--scope ${allow}: give --topic or --chat behind it; --topic '#' and --chat '*' are all`,
  );

function secondsOf(expires: string): number {
  try {
    return lifetime.parse(expires);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    throw new CommandError(exitCodes.usage, `--expires: ${error.message}`);
  }
}

const pageSize = 500;

export async function listTokens(owner: string | undefined, options: CommonOptions): Promise<void> {
  const tokens: OperatorToken[] = [];
  await withOperator(configOf(options), async (ask) => {
    for (let after: string | null = ""; after !== null; ) {
      const page: { tokens: readonly OperatorToken[]; next: string | null } = await ask("listTokens", {
        ...(owner === undefined ? {} : { owner }),
        after,
        limit: pageSize,
      });
      tokens.push(...page.tokens);
      after = page.next;
    }
  });
  if (options.json) {
    printJson({ tokens });
    return;
  }
  const rows = tokens.map((token) => [
    token.token_id,
    ownerOf(token),
    token.name ?? "-",
    token.scopes === null ? "(all)" : token.scopes.map(textOf).join(", "),
    token.made_by,
    token.created,
    token.last_used ?? "never",
    token.expires ?? "never",
  ]);
  printTable([["TOKEN", "OF", "NAME", "SCOPES", "MADE BY", "CREATED", "LAST USED", "EXPIRES"], ...rows]);
}

export async function revokeToken(tokenId: string, options: CommonOptions): Promise<void> {
  const revoked = await withOperator(configOf(options), (ask) => ask("revokeToken", { token_id: tokenId }));
  if (options.json) printJson(revoked);
  else printLine(`revoked ${revoked.token_id}`);
}

const textOf = (scope: TokenScopes[number]): string =>
  "topic" in scope ? `${scope.allow} ${scope.topic}` : `${scope.allow} chat ${scope.chat}`;

const ownerOf = ({ user, device }: OperatorToken): string => user ?? `device ${device}`;
