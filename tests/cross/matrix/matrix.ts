/** One receiver's door against every sender's: online, away, and cut off and resumed. */
import {
  act,
  type Before,
  block,
  type Marks,
  prepare,
  type State,
  type Stored,
  say,
  states,
  text,
  type Visit,
  visit,
} from "./acts.ts";
import {
  change,
  deliveredThrough,
  join,
  leave,
  message,
  reached,
  readThrough,
  receipt,
  type Scene,
  typing,
} from "./checks.ts";
import type { Door, Heard } from "./client.ts";
import { SecondClient } from "./second-client.ts";
import { type Pair, Stage } from "./stage.ts";
import { type Column, type InGroups, must, Table } from "./table.ts";

export async function matrixTo(to: Door, python: string): Promise<Table> {
  const table = new Table();
  await using stage = await Stage.start(to, python);
  for (const state of states) await inState(stage, state, table);
  return table;
}

async function goAway({ to }: Stage, state: State): Promise<void> {
  if (state === "away") await to.stop();
  if (state === "cut") to.cut();
}

async function comeBack({ to }: Stage, state: State): Promise<void> {
  if (state === "away") await to.start();
  if (state === "cut") await to.resume();
}

const marksOf = ({ from, to }: Pair, second: SecondClient): Marks => ({
  from: from.ear.items.length,
  to: to.ear.items.length,
  second: second.ear.items.length,
});

async function inState(stage: Stage, state: State, table: Table): Promise<void> {
  using second = await SecondClient.of(stage.http, stage.to.user);
  const pairs = [...stage.pairs, ...stage.groups];
  const befores = await Promise.all(pairs.map((pair) => prepare(stage, pair)));
  await goAway(stage, state);
  const scenes = await Promise.all(
    pairs.map(async (pair, at) => {
      const marks = marksOf(pair, second);
      const before = befores[at] as Before;
      const acts = await act(stage, pair, { state, before, second, secondMark: marks.second });
      const visited = pair.fromPlace.peer === undefined ? undefined : await visit(stage, pair, { state, second });
      return { stage, pair, state, before, marks, acts, visited };
    }),
  );
  const early = scenes.map((scene) => (state === "online" ? [] : earlyReceipts(scene)));
  await comeBack(stage, state);
  await Promise.all(scenes.map((scene, at) => look(scene, table, early[at] ?? [])));
  await goAway(stage, state);
  const blocked = await Promise.all(stage.pairs.map((pair) => sayBlocked(stage, pair, second)));
  await comeBack(stage, state);
  await Promise.all(
    blocked.map((scene) =>
      table.cell({ from: scene.pair.from.door, to: scene.pair.to.door, state, column: "block" }, () =>
        lookBlocked(scene),
      ),
    ),
  );
}

/** What was said in a direct chat, where the receiver visited a group besides, or in a group. */
type Acted = Omit<Scene, "back"> & { readonly visited: Visit | undefined };

/** While the receiver is away, its receipts are lies. */
const earlyReceipts = ({ pair, acts, marks }: Acted): Heard[] => {
  const own = pair.to.user.userId;
  const fits = (one: Heard) => deliveredThrough(own, acts.text)(one) || readThrough(own, acts.text)(one);
  return pair.from.ear.items.slice(marks.from).filter((one) => one.chat === pair.fromPlace.chat && fits(one));
};

