/**
 * Scopes: what a long-lived token opens of what its owner may do. A token without scopes opens all of it besides accounts,
 * tokens and log-ins (`scope-rules.ts`). One with scopes opens only what they name.
 */
import { DomainError } from "../errors.ts";
import type { TokenScope, TokenScopes } from "../model.ts";
import { isTopicPattern } from "./topic-patterns.ts";

/** Of one token. */
const scopesMax = 64;
const patternBytesMax = 1024;
const chatPattern = /^[a-zA-Z0-9.*-]{1,256}$/;
/** Topics that no scope names: chats are named by `chat`, and the other services know no scopes. `$SYS` may be read. */
const reservedFirstLevel = /^(?:events|actions|ses|ac|p2p|room|muc|chat|user)(?:\/|$)|^\$(?!SYS(?:\/|$))/;

/** A scope as a caller writes it. */
export interface ScopeRequest {
  readonly allow: string;
  readonly topic?: string | undefined;
  readonly chat?: string | undefined;
}

/** Throws `invalid_scope`. */
export function checkScopes(given: readonly ScopeRequest[]): TokenScopes {
  if (given.length === 0) throw new DomainError("invalid_scope", "the list of scopes is empty");
  if (given.length > scopesMax) throw new DomainError("invalid_scope", `a token has at most ${scopesMax}`);
  return given.map(checkScope);
}

function checkScope(scope: ScopeRequest): TokenScope {
  const { allow, topic, chat } = scope;
  if ((topic === undefined) === (chat === undefined)) {
    throw new DomainError("invalid_scope", "each scope names a topic or a chat, and not both");
  }
  if (topic !== undefined) {
    if (allow !== "publish" && allow !== "read") throw wrong(allow, "topic", "publish and read");
    return { allow, topic: checkTopic(allow, topic) };
  }
  if (allow !== "send" && allow !== "read") throw wrong(allow, "chat", "send and read");
  if (chat === undefined || !chatPattern.test(chat)) {
    throw new DomainError("invalid_scope", "a chat is a chatID, in which * stands for any characters");
  }
  return { allow, chat };
}

const wrong = (allow: string, named: string, fitting: string): DomainError =>
  new DomainError("invalid_scope", `${allow.slice(0, 64)} does not go with a ${named}; ${fitting} do`);

function checkTopic(allow: "publish" | "read", topic: string): string {
  if (Buffer.byteLength(topic) > patternBytesMax || !isTopicPattern(topic)) {
    throw new DomainError("invalid_scope", "a topic is a topic filter, such as home/+/state");
  }
  if (reservedFirstLevel.test(topic) || (allow === "publish" && topic.startsWith("$"))) {
    throw new DomainError("invalid_scope", "the topic is reserved; chats are named by chat");
  }
  return topic;
}

/** Whether a scope names a chat by one of its names. */
export function opensChat(scopes: TokenScopes, allow: "send" | "read", names: readonly string[]): boolean {
  return scopes.some(
    (scope) => scope.allow === allow && "chat" in scope && names.some((name) => fitsGlob(scope.chat, name)),
  );
}

/** `*` stands for any characters. Takes no longer than the product of the two lengths, whatever they are. */
export function fitsGlob(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let starAt = 0;
  for (let place = 0; place < text.length; ) {
    if (pattern[at] === "*") {
      star = at++;
      starAt = place;
    } else if (pattern[at] === text[place]) {
      at += 1;
      place += 1;
    } else if (star === -1) return false;
    else {
      at = star + 1;
      place = ++starAt;
    }
  }
  while (pattern[at] === "*") at += 1;
  return at === pattern.length;
}
