/**
 * One history: people act through any door, cut their clients' lines, come back and ask, and all that the server shows and
 * tells is compared with the model.
 */
import type { Cast } from "./cast.ts";
import { FrameClient } from "./frame-client.ts";
import { type Act, type Chat, describe, kinds, type Message, Model, type Place, people } from "./model.ts";
import { PacketClient } from "./packet-client.ts";
import { actByRest } from "./rest-words.ts";
import { TermClient } from "./term-client.ts";
import type { Wires } from "./wires.ts";
import { type Client, type Door, type Outcome, type Person, type Told, Words } from "./words.ts";

/** One step, as numbers: what is done, by whom, at which door and chat, and to what. */
export type Step = readonly [does: number, who: number, where: number, what: number];
export const stepMaxima = [99, 2, 7, 255] as const;

const doors = ["mqtt", "minioicq", "rest", "terms"] as const;
/** Erlang terms have no places of their own here. */
const homes = ["mqtt", "minioicq", "rest"] as const;
const placesMax = 4;

/** A place, and what its client has and shows. */
interface Home {
  readonly place: Place;
  readonly door: (typeof homes)[number];
  /** The MQTT client id, the MiniOICQ device, or nothing for the user themselves. */
  readonly device: string;
  /** At REST. */
  readonly token: string;
  client: Client | undefined;
  /** The number of the step in which it came last. */
  since: number;
  /** A kill may leave an MQTT session, or a device, of which only the server knows. */
  isMade: boolean;
  readonly shown: Map<Message, string>;
  /** The revision that it knows, by chat. */
  readonly revisions: Map<Chat, number>;
}

/** By the number of a step: kills the server in the middle of it, and starts it again. */
export type Kills = ReadonlyMap<number, (step: () => Promise<void>) => Promise<void>>;

export class History {
  readonly model = new Model();
  /** For a failure: what happened. */
  readonly log: string[] = [];
  readonly #wires: Wires;
  readonly #cast: Cast;
  readonly #people: Person[] = [];
  readonly #homes: Home[] = [];
  readonly #messages = new Map<string, Message>();
  /** The step in which each content was replaced. */
  readonly #replaced = new Map<string, number>();
  /** What members were last said to have got and read. */
  readonly #receipts = new Map<string, { delivered: number; read: number }>();
  /** By user, the step in which they left the group. */
  readonly #left = new Map<number, number>();
  readonly #isKilled: boolean;
  readonly #terms = new Map<number, TermClient>();
  #words: Words | undefined;
  #at = 0;
  #count = 0;
  /** Begun, and perhaps not done. */
  #inDoubt: { readonly act: Act; readonly clientId: string } | undefined;

  constructor(wires: Wires, { cast, isKilled }: { cast: Cast; isKilled: boolean }) {
    this.#wires = wires;
    this.#cast = cast;
    this.#isKilled = isKilled;
  }

