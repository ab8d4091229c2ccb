/** Judges a value by a JSON Schema, as far as the document uses it; a keyword it does not know is a mistake of the test. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** What is wrong, a line each; nothing where the value fits. `root` is the document references point into. */
export function faultsOf(value: unknown, schema: JsonSchema, root: JsonSchema, at = "$"): string[] {
  const faults: string[] = [];
  for (const [keyword, given] of Object.entries(schema)) {
    const judge = judges[keyword];
    if (judge === undefined) throw new Error(`${at}: the schema says ${keyword}, which nobody judges here`);
    faults.push(...judge({ value, given, schema, root, at }));
  }
  return faults;
}

interface Case {
  readonly value: unknown;
  readonly given: unknown;
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
  readonly at: string;
}

const asObject = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

const typeOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

const silent = (): string[] => [];

const judges: Readonly<Record<string, (one: Case) => string[]>> = {
  description: silent,
  id: silent,
  // Its pattern is what judges.
  format: silent,
  required({ value, given, at }) {
    const object = asObject(value);
    if (object === undefined) return [];
    return (given as string[]).filter((name) => !Object.hasOwn(object, name)).map((name) => `${at}: lacks ${name}`);
  },
  properties({ value, given, root, at }) {
    const object = asObject(value) ?? {};
    return Object.entries(given as Record<string, JsonSchema>).flatMap(([name, schema]) =>
      Object.hasOwn(object, name) ? faultsOf(object[name], schema, root, `${at}.${name}`) : [],
    );
  },
  additionalProperties({ value, given, schema, at }) {
    if (given !== false) return [`${at}: other properties are left open`];
    const known = Object.keys((schema["properties"] ?? {}) as object);
    return Object.keys(asObject(value) ?? {})
      .filter((name) => !known.includes(name))
      .map((name) => `${at}: ${name} is not documented`);
  },
  items({ value, given, root, at }) {
    if (!Array.isArray(value)) return [];
    return value.flatMap((item, index) => faultsOf(item, given as JsonSchema, root, `${at}[${index}]`));
  },
  type({ value, given, at }) {
    const type = typeOf(value);
    const named = Array.isArray(given) ? given : [given];
    const fits = named.includes(type) || (named.includes("integer") && Number.isInteger(value));
    return fits ? [] : [`${at}: is ${type}, not ${String(given)}`];
  },
  anyOf({ value, given, root, at }) {
    const each = (given as JsonSchema[]).map((schema) => faultsOf(value, schema, root, at));
    return each.some((faults) => faults.length === 0)
      ? []
      : [`${at}: fits none of ${each.length}: ${each.flat().join("; ")}`];
  },
  $ref({ value, given, root, at }) {
    let found: unknown = root;
    for (const name of String(given).slice(2).split("/")) found = asObject(found)?.[name];
    if (asObject(found) === undefined) return [`${at}: ${String(given)} is not there`];
    return faultsOf(value, found as JsonSchema, root, at);
  },
  const: ({ value, given, at }) => (value === given ? [] : [`${at}: is not ${JSON.stringify(given)}`]),
  enum: ({ value, given, at }) =>
    (given as unknown[]).includes(value) ? [] : [`${at}: is none of ${JSON.stringify(given)}`],
  pattern: ({ value, given, at }) =>
    typeof value !== "string" || new RegExp(String(given), "u").test(value)
      ? []
      : [`${at}: does not match ${String(given)}`],
  minimum: ({ value, given, at }) =>
    typeof value !== "number" || value >= Number(given) ? [] : [`${at}: is too small`],
  maximum: ({ value, given, at }) =>
    typeof value !== "number" || value <= Number(given) ? [] : [`${at}: is too large`],
};
