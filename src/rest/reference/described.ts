/**
 * How the document shows a schema whose input has another form than what it checks: a list whose length is judged before
 * its elements, a number that arrives as text in a query.
 */
import type { z } from "zod";

const shownAs = new WeakMap<z.core.$ZodType, z.ZodType>();

export function described<Schema extends z.ZodType>(schema: Schema, shown: z.ZodType): Schema {
  shownAs.set(schema, shown);
  return schema;
}

export const shownSchema = (schema: z.core.$ZodType): z.ZodType | undefined => shownAs.get(schema);
