/**
 * Large content and the disk (docs/protocols/files.md § On disk): the file is on disk before the commit that refers to
 * it and so before the acknowledgement; kill -9 leaves a file too many at most, never a message without its file; and a
 * disk that takes no file refuses it in each door's words and keeps nothing of it.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, enroll, room } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { createRandom, type Random } from "../support/random.ts";
import { readSlowFsyncLog } from "../support/slow-fsync.ts";
import { type BinaryServer, requireSlowFsync, startBinary, startWatched } from "./binary-server.ts";
import { type Fields, MiniOicqClient, type Pushed } from "./minioicq-client.ts";
import { MqttClient } from "./mqtt-client.ts";
import { onDisk } from "./wal.ts";

const library = await requireSlowFsync();
const kib = 1024;
const rounds = process.env["CI"] ? 6 : 3;
const seed = Number(process.env["ROOST_KILL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** Different for each seed, and no text. */
function picture(bytes: number, of: number): Uint8Array {
  const content = new Uint8Array(bytes);
  const random = createRandom(of + 1);
  for (let at = 0; at < bytes; at += 1 + (at >> 6)) content[at] = random.int(256);
  return content;
}

function filesIn(data: string): string[] {
  const root = join(data, "files");
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .flatMap((shelf) => readdirSync(join(root, shelf)).map((name) => `${shelf}${name}`))
    .sort();
}

/** Gives the status. */
async function post(server: BinaryServer, token: string, bytes: Uint8Array, clientID: string): Promise<number> {
  const content = Buffer.from(bytes).toString("base64");
  const body = { chatID: "team", type: "image", content, encoding: "base64", clientID };
  return (await call(server, "POST /messages", { as: token, body })).status;
}

test.skipIf(library === undefined)("the file, its name and then the commit are on disk before the answer", async () => {
  if (library === undefined) throw new Error("no disk shim");
  await using server = await startWatched(library, { delayMs: 3 });
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  for (const [index, size] of [64 * kib, 3000 * kib, 300 * kib].entries()) {
    const before = (await readSlowFsyncLog(server.disk.logPath)).length;
    const content = picture(size, index);
    expect(await post(server, index === 1 ? ben : anna, content, `p${index}`)).toBe(200);
    const hash = hashOf(content);
    expect(onDisk(Buffer.from(hash, "hex"), server.disk)).toBe("synced");
    const events = (await readSlowFsyncLog(server.disk.logPath)).slice(before);
    const at = (kind: string, file: string): number =>
      events.findIndex((event) => event.kind === kind && event.file === file);
    const file = at("sync-end", `${hash.slice(2)}.partial`);
    const name = at("sync-end", hash.slice(0, 2));
    const commit = at("write", "roost.db-wal");
    expect([file, name, commit].every((index) => index >= 0)).toBe(true);
    expect([file, name, commit].toSorted((a, b) => a - b)).toEqual([file, name, commit]);
  }
});

