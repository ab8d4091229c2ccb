/** Content that is sent ahead of its message: `/_/files` (docs/protocols/files.md § Upload), by hostile clients too. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { until, withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { requireProgram } from "../support/programs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { asBackend, call, enroll, room } from "./client.ts";

const kib = 1024;
const mib = 1024 * kib;
const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

function png(bytes: number, seed = 0): Uint8Array<ArrayBuffer> {
  const content = Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + (at >> 9) + seed) & 0xff);
  content.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return content;
}

interface Upload {
  readonly file: string;
  readonly bytes: number;
  readonly offset: number;
  readonly complete: boolean;
}

interface Said {
  readonly status: number;
  readonly body: Upload & { readonly error: string; readonly detail: string };
  readonly headers: Headers;
  readonly text: string;
}

async function ask(
  server: TestServer,
  request: string,
  token: string | undefined,
  { body, headers = {} }: { body?: Uint8Array<ArrayBuffer> | string; headers?: Record<string, string> } = {},
): Promise<Said> {
  const [method = "", path = ""] = request.split(" ");
  const response = await fetch(`http://${server.http}${path}`, {
    method,
    headers: { ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  return { status: response.status, text, body: text === "" ? {} : JSON.parse(text), headers: response.headers };
}

const image = { "Content-Type": "image/png" };

/** A chat of Anna and Ben; Carl is a stranger. */
async function stage(server: TestServer) {
  const [anna = "", ben = "", carl = ""] = await enroll(server, "anna", "ben", "carl");
  await room(server, "team", "anna", "ben");
  return { anna, ben, carl };
}

const send = (server: TestServer, token: string, file: string, more: object = {}) =>
  call(server, "POST /messages", { as: token, body: { chatID: "team", file, ...more } });

async function shown(server: TestServer, token: string) {
  const { text } = await call(server, "GET /chats/team/messages", { as: token });
  return (JSON.parse(text) as { messages: { type: string; content?: string; file?: Record<string, unknown> }[] })
    .messages;
}

/** By the folder that holds them: what is whole, and what is not. */
function onDisk(server: TestServer): { files: string[]; uploads: string[] } {
  const root = join(server.dataDir, "files");
  const list = (folder: string) => (existsSync(folder) ? readdirSync(folder).toSorted() : []);
  const shelves = list(root).filter((name) => name !== "uploads");
  const files = shelves.flatMap((shelf) => list(join(root, shelf)).map((name) => `${shelf}${name}`));
  return { files: files.toSorted(), uploads: list(join(root, "uploads")) };
}

/** The file is there, and nothing else; what it was uploaded to goes after the answer. */
async function isAlone(server: TestServer, content: Uint8Array): Promise<void> {
  await until("nothing is left of the upload", () => onDisk(server).uploads.length === 0);
  expect(onDisk(server).files).toEqual([hashOf(content)]);
}

test("a file goes up in one piece, and a message names it", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await stage(server);
  const picture = png(100 * kib);
  const made = await ask(server, "POST /_/files?name=our%20cat.png", anna, { body: picture, headers: image });
  expect(made.status).toBe(201);
  const { file } = made.body;
  expect(made.body).toMatchObject({ bytes: 100 * kib, offset: 100 * kib, complete: true, type: "image/png" });
  expect(file).toMatch(/^up_[0-9a-f]{32}$/);
  expect(made.headers.get("location")).toBe(`/_/files/${file}`);
  expect(made.headers.get("upload-complete")).toBe("?1");
  // Without a type the message has the one that the file was sent with.
  expect((await send(server, anna, file, { clientID: "1" })).status).toBe(200);
  const base64 = Buffer.from(picture).toString("base64");
  const described = { hash: hashOf(picture), bytes: 100 * kib, type: "image/png", name: "our cat.png" };
  expect(await shown(server, ben)).toMatchObject([
    { type: "image/png", content: base64, encoding: "base64", file: described },
  ]);
  const got = await fetch(`http://${server.http}/_/files/${hashOf(picture)}`, { headers: { Authorization: ben } });
  expect(got.headers.get("content-disposition")).toBe("inline; filename*=UTF-8''our%20cat.png");
  expect(Buffer.compare(await got.bytes(), picture)).toBe(0);
  // Sending twice is sending once, and one upload serves several messages.
  expect((await send(server, anna, file, { clientID: "1" })).text).toContain('"seq":1,');
  expect((await send(server, anna, file, { type: "file" })).text).toContain('"seq":2,');
  await isAlone(server, picture);
});

