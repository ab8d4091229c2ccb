/**
 * One HTTP request to somebody outside: no redirects, an end in time, a bounded answer, and errors whose text can be logged,
 * since it holds neither address nor headers nor bodies.
 */

/** Something outside did not do what it was asked. The text holds no secret, no code and nothing a stranger wrote. */
export class OutsideError extends Error {
  override readonly name = "OutsideError";
}

export interface HttpCall {
  /** Who is called, as the start of an error's text: `the SMS gateway`. */
  readonly who: string;
  /** Made inside the call, so that what is wrong with it is told without its text. */
  readonly request: () => Request | Promise<Request>;
  readonly timeoutMs: number;
  /** What is longer is cut there; 0: not read at all. */
  readonly answerBytesMax: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly body: Uint8Array;
}

/** Throws `OutsideError` where there is no answer; any status is one. */
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

/** `ConnectionRefused`, `TimeoutError`: a word, never the sentence, which may quote the address. */
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
