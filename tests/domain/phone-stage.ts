/** Log-ins by phone on a store, with a gateway whose messages the test reads. */

import type { DomainEvent } from "../../src/domain/events.ts";
import type { LoginLimits } from "../../src/domain/people/login-guard.ts";
import { createPhoneSessions } from "../../src/domain/phones/phone-sessions.ts";
import type { Fields, Log } from "../../src/lib/log.ts";
import type { OpenFresh } from "../store/contract/stage.ts";
import { createTestGuard } from "../support/login-guard.ts";
import { recordEvents } from "../support/recorded-events.ts";

export type PhoneStageOptions = Partial<Parameters<typeof createPhoneSessions>[0]> & {
  readonly guardLimits?: Partial<LoginLimits>;
};

export interface SentCode {
  readonly phone: string;
  readonly code: string;
  readonly language: string | undefined;
  readonly address: string;
}

/** Remembers every line, to show what a log may not hold. */
export function createLogKeeper(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string, fields?: Fields): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { lines, debug: keep, info: keep, warn: keep, error: keep };
}

export const address = "192.0.2.1";

export async function openPhoneStage(openFresh: OpenFresh, options: PhoneStageOptions = {}) {
  const opened = await openFresh();
  const sent: SentCode[] = [];
  const events: DomainEvent[] = [];
  const log = createLogKeeper();
  const gateway = { outcome: "sent" as "sent" | "failed" | "refused" | "throws" };
  const limits = options.guardLimits ?? { failuresPerAddressMinute: 1000 };
  const guard = createTestGuard(opened.clock, { limits });
  const open = () => {
    recordEvents(opened.store, events);
    return createPhoneSessions({
      store: opened.store,
      clock: opened.clock,
      guard,
      log,
      fixedCodeOf: () => undefined,
      async sendCode(message) {
        if (gateway.outcome === "throws") throw new Error(`gateway said no to ${message.code}`);
        if (gateway.outcome === "sent") sent.push(message);
        return gateway.outcome;
      },
      ...options,
    });
  };
  let sessions = open();

  const issue = (request: Partial<Parameters<typeof sessions.issue>[0]> = {}) =>
    sessions.issue({
      devKey: "dev",
      phone: "380001",
      token: undefined,
      address,
      clientId: "c",
      language: "en",
      ...request,
    });
  const verify = (token: string | undefined, code: string | undefined) => sessions.verify({ token, code, address });
  const resend = (token: string | undefined) => sessions.resend({ token, address, language: undefined });
  const lastCode = (): string => sent.at(-1)?.code ?? "none was sent";

  /** Issues and verifies. */
  async function logIn(request: Partial<Parameters<typeof sessions.issue>[0]> = {}) {
    const { token, result } = await issue(request);
    const verified = await verify(token, lastCode());
    const { session } = verified;
    if (session === undefined || token === undefined) throw new Error(`${result}, then ${verified.result}`);
    return { token, session };
  }

  return {
    opened,
    clock: opened.clock,
    guard,
    get store() {
      return opened.store;
    },
    get sessions() {
      return sessions;
    },
    sent,
    events,
    log,
    gateway,
    issue,
    verify,
    resend,
    lastCode,
    logIn,
    async reopen() {
      await opened.reopen();
      sessions = open();
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

export type PhoneStage = Awaited<ReturnType<typeof openPhoneStage>>;

/** A code that is not `code`. */
export const wrongCode = (code: string): string => String((Number(code) + 1) % 1_000_000).padStart(6, "0");
