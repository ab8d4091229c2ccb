/** docs/protocols/minioicq.md tells everything the door may say, and the clients it prints work as they stand. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { websocketSettings } from "../../src/config/websocket-settings.ts";
import { closeCode } from "../../src/minioicq/errors.ts";
import { LineProcess } from "../support/processes.ts";
import { pythonWith } from "../support/programs.ts";
import { startTestServer } from "../support/server.ts";
import { actionNames } from "./action-names.ts";
import { catalog } from "./catalog.ts";
import { type Action, MiniClient } from "./client.ts";

const root = join(import.meta.dir, "../..");
const document = readFileSync(join(root, "docs/protocols/minioicq.md"), "utf8");

/** What stands below a heading, up to the next of the same level or above. */
function sectionOf(heading: string): string {
  const at = document.indexOf(`\n${heading}\n`);
  if (at === -1) return "";
  const rest = document.slice(at + heading.length + 2);
  const level = heading.indexOf(" ");
  return rest.split(new RegExp(`^#{1,${level}} `, "m"))[0] ?? "";
}

test.each([...actionNames])("%s has a section with each of its fields and its answer", (action) => {
  const section = sectionOf(`### \`${action}\``);
  const { fields = {}, answer } = catalog[action] ?? {};
  for (const field of [...Object.keys(fields).map((path) => path.split(".").at(-1)), answer].filter(isText)) {
    expect({ action, field, told: section.includes(field) }).toEqual({ action, field, told: true });
  }
  expect(section.length).toBeGreaterThan(10);
});

const isText = (value: string | undefined): value is string => value !== undefined;

/** Words of the domain's that this door has no occasion for: it makes neither devices nor tokens. */
const unheard = new Set(["Invalid device", "Token not found", "Too many tokens", "Invalid scopes", "Account full"]);

test("every reason and every close code is told", () => {
  const folder = join(root, "src/minioicq");
  const files = readdirSync(folder, { recursive: true }).map(String);
  const sources = files.filter((file) => file.endsWith(".ts")).map((file) => readFileSync(join(folder, file), "utf8"));
  const code = sources.join("\n").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  const reasons = new Set([...code.matchAll(/"([A-Z][a-z]+(?:,? [A-Za-z_]+)+)"/g)].map(([, words = ""]) => words));
  expect(reasons.size).toBeGreaterThan(30);
  const untold = [...reasons].filter((reason) => !unheard.has(reason) && !document.includes(`\`${reason}\``));
  expect(untold).toEqual([]);
  const codes = sectionOf("## Close codes");
  expect(Object.values(closeCode).filter((one) => !codes.includes(`| ${one} |`))).toEqual([]);
});

test("the printed frames of a log-in name do what they show", async () => {
  const [, printed = ""] = /```json\n([\s\S]*?)```/.exec(sectionOf("### `login_name.set`")) ?? [];
  const [set, success, logIn] = printed
    .trimEnd()
    .split("\n")
    .map((frame) => JSON.parse(frame) as Action);
  if (set === undefined || logIn === undefined) throw new Error("no frames are printed");
  await using server = await startTestServer();
  using client = await MiniClient.connect(server.http, "json");
  const registration = { action: "auth.register", user_name: "Mia", password: set["password"] };
  const { user_id: id } = await client.ask(registration);
  expect(await client.ask(set)).toEqual(success as Action);
  using again = await MiniClient.connect(server.http, "json");
  expect(await again.ask(logIn)).toMatchObject({ user_id: id, login_name: set["login_name"] });
  const taken = await again.ask({ ...registration, login_name: set["login_name"] });
  expect(taken).toEqual({ action: "auth.register.fail", reason: "Login name taken" });
});

test("the printed frame of a hook makes one, and its address takes a message", async () => {
  const [, printed = ""] = /```json\n([\s\S]*?)```/.exec(sectionOf("### `hook.add`")) ?? [];
  await using server = await startTestServer();
  using client = await MiniClient.connect(server.http, "json");
  await client.register("Mia");
  const { chat_id: chat } = await client.ask({ action: "chat.create", members: [] });
  const made = await client.ask({ ...(JSON.parse(printed) as Action), chat_id: chat });
  expect(made).toMatchObject({ action: "hook.add.success", chat_id: chat, name: "cron" });
  await client.fence();
  const posted = await fetch(`http://${server.http}${String(made["path"])}`, { method: "POST", body: "hello" });
  expect(posted.status).toBe(200);
  expect(await client.pushes(1)).toMatchObject([{ content: "hello", sender: made["hook_id"] }]);
  const listed = { hooks: [{ hook_id: made["hook_id"], name: "cron" }] };
  expect(await client.ask({ action: "hook.list", chat_id: chat })).toMatchObject(listed);
  const removed = await client.ask({ action: "hook.remove", hook_id: made["hook_id"] });
  expect(removed).toEqual({ action: "hook.remove.success", hook_id: made["hook_id"] });
});

