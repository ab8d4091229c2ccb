/** The reference of one route, and the answers that many routes share. */
import type { z } from "zod";
import * as shapes from "./shapes.ts";

export interface OperationAnswer {
  readonly about: string;
  /** Without one the body is no JSON. */
  readonly schema?: z.ZodType;
  /** The body is a file. */
  readonly bytes?: true;
  /** There is no body. */
  readonly empty?: true;
  /** Of the answer; problem documents and lines of JSON have their own. */
  readonly contentType?: "application/problem+json" | "application/x-ndjson";
  /** The same path also answers in this form, where the client asks for it. */
  readonly stream?: true;
  /** Another form of the same answer, with a content type of its own. */
  readonly or?: OperationAnswer;
}

export interface Operation {
  readonly id: string;
  readonly summary: string;
  readonly about: string;
  /** `owner`: a user with their name and password. */
  readonly caller: "backend" | "participant" | "owner" | "anyone";
  /** The backend may ask too. */
  readonly orBackend?: true;
  /** Whether a request with an idempotency key is answered once. */
  readonly once?: true;
  readonly query?: z.ZodObject;
  /** Those without an example are optional. */
  readonly headers?: Readonly<Record<string, { readonly about: string; readonly example?: string }>>;
  /** The body is a file, such as this one. */
  readonly bytes?: { readonly type: string; readonly file: string };
  readonly body?: {
    readonly schema: z.ZodType;
    readonly required: boolean;
    readonly example: unknown;
    /** Of each line, where the body may be a stream of lines. */
    readonly line?: z.ZodType;
  };
  readonly answers: Readonly<Record<number | "5XX", OperationAnswer>>;
}

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

export const badToken: OperationAnswer = {
  about: "The backend key or the access token is missing or wrong.",
  schema: shapes.documentedError("Bad token"),
};
export const fault: OperationAnswer = {
  about: "The server has a fault, or is too busy, stopping or out of space. Retry-After tells when to try again.",
  schema: shapes.documentedError("Internal server error", "Service unavailable"),
};
export const tooOften: OperationAnswer = {
  about: "Too many requests, or too many wrong secrets. Retry-After tells when to try again.",
  schema: shapes.documentedError("Too many requests"),
};
export const tooLarge: OperationAnswer = {
  about: "The body is too large.",
  schema: shapes.documentedError("Request too large"),
};

export const problem = (about: string): OperationAnswer => ({
  about,
  schema: shapes.problem,
  contentType: "application/problem+json",
});
export const documented = (text: string, about: string): OperationAnswer => ({
  about,
  schema: shapes.documentedError(text),
});

export const outOfScope: OperationAnswer = {
  about: "A long-lived token does not open this.",
  schema: shapes.documentedError("Out of scope"),
};

/** What a route of the REST document may answer at any time. */
export const usual = { 401: badToken, 429: tooOften, "5XX": fault };
export const usualWithBody = { ...usual, 413: tooLarge };
/** The REST document's form of an answer where the request may be one of that document's, else a problem document. */
export const either = (answer: OperationAnswer, ...texts: readonly [string, ...string[]]): OperationAnswer => ({
  ...problem(answer.about),
  or: { about: answer.about, schema: shapes.documentedError(...texts) },
});
export const usualOfMessages = {
  401: badToken,
  429: either(tooOften, "Too many requests"),
  "5XX": either(fault, "Internal server error", "Service unavailable"),
};
/** The same of Roost's own routes. */
export const usualOwn = { 401: problem(badToken.about), 429: problem(tooOften.about), "5XX": problem(fault.about) };
export const withKey = { 422: problem("The Idempotency-Key was used with another request.") };

export type OperationTable = Readonly<
  Record<string, Partial<Record<Method, Omit<Operation, "answers"> & { answers: object }>>>
>;
