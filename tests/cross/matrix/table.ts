/** The cells: what one client did, and what the other one saw. */
import { createHash } from "node:crypto";
import type { State } from "./acts.ts";
import type { Door } from "./client.ts";

/** What is said in direct chats and in groups. */
const said = ["text", "image", "file", "edit", "delete", "reply", "reaction", "delivered", "read", "typing"] as const;
export type InGroups = (typeof said)[number];

const inGroup = <Name extends InGroups>(name: Name) => `${name} in a group` as const;

export const columns = [...said, "join", "leave", "block", ...said.map(inGroup)] as const;
export type Column = (typeof columns)[number];

export interface Cell {
  readonly from: Door;
  readonly to: Door;
  readonly state: State;
  readonly column: Column;
  /** What the outside clients saw. */
  readonly saw: string;
  /** Why it is not as the documents say. */
  readonly wrong: string | undefined;
}

export class Table {
  readonly cells: Cell[] = [];

  /** Runs one check; its failure stands in the table, and the others go on. */
  async cell(where: Pick<Cell, "from" | "to" | "state" | "column">, check: () => Promise<string>): Promise<void> {
    try {
      this.cells.push({ ...where, saw: await check(), wrong: undefined });
    } catch (error) {
      this.cells.push({ ...where, saw: "", wrong: (error as Error).message });
    }
  }

  get wrong(): string[] {
    return this.cells.filter(({ wrong }) => wrong !== undefined).map(lineOf);
  }

  print(): void {
    const rank = ({ state, from, column }: Cell): string => `${state} ${from} ${columns.indexOf(column) + 10}`;
    for (const cell of this.cells.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))) console.log(lineOf(cell));
  }
}

const lineOf = ({ from, to, state, column, saw, wrong }: Cell): string =>
  `${from} → ${to} ${state} ${column}: ${wrong === undefined ? saw : `WRONG ${wrong}`}`;

export const digest = (content: Buffer): string =>
  `${content.length} B ${createHash("sha256").update(content).digest("hex").slice(0, 8)}`;

export function must(what: string, holds: boolean): void {
  if (!holds) throw new Error(what);
}