/** A request and its answers, as the first block of a section prints them. */
function framesOf(heading: string): Action[] {
  const [, printed = ""] = /```json\n([\s\S]*?)```/.exec(sectionOf(heading)) ?? [];
  return printed
    .trimEnd()
    .split("\n")
    .map((frame) => JSON.parse(frame) as Action);
}

/** What is printed, but for pictures and times, which no one can know before. */
function alike(printed: unknown): unknown {
  if (Array.isArray(printed)) return printed.map(alike);
  if (typeof printed !== "object" || printed === null) return printed;
  const known = Object.entries(printed).map(([key, value]) => {
    if (key === "avatar" && String(value).endsWith("…")) return [key, expect.stringMatching(/^iVBORw0K/)];
    return [key, /^\d{4}-\d\d-\d\dT.*Z$/.test(String(value)) ? expect.stringMatching(/^\d{4}-.*Z$/) : alike(value)];
  });
  return Object.fromEntries(known);
}

/** Asks what is printed, and is answered as printed; what comes unasked is left out. */
async function play(client: MiniClient, action: string): Promise<void> {
  const [request, answer] = framesOf(`### \`${action}\``);
  if (request === undefined || answer === undefined) throw new Error(`${action} has no frames`);
  expect<unknown>([request.action, answer.action]).toEqual([action, `${action}.success`]);
  client.say(request);
  const answers = (await client.fence()).filter((one) => one.action.startsWith(`${action}.`));
  expect<unknown>(answers).toEqual([alike(answer)]);
}

test("the printed frames of contacts, of a search for users and of a nick do what they show", async () => {
  await using server = await startTestServer();
  using mia = await MiniClient.connect(server.http, "json");
  using bob = await MiniClient.connect(server.http, "json");
  // They are 10001 and 10002, as printed.
  await mia.register("Mia");
  await bob.register("Bob");
  await bob.ask({ action: "contact.request", user_id: "10001" });
  await play(mia, "contact.list");
  for (const action of ["contact.revoke", "contact.request"]) await play(mia, action);
  await play(bob, "contact.confirm");
  for (const action of ["user.search", "profile.set"]) await play(mia, action);
});

test("the printed frames of a list of chats and of what a server says of itself do what they show", async () => {
  await using server = await startTestServer();
  using mia = await MiniClient.connect(server.http, "json");
  using bob = await MiniClient.connect(server.http, "json");
  const [ask, told] = framesOf("### `server.info`");
  const said = await mia.ask(ask ?? {});
  const { limits } = told as unknown as { limits: object };
  expect<unknown>(said).toEqual({
    ...told,
    version: expect.any(String),
    epoch: server.domain.epoch,
    limits: { ...limits, password_min_length: expect.any(Number) },
  });
  await mia.register("Mia");
  await bob.register("Bob");
  const { chat_id: quiet } = await mia.ask({ action: "chat.create", members: ["10002"], name: "Team" });
  await mia.ask({ action: "chat.create", members: [] });
  const [request, answer] = framesOf("### `chat.list`") as unknown as [Action, { epoch: string; chats: [Last] }];
  interface Last {
    readonly last_message: { readonly content: string };
  }
  mia.send(quiet, "When is it open?");
  await mia.fence();
  bob.send(quiet, answer.chats[0].last_message.content);
  await bob.fence();
  await mia.ask({ action: "message.read", chat_id: quiet, seq: 1 });
  await mia.fence();
  expect<unknown>(await mia.ask(request)).toEqual({ ...(alike(answer) as object), epoch: server.domain.epoch });
});

test("the printed frames of pictures do what they show", async () => {
  await using server = await startTestServer();
  using mia = await MiniClient.connect(server.http, "json");
  await mia.ask({ action: "auth.register", user_name: "Mia", password: "correct horse" });
  await mia.ask({ action: "auth.register", user_name: "Bob", password: "correct horse" });
  await mia.ask({ action: "chat.create", members: [] });
  await play(mia, "chat.avatar.set");
  const [logIn] = framesOf("### Avatars");
  const { avatar } = await mia.ask(logIn ?? {});
  const picture = await fetch(`http://${server.http}${String(avatar)}`);
  expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/png"]);
});