/** The receiver is there again, and has what it missed; both say one thing more, which everything before comes ahead of. */
async function look(acted: Acted, table: Table, early: readonly Heard[]): Promise<void> {
  const { stage, pair, state, acts, before, marks, visited } = acted;
  const { from, to, fromPlace, toPlace } = pair;
  const back = await say(stage, { pair, by: from, place: fromPlace }, text("are you there?"));
  const scene: Scene = { ...acted, back };
  const cell = (of: InGroups, check: () => Promise<string>) => {
    const column: Column = visited === undefined ? `${of} in a group` : of;
    return table.cell({ from: from.door, to: to.door, state, column }, check);
  };
  const answer = await to.ear
    .hears("what was said when it was back", ({ id }) => id === back.id, marks.to)
    .then(() => to.send(toPlace, text("here I am")));
  await from.ear.hears("the answer", ({ id }) => id === answer.id, marks.from);
  await to.read(toPlace, acts.reply);

  for (const column of ["text", "image", "file", "reply"] as const) {
    await cell(column, async () => {
      const seen = await message(scene, acts[column]);
      const ids = to.ear.items.slice(marks.to).filter(({ what, id }) => what === "message" && id === acts[column].id);
      must(`it came ${ids.length} times`, ids.length === 1);
      must(`it answers ${ids[0]?.replyTo}`, ids[0]?.replyTo === (column === "reply" ? before.mine.id : undefined));
      must(`a receipt from a client that is away: ${JSON.stringify(early)}`, early.length === 0);
      return (
        seen + (column === "reply" ? ` in answer to ${ids[0]?.replyTo}` : "") + (await receipt(scene, acts[column]))
      );
    });
  }
  await cell("edit", () => change(scene, "edited", before.toEdit));
  await cell("delete", () => change(scene, "deleted", before.toDelete));
  await cell("reaction", () => change(scene, "reacted", before.toReact));
  await cell("delivered", () => reached(scene, "delivered"));
  await cell("read", () => reached(scene, "read"));
  await cell("typing", () => typing(scene));
  if (visited === undefined) return;
  const where = { from: from.door, to: to.door, state };
  await table.cell({ ...where, column: "join" }, () => join(scene, visited));
  await table.cell({ ...where, column: "leave" }, () => leave(scene, visited));
}

interface Blocked {
  readonly stage: Stage;
  readonly pair: Pair;
  readonly marks: Marks;
  readonly second: SecondClient;
  readonly how: string;
  readonly still: Stored;
}

/** The sender blocks the receiver, and says something all the same. */
async function sayBlocked(stage: Stage, pair: Pair, second: SecondClient): Promise<Blocked> {
  const { from, fromPlace } = pair;
  const how = await block(stage, pair, true);
  const marks = marksOf(pair, second);
  await from.typing(fromPlace, true);
  await from.typing(fromPlace, false);
  const still = await say(stage, { pair, by: from, place: fromPlace }, text("I may still write"));
  return { stage, pair, marks, second, how, still };
}

async function lookBlocked({ stage, pair, marks, second, how, still }: Blocked): Promise<string> {
  const { from, to, fromPlace, toPlace } = pair;
  const own = to.user.userId;
  const inChat = (fits: (one: Heard) => boolean) => (one: Heard) => one.chat === fromPlace.chat && fits(one);
  const heard = await to.ear.hears("what the blocking user says", ({ id }) => id === still.id, marks.to);
  must("the content is another one", heard.content?.equals(still.content) === true);
  const refusal = await to.refused(toPlace);
  // The receiver's other client is told of its own user, in the moment in which the sender is not.
  await second.ear.hears("its own user's receipt", inChat(deliveredThrough(own, still)), marks.second);
  const told = from.ear.items.slice(marks.from).filter(inChat(deliveredThrough(own, still)));
  must(`the blocking user hears ${JSON.stringify(told)}`, told.length === 0);
  const typed = to.ear.items
    .slice(marks.to)
    .filter(inChat(({ what, user }) => what === "typing" && user === from.user.userId));
  must(`the blocked user hears ${JSON.stringify(typed)}`, typed.length === 0);
  await block(stage, pair, false);
  const again = await say(stage, { pair, by: from, place: fromPlace }, text("friends again"));
  await to.ear.hears("what is said after the block", ({ id }) => id === again.id, marks.to);
  const answer = await to.send(toPlace, text("and heard again"));
  await from.ear.hears("the answer after the block", ({ id }) => id === answer.id, marks.from);
  return `${how}; the blocked user: ${refusal}; hears id ${heard.id}, no typing; its sender: no receipt`;
}