  async play(steps: readonly Step[], kills: Kills = new Map()): Promise<void> {
    try {
      await this.#begin();
      for (const step of steps) {
        this.#at += 1;
        const kill = kills.get(this.#at);
        if (kill === undefined) await this.#step(step);
        else {
          await kill(() => this.#step(step));
          this.log.push("kill -9");
          await this.#comeBack();
        }
        await this.#look();
        this.#wires.pass(10);
      }
      this.#at += 1;
      await this.#end();
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\nafter\n${this.log.join("\n")}`, {
        cause: error,
      });
    } finally {
      await this.#dropAll();
    }
  }

  async #dropAll(): Promise<void> {
    for (const { client } of this.#homes) await client?.drop();
    for (const client of this.#terms.values()) await client.drop();
    this.#terms.clear();
    for (const home of this.#homes) home.client = undefined;
  }

  // ---- the people

  async #begin(): Promise<void> {
    this.#people.push(...(await this.#cast.next(this.#wires)));
    const users = this.#people.map(({ userID }) => userID);
    const groupID = `${users[0]}.group`;
    await this.#json(`PUT /chats/${groupID}/users`, this.#wires.backendKey, { users });
    const chatIds = new Map<string, string>();
    const words = new Words({ people: this.#people, groupID, chatIds });
    this.#words = words;
    for (const chat of this.model.chats) {
      const body = { chatID: words.chatID(chat, 0), content: `the ${chat.name} begins`, clientID: chat.name };
      const sent = await this.#json<{ message_id: string; chat_id: string }>(
        "POST /messages",
        this.#person(0).token,
        body,
      );
      chatIds.set(chat.name, sent.chat_id);
      this.#did({ does: "send", by: 0, chat, content: body.content }, undefined, sent.message_id);
    }
    for (const [at, place] of this.model.users.entries()) {
      const home = this.#homeOf(place, { door: "rest", device: "", token: this.#person(at).token });
      this.#homes.push(home);
      for (const { log, joined } of this.model.chats) {
        for (const message of joined.has(at) ? log : []) home.shown.set(message, message.shown);
      }
    }
  }

  #homeOf(place: Place, of: Pick<Home, "door" | "device" | "token">): Home {
    return {
      place,
      ...of,
      client: undefined,
      since: 0,
      isMade: of.door === "rest",
      shown: new Map(),
      revisions: new Map(),
    };
  }

  #person(who: number): Person {
    const person = this.#people[who];
    if (person === undefined) throw new Error(`no user ${who}`);
    return person;
  }

  get #of(): Words {
    if (this.#words === undefined) throw new Error("the history has not begun");
    return this.#words;
  }

  async #json<Value>(request: string, as: string, body?: unknown): Promise<Value> {
    const { status, text } = await this.#wires.call(request, { as, body });
    if (status >= 300) throw new Error(`${request}: ${status} ${text}`);
    return JSON.parse(text) as Value;
  }

  // ---- the steps

  async #step([does, who, where, what]: Step): Promise<void> {
    const chat = who < 2 && where % 2 === 1 ? this.model.direct : this.model.group;
    const door = doors[(where >> 1) % doors.length] ?? "rest";
    const message = chat.log[what % chat.log.length] as Message;
    const kind = kinds[(what >> 3) % kinds.length] ?? "";
    const by = who;
    this.#count += 1;
    const content = `${chat.name} ${this.#count}`;
    if (does < 26) return this.#act(door, { does: "send", by, chat, content });
    if (does < 34) return this.#act(door, { does: "edit", by, message, content });
    if (does < 38) return this.#act(door, { does: "delete", by, message });
    if (does < 47) {
      const added = !message.hasReacted(by, kind);
      return this.#act(door === "terms" ? "rest" : door, { does: "react", by, message, kind, added });
    }
    if (does < 53) return this.#act(door, { does: "read", by, message });
    if (does < 60 && by < 2) {
      const { direct } = this.model;
      const act = { does: direct.blocks.has(by) ? "unblock" : "block", by, chat: direct } as const;
      return this.#act(door === "terms" ? door : "minioicq", act);
    }
    if (does < 66 && by > 0) {
      const { group } = this.model;
      if (group.has(by)) return this.#act(door === "mqtt" ? "rest" : door, { does: "leave", by, chat: group });
      return this.#act(door === "mqtt" ? "rest" : door, { does: "join", by, chat: group });
    }
    if (does < 71) return this.#cut(by, what);
    if (does < 79) return this.#visit(this.#homeAt(by, what));
    if (does < 84) return this.#visit(await this.#openNew(homes[where % homes.length] ?? "rest", by));
    if (does < 93) return this.#confirm(this.#homeAt(by, where), what);
    if (does < 96) return this.#write(by);
    await this.#ask(this.#homeAt(by, what), chat);
  }

  #homesOf = (who: number): Home[] => this.#homes.filter(({ place }) => place.user === who);

  #homeAt(who: number, at: number): Home {
    const homes = this.#homesOf(who);
    return homes[at % homes.length] as Home;
  }

  /** The place at a door where the user acts; without one they get one. */
  async #clientAt(door: "mqtt" | "minioicq", who: number): Promise<Client> {
    const home = this.#homesOf(who).findLast((one) => one.door === door) ?? (await this.#openNew(door, who, true));
    await this.#connect(home);
    return home.client as Client;
  }

  async #act(door: Door, act: Act): Promise<void> {
    // What may not be is no error in REST's statuses. A member who may not write says there what they got, and nothing of reading it.
    const isStatus = door === "rest" && act.does === "read";
    const isAdded = act.does === "join" && door !== "rest";
    const speaker = isAdded ? 0 : act.by;
    const expected = this.model.mayBe(act) && !(isAdded && this.model.hasBlocked(act.by));
    this.#count += 1;
    const clientId = `${this.#person(act.by).userID}-${this.#count}`;
    this.log.push(`${people[act.by]} ${describe(act)} by ${door}${expected ? "" : ", in vain"}`);
    let at: Place | undefined;
    if (door === "mqtt" || door === "minioicq") {
      const client = await this.#clientAt(door, speaker);
      if (act.does === "read") at = this.#homes.find((home) => home.client === client)?.place;
    }
    if (expected) this.#inDoubt = { act, clientId };
    if (expected && act.does === "read" && at !== undefined) {
      for (const message of act.message.chat.log.slice(0, act.message.seq)) this.model.got(at, message, false);
    }
    const gotOnly = isStatus && !expected ? act.message.chat.log.slice(0, act.message.seq) : [];
    for (const message of gotOnly) this.model.got(this.model.users[act.by], message, false);
    const outcome = await this.#say(door, act, { clientId, speaker });
    for (const message of gotOnly) this.model.got(this.model.users[act.by], message, true);
    if (!isStatus && (outcome.is === "done") !== expected) {
      throw new Error(`${people[act.by]} ${describe(act)} by ${door}: ${outcome.is}`);
    }
    if (expected && outcome.is === "done") await this.#acknowledged(act, at, outcome.id, clientId);
    this.#inDoubt = undefined;
    // Before MQTT 5 a refusal closes the connection.
    for (const home of this.#homes) if (home.client?.isOpen === false) home.client = undefined;
  }

  async #say(door: Door, act: Act, { clientId, speaker }: { clientId: string; speaker: number }): Promise<Outcome> {
    const parts = { words: this.#of, wires: this.#wires, who: speaker };
    if (door === "terms") return (await this.#termsOf(speaker)).act(act, clientId);
    if (door === "rest") return actByRest({ ...parts, token: this.#person(speaker).token }, act, clientId);
    return (await this.#clientAt(door, speaker)).act(act, clientId);
  }

  async #termsOf(who: number): Promise<TermClient> {
    const there = this.#terms.get(who);
    if (there?.isOpen === true) return there;
    const client = await TermClient.connect({ words: this.#of, wires: this.#wires, who });
    this.#terms.set(who, client);
    return client;
  }

  /** Sent again with the same id of the client's own, at REST, it is the same message. */
  async #acknowledged(act: Act, at: Place | undefined, id: string, clientId: string): Promise<void> {
    let known = id;
    if (act.does === "send" && (id === "" || this.#count % 8 === 0)) {
      const body = { chatID: this.#of.chatID(act.chat, act.by), content: act.content, clientID: clientId };
      const sent = await this.#json<{ message_id: string; seq: number }>(
        "POST /messages",
        this.#person(act.by).token,
        body,
      );
      if (id !== "" && sent.message_id !== id) throw new Error(`${act.content} has two ids`);
      if (sent.seq !== act.chat.log.length + 1) throw new Error(`${act.content} is number ${sent.seq} of its chat`);
      known = sent.message_id;
    }
    this.#did(act, at, known);
    this.#inDoubt = undefined;
    if (act.does === "read") await this.#compareReceipts(act.message.chat);
    await this.#hear(act);
  }

  #did(act: Act, at: Place | undefined, id: string): void {
    if (act.does === "edit") this.#replaced.set(act.message.contents.at(-1) ?? "", this.#at);
    this.model.did(act, at, id);
    const sent = act.does === "send" ? act.chat.log.at(-1) : undefined;
    if (sent !== undefined) this.#messages.set(id, sent);
    if (act.does !== "leave") return;
    this.#left.set(act.by, this.#at);
    this.#receipts.delete(`${act.chat.name} ${act.by}`);
  }

  /** All connected clients of those who are to hear of a change do. */
  async #hear(act: Act): Promise<void> {
    if (act.does !== "edit" && act.does !== "delete" && act.does !== "react") return;
    const hearers = this.model.hearOf(act);
    for (const { place, client, since } of this.#homes) {
      if (client?.isOpen !== true || since === this.#at || !hearers.includes(place.user)) continue;
      const isIt = ({ is, id }: Told): boolean => is === "change" && id === act.message.id;
      await this.#wires.until(
        `${people[place.user]} hears at ${client.door} that ${people[act.by]} ${describe(act)}`,
        () => client.told.some(isIt) || !client.isOpen,
      );
    }
  }

  async #cut(who: number, at: number): Promise<void> {
    const connected = this.#homesOf(who).filter(({ client }) => client !== undefined);
    const home = connected[at % Math.max(1, connected.length)];
    if (home === undefined) return;
    this.log.push(`${people[who]}'s ${home.device} is cut off`);
    await home.client?.drop();
    home.client = undefined;
  }

  async #openNew(door: Home["door"], who: number, isNeeded = false): Promise<Home> {
    const there = this.#homesOf(who);
    if (there.length > placesMax && !isNeeded) return there[0] as Home;
    this.#count += 1;
    const device = `${door}-${this.#count}`;
    this.log.push(`${people[who]} opens ${device}`);
    // What the user surely has by now it does not get; a kill may leave a device that only the server knows.
    const begins = { written: new Set(this.model.users[who]?.written), token: "" };
    const { userID } = this.#person(who);
    if (door === "rest") {
      const body = { userID, clientID: device };
      begins.token = (
        await this.#json<{ accessToken: string }>("POST /token", this.#wires.backendKey, body)
      ).accessToken;
    }
    const place = this.model.open(who);
    const home = this.#homeOf(place, { door, device, token: begins.token });
    this.#homes.push(home);
    return home;
  }

  /** It comes, and is given what waits for it. */
  async #visit(home: Home): Promise<void> {
    if (home.door === "rest") await this.#fetch(home);
    else await this.#connect(home);
  }

  async #connect(home: Home): Promise<void> {
    if (home.client?.isOpen === true) return;
    this.log.push(`${people[home.place.user]}'s ${home.device} comes`);
    const parts = { words: this.#of, wires: this.#wires, who: home.place.user };
    const isNew = !home.isMade;
    home.since = this.#at;
    home.client =
      home.door === "mqtt"
        ? await PacketClient.connect(parts, { clientId: home.device, isNew })
        : await FrameClient.connect(parts, home.device);
    home.isMade = true;
    await this.#whole(home, new Set(home.place.written));
  }

  /** Everything that waits has come, and nothing that was confirmed before. */
  async #whole(home: Home, written: ReadonlySet<Message>, isQuiet = false): Promise<void> {
    const { client } = home;
    if (client === undefined) return;
    const waiting = this.model.waitsFor(home.place);
    const missing = (): Message | undefined => waiting.find(({ id }) => !client.got.has(id));
    await this.#wires
      .until("what waits", () => missing() === undefined || !client.isOpen)
      .catch((error: unknown) => {
        throw new Error(`${missing()?.contents.at(-1)} does not come to ${home.device}`, { cause: error });
      });
    if (!isQuiet) await client.fence();
    for (const message of written) {
      if (client.got.has(message.id)) throw new Error(`${message.contents.at(-1)} comes to ${home.device} again`);
    }
  }

  async #fetch(home: Home): Promise<Told[]> {
    this.log.push(`${people[home.place.user]} fetches at ${home.device || "REST"}`);
    const written = new Set(home.place.written);
    const given: Told[] = [];
    for (let after = ""; ; ) {
      const path = `GET /messages?format=simple&limit=100${after}`;
      const page = await this.#json<{ messages: Record<string, unknown>[]; events: unknown[]; next: string }>(
        path,
        home.token,
      );
      given.push(...page.messages.map((one) => this.#of.told("message", one)));
      if (page.messages.length + page.events.length < 100) break;
      after = `&after=${page.next}`;
    }
    for (const told of given) {
      const message = this.#check(home, told, this.#at);
      if (written.has(message)) throw new Error(`${told.content} comes to ${home.device || "REST"} again`);
      if (told.shown !== undefined) home.shown.set(message, told.shown);
    }
    for (const { id, contents } of this.model.waitsFor(home.place)) {
      if (!given.some((told) => told.id === id)) {
        throw new Error(`${contents.at(-1)} does not come to ${home.device || "REST"}`);
      }
    }
    return given;
  }

  /** A client confirms some of what it was given, in any order. */
  async #confirm(home: Home, mask: number): Promise<void> {
    const { place, client } = home;
    const isTheirs = (message: Message): boolean => this.model.isFor(message, place.user);
    if (home.door === "rest") {
      const given = (await this.#fetch(home)).map(({ id }) => this.#messages.get(id) as Message).filter(isTheirs);
      const last = given[mask % Math.max(1, given.length)];
      if (last === undefined) return;
      this.log.push(`  and confirms all up to ${last.contents.at(-1)}`);
      const all = last.chat.log.slice(0, last.seq);
      for (const message of all) this.model.got(place, message, false);
      const status = { messageID: last.id, messageStatus: "delivered" };
      await this.#json("POST /messages", home.token, { statuses: [status] });
      for (const message of all) this.model.got(place, message, true);
      return;
    }
    if (client?.isOpen !== true) return;
    const got = [...client.got].map((id) => this.#messages.get(id)).filter((one) => one !== undefined);
    const some = got.filter((one, at) => (mask >> (at % 8)) & 1 && isTheirs(one) && !place.written.has(one));
    if (mask % 2 === 0) some.reverse();
    this.log.push(`${home.device} confirms ${some.map(({ contents }) => contents.at(-1)).join(", ")}`);
    for (const message of some) this.model.got(place, message, !this.#isKilled);
    client.confirm(some.map(({ id }) => id));
    await client.fence();
  }

  /** REST answers once all that the user confirmed is written. */
  async #write(who: number): Promise<void> {
    this.log.push(`${people[who]}'s confirmations are written`);
    for (const { client } of this.#homesOf(who)) if (client?.isOpen === true) await client.fence();
    await this.#json("GET /messages?format=simple&limit=1", this.#person(who).token);
    this.model.wrote(who);
    for (const chat of this.model.chats) await this.#compareReceipts(chat);
  }

  // ---- what is shown

  /** A client asks what changed since, and shows what the model shows. */
  async #ask(home: Home, chat: Chat): Promise<void> {
    const { place } = home;
    const isMember = chat.has(place.user);
    if (home.door !== "rest") await this.#connect(home);
    const where = home.device || "REST";
    this.log.push(`${people[place.user]} asks at ${where} what changed in the ${chat.name}`);
    for (;;) {
      const after = home.revisions.get(chat) ?? 0;
      const page = await this.#changesAfter(home, chat, after);
      if ((page !== undefined) !== isMember) throw new Error(`asked by ${isMember ? "a member" : "a stranger"}`);
      if (page === undefined) {
        if (home.client?.isOpen === false) home.client = undefined;
        return;
      }
      if (page.reset) throw new Error(`the revision ${after} is said to be of another server`);
      for (const told of page.changes) this.#show(home, chat, told);
      home.revisions.set(chat, page.revision);
      if (!page.more) break;
    }
    for (const [message, shown] of home.shown) {
      if (message.chat === chat && !isHeldFrom(message, place.user) && shown !== message.shown) {
        throw new Error(`${where} shows "${shown}" where there is "${message.shown}"`);
      }
    }
  }

  async #changesAfter(home: Home, chat: Chat, after: number) {
    if (home.door !== "rest") return home.client?.changesAfter(chat, after);
    const path = `GET /chats/${this.#of.chatID(chat, home.place.user)}/changes?after=${after}&limit=2`;
    const { status, text } = await this.#wires.call(path, { as: home.token });
    if (status >= 500) throw new Error(`${path}: ${status} ${text}`);
    return status >= 300 ? undefined : this.#of.changes(JSON.parse(text));
  }

  #show(home: Home, chat: Chat, told: Told): void {
    const message = this.#messages.get(told.id);
    if (message?.chat !== chat || told.shown === undefined) throw new Error(`a change of no message: ${told.id}`);
    if (isHeldFrom(message, home.place.user)) {
      throw new Error(`${people[home.place.user]} learns of a change that is held back: ${told.shown}`);
    }
    home.shown.set(message, told.shown);
  }