test.skipIf(library === undefined)(
  `kill -9 between a file and its message loses neither what was acknowledged nor leaves what was not, ${rounds} times`,
  async () => {
    if (library === undefined) throw new Error("no disk shim");
    const folder = mkdtempSync(join(tmpdir(), "roost-file-kill-"));
    try {
      await killAgainAndAgain(library, join(folder, "data"), createRandom(seed));
    } catch (error) {
      throw new Error(`failed; run it again with ROOST_KILL_SEED=${seed}`, { cause: error });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  20_000 + rounds * 10_000,
);

async function killAgainAndAgain(library: string, data: string, random: Random): Promise<void> {
  // Slow enough that many are killed between the file and the commit.
  const start = () => startBinary(data, { slowFsync: { library, delayUs: 4000 } });
  const sizes = new Map<string, number>();
  const acknowledged = new Set<string>();
  let server = await start();
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  let count = 0;
  let leftOver = 0;
  try {
    for (let round = 0; round < rounds; round += 1) {
      const running = server;
      const talk = async (token: string): Promise<void> => {
        for (;;) {
          const id = `m${count}`;
          count += 1;
          sizes.set(id, 64 * kib + random.int(400 * kib));
          const status = await post(running, token, contentOf(id, sizes), id).catch(() => 0);
          if (status !== 200) return;
          acknowledged.add(id);
        }
      };
      const talking = Promise.all([talk(anna), talk(anna), talk(ben), talk(ben)]);
      await Bun.sleep(100 + random.int(400)); // the random moment itself, not a wait for something
      process.kill(running.pid, "SIGKILL");
      await withDeadline("the killed server to end", running.exited);
      await withDeadline("the senders to notice", talking, 10_000);
      leftOver += filesIn(data).length - referencedIn(data).length;
      server = await start();
      const referenced = referencedIn(data);
      await until("the leftovers to go", () => Bun.deepEquals(filesIn(data), referenced));
      await verify(server, ben, { sizes, acknowledged });
    }
    expect(acknowledged.size).toBeGreaterThan(rounds);
    console.log(`  kill -9: ${acknowledged.size} acknowledged, ${leftOver} files were left without a message`);
  } finally {
    process.kill(server.pid, "SIGKILL");
    await server.exited;
    await server[Symbol.asyncDispose]();
  }
}

const contentOf = (id: string, sizes: ReadonlyMap<string, number>): Uint8Array =>
  picture(sizes.get(id) ?? 0, Number(id.slice(1)));

function referencedIn(data: string): string[] {
  const db = new Database(join(data, "roost.db"), { readonly: true });
  try {
    const rows = db.query("SELECT DISTINCT lower(hex(hash)) hash FROM message_files ORDER BY 1").all();
    return (rows as { hash: string }[]).map(({ hash }) => hash);
  } finally {
    db.close();
  }
}

/** Every message has the content it was sent with, and every acknowledged one is there once. */
async function verify(
  server: BinaryServer,
  token: string,
  said: { sizes: ReadonlyMap<string, number>; acknowledged: ReadonlySet<string> },
): Promise<void> {
  const seen: string[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const path = `/chats/team/messages?after_seq=${after}&limit=100`;
    const { status, text } = await call(server, `GET ${path}`, { as: token });
    expect(status).toBe(200);
    const page = JSON.parse(text) as { messages: { client_id: string; content?: string }[]; next: number | null };
    for (const { client_id: id, content } of page.messages) {
      seen.push(id);
      const same = content === Buffer.from(contentOf(id, said.sizes)).toString("base64");
      expect([id, same]).toEqual([id, true]);
    }
    after = page.next;
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect([...said.acknowledged].filter((id) => !seen.includes(id))).toEqual([]);
}

test.skipIf(library === undefined)(
  "a disk that takes no more refuses large content at every door, keeps nothing of it, and small messages go on",
  async () => {
    if (library === undefined) throw new Error("no disk shim");
    await using server = await startWatched(library);
    const [anna = "", ben = "", carl = ""] = await enroll(server, "anna", "ben", "carl");
    await room(server, "team", "anna", "ben", "carl");
    await using minioicq = await MiniOicqClient.connect(server.http);
    const answers: (Pushed | Fields)[] = [];
    minioicq.onPush = (message) => void answers.push(message);
    minioicq.onFrame = (frame) => {
      if (frame["action"] === "message.send.fail") answers.push(frame);
    };
    await minioicq.logIn(ben);
    await call(server, "POST /messages", { as: anna, body: { chatID: "team", content: "first" } });
    await until("the first message", () => answers.length === 1);
    const chatId = (answers[0] as Pushed).chatId;
    const large = (index: number) => picture(100 * kib, index);

    // Where the folder should be there is something else: no file can be written, and the database works.
    writeFileSync(join(server.data, "files"), "in the way");
    await refused(1);
    expect(
      (await call(server, "POST /messages", { as: anna, body: { chatID: "team", content: "small" } })).status,
    ).toBe(200);
    await until("the small message", () => answers.length === 3);
    expect(answers[2]).toMatchObject({ content: "small" });
    const told = await call(server, "GET /readyz");
    expect([told.status, JSON.parse(told.text)]).toEqual([
      503,
      {
        ready: false,
        reasons: [expect.stringMatching(/^files: storage_full: content of 65536 bytes and more is refused: ./)],
      },
    ]);
    rmSync(join(server.data, "files"));
    expect(await post(server, anna, large(2), "p2")).toBe(200);
    expect((await call(server, "GET /readyz")).status).toBe(200);
    await until("the picture", () => answers.length === 4);

    // The file could be written and the database cannot: it goes again.
    writeFileSync(server.failPath, "");
    await refused(3);
    await until("what was refused to go", () => filesIn(server.data).length === 1);
    expect(filesIn(server.data)).toEqual([hashOf(large(2))]);
    // From now on nothing is written at all.
    expect((await call(server, "GET /readyz")).status).toBe(503);
    expect(await post(server, anna, large(4), "p4")).toBe(507);
    expect(filesIn(server.data)).toEqual([hashOf(large(2))]);
    rmSync(server.failPath);
    await until(
      "writing to work again",
      answersOk(() => call(server, "GET /readyz")),
      10_000,
    );
    expect(await post(server, anna, large(4), "p4")).toBe(200);
    expect(filesIn(server.data)).toEqual([hashOf(large(2)), hashOf(large(4))].sort());

    async function refused(index: number): Promise<void> {
      const content = large(index);
      const expected = answers.length;
      const base64 = Buffer.from(content).toString("base64");
      const message = { chat_id: chatId, type: "image", content: base64, client_id: `w${index}` };
      minioicq.send({ action: "message.send", message });
      await until("an answer to message.send", () => answers.length > expected);
      expect(answers.at(-1)).toEqual({ action: "message.send.fail", reason: "Storage full", client_id: `w${index}` });
      expect(await post(server, anna, content, `r${index}`)).toBe(507);
      const login = { username: "carl", password: carl, clientId: "carl-phone", clean: true };
      const acknowledged = new Set<number>();
      const mqtt = await MqttClient.connect(server.mqtt, login, { onPuback: (id) => void acknowledged.add(id) });
      mqtt.publish("chat/team/send", JSON.stringify({ content: base64, type: "image" }), { packetId: 1 });
      await until("the end of the connection", () => mqtt.isClosed);
      expect(acknowledged.size).toBe(0);
      await mqtt.drop();
    }
  },
  30_000,
);

/** A condition that is asked over the network; the last answer counts. */
function answersOk(ask: () => Promise<{ status: number }>): () => boolean {
  let status = 0;
  let asking = false;
  return () => {
    if (!asking) {
      asking = true;
      void ask().then((answer) => {
        status = answer.status;
        asking = false;
      });
    }
    return status === 200;
  };
}

test("the file a message names is the one on disk", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-file-"));
  try {
    await using server = await startBinary(join(folder, "data"));
    const [anna = ""] = await enroll(server, "anna");
    await room(server, "team", "anna");
    const content = picture(100 * kib, 7);
    expect(await post(server, anna, content, "p")).toBe(200);
    const hash = hashOf(content);
    const onDiskBytes = readFileSync(join(folder, "data", "files", hash.slice(0, 2), hash.slice(2)));
    expect(Buffer.compare(onDiskBytes, content)).toBe(0);
    const served = await fetch(`http://${server.http}/_/files/${hash}`, { headers: { Authorization: anna } });
    expect(Buffer.compare(await served.bytes(), content)).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
