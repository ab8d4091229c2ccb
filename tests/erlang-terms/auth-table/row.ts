/** A row of AUTH's table: what was, what is asked in every tuple that means it, the one answer, and what is afterwards. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { RosterClient } from "../client.ts";
import { type Layout, layoutsOf, type Said } from "./layouts.ts";
import { AuthStage, isLoggedInBy, type Person } from "./stage.ts";

export interface Scene extends Person {
  readonly stage: AuthStage;
  /** The connection that asks; nobody has logged in on it. */
  readonly client: RosterClient;
}

interface Asks {
  readonly asks: Omit<Said, "request">;
}

export interface Row<Before extends Asks> {
  readonly name: string;
  readonly request: Said["request"];
  /** Makes what was, and gives what is asked. */
  readonly given: (scene: Scene) => Promise<Before> | Before;
  readonly answer: `${"ok" | "error"} ${string}`;
  /** Whose token the answer shows: the one that was shown, a new one of the server's, or none. */
  readonly token: "shown" | "new" | "none";
  /** Messages that were paid for. */
  readonly sms?: 0 | 1;
  /** What else is so afterwards. `token` is the answer's. */
  readonly afterwards?: (scene: Scene & { readonly token: string }, before: Before) => Promise<void>;
}

/** One server for the rows of a file: each has people of its own. */
export function openTable(env: Readonly<Record<string, string>> = {}) {
  let opened: AuthStage | undefined;
  const stage = (): AuthStage => {
    if (opened === undefined) throw new Error("the table is not open");
    return opened;
  };
  beforeAll(async () => {
    opened = await AuthStage.start(env);
  });
  afterAll(() => opened?.[Symbol.asyncDispose]());
  return { stage, row: <Before extends Asks>(row: Row<Before>): void => test(row.name, () => hold(stage(), row)) };
}

async function hold<Before extends Asks>(stage: AuthStage, row: Row<Before>): Promise<void> {
  let layouts = 1;
  for (let at = 0; at < layouts; at++) {
    const person = stage.person();
    await using client = await stage.connect();
    const scene = { stage, client, ...person };
    const before = await row.given(scene);
    const { asks } = before;
    const meant = layoutsOf({ request: row.request, ...asks }, client.clientId);
    layouts = meant.length;
    const layout = meant[at] as Layout;
    const sentBefore = stage.sent.length;
    const told = await stage.askAs(client, layout);
    const [kind, what] = row.answer.split(" ");
    const token = { shown: asks.token, new: told.token, none: undefined }[row.token];
    expect({ layout: layout.name, ...told }).toEqual({ layout: layout.name, kind: `${kind}`, what: `${what}`, token });
    if (row.token === "new") {
      expect(told.token).toMatch(/^[0-9a-f]{64}$/);
      expect(told.token).not.toBe(asks.token);
    }
    expect([layout.name, stage.sent.length - sentBefore]).toEqual([layout.name, row.sms ?? 0]);
    const loggedIn = await isLoggedInBy(client, person.phone);
    expect([layout.name, loggedIn]).toEqual([layout.name, row.answer === "ok login"]);
    await row.afterwards?.({ ...scene, token: told.token ?? "" }, before);
  }
  expect(await stage.bystander.heard()).toEqual([]);
}