  /** All clients have what came meanwhile, and it is looked at. */
  async #look(): Promise<void> {
    await this.#rest();
    for (const home of this.#homes) {
      const { client } = home;
      if (client === undefined) continue;
      if (client.isOpen) await this.#whole(home, none, true);
      for (const told of client.told.splice(0)) {
        const message = this.#check(home, told, home.since);
        if (told.is === "change" && isHeldFrom(message, home.place.user)) {
          throw new Error(`${home.device} hears a change that is held back: ${told.content ?? told.shown}`);
        }
        if (told.is === "message" && told.shown !== undefined) home.shown.set(message, told.shown);
      }
    }
  }

  async #rest(): Promise<void> {
    await this.#wires.rest();
    if (!this.#isKilled) return;
    for (const { client } of this.#homes) if (client?.isOpen === true) await client.fence();
  }

  /** What a client is told is of a chat that the user is in, and of a message that is there. */
  #check({ place, device }: Home, told: Told, since: number): Message {
    const where = device || "REST";
    const message = this.#messages.get(told.id);
    if (message === undefined) throw new Error(`${where} is told of no message: ${JSON.stringify(told)}`);
    const { chat, contents } = message;
    if (this.#of.chatId(chat) !== told.chatId) throw new Error(`${where} is told another chat of ${contents[0]}`);
    const leftNow = this.#left.get(place.user) === this.#at;
    if (!chat.has(place.user) && !leftNow)
      throw new Error(`${where} learns of a chat after leaving it: ${told.content}`);
    if (told.is === "message" && !leftNow && !this.model.isFor(message, place.user)) {
      throw new Error(`${where} gets ${told.content}, which was said before the user came`);
    }
    // Contents that were replaced before the client came are gone.
    const known = contents.filter((one) => (this.#replaced.get(one) ?? Number.POSITIVE_INFINITY) >= since);
    if (told.content !== undefined && !known.includes(told.content)) {
      throw new Error(`${where} is told "${told.content}" where there is "${contents.at(-1)}"`);
    }
    return message;
  }

  /** No position goes back, none passes over what no place has got, and what was read is what was said to be. */
  async #compareReceipts(chat: Chat): Promise<void> {
    const message = chat.log.findLast(({ isDeleted }) => !isDeleted);
    if (message === undefined || chat.blocks.size > 0) return;
    const path = `GET /messages/${message.id}/receipts`;
    const answer = await this.#json<{ receipts?: { user_id: string; delivered: number; read: number }[] }>(
      path,
      this.#person(0).token,
    );
    for (const { user_id: userId, delivered, read } of answer.receipts ?? []) {
      const who = this.#people.findIndex((one) => one.userId === userId);
      const where = `${people[who]} in the ${chat.name}`;
      const before = this.#receipts.get(`${chat.name} ${who}`) ?? { delivered: 0, read: 0 };
      if (delivered < before.delivered || read < before.read) throw new Error(`the position of ${where} went back`);
      this.#receipts.set(`${chat.name} ${who}`, { delivered, read });
      const most = this.model.deliveredMost(chat, who);
      if (delivered > most) throw new Error(`${where} is said to have got ${delivered}, and has got ${most}`);
      const said = chat.read.get(who) ?? 0;
      if (read < said) throw new Error(`${where} is said to have read ${read}, and has read ${said}`);
      if (read > Math.max(said, chat.joined.get(who) ?? 0)) {
        throw new Error(`${where} is said to have read ${read}, and has read ${said}`);
      }
    }
  }

  /** Everyone's clients come, and all that is shown anywhere is what the model shows. */
  async #end(): Promise<void> {
    for (const home of this.#homes) await this.#visit(home);
    await this.#look();
    for (const home of this.#homes) {
      for (const chat of this.model.chats) {
        // Nothing was changed in most chats.
        if (home.device === "" && chat.log.every((one) => one.shown === one.contents[0])) continue;
        if (home.place.user === 2 && chat === this.model.direct) continue;
        // A refusal closes an MQTT connection.
        if (chat.has(home.place.user) || home.door !== "mqtt") await this.#ask(home, chat);
      }
    }
    for (const chat of this.model.chats) {
      await this.#compareReceipts(chat);
      await this.#compareLog(chat);
    }
  }

  async #compareLog(chat: Chat): Promise<void> {
    const members = [...chat.joined.keys()];
    for (const who of members.slice(this.#count % members.length).slice(0, 1)) {
      const path = `GET /chats/${this.#of.chatID(chat, who)}/messages?limit=100`;
      const page = await this.#json<{ messages: Record<string, unknown>[] }>(path, this.#person(who).token);
      const shown = page.messages.map((one) => this.#of.told("message", one).shown);
      const expected = chat.log.map((one) => one.shown);
      if (shown.join("\n") !== expected.join("\n")) {
        throw new Error(`the ${chat.name} is [${shown.join(", ")}] and should be [${expected.join(", ")}]`);
      }
    }
  }

  // ---- a killed server

  /** The server runs again: no client is connected, and what was in doubt is done. */
  async #comeBack(): Promise<void> {
    await this.#dropAll();
    this.model.killed();
    for (const [at, { isMade, place }] of [...this.#homes.entries()].reverse()) {
      if (isMade) continue;
      this.#homes.splice(at, 1);
      this.model.places.splice(this.model.places.indexOf(place), 1);
    }
    if (this.#inDoubt === undefined) return;
    const { act, clientId } = this.#inDoubt;
    this.#inDoubt = undefined;
    this.log.push(`  again: ${describe(act)}`);
    const outcome = await this.#say(act.does === "block" || act.does === "unblock" ? "terms" : "rest", act, {
      clientId,
      speaker: act.by,
    });
    // Deleted, or left, before the kill.
    const mayBeDone = act.does === "delete" || act.does === "leave";
    if (outcome.is === "refused" && !mayBeDone) throw new Error(`${describe(act)} again: refused`);
    await this.#acknowledged(act, undefined, "", clientId);
  }
}

const none: ReadonlySet<Message> = new Set();

const isHeldFrom = ({ heldBy }: Message, who: number): boolean => heldBy !== undefined && heldBy !== who;
