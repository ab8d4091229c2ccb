/**
 * One conversation through three doors, out of the compiled binary in a folder without sources, node_modules or Bun on
 * PATH. The clients are python3-websockets with python3-msgpack, Debian's Mosquitto clients and curl: none of them ours.
 */
import { expect, test } from "bun:test";
import { chmod, copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compiledBinary } from "../support/binary.ts";
import { LineProcess, output, run } from "../support/processes.ts";
import { pythonWith, requireProgram } from "../support/programs.ts";

interface Message {
  readonly message_id: string;
  readonly seq: number;
  readonly chat_id: string;
  readonly chatID: string;
  readonly sender: string;
  readonly sender_id: string;
  readonly content: string;
}

interface Frame {
  readonly action: string;
  readonly user_id?: string;
  readonly chat_id?: string;
  readonly messages?: readonly Message[];
}

/** Text that a careless door would bend: quotes, newlines, emoji, a null, a combining accent, spaces at the ends. */
const awkward = (from: string): string => ` "${from}"\n\tgrüße 👩‍👩‍👧 e\u0301 \\u0041 \u0000</script> `;

const python = await pythonWith(["websockets", "msgpack"]);
const ready =
  python !== undefined && ["mosquitto_pub", "mosquitto_sub", "curl"].map(requireProgram).every((there) => there);

test.skipIf(!ready)(
  "three people talk through three doors and meet the same messages, also after being away",
  async () => {
    if (python === undefined) throw new Error("no python");
    const home = await mkdtemp(join(tmpdir(), "roost-story-"));
    const binary = join(home, "roost");
    await copyFile(await compiledBinary(), binary);
    await chmod(binary, 0o755);
    let server = await start(binary, home);
    try {
      const key = server.line.backend_key;
      if (key === undefined) throw new Error("the first start showed no backend key");

      // A WebSocket user registers.
      await using mia = new LineProcess([python, join(import.meta.dir, "ws_client.py"), `ws://${server.line.http}/ws`]);
      mia.write(JSON.stringify({ action: "auth.register", user_name: "Mia", password: "correct horse" }));
      const registered = await frame(mia, "auth.register.success");
      const miaId = registered.user_id ?? "";

      // The backend provisions two participants and puts all three in one chat.
      const anna = await token(server.line.http, key, "anna");
      const ben = await token(server.line.http, key, "Ben.Doe-mobile1");
      const put = await curl(server.line.http, "/chats/team/users", {
        method: "PUT",
        token: key,
        body: { users: ["anna", "Ben.Doe-mobile1", `user.${miaId}`], chatName: "The team" },
      });
      expect((put as { GUIDList: string[] }).GUIDList).toHaveLength(3);
      const chatId = (await frame(mia, "chat.spawn")).chat_id ?? "";

      // Anna's phone: a session that outlives its connection.
      const phone = [...mqtt(server.line.mqtt, "anna", anna), "-i", "anna-phone"];
      const listen = ["mosquitto_sub", ...phone, "-c", "-q", "1", "-t", "chat/+/messages"];
      await output([...listen, "-E"]);
      await using annaPhone = new LineProcess(listen);

      // One message by each door.
      const said: string[] = [awkward("WebSocket"), awkward("MQTT"), awkward("REST")];
      const [byWebSocket = "", byMqtt = "", byRest = ""] = said;
      mia.write(
        JSON.stringify({
          action: "message.send",
          message: { chat_id: chatId, type: "text", content: byWebSocket, time: "2026-01-02T03:04:05Z" },
        }),
      );
      const own = await pushed(mia);
      expect(own.content).toBe(byWebSocket);

      const file = join(home, "said");
      await Bun.write(file, byMqtt);
      await output([
        "mosquitto_pub",
        ...mqtt(server.line.mqtt, "anna", anna),
        "-q",
        "1",
        "-t",
        "chat/team/send",
        "-f",
        file,
      ]);
      const posted = (await curl(server.line.http, "/messages", {
        method: "POST",
        token: ben,
        body: { chatID: "team", content: byRest, clientID: "ben-1" },
      })) as Message;

      const atMia = [own, await pushed(mia), await pushed(mia)];
      const atAnna = [await received(annaPhone), await received(annaPhone), await received(annaPhone)];
      const atBen = await inbox(server.line.http, ben);
      const history = (await curl(server.line.http, "/chats/team/messages", { token: ben })) as { messages: Message[] };

      expect(history.messages.map((message) => message.content)).toEqual(said);
      expect(history.messages.map((message) => message.seq)).toEqual([1, 2, 3]);
      const identity = ({ message_id, seq, content }: Message) => ({ message_id, seq, content });
      const expected = history.messages.map(identity);
      expect(atMia.map(identity)).toEqual(expected);
      expect(atAnna.map(identity)).toEqual(expected);
      // Ben is not sent what he said himself.
      expect(atBen.messages.map(identity)).toEqual(expected.slice(0, 2));
      expect(identity({ ...posted, content: byRest })).toEqual(expected[2] as ReturnType<typeof identity>);
      expect(atAnna.map((message) => message.chatID)).toEqual(["team", "team", "team"]);
      expect(atAnna.map((message) => message.sender)).toEqual([`user.${miaId}`, "anna", "Ben.Doe-mobile1"]);

      // Anna and Mia go away; the server is restarted in the middle of what they miss.
      await annaPhone.end();
      mia.write(JSON.stringify({ python: "close" }));
      const missed: string[] = [];
      const say = async (text: string): Promise<void> => {
        missed.push(text);
        await curl(server.line.http, "/messages", {
          method: "POST",
          token: ben,
          body: { chatID: "team", content: text },
        });
      };
      for (let index = 0; index < 10; index += 1) await say(`before the restart ${index}`);
      await server.stop();
      server = await start(binary, home);
      expect(server.line.backend_key).toBeUndefined();
      for (let index = 0; index < 10; index += 1) await say(`after the restart ${index}`);

      // Both come back and get all of it once, in order.
      const phoneAgain = [...mqtt(server.line.mqtt, "anna", anna), "-i", "anna-phone"];
      await using annaBack = new LineProcess([
        "mosquitto_sub",
        ...phoneAgain,
        "-c",
        "-q",
        "1",
        "-t",
        "chat/+/messages",
      ]);
      await using miaBack = new LineProcess([
        python,
        join(import.meta.dir, "ws_client.py"),
        `ws://${server.line.http}/ws`,
      ]);
      miaBack.write(JSON.stringify({ action: "auth.login", user_id: miaId, password: "correct horse" }));
      await frame(miaBack, "auth.login.success");
      await say("the last word");
      const annaGot: string[] = [];
      while (annaGot.at(-1) !== "the last word") annaGot.push((await received(annaBack)).content);
      expect(annaGot).toEqual(missed);
      const miaGot: string[] = [];
      while (miaGot.at(-1) !== "the last word") {
        for (const message of (await frame(miaBack, "message.push")).messages ?? []) miaGot.push(message.content);
      }
      expect(miaGot).toEqual(missed);
      expect((await server.stop()).code).toBe(0);
    } finally {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    }
  },
  120_000,
);

