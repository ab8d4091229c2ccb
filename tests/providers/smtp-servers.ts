/** Mail servers for tests: a real one that keeps what it is sent, and one that says whatever a test wants. */
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { CertificateOnDisk } from "../support/certificate.ts";

/** Of the user `roost`. */
export const mailPassword = "mail-password-903";

export interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly raw: string;
}

/** A server that keeps what it is sent, until the end of the block. */
export async function startSmtp(certificate: CertificateOnDisk, given: SMTPServerOptions = {}, hostname = "127.0.0.1") {
  const received: Received[] = [];
  const logins: string[] = [];
  let connections = 0;
  const server = new SMTPServer({
    logger: false,
    key: readFileSync(certificate.key),
    cert: readFileSync(certificate.certificate),
    authMethods: ["PLAIN", "LOGIN"],
    onAuth({ username = "", password: shown }, _session, done) {
      logins.push(username);
      if (username === "roost" && shown === mailPassword) done(null, { user: username });
      else done(new Error(`Invalid username or password ${shown}`));
    },
    onData(stream, session, done) {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: typeof session.user === "string" ? session.user : undefined,
          raw: Buffer.concat(parts).toString("utf8"),
        });
        done();
      });
    },
    ...given,
  });
  server.on("error", () => undefined); // A client that gives up is the client's failure, and that is what is looked at.
  const port = await new Promise<number>((resolve) => {
    server.server.on("connection", () => connections++);
    const listening = server.listen(0, hostname, () => {
      const address = listening.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  return {
    port,
    received,
    logins,
    get connections() {
      return connections;
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** A server that is none: it says what a test wants. */
export async function startTalker(talk: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => leave());
    talk(socket);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  return {
    port,
    /** The client has gone. */
    left,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A server that takes whatever it is sent, without TLS or passwords, and keeps it as text. */
export async function startPlainSmtp() {
  const received: string[] = [];
  const server = new SMTPServer({
    logger: false,
    disabledCommands: ["AUTH", "STARTTLS"],
    onData(stream, _session, done) {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        received.push(Buffer.concat(parts).toString("utf8"));
        done();
      });
    },
  });
  const port = await new Promise<number>((resolve) => {
    const listening = server.listen(0, "127.0.0.1", () => {
      const address = listening.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  return { port, received, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}
