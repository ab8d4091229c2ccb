/** One normative statement of an MQTT specification, and what stands behind our claim to keep it. */

/** A test by its file, from the root of the repository, and its exact name. */
export interface NamedTest {
  readonly file: string;
  readonly name: string;
}

export type State =
  /** Kept, and these tests would fail otherwise. */
  | { readonly is: "held"; readonly tests: readonly NamedTest[] }
  /** Not kept, or not wholly; `tests` hold what part of it is. */
  | { readonly is: "waits"; readonly reason: string; readonly tests: readonly NamedTest[] }
  /** Nothing a server could do or be tested for. */
  | { readonly is: "excepted"; readonly reason: string };

/** Whom the statement commands. A server may still have to refuse what a client must not do. */
export type Binds = "server" | "client" | "both";

export interface Statement {
  /** As in [MQTT-3.1.0-1], without the brackets and "MQTT-". */
  readonly number: string;
  readonly binds: Binds;
  /** What it demands, in a sentence of our own. */
  readonly demands: string;
  readonly state: State;
}

export interface Specification {
  /** As `--version` names it. */
  readonly version: string;
  readonly title: string;
  /** How many statements each section has in the specification's own list, numbered from 1; or the numbers it has. */
  readonly sections: Readonly<Record<string, number | { readonly first: number; readonly last: number }>>;
  readonly statements: readonly Statement[];
}

/** A file and the names of tests in it. */
export type TestsIn = readonly [file: string, ...names: string[]];

export function held(...tests: readonly TestsIn[]): State {
  return { is: "held", tests: named(tests) };
}

export function waits(reason: string, ...tests: readonly TestsIn[]): State {
  return { is: "waits", reason, tests: named(tests) };
}

export function excepted(reason: string): State {
  return { is: "excepted", reason };
}

function named(tests: readonly TestsIn[]): NamedTest[] {
  return tests.flatMap(([file, ...names]) => names.map((name) => ({ file, name })));
}
