/** `{init,Binary}`: the first message of clients of this family on a connection. */
import type { WireTerm } from "../../etf/encode.ts";
import { textOf } from "../../etf/read.ts";
import { error, initAnswer } from "../records/answers.ts";
import type { TermRequest } from "../request.ts";

export function handleInit({ fields }: TermRequest): WireTerm {
  const [field] = fields;
  if (field === undefined || fields.length !== 1) return error("invalid_data");
  return initAnswer(Buffer.from(textOf(field) ?? ""));
}
