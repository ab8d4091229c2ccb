/** Answers whose body is JSON text already. */
const jsonHeaders = {
  "Content-Type": "application/json",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
};

const ok = { status: 200, headers: jsonHeaders };

export const json = (body: string | Uint8Array<ArrayBuffer>, status = 200): Response =>
  new Response(body, status === 200 ? ok : { status, headers: jsonHeaders });
