/** What docs/one-conversation.md says that both sides see of each act, held against what their programs saw. */
import { type Acts, type Before, edited, type Marks, reaction, type State, type Stored, type Visit } from "./acts.ts";
import type { Client, Door, Heard } from "./client.ts";
import { download } from "./programs.ts";
import type { Pair, Stage } from "./stage.ts";
import { digest, must } from "./table.ts";

const tellsDelivered: Record<Door, boolean> = {
  mosquitto: true,
  "mqtt.js": true,
  websockets: true,
  curl: true,
  erlang: false,
};
/** Told of who comes and goes. */
const tellsMembers: Record<Door, boolean> = {
  mosquitto: false,
  "mqtt.js": false,
  websockets: true,
  curl: true,
  erlang: true,
};
/** Told of who left when it comes back, too. */
const keepsLeaving: Record<Door, boolean> = { ...tellsMembers, websockets: false };

export interface Scene {
  readonly stage: Stage;
  readonly pair: Pair;
  readonly state: State;
  readonly before: Before;
  readonly acts: Acts;
  readonly marks: Marks;
  /** What the sender said when the receiver was back. */
  readonly back: Stored;
}

const since = ({ ear }: Client, mark: number): Heard[] => ear.items.slice(mark);

export const readThrough =
  (user: string, { id, seq }: { id: string; seq: number }) =>
  (one: Heard): boolean =>
    one.what === "receipt" && one.user === user && ((one.read ?? 0) >= seq || Number(one.readId ?? 0) >= Number(id));

export const deliveredThrough =
  (user: string, { seq }: { seq: number }) =>
  (one: Heard): boolean =>
    one.what === "receipt" && one.user === user && (one.delivered ?? 0) >= seq;

/** One id, one seq, the same bytes. MiniOICQ has no bytes: what is no text is the base64 of it, at the other doors too (O14). */
export async function message(scene: Scene, sent: Stored, chat = scene.pair.fromPlace.chat): Promise<string> {
  const { stage, pair, marks } = scene;
  const { from, to } = pair;
  const heard = await to.ear.hears(
    `message ${sent.id}`,
    ({ what, id }) => what === "message" && id === sent.id,
    marks.to,
  );
  must(`the receiver's seq ${heard.seq} is not ${sent.seq}`, heard.seq === undefined || heard.seq === sent.seq);
  must(`the sender's seq ${sent.told} is not ${sent.seq}`, sent.told === undefined || sent.told === sent.seq);
  must(`${heard.chat} is not the chat ${chat}`, heard.chat === chat);
  must(`it is ${heard.type}, not ${sent.type}`, heard.type === sent.type);
  must(`sent by ${heard.user}`, heard.user === from.user.userId);
  const content = heard.content ?? (await download(stage.http, to.user.token, heard.file ?? ""));
  const isBase64 =
    heard.content !== undefined && sent.type !== "text" && from.door === "websockets" && to.door !== "websockets";
  const expected = isBase64 ? Buffer.from(sent.content.toString("base64")) : sent.content;
  must(`the content is another one: ${JSON.stringify(content.toString().slice(0, 200))}`, content.equals(expected));
  const by = heard.content === undefined ? ` by GET /_/files/${heard.file?.slice(0, 8)}` : "";
  const form = isBase64 ? " (the base64 that MiniOICQ carries it in)" : "";
  return `id ${heard.id} seq ${heard.seq ?? "–"} ${heard.type} ${digest(content)}${form}${by} on ${heard.as}`;
}

/** The receipt at the sender's door. */
export async function receipt({ pair, marks, acts }: Scene, sent: Stored): Promise<string> {
  const { from, to } = pair;
  const own = to.user.userId;
  const mine = (fits: (one: Heard) => boolean) => (one: Heard) => one.chat === pair.fromPlace.chat && fits(one);
  const read = await from.ear.hears(`read ${acts.reply.seq}`, mine(readThrough(own, acts.reply)), marks.from);
  const readAs = `read ${read.read ?? `id ${read.readId}`} on ${read.as}`;
  if (!tellsDelivered[from.door]) return `; its sender: no word for delivered, ${readAs}`;
  const delivered = await from.ear.hears(`delivered ${sent.seq}`, mine(deliveredThrough(own, sent)), marks.from);
  return `; its sender: delivered ${delivered.delivered}, ${readAs}`;
}

/** A change of a message that the receiver had: heard, or found by asking. */
export async function change(scene: Scene, what: "edited" | "deleted" | "reacted", was: Stored): Promise<string> {
  const { pair, marks, state, before } = scene;
  const { to, toPlace } = pair;
  const hasWord = what !== "reacted" || pair.from.react !== undefined;
  const isIt = (one: Heard): boolean => one.what === what && one.id === was.id;
  if (state === "online" && hasWord && !(what === "reacted" && to.door === "erlang")) {
    const heard = await to.ear.hears(`${what} ${was.id}`, isIt, marks.to);
    must(`seq ${heard.seq} is not ${was.seq}`, heard.seq === undefined || heard.seq === was.seq);
    must("the content is another one", what !== "edited" || heard.content?.toString() === edited);
    must(`reacted with ${heard.reaction}`, what !== "reacted" || heard.reaction === reaction);
    return `id ${heard.id} seq ${heard.seq ?? "–"} on ${heard.as}`;
  }
  must(`${what} was told of while away`, !since(to, marks.to).some(isIt));
  const found = (await to.changes(toPlace, before.revision)).find(({ id }) => id === was.id);
  if (!hasWord) {
    must("there is a reaction", found === undefined || found.reactions.length === 0);
    return "the sender's door has no word for it";
  }
  must("it is not among the changes", found !== undefined);
  if (what === "edited") must("the content is another one", found?.content?.toString() === edited);
  must("it is deleted", found?.deleted === (what === "deleted"));
  if (what !== "reacted") return `asked: id ${was.id} ${what} in ${found?.as}`;
  if (to.door === "erlang") return "the receiver's door has no word for it";
  must("the reaction is not there", found?.reactions.includes(reaction) === true);
  return `asked: id ${was.id} ${found?.reactions.join(" ")} in ${found?.as}`;
}

