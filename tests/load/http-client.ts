/**
 * A raw keep-alive HTTP/1.1 client with one request under way per connection. It reads status, length and body and nothing
 * else, so that a server is measured and not a client library.
 */
import type { Socket } from "bun";
import { nowUs } from "./stamp.ts";

export interface HttpAnswer {
  status: number;
  body: Buffer;
}

export class HttpConnection {
  onAnswer: ((answer: HttpAnswer) => void) | undefined;
  onProblem: ((problem: Error) => void) | undefined;
  /** When the last answer was complete; see `nowUs`. */
  receivedUs = 0;
  #socket: Socket<HttpConnection> | undefined;
  #tail: Buffer | undefined;
  #unsent: Buffer | undefined;
  /** How the last answer lay in its bytes: the next one is most often laid out the same, which spares reading its head. */
  #layout: { headBytes: number; totalBytes: number } | undefined;
  #closing = false;

  static async connect({ host, port }: { host: string; port: number }): Promise<HttpConnection> {
    const connection = new HttpConnection();
    connection.#socket = await Bun.connect<HttpConnection>({
      hostname: host,
      port,
      data: connection,
      socket: {
        data: (socket, chunk) => socket.data.#received(chunk),
        drain: (socket) => socket.data.#drained(),
        close: (socket) => socket.data.#ended(new Error("the server closed the connection")),
        error: (socket, error) => socket.data.#ended(error),
      },
    });
    connection.#socket.setNoDelay(true);
    return connection;
  }

  /** Sends a whole request; its answer comes to `onAnswer`. The bytes must stay as they are until then. */
  send(request: Buffer): void {
    const written = this.#socket?.write(request) ?? -1;
    if (written >= 0 && written < request.byteLength) this.#unsent = request.subarray(written);
  }

  /** Sends a request and waits for the answer. */
  request(request: Buffer): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.onAnswer = resolve;
      this.onProblem = reject;
      this.send(request);
    });
  }

  close(): void {
    this.#closing = true;
    this.#socket?.end();
  }

  #received(chunk: Buffer): void {
    const bytes = this.#tail === undefined ? chunk : Buffer.concat([this.#tail, chunk]);
    const answer = this.#sameAsLast(bytes) ?? this.#parse(bytes);
    if (answer === undefined) {
      this.#tail = bytes;
      return;
    }
    this.#tail = undefined;
    this.receivedUs = nowUs();
    this.onAnswer?.(answer);
  }

  /** The answer, where it is as long as the last one and its head ends at the same place. */
  #sameAsLast(bytes: Buffer): HttpAnswer | undefined {
    if (this.#layout === undefined || bytes.byteLength !== this.#layout.totalBytes) return undefined;
    const { headBytes } = this.#layout;
    const isHeadEnd = bytes[headBytes - 4] === 13 && bytes[headBytes - 2] === 13 && bytes[headBytes - 1] === 10;
    if (!isHeadEnd || bytes[9] !== 50 || bytes[10] !== 48 || bytes[11] !== 48) return undefined; // only "200"
    return { status: 200, body: bytes.subarray(headBytes) };
  }

  #parse(bytes: Buffer): HttpAnswer | undefined {
    const answer = parseAnswer(bytes);
    if (answer === undefined) return undefined;
    const headBytes = bytes.byteLength - answer.body.byteLength;
    const isPlain = answer.body.buffer === bytes.buffer && bytes.indexOf("\r\n\r\n") + 4 === headBytes;
    this.#layout = isPlain ? { headBytes, totalBytes: bytes.byteLength } : undefined;
    return answer;
  }

  #drained(): void {
    const rest = this.#unsent;
    this.#unsent = undefined;
    if (rest !== undefined) this.send(rest);
  }

  #ended(problem: Error): void {
    if (!this.#closing) this.onProblem?.(problem);
  }
}

/** A whole answer, or undefined while some of it is missing. */
export function parseAnswer(bytes: Buffer): HttpAnswer | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd);
  const status = Number(head.slice(9, 12));
  const bodyAt = headEnd + 4;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const end = bodyAt + Number(length);
    return end <= bytes.byteLength ? { status, body: bytes.subarray(bodyAt, end) } : undefined;
  }
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return parseChunked(bytes, bodyAt, status);
  return { status, body: bytes.subarray(bodyAt, bodyAt) };
}

function parseChunked(bytes: Buffer, start: number, status: number): HttpAnswer | undefined {
  const chunks: Buffer[] = [];
  let at = start;
  while (at < bytes.byteLength) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const end = lineEnd + 2 + size;
    if (Number.isNaN(size)) throw new Error("the server sent a malformed chunk");
    if (end + 2 > bytes.byteLength) return undefined;
    if (size === 0) return { status, body: Buffer.concat(chunks) };
    chunks.push(bytes.subarray(lineEnd + 2, end));
    at = end + 2;
  }
  return undefined;
}

/** The bytes of a request. */
export function encodeRequest({
  method,
  path,
  host,
  token,
  body,
}: {
  method: string;
  path: string;
  host: string;
  token?: string;
  body?: string;
}): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, "Accept: application/json"];
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`);
  if (body !== undefined) lines.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body ?? ""}`);
}