test("a file goes up in pieces, over a line that breaks and a server that starts again", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await stage(server);
  const picture = png(3 * mib);
  const made = await ask(server, "POST /_/files", anna, { headers: { ...image, "Upload-Length": String(3 * mib) } });
  expect([made.status, made.body.offset, made.headers.get("upload-complete")]).toEqual([201, 0, "?0"]);
  const { file } = made.body;
  const piece = (of: TestServer, from: number, to: number) =>
    ask(of, `PATCH /_/files/${file}`, anna, {
      body: picture.slice(from, to),
      headers: { "Upload-Offset": String(from), "Content-Type": "application/partial-upload" },
    });
  expect((await piece(server, 0, mib)).body).toMatchObject({ offset: mib, complete: false });
  // The line breaks in the middle of the next one; what came is kept.
  const line = await openLine(server);
  line.write(
    `PATCH /_/files/${file} HTTP/1.1\r\nHost: x\r\nAuthorization: ${anna}\r\nUpload-Offset: ${mib}\r\nContent-Length: ${mib}\r\n\r\n`,
  );
  line.write(picture.subarray(mib, mib + 300 * kib));
  const head = () =>
    fetch(`http://${server.http}/_/files/${file}`, { method: "HEAD", headers: { Authorization: anna } });
  await until("the first of it is written", () => sizeOf(server, file) === mib + 300 * kib);
  line.destroy();
  let told = await head();
  await withDeadline(
    "the server notices",
    (async () => {
      while (told.headers.get("upload-offset") === String(mib)) told = await head();
    })(),
  );
  expect([told.status, told.headers.get("upload-length")]).toEqual([200, String(3 * mib)]);
  const at = Number(told.headers.get("upload-offset"));
  expect(at).toBe(mib + 300 * kib);
  expect((await send(server, anna, file)).status).toBe(404); // Not yet.
  await using again = await server.restart();
  expect((await ask(again, `GET /_/files/${file}`, anna)).body).toMatchObject({ offset: at, complete: false });
  expect((await piece(again, at, 3 * mib)).body).toMatchObject({ offset: 3 * mib, complete: true });
  expect((await send(again, anna, file)).status).toBe(200);
  expect(await shown(again, ben)).toMatchObject([{ type: "image/png", file: { hash: hashOf(picture) } }]);
  await isAlone(again, picture);
  const path = join(again.dataDir, "files", hashOf(picture).slice(0, 2), hashOf(picture).slice(2));
  expect(Buffer.compare(readFileSync(path), picture)).toBe(0);
});

function openLine(server: TestServer): Promise<Socket> {
  const { hostname, port } = new URL(`http://${server.http}`);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(Number(port), hostname, () => resolve(socket));
  socket.on("error", reject);
  return promise;
}

const sizeOf = (server: TestServer, upload: string): number => {
  const path = join(server.dataDir, "files", "uploads", upload);
  return existsSync(path) ? Bun.file(path).size : -1;
};

test("what is not the sender's own, and what never was, is told apart by no answer", async () => {
  await using server = await startTestServer();
  const { anna, ben, carl } = await stage(server);
  const picture = png(80 * kib);
  const { file } = (await ask(server, "POST /_/files", anna, { body: picture, headers: image })).body;
  const never = `up_${"0".repeat(32)}`;
  const answers = async (token: string, id: string) => [
    (await ask(server, `GET /_/files/${id}`, token)).text,
    (await ask(server, `PATCH /_/files/${id}`, token, { headers: { "Upload-Offset": "0" } })).text,
    (await ask(server, `DELETE /_/files/${id}`, token)).text,
    (await send(server, token, id)).text,
  ];
  const unknown = await answers(ben, never);
  expect(unknown.every((text) => text.includes('"error":"File not found"'))).toBe(true);
  expect(await answers(ben, file)).toEqual(unknown);
  for (const id of ["", "up_", "../../roost.db", "x".repeat(128)]) {
    expect([id, (await send(server, ben, id)).status]).toEqual([id, id === "" ? 400 : 404]);
  }
  // A hash alone gives nothing, whether or not there is such a file …
  expect((await send(server, carl, hashOf(picture))).status).toBe(404);
  expect((await send(server, anna, file)).status).toBe(200);
  await room(server, "other", "carl");
  const byHash = (token: string, hash: string, chatID: string) =>
    call(server, "POST /messages", { as: token, body: { chatID, file: hash } });
  const [stolen, invented] = await Promise.all([
    byHash(carl, hashOf(picture), "other"),
    byHash(carl, "0".repeat(64), "other"),
  ]);
  expect([stolen.status, stolen.text]).toEqual([404, invented.text]);
  // … except to those who may fetch the file.
  await room(server, "third", "ben");
  expect((await byHash(ben, hashOf(picture), "third")).status).toBe(200);
  await asBackend(server, "DELETE /chats/team/users", { users: ["ben"] });
  expect((await byHash(ben, hashOf(picture), "third")).status).toBe(200); // By the one that Ben sent.
});

