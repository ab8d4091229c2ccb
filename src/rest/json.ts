/** Answers whose body is JSON text already. */

/** A smaller one is not counted. */
const largeBytes = 64 * 1024;

/** Each answer gets a copy of them, which costs half of what a plain object does. */
const jsonHeaders = new Headers({
  "Content-Type": "application/json",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
});

const ok = { status: 200, headers: jsonHeaders };

const large = new WeakMap<Response, Uint8Array<ArrayBuffer>>();

/** A large answer gets its body only where it leaves (`large-answers.ts`), since Bun copies it. */
export function json(body: string | Uint8Array<ArrayBuffer>, status = 200): Response {
  const how = status === 200 ? ok : { status, headers: jsonHeaders };
  if (body.length < largeBytes) return new Response(body, how);
  const answer = new Response(null, how);
  large.set(answer, typeof body === "string" ? Buffer.from(body) : body);
  return answer;
}

/** Gives the body of a large answer, once. */
export function takeLarge(answer: Response): Uint8Array<ArrayBuffer> | undefined {
  const bytes = large.get(answer);
  if (bytes !== undefined) large.delete(answer);
  return bytes;
}