test("the printed frames of a forgotten password do what they show", async () => {
  await using server = await startTestServer({ env: { ROOST_SMS_TEST_NUMBERS: "447400123456=123456" } });
  const address = "127.0.0.1";
  const phone = { devKey: "k", phone: "447400123456", clientId: undefined, language: undefined };
  const { token } = await server.domain.phoneSessions.issue({ ...phone, address, token: undefined });
  await server.domain.phoneSessions.verify({ address, token, code: "123456" });
  using client = await MiniClient.connect(server.http, "json");
  await play(client, "password.forgot");
  const [request] = framesOf("### `password.reset`");
  if (request === undefined) throw new Error("no frame is printed");
  // The answer does not wait until the code is made.
  let answer = await client.ask(request);
  for (let n = 0; n < 5 && answer.action !== "password.reset.success"; n += 1) answer = await client.ask(request);
  expect<unknown>([answer]).toEqual(framesOf("### `password.reset`").slice(1));
  const logIn = { action: "auth.login", user_id: request["user_id"], password: request["password"] };
  expect(await client.ask(logIn)).toMatchObject({ action: "auth.login.success" });
});

test("the printed frames of a phone link it and unlink it, and those of a password its end", async () => {
  await using server = await startTestServer({ env: { ROOST_SMS_TEST_NUMBERS: "447400123456=123456" } });
  using mia = await MiniClient.connect(server.http, "json");
  await mia.ask({ action: "auth.register", user_name: "Mia", password: "correct horse" });
  for (const action of ["phone.code", "phone.link", "phone.unlink"]) await play(mia, action);
  for (const heading of ["phone.code", "phone.link"]) await mia.ask(framesOf(`### \`${heading}\``)[0] ?? {});
  using other = await MiniClient.connect(server.http, "json");
  const { link } = await mia.ask({ action: "auth.link" });
  await other.ask({ action: "auth.login", link });
  const [end] = framesOf("### `password.unlink`");
  mia.say(end ?? {});
  expect((await mia.closed).code).toBe(1008);
  expect((await other.closed).code).toBe(1008);
});

test("the printed frames of an export give a page of it", async () => {
  await using server = await startTestServer();
  using mia = await MiniClient.connect(server.http, "json");
  await mia.ask({ action: "auth.register", user_name: "Mia", password: "correct horse" });
  await play(mia, "account.export");
});

test("the printed frames of an invitation let someone in", async () => {
  await using server = await startTestServer({ env: { ROOST_REGISTRATION: "invite", ROOST_INVITES: "users" } });
  const { code } = await server.domain.accounts.invite({ uses: 1, lifetimeMs: 60_000 });
  using mia = await MiniClient.connect(server.http, "json");
  await mia.ask({ action: "auth.register", user_name: "Mia", password: "correct horse", invite: code });
  const [request, answer] = framesOf("### `invite.create`");
  const made = await mia.ask(request ?? {});
  expect<unknown>(made).toEqual({ ...(alike(answer) as object), invite: expect.stringMatching(/^ri_[\w-]{32}$/) });
  using bob = await MiniClient.connect(server.http, "json");
  const joining = { action: "auth.register", user_name: "Bob", password: "correct horse", invite: made["invite"] };
  expect(await bob.ask(joining)).toMatchObject({ action: "auth.register.success" });
});

test("the printed frames of a link log in another device, once, and the printed end of an account ends it", async () => {
  await using server = await startTestServer();
  using mia = await MiniClient.connect(server.http, "json");
  const { user_id: id } = await mia.ask({ action: "auth.register", user_name: "Mia", password: "correct horse" });
  const [ask, answer, logIn] = framesOf("### `auth.link`");
  const linked = await mia.ask(ask ?? { action: "auth.link" });
  const link = expect.stringMatching(/^rk_[\w-]{32}$/);
  expect<unknown>(linked).toEqual({ ...(alike(answer) as object), link });
  using other = await MiniClient.connect(server.http, "json");
  const request = { ...logIn, action: "auth.login", link: linked["link"] };
  const first = await other.ask(request);
  expect(first).toMatchObject({ action: "auth.login.success", user_id: id, token: expect.stringMatching(/^ra_/) });
  expect(first).not.toHaveProperty("password");
  using late = await MiniClient.connect(server.http, "json");
  expect(await late.ask(request)).toEqual({ action: "auth.login.fail", reason: "Invalid code" });
  const [end] = framesOf("### `account.delete`");
  if (end === undefined) throw new Error("no frame is printed");
  mia.say(end);
  expect([(await mia.closed).code, (await other.closed).code]).toEqual([1008, 1008]);
  expect(await late.ask({ action: "auth.login", user_id: id, password: "correct horse" })).toMatchObject({
    reason: "User not found",
  });
});

test("the printed frames of presence do what they show", async () => {
  await using server = await startTestServer();
  using mia = await MiniClient.connect(server.http, "json");
  using bob = await MiniClient.connect(server.http, "json");
  await mia.register("Mia");
  await bob.register("Bob");
  await mia.ask({ action: "contact.request", user_id: "10002" });
  bob.say({ action: "contact.confirm", user_id: "10001" });
  for (const client of [bob, mia]) await client.fence();
  const [request, answer, push] = framesOf("### `presence.watch`");
  expect<unknown>(await mia.ask(request ?? {})).toEqual(answer);
  expect<unknown>(await mia.next()).toEqual(push);
  await play(mia, "presence.set");
});