test("an upload looks new whatever is stored, and leaves nothing when it ends", async () => {
  await using server = await startTestServer();
  const { anna, carl } = await stage(server);
  const picture = png(90 * kib);
  const first = await ask(server, "POST /_/files", anna, { body: picture, headers: image });
  const second = await ask(server, "POST /_/files", carl, { body: picture, headers: image });
  const shape = ({ body, headers, status }: Said) => ({
    status,
    body: { ...body, file: "", expires: "" },
    headers: [...headers.keys()].toSorted(),
  });
  expect(shape(second)).toEqual(shape(first));
  expect(onDisk(server).files).toEqual([hashOf(picture)]);
  expect((await ask(server, `DELETE /_/files/${first.body.file}`, anna)).status).toBe(200);
  expect((await ask(server, `GET /_/files/${first.body.file}`, anna)).status).toBe(404);
  expect(onDisk(server).files).toEqual([hashOf(picture)]); // Carl's.
  expect((await ask(server, `DELETE /_/files/${second.body.file}`, carl)).status).toBe(200);
  await until("the file is gone", () => onDisk(server).files.length === 0);
  const half = await ask(server, "POST /_/files", anna, { body: "abc", headers: { "Upload-Length": "10" } });
  expect(onDisk(server).uploads).toEqual([half.body.file]);
  await asBackend(server, `DELETE /chats/team/users`, { users: ["anna"] });
  const { userId } = (await server.store.findUserByKey("anna")) ?? { userId: 0 as never };
  await server.domain.accountRemoval.remove(userId);
  await until("what a removed user began is gone", () => onDisk(server).uploads.length === 0);
});

test("an upload that no message names ends after a day; one that is named ends with its message", async () => {
  const clock = createManualClock();
  await using server = await startTestServer({ clock, env: { ROOST_REST_ACCESS_TOKEN_LIFETIME: "48h" } });
  const { anna } = await stage(server);
  const [kept, unused] = [png(70 * kib, 1), png(70 * kib, 2)];
  const named = (await ask(server, "POST /_/files", anna, { body: kept, headers: image })).body.file;
  const idle = (await ask(server, "POST /_/files", anna, { body: unused, headers: image })).body.file;
  const half = await ask(server, "POST /_/files", anna, { body: "abc", headers: { "Upload-Length": "10" } });
  const sent = JSON.parse((await send(server, anna, named)).text) as { message_id: string };
  clock.advance(86_400_000 - 1000);
  expect((await ask(server, `GET /_/files/${idle}`, anna)).status).toBe(200);
  clock.advance(1000);
  for (const file of [named, idle, half.body.file]) expect((await send(server, anna, file)).status).toBe(404);
  await until(
    "unused ones are removed",
    () => onDisk(server).files.length === 1 && onDisk(server).uploads.length === 0,
  );
  expect(onDisk(server).files).toEqual([hashOf(kept)]);
  expect(await shown(server, anna)).toMatchObject([{ file: { hash: hashOf(kept) } }]);
  // A second one is named and its message deleted on the same day.
  const again = (await ask(server, "POST /_/files", anna, { body: unused, headers: image })).body.file;
  const second = JSON.parse((await send(server, anna, again)).text) as { message_id: string };
  for (const { message_id } of [sent, second]) {
    const user = await server.store.findUserByKey("anna");
    if (user === undefined) throw new Error("anna is gone");
    await server.domain.messages.remove(user.userId, Number(message_id) as never);
  }
  await until("both files are gone", () => onDisk(server).files.length === 0);
  expect((await ask(server, `GET /_/files/${again}`, anna)).status).toBe(404);
});

