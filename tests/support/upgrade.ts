/** The upgrade of an HTTP request to a WebSocket, header by header, as neither `fetch` nor `WebSocket` can send it. */
import { once } from "node:events";
import { connect } from "node:net";
import { withDeadline } from "./deadline.ts";

/** How the server answers; the connection ends at once. @param http `host:port` */
export async function upgrade(
  http: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly headers: Headers }> {
  const socket = connect({ host: "127.0.0.1", port: Number(http.split(":")[1]) });
  const key = Buffer.alloc(16, 1).toString("base64");
  const fields = { host: http, upgrade: "websocket", connection: "Upgrade", "sec-websocket-version": "13", ...headers };
  const lines = Object.entries({ ...fields, "sec-websocket-key": key }).map(([name, value]) => `${name}: ${value}`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  let answer = "";
  while (!answer.includes("\r\n\r\n")) answer += String((await withDeadline("an answer", once(socket, "data")))[0]);
  socket.destroy();
  const [first = "", ...rest] = answer.slice(0, answer.indexOf("\r\n\r\n")).split("\r\n");
  const pairs = rest.map((line): [string, string] => [
    line.slice(0, line.indexOf(":")),
    line.slice(line.indexOf(":") + 1),
  ]);
  return { status: Number(/^HTTP\/1.1 (\d+)/.exec(first)?.[1]), headers: new Headers(pairs) };
}
