/**
 * Who sees what of messages with a text per recipient, confirmed in any order by users and devices, against a model that
 * remembers everything. A failure names its seed; `ROOST_MODEL_SEEDS=<count>` runs more of them.
 */
import { expect, test } from "bun:test";
import { openStopped } from "../support/open-stopped.ts";
import { createRandom, type Random } from "../support/random.ts";
import { startTestServer } from "../support/server.ts";
import { asBackend, call, inboxOf, room, say } from "./client.ts";
import { outgoing } from "./signing.ts";

type Server = Awaited<ReturnType<typeof startTestServer>>;

interface Reader {
  readonly userID: string;
  readonly device: string | undefined;
  readonly token: string;
  readonly guid: string;
}

interface Said {
  readonly id: string;
  readonly by: Reader;
  /** By GUID; undefined where it was said to all. */
  readonly texts: ReadonlyMap<string, string> | undefined;
  readonly text: string;
  readonly confirmedBy: Set<Reader>;
}

const userIDs = ["anna", "ben", "carl"];
const steps = 60;

async function cast(server: Server): Promise<Reader[]> {
  const readers: Reader[] = [];
  const guids = await room(server, "team", ...userIDs);
  for (const [at, userID] of userIDs.entries()) {
    for (const clientID of [undefined, "phone", "desk"]) {
      const made = await asBackend(server, "POST /token", { userID, clientID });
      const { accessToken } = JSON.parse(made.text);
      const owner = (await server.domain.accounts.logInWithToken(accessToken, "")).user;
      const guid = clientID === undefined ? guids[at] : await guidOfDevice(server, owner.userId, clientID);
      readers.push({ userID, device: clientID, token: accessToken, guid: guid ?? "" });
    }
  }
  return readers;
}

/** Devices have no route of their own that shows one without a key. */
async function guidOfDevice(server: Server, userId: number, name: string): Promise<string> {
  using db = openStopped(`${server.dataDir}/roost.db`, { readonly: true });
  const row = db
    .query<{ guid: string }, [number, string]>("SELECT guid FROM devices WHERE user_id = ? AND name = ?")
    .get(userId, name);
  return row?.guid ?? "";
}

/** What this reader is to see of a message; undefined where it is not for them. */
function shownTo(reader: Reader, said: Said, readers: readonly Reader[]): string | undefined {
  if (said.texts === undefined) return said.by.userID === reader.userID ? undefined : said.text;
  const user = readers.find((one) => one.userID === reader.userID && one.device === undefined);
  return said.texts.get(reader.guid) ?? said.texts.get(user?.guid ?? "");
}

/** A device's confirmation is its user's too; the user's own is no device's. */
const hasConfirmed = (reader: Reader, { confirmedBy }: Said): boolean =>
  [...confirmedBy].some((one) => one === reader || (reader.device === undefined && one.userID === reader.userID));

async function wander(random: Random): Promise<void> {
  let server = await startTestServer({ env: { ROOST_DURABILITY: "os" } });
  try {
    const readers = await cast(server);
    const log: Said[] = [];
    for (let step = 0; step < steps; step += 1) {
      const by = random.pick(readers);
      if (random.chance(0.45)) {
        log.push(random.chance(0.7) ? await address(server, by, step) : await sayToAll(server, by, step));
      } else {
        await confirmSome(server, by);
      }
      if (random.chance(0.1)) {
        const next = await server.restart();
        await server[Symbol.asyncDispose]();
        server = next;
      }
      if (random.chance(0.3)) await compare(server, random.pick(readers));
    }
    for (const reader of readers) await compare(server, reader);

    async function address(on: Server, sender: Reader, step: number): Promise<Said> {
      const chosen = readers.filter(() => random.chance(0.3));
      const to = chosen.length === 0 ? [random.pick(readers)] : chosen;
      const texts = new Map(to.map(({ guid, userID, device }) => [guid, `${step} for ${userID} ${device ?? ""}`]));
      const batch = outgoing([{ chatID: "team", clientHash: `${step}`, to: Object.fromEntries(texts) }]);
      const answer = await call(on, "POST /messages", { as: sender.token, body: { outgoingEvents: batch } });
      expect([answer.status, answer.text.slice(0, 22)]).toEqual([200, '{"outgoingEventsResult']);
      const id = JSON.parse(answer.text).outgoingEventsResult.messages[0].messageID;
      const user = readers.find((one) => one.userID === sender.userID && one.device === undefined);
      texts.delete(sender.guid);
      texts.delete(user?.guid ?? "");
      return { id, by: sender, texts, text: "", confirmedBy: new Set() };
    }

    async function sayToAll(on: Server, sender: Reader, step: number): Promise<Said> {
      const answer = await say(on, sender.token, "team", `${step} for all`);
      const id = JSON.parse(answer.text).message_id;
      return { id, by: sender, texts: undefined, text: `${step} for all`, confirmedBy: new Set() };
    }

    /** Also messages that are not for the reader, which changes nothing. */
    async function confirmSome(on: Server, reader: Reader): Promise<void> {
      const chosen = log.filter(() => random.chance(0.2));
      const statuses = chosen.map(({ id }) => ({
        messageID: id,
        clientHash: id,
        messageStatus: random.chance(0.8) ? "delivered" : "read",
      }));
      const body = { outgoingEvents: outgoing([], statuses) };
      expect((await call(on, "POST /messages", { as: reader.token, body })).status).toBe(200);
      for (const [at, said] of chosen.entries()) {
        if (statuses[at]?.messageStatus !== "delivered" || shownTo(reader, said, readers) === undefined) continue;
        said.confirmedBy.add(reader);
      }
    }

    async function compare(on: Server, reader: Reader): Promise<void> {
      const { messages } = await inboxOf(on, reader.token, "&limit=100");
      const expected = log.flatMap((said) => {
        const text = shownTo(reader, said, readers);
        return text === undefined || hasConfirmed(reader, said) ? [] : [text];
      });
      const who = `${reader.userID} ${reader.device ?? ""}`;
      // A hundred of messages and events together: what is there is the oldest of what is expected.
      const got = messages.map(({ content }) => content);
      expect([who, got]).toEqual([who, expected.slice(0, got.length)]);
      if (got.length < 40) expect([who, got.length]).toEqual([who, expected.length]);
    }
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

const seeds = Number(process.env["ROOST_MODEL_SEEDS"] ?? 3);
const first = Math.floor(Math.random() * 2 ** 31);

test(
  `${seeds} conversations agree with the model`,
  async () => {
    for (let seed = first; seed < first + seeds; seed += 1) {
      try {
        await wander(createRandom(seed));
      } catch (error) {
        throw new Error(`failed with seed ${seed}`, { cause: error });
      }
    }
  },
  20_000 + seeds * 10_000,
);
