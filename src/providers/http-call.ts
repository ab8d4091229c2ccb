/**
 * One HTTP request to an external service: no redirects, a time limit, a bounded answer, and errors whose text is safe
 * to log, since it holds neither address nor headers nor bodies.
 */

/** A call to an external service failed. The text holds no secret, no code and no text of the other side. */
export class OutsideError extends Error {
  override readonly name = "OutsideError";
}

export interface HttpCall {
  /** The service that is called, as the start of an error's text: `the SMS gateway`. */
  readonly who: string;
  /** Called inside the call, so that an error in it is reported without its text. */
  readonly request: () => Request | Promise<Request>;
  readonly timeoutMs: number;
  /** A longer answer is cut; with 0 no body is read. */
  readonly answerBytesMax: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly body: Uint8Array;
}

/** Throws `OutsideError` where there is no answer. An answer of any status is given. */
export async function callOutside({ who, request, timeoutMs, answerBytesMax }: HttpCall): Promise<HttpAnswer> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(await request(), { redirect: "manual", signal });
    const body = await readBounded(response, answerBytesMax);
    return { status: response.status, ok: response.ok, body };
  } catch (error) {
    throw new OutsideError(`${who} could not be asked (${reasonOf(error)})`);
  }
}

/** Gives a word, `ConnectionRefused` or `TimeoutError`, never the sentence, which may quote the address. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const word = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return /^\w{1,64}$/.test(word) ? word : "unknown";
}

async function readBounded(response: Response, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let left = bytesMax;
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  while (left > 0) {
    const { done, value } = await reader.read();
    if (done) break;
    const part = value.subarray(0, left);
    parts.push(part);
    left -= part.byteLength;
  }
  await reader.cancel();
  return Buffer.concat(parts);
}