test("the printed frames of a token do what they show", async () => {
  const [add, added, logIn] = framesOf("### `token.add`");
  const [list, listed] = framesOf("### `token.list`");
  const [revoke, revoked] = framesOf("### `token.revoke`");
  if (add === undefined || logIn === undefined || list === undefined || revoke === undefined)
    throw new Error("no frames");
  await using server = await startTestServer();
  using client = await MiniClient.connect(server.http, "json");
  await client.ask({ action: "auth.register", user_name: "Mia", password: add["password"] });
  /** What is printed of a token, with what no one can know before. */
  const alike = (printed: unknown) => ({
    ...(printed as object),
    token_id: expect.stringMatching(/^[0-9a-f]{16}$/),
    created: expect.stringMatching(/Z$/),
    expires: expect.stringMatching(/Z$/),
  });
  const made = await client.ask(add);
  expect<unknown>(made).toEqual({ ...alike(added), token: expect.stringMatching(/^rl_/) });
  const { tokens } = listed as unknown as { tokens: object[] };
  expect(await client.ask(list)).toEqual({ action: "token.list.success", tokens: tokens.map(alike) });
  using other = await MiniClient.connect(server.http, "json");
  const shown = { ...logIn, token: made["token"] };
  expect((await other.ask(shown)).action).toBe("auth.login.success");
  expect(await client.ask({ ...revoke, token_id: made["token_id"] })).toEqual({
    ...(revoked as Action),
    token_id: made["token_id"],
  });
  expect((await other.closed).code).toBe(1008);
  using late = await MiniClient.connect(server.http, "json");
  expect(await late.ask(shown)).toEqual({ action: "auth.login.fail", reason: "Invalid token" });
});

test("every setting of the door is told", () => {
  expect(Object.keys(websocketSettings).filter((key) => !document.includes(`\`${key}`))).toEqual([]);
});

const python = await pythonWith(["websockets", "msgpack"]);

/** The first block of code in that language. */
function printedCode(language: string): string {
  const code = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(document)?.[1];
  if (code === undefined) throw new Error(`the document prints no ${language}`);
  return code;
}

test("the printed clients have about thirty lines", () => {
  for (const language of ["ts", "python"]) expect(printedCode(language).split("\n").length).toBeLessThanOrEqual(40);
});

test.skipIf(python === undefined)(
  "the printed clients talk with each other",
  async () => {
    await using server = await startTestServer();
    const folder = mkdtempSync(join(tmpdir(), "roost-printed-"));
    try {
      const [ts, py] = [join(folder, "client.ts"), join(folder, "client.py")];
      await Promise.all([Bun.write(ts, printedCode("ts")), Bun.write(py, printedCode("python"))]);
      const url = `ws://${server.http}/ws`;
      const inTypeScript = (who: string) => new LineProcess([process.execPath, ts, url, who, "correct horse"]);
      const inPython = (who: string) => new LineProcess([python ?? "python3", py, url, who, "battery staple"]);
      await using mia = inTypeScript("Mia");
      await using max = inPython("Max");
      const [miaId = "", maxId = ""] = [await mia.line("Mia's id"), await max.line("Max's id")].map((line) =>
        line.slice(5),
      );
      expect([miaId, maxId]).toEqual([expect.stringMatching(/^\d+$/), expect.stringMatching(/^\d+$/)]);
      mia.write(`${maxId} hello from TypeScript 🦆`);
      const chat = /^chat (\d+) is Max$/.exec(await mia.line("the chat"))?.[1] ?? "";
      expect(await max.line("the chat")).toBe(`chat ${chat} is Mia`);
      for (const one of [mia, max])
        expect(await one.line("Mia's words")).toBe(`${chat} ${miaId}: hello from TypeScript 🦆`);
      max.write(`${chat} grüße from Python`);
      for (const one of [mia, max]) expect(await one.line("Max's words")).toBe(`${chat} ${maxId}: grüße from Python`);
      mia.write("9 nobody");
      expect(await mia.line("a refusal")).toBe("message.send.fail: Chat not found");
      max.write("");
      expect(await max.line("the end")).toBe("closed: 1000");

      await using again = inPython(maxId);
      expect(await again.line("the id")).toBe(`I am ${maxId}`);
      mia.write(`${chat} once more`);
      expect(await again.line("what is new")).toBe(`${chat} ${miaId}: once more`);
      await using wrong = inTypeScript(maxId);
      expect(await wrong.line("a refusal")).toBe("auth.login.fail: Incorrect password");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);