test("two that write to one upload at once: the newer goes on, and not a byte is mixed", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  const picture = png(2 * mib);
  const headers = { ...image, "Upload-Length": String(2 * mib) };
  const { file } = (await ask(server, "POST /_/files", anna, { headers })).body;
  // The first one stalls after a part.
  const line = await openLine(server);
  let answered = "";
  line.on("data", (chunk) => {
    answered += chunk.toString("latin1");
  });
  line.write(
    `PATCH /_/files/${file} HTTP/1.1\r\nHost: x\r\nAuthorization: ${anna}\r\nUpload-Offset: 0\r\nContent-Length: ${2 * mib}\r\n\r\n`,
  );
  line.write(picture.subarray(0, 200 * kib));
  await until("the first of it is written", () => sizeOf(server, file) === 200 * kib);
  // The second one thinks that nothing came: it is told where to go on, and the first one is over.
  const patch = (from: number) =>
    ask(server, `PATCH /_/files/${file}`, anna, {
      body: picture.slice(from),
      headers: { "Upload-Offset": String(from) },
    });
  const misled = await patch(0);
  expect([misled.status, misled.headers.get("upload-offset")]).toEqual([409, String(200 * kib)]);
  await until("the first is answered", () => answered.includes("409 Conflict"));
  line.destroy();
  // Many at once: each ends the one before it.
  const all = await Promise.all(Array.from({ length: 6 }, () => patch(200 * kib)));
  expect(all.every(({ status }) => status === 200 || status === 409)).toBe(true);
  let state = (await ask(server, `GET /_/files/${file}`, anna)).body;
  if (!state.complete) state = (await patch(state.offset)).body;
  expect(state).toMatchObject({ offset: 2 * mib, complete: true });
  await isAlone(server, picture);
});

