/** The least an HTTP server made by `bun build --compile --bytecode` can be: what the executable's start and memory are held against. */
const { port } = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("ok") });
console.log(`127.0.0.1:${port}`);