/** How far the sender got with a message of the receiver. */
export async function reached(scene: Scene, what: "delivered" | "read"): Promise<string> {
  const { pair, marks, state, acts, back } = scene;
  const { from, to, toPlace } = pair;
  const own = from.user.userId;
  const fits = (what === "delivered" ? deliveredThrough : readThrough)(own, acts.theirs);
  const inChat = (one: Heard) => one.chat === toPlace.chat && fits(one);
  const got = from.ear.items.find(({ what: kind, id }) => kind === "message" && id === acts.theirs.id);
  must(`the sender got seq ${got?.seq}`, got?.seq === undefined || got.seq === acts.theirs.seq);
  must("the sender got another content", got?.content?.equals(acts.theirs.content) === true);
  if (what === "delivered" && !tellsDelivered[to.door]) return "no word for it: not told";
  if (state === "online" || to.door === "curl") {
    const heard = await to.ear.hears(`${what} ${acts.theirs.seq}`, inChat, marks.to);
    return `${what} ${heard.delivered ?? heard.read ?? heard.readId} of ${acts.theirs.seq} on ${heard.as}`;
  }
  // What is told from here on is of what was said when the receiver was back.
  if (to.door === "erlang") {
    // A Contact says no more than how far was read, so what was said when the receiver was back brings it.
    const heard = await to.ear.hears(`${what} ${acts.theirs.id}`, inChat, marks.to);
    return `lost while away; with the next receipt: read id ${heard.readId} on ${heard.as}`;
  }
  const early = since(to, marks.to).find((one) => inChat(one) && !deliveredThrough(own, back)(one));
  must(`it was kept for a client that was away: ${JSON.stringify(early)}`, early === undefined);
  if (to.positions === undefined) return "lost while away, and no word to ask";
  const position = (await to.positions(toPlace, acts.theirs)).find(({ user }) => user === own);
  must(`asked, it is ${JSON.stringify(position)}`, (position?.[what] ?? 0) >= acts.theirs.seq);
  return `asked: ${what} ${position?.[what]} in ${position?.as}`;
}

export async function typing({ pair, marks, state }: Scene): Promise<string> {
  const { from, to, toPlace } = pair;
  const isIt = (one: Heard): boolean =>
    one.what === "typing" && one.user === from.user.userId && one.chat === toPlace.chat;
  if (state === "online") await to.ear.hears("the end of typing", (one) => isIt(one) && one.typing === false, marks.to);
  const heard = since(to, marks.to).filter(isIt);
  const seen = heard.map((one) => one.typing).join();
  must(`typing was heard as ${seen}`, seen === (state === "online" ? "true,false" : ""));
  return state === "online" ? `true, false on ${heard[0]?.as}` : "lost while away";
}

export async function join(scene: Scene, { group, inGroup }: Visit): Promise<string> {
  const { pair, marks } = scene;
  const { from, to } = pair;
  const { chat } = group;
  const entered = (user: string) => (one: Heard) =>
    one.what === "entered" && one.chat === chat && one.users?.includes(user) === true;
  const text = await message(scene, inGroup, chat);
  const by = from.groups === undefined ? "by a backend" : "by its own door";
  const own = to.user.userId;
  const isTold = tellsMembers[to.door];
  const told = isTold ? (await to.ear.hears(`that it entered ${chat}`, entered(own), marks.to)).as : "not told";
  must("it was told that it entered", isTold || !since(to, marks.to).some(entered(own)));
  const older = tellsMembers[from.door]
    ? (await from.ear.hears(`that another one entered ${chat}`, entered(own), marks.from)).as
    : "not told";
  return `${by}; ${told}; ${text}; the older member: ${older}`;
}

export async function leave(scene: Scene, { group, behind }: Visit): Promise<string> {
  const { pair, marks, state } = scene;
  const { from, to } = pair;
  const { chat } = group;
  const own = from.user.userId;
  const left = (one: Heard): boolean => one.what === "left" && one.chat === chat && one.users?.includes(own) === true;
  const isTold = state === "online" ? tellsMembers[to.door] : keepsLeaving[to.door];
  const told = isTold ? (await to.ear.hears(`that another one left ${chat}`, left, marks.to)).as : "not told";
  must("it was told that another one left", isTold || !since(to, marks.to).some(left));
  const members = await to.groups?.members(group);
  must(`the members are ${members?.join()}`, members?.includes(own) !== true);
  const asked = isTold || members === undefined ? "" : "; asked: it is no member";
  // Both have heard what was said elsewhere after that.
  const overheard = since(from, marks.from).some(({ id }) => id === behind.id);
  must("who left heard what was said behind", !overheard);
  return `${told}${asked}; who left heard nothing more`;
}
