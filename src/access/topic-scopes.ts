/** What the scopes of a token open of ordinary MQTT topics, and of `$SYS`. */

import type { TokenScopes } from "../domain/model.ts";
import { topicNeeds } from "../domain/people/scope-rules.ts";
import type { Action } from "../mqtt/identity.ts";
import { covers, matches } from "./permissions.ts";

interface Levels {
  readonly publish: readonly (readonly string[])[];
  readonly read: readonly (readonly string[])[];
}

/** The patterns of a token's scopes, taken apart once. */
const levelsOf = new WeakMap<TokenScopes, Levels>();

export function opensTopic(scopes: TokenScopes, action: Action, topicOrFilter: string): boolean {
  const known = levelsOf.get(scopes) ?? takeApart(scopes);
  levelsOf.set(scopes, known);
  const patterns = topicNeeds[action] === "publish" ? known.publish : known.read;
  const fits = action === "subscribe" ? covers : matches;
  const levels = topicOrFilter.split("/");
  return patterns.some((pattern) => fits(pattern, levels));
}

function takeApart(scopes: TokenScopes): Levels {
  const of = (allow: "publish" | "read") =>
    scopes.flatMap((scope) => (scope.allow === allow && "topic" in scope ? [scope.topic.split("/")] : []));
  return { publish: of("publish"), read: of("read") };
}