test("what is too much, too little or a lie is refused in words, and changes nothing", async () => {
  await using server = await startTestServer({ env: { ROOST_FILES_MAX_BYTES: "64 KiB" } });
  const { anna } = await stage(server);
  const refused = async (status: number, request: string, options: Parameters<typeof ask>[3], words: RegExp) => {
    const said = await ask(server, request, anna, options);
    expect([request, options, said.status, said.body.detail]).toEqual([
      request,
      options,
      status,
      expect.stringMatching(words),
    ]);
  };
  const most = png(64 * kib);
  const post = "POST /_/files";
  await refused(413, post, { body: png(64 * kib + 1) }, /at most 65536 bytes/);
  await refused(413, post, { headers: { "Upload-Length": String(64 * kib + 1) } }, /at most 65536 bytes/);
  await refused(413, post, { headers: { "Upload-Length": "999999999999999" } }, /at most 65536 bytes/);
  await refused(400, post, { headers: { "Upload-Length": "9999999999999999" } }, /not a number of bytes/);
  await refused(400, post, {}, /at least one byte/);
  await refused(400, post, { headers: { "Upload-Length": "0" } }, /at least one byte/);
  await refused(400, post, { headers: { "Upload-Length": "-1" } }, /not a number of bytes/);
  await refused(400, post, { body: "abc", headers: { "Upload-Length": "2" } }, /the body has 3 bytes/);
  await refused(
    400,
    post,
    { body: "abc", headers: { "Upload-Length": "9", "Upload-Complete": "?1" } },
    /Upload-Length says 9/,
  );
  await refused(400, post, { body: "abc", headers: { "Upload-Complete": "?0" } }, /Upload-Length must say/);
  await refused(400, post, { body: "abc", headers: { "Content-Type": "no type" } }, /no media type/);
  await refused(415, post, { body: "abc", headers: { "Content-Encoding": "gzip" } }, /Content-Encoding/);
  for (const name of ["a%2Fb", "a%5Cb", "a%0Ab", "x".repeat(256)]) {
    await refused(400, `${post}?name=${name}`, { body: "abc" }, /a name has 1 to 255/);
  }
  const [token] = [anna];
  const chunked = await raw(
    server,
    `POST /_/files HTTP/1.1\r\nHost: x\r\nAuthorization: ${token}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  );
  expect(chunked).toStartWith("HTTP/1.1 411 ");
  expect((await ask(server, post, undefined, { body: "abc" })).status).toBe(401);
  expect((await ask(server, post, "no-token", { body: "abc" })).status).toBe(401);
  expect(onDisk(server).uploads).toEqual([]);

  const { file } = (await ask(server, post, anna, { headers: { ...image, "Upload-Length": String(64 * kib) } })).body;
  const patch = `PATCH /_/files/${file}`;
  await refused(400, patch, { body: "abc" }, /Upload-Offset must say/);
  for (const offset of ["-1", "1.5", "x", "9999999999999999"]) {
    await refused(400, patch, { body: "abc", headers: { "Upload-Offset": offset } }, /not a number of bytes/);
  }
  for (const offset of ["1", "65536", "999999999999999"]) {
    await refused(409, patch, { body: "abc", headers: { "Upload-Offset": offset } }, /goes on at 0/);
  }
  await refused(400, patch, { body: png(64 * kib + 1), headers: { "Upload-Offset": "0" } }, /has 65536 bytes/);
  expect((await ask(server, `GET /_/files/${file}`, anna)).body).toMatchObject({ offset: 0, complete: false });
  expect((await ask(server, patch, anna, { body: most, headers: { "Upload-Offset": "0" } })).body.complete).toBe(true);
  // Once it is whole, nothing is added to it.
  await refused(400, patch, { body: "abc", headers: { "Upload-Offset": "65536" } }, /has 65536 bytes/);
  await isAlone(server, most);

  const message = (body: object) => call(server, "POST /messages", { as: anna, body: { chatID: "team", ...body } });
  for (const body of [{ file, content: "x" }, {}, { file: 5 }, { file: "x".repeat(129) }]) {
    expect([body, (await message(body)).status]).toEqual([body, 400]);
  }
  // A picture is no text.
  const asText = await message({ file, type: "text" });
  expect([asText.status, asText.text]).toEqual([400, expect.stringContaining("is a text, and the file is none")]);
});

async function raw(server: TestServer, bytes: string): Promise<string> {
  const line = await openLine(server);
  let text = "";
  line.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  line.write(bytes);
  await until("an answer", () => text.includes("\r\n\r\n"));
  line.destroy();
  return text;
}

test("a body that breaks off in the only piece leaves nothing, since no one was told its id", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  const line = await openLine(server);
  line.write(`POST /_/files HTTP/1.1\r\nHost: x\r\nAuthorization: ${anna}\r\nContent-Length: 200000\r\n\r\n`);
  line.write(png(100_000));
  await until("some of it is written", () => onDisk(server).uploads.some((upload) => sizeOf(server, upload) > 0));
  line.destroy();
  await until("it is gone", () => onDisk(server).uploads.length === 0);
  expect(onDisk(server).files).toEqual([]);
});

test("a text goes up like a picture, and is a text in its message", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await stage(server);
  const text = "ünï ✓ ".repeat(20 * kib);
  const headers = { "Content-Type": "text/plain" };
  const { file } = (await ask(server, "POST /_/files", anna, { body: text, headers })).body;
  expect((await send(server, anna, file, { type: "text" })).status).toBe(200);
  expect(await shown(server, ben)).toMatchObject([{ type: "text", content: text }]);
  // Small content too: how it was sent says where it stands.
  const small = (await ask(server, "POST /_/files", anna, { body: "hello", headers })).body.file;
  expect((await send(server, anna, small, { type: "text" })).status).toBe(200);
  expect((await shown(server, ben))[1]).toMatchObject({ content: "hello", file: { bytes: 5 } });
});

test("a user has a thousand uploads at most", async () => {
  await using server = await startTestServer();
  const { anna, ben } = await stage(server);
  const begin = (token: string) => ask(server, "POST /_/files", token, { headers: { "Upload-Length": "1" } });
  for (let n = 0; n < 1000; n += 50) await Promise.all(Array.from({ length: 50 }, () => begin(anna)));
  const refused = await begin(anna);
  expect([refused.status, refused.body.error, refused.body.detail]).toEqual([
    507,
    "Account full",
    expect.stringContaining("it has 1000 uploads"),
  ]);
  expect((await begin(ben)).status).toBe(201);
});

const curl = requireProgram("curl");

test.skipIf(!curl)("the lines of the page work as printed, in a shell", async () => {
  const page = readFileSync(new URL("../../docs/protocols/files.md", import.meta.url), "utf8");
  const section = page.slice(page.indexOf("## Upload"), page.indexOf("## On disk"));
  const lines = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, line]) => line).join("\n");
  expect(lines).toContain("PATCH");
  await using server = await startTestServer();
  const { anna, ben } = await stage(server);
  const folder = join(server.dataDir, "shell");
  await Bun.write(join(folder, "cat.png"), png(100 * kib, 1));
  await Bun.write(join(folder, "film.mp4"), png(2500 * kib, 2));
  const shell = Bun.spawn(["sh", "-euc", lines.replaceAll("localhost:8080", server.http)], {
    cwd: folder,
    env: { ...process.env, ANNA: anna },
    stderr: "pipe",
  });
  const [said, failed, code] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
    shell.exited,
  ]);
  expect([code, said, code === 0 ? "" : failed]).toEqual([0, expect.stringContaining('"complete":true'), ""]);
  expect((await shown(server, ben)).map(({ type, file }) => [type, file?.["bytes"]])).toEqual([
    ["image/png", 100 * kib],
    ["video/mp4", 2500 * kib],
  ]);
});
