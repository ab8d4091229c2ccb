/** What each sender does while the receiver is online, away or cut off, and what its own door answered. */
import type { Client, Heard, Place, Said, Sent } from "./client.ts";
import { SecondClient } from "./second-client.ts";
import type { Pair, Stage } from "./stage.ts";

export const states = ["online", "away", "cut"] as const;
export type State = (typeof states)[number];

/** A message as the history has it: terms have no word for `seq`. */
export interface Stored extends Sent, Said {
  readonly seq: number;
  /** What the sender's door said of it. */
  readonly told: number | undefined;
}

/** Text that a careless door would bend: quotes, newlines, emoji, a null, a combining accent, spaces at the ends. */
const awkward = (what: string): Buffer =>
  Buffer.from(` ${what} "said"\n\tgrüße 👩‍👩‍👧 e\u0301 \\u0041 \u0000</script> `);

/** Every byte there is. */
const picture = Buffer.from([0x89, ...Buffer.from("PNG\r\n\x1a\n"), ...Array.from({ length: 256 }, (_, at) => at)]);

/** 1 MiB that no other cell has. */
function fileOf(name: string): Buffer {
  const file = Buffer.alloc(1024 * 1024);
  let state = Bun.hash.crc32(name) | 1;
  for (let at = 0; at < file.length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    file.writeInt32LE(state, at);
  }
  return file;
}

export const reaction = "👩‍👩‍👧";
export const edited = "edited: grüße \u0000 👍";

/** What is there before: three messages of the sender, which the receiver has, and one of the receiver. */
export interface Before {
  readonly toEdit: Stored;
  readonly toDelete: Stored;
  readonly toReact: Stored;
  readonly mine: Stored;
  readonly revision: number;
}

/** Places in the logs of the two, from which on this state counts. */
export interface Marks {
  readonly from: number;
  readonly to: number;
  readonly second: number;
}

export interface Acts {
  readonly text: Stored;
  readonly image: Stored;
  readonly file: Stored;
  readonly reply: Stored;
  /** Of the receiver's user, which the sender got and read. */
  readonly theirs: Stored;
}

/** How a receiver came to a group of its own, and the sender left it. */
export interface Visit {
  readonly group: Place;
  readonly inGroup: Stored;
  /** What the receiver's user said in the group that the sender had left. */
  readonly behind: Sent;
}

/** Sends, and looks in the history of the chat for what became of it. */
export async function say(
  stage: Stage,
  { pair, by, place }: { pair: Pair; by: Pick<Client, "send">; place: Place },
  said: Said,
): Promise<Stored> {
  const { id, seq: told } = await by.send(place, said);
  const message = (await stage.history(pair.to, place.peer === undefined ? place : pair.toPlace)).find(
    ({ message_id: messageId }) => messageId === id,
  );
  if (message === undefined) throw new Error(`the history has no message ${id}`);
  return { ...said, id, seq: message.seq, told };
}

export const text = (content: string | Buffer) => ({ type: "text", content: Buffer.from(content) }) as const;

export async function prepare(stage: Stage, pair: Pair): Promise<Before> {
  const { from, to, fromPlace, toPlace } = pair;
  const send = (content: string) => say(stage, { pair, by: from, place: fromPlace }, text(content));
  const toEdit = await send("to be edited");
  const toDelete = await send("to be deleted");
  const toReact = await send("to be reacted to");
  await to.ear.hears("what is there before", ({ id }) => id === toReact.id);
  const mine = await say(stage, { pair, by: to, place: toPlace }, text("of the receiver"));
  await from.ear.hears("what the receiver says before", ({ id }) => id === mine.id);
  return { toEdit, toDelete, toReact, mine, revision: await stage.revision(pair) };
}