interface StartLine {
  readonly http: string;
  readonly mqtt: string;
  readonly backend_key?: string;
}

/** The binary with nothing around it but itself. */
async function start(binary: string, home: string) {
  const child = Bun.spawn([binary, "serve", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"], {
    cwd: home,
    env: { PATH: "/nonexistent", HOME: home },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the server ended with ${await child.exited}`);
    text += new TextDecoder().decode(value);
  }
  return {
    line: JSON.parse(text) as StartLine,
    async stop(): Promise<{ code: number }> {
      child.kill("SIGTERM");
      return { code: await child.exited };
    },
  };
}

async function frame(client: LineProcess, action: string): Promise<Frame> {
  const line = await client.lineThat((text) => (JSON.parse(text) as Frame).action === action, action);
  return JSON.parse(line) as Frame;
}

async function pushed(client: LineProcess): Promise<Message> {
  const [message] = (await frame(client, "message.push")).messages ?? [];
  if (message === undefined) throw new Error("an empty push");
  return message;
}

async function received(phone: LineProcess): Promise<Message> {
  return JSON.parse(await phone.lineThat((line) => line.startsWith("{"), "a message on chat/…/messages")) as Message;
}

function mqtt(address: string, username: string, password: string): string[] {
  const [host = "", port = ""] = address.split(":");
  return ["-h", host, "-p", port, "-u", username, "-P", password, "-V", "311"];
}

async function curl(
  http: string,
  path: string,
  request: { method?: string; token: string; body?: unknown },
): Promise<unknown> {
  const body = request.body === undefined ? [] : ["-H", "Content-Type: application/json", "--data-binary", "@-"];
  const command = ["curl", "-sS", "--fail-with-body", "-X", request.method ?? "GET"];
  const { code, stdout, stderr } = await run(
    [...command, "-H", `Authorization: Bearer ${request.token}`, ...body, `http://${http}${path}`],
    request.body === undefined ? undefined : JSON.stringify(request.body),
  );
  if (code !== 0) throw new Error(`curl ${path}: ${code} ${stderr} ${stdout}`);
  return JSON.parse(stdout);
}

async function token(http: string, key: string, userID: string): Promise<string> {
  const pair = await curl(http, "/token", { method: "POST", token: key, body: { userID } });
  return (pair as { accessToken: string }).accessToken;
}

async function inbox(http: string, accessToken: string): Promise<{ messages: Message[] }> {
  return (await curl(http, "/messages?format=simple", { token: accessToken })) as { messages: Message[] };
}
