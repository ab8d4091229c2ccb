/**
 * The least an HTTP server on this runtime can do: `bun bare-server.ts FILE TYPE` answers every request with the bytes of
 * FILE. It prints its port, and ends with its parent. The figures take the server's request rate as a share of its.
 */
export {}; // a module, for the awaits below

const [path, type] = process.argv.slice(2);
if (path === undefined || type === undefined) throw new Error("usage: bare-server.ts FILE TYPE");
const body = await Bun.file(path).bytes();
const headers = { "content-type": type };
const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(body, { headers }) });
console.log(server.port);

// A closed standard input means that the parent is gone.
for await (const _ of Bun.stdin.stream()) {
  // Nothing is expected.
}
process.exit(0);