export async function act(
  stage: Stage,
  pair: Pair,
  parts: { state: State; before: Before; second: SecondClient; secondMark: number },
): Promise<Acts> {
  const { from, to, fromPlace, toPlace } = pair;
  const { state, before, second, secondMark } = parts;
  const own = from.user.userId;
  const name = nameOf(pair, state);
  const send = (said: Said) => say(stage, { pair, by: from, place: fromPlace }, said);
  // In the name of the receiver: by its own door where it is there, else by another client of the same user.
  const receiver = state === "online" ? to : second;
  const told = (what: string, fits: (one: Heard) => boolean, mark = secondMark) =>
    second.ear.hears(
      `${what}, at the receiver's other client`,
      (one) => one.chat === fromPlace.chat && fits(one),
      mark,
    );

  const sentText = await send(text(awkward(name)));
  const image = await send({ type: "image/png", content: picture });
  const file = await send({ type: "application/octet-stream", content: fileOf(name) });
  await from.edit(fromPlace, before.toEdit.id, edited);
  await from.remove(fromPlace, before.toDelete.id);
  const reply = await send({ ...text(`in answer to you, ${name}`), replyTo: before.mine.id });
  await from.react?.(fromPlace, before.toReact.id, reaction);

  // The sender's client confirms what it gets, as clients of its door do.
  const theirs = await say(stage, { pair, by: receiver, place: toPlace }, text(`for ${from.door}, ${state}`));
  await from.ear.hears("what the receiver's user says", ({ id }) => id === theirs.id);
  const isReceipt = (reached: "delivered" | "read") => (one: Heard) =>
    one.what === "receipt" && one.user === own && (one[reached] ?? 0) >= theirs.seq;
  await told("delivered", isReceipt("delivered"));
  await from.read(fromPlace, theirs);
  await told("read", isReceipt("read"));

  // What was said in the state before ends at the latest when this begins.
  const types = (on: boolean) => (one: Heard) => one.what === "typing" && one.user === own && one.typing === on;
  await from.typing(fromPlace, true);
  const began = second.ear.items.indexOf(await told("typing", types(true)));
  await from.typing(fromPlace, false);
  await told("the end of typing", types(false), began);
  return { text: sentText, image, file, reply, theirs };
}

const nameOf = ({ from, to, fromPlace }: Pair, state: State): string =>
  `${from.door} to ${to.door}, ${state}${fromPlace.peer === undefined ? ", in a group" : ""}`;

export async function visit(stage: Stage, pair: Pair, parts: { state: State; second: SecondClient }): Promise<Visit> {
  const { from, to } = pair;
  const { state, second } = parts;
  const receiver = state === "online" ? to : second;
  const group = await makeGroup(stage, pair, `${from.door}.${state}`.replace(/[^a-z.]/g, ""));
  const inGroup = await say(stage, { pair, by: from, place: group }, text(`welcome, ${nameOf(pair, state)}`));
  // Whoever is there has it before the sender leaves.
  if (state === "online") await to.ear.hears("a message in the group", ({ id }) => id === inGroup.id);
  await leave(stage, pair, group);
  const behind = await receiver.send(group, text(`behind your back, ${from.door}`));
  return { group, inGroup, behind };
}

/** The host and the sender are there when the receiver is added. */
async function makeGroup(stage: Stage, { from, to }: Pair, chatID: string): Promise<Place> {
  if (from.groups !== undefined) {
    const group = await from.groups.make([stage.host]);
    await from.groups.add(group, to.user);
    return group;
  }
  const path = `/chats/${chatID}/users`;
  await stage.asBackend("PUT", path, { users: [stage.host.userID, from.user.userID] });
  await stage.asBackend("PUT", path, { users: [to.user.userID] });
  return { peer: undefined, chat: await stage.chatNumber(from.user, chatID), name: chatID };
}

async function leave(stage: Stage, { from }: Pair, group: Place): Promise<void> {
  if (from.groups !== undefined) await from.groups.leave(group);
  else await stage.asBackend("DELETE", `/chats/${group.name}/users`, { users: [from.user.userID] });
}

/** By its own door where that has a word for it, else by another client of the same user. */
export async function block(stage: Stage, { from, to }: Pair, on: boolean): Promise<string> {
  if (from.block !== undefined && from.unblock !== undefined) {
    await (on ? from.block(to.user) : from.unblock(to.user));
    return "by its own door";
  }
  using second = await SecondClient.of(stage.http, from.user);
  await (on ? second.block(to.user) : second.unblock(to.user));
  return "no word: by another client of the user";
}
