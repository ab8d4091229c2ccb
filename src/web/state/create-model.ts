/** The model of a page: the client and what the browser has, as signals and things to do. */
import { openTabs } from "../browser/browser-tabs.ts";
import { ContentAddresses, saveFile } from "../browser/content-addresses.ts";
import { openIndexedStorage } from "../browser/indexed-storage.ts";
import { askForNotices, noticesOff, showBadge, showNotice } from "../browser/notices.ts";
import { avatarOf, madeSmaller, measured } from "../browser/pictures.ts";
import { type Actions, createActions, type SessionRecord } from "../client/actions.ts";
import type { Topic } from "../client/cache.ts";
import { Client } from "../client/client.ts";
import { MemoryStorage } from "../client/memory-storage.ts";
import type { MessageRecord } from "../client/records.ts";
import type { QueuedFile } from "../client/storage.ts";
import { onlyTab } from "../client/tabs.ts";
import type { Done, Draft, Model, Person, Session } from "./model.ts";
import { Showing } from "./showing.ts";
import { ModelSignals } from "./signals.ts";

/** So often at most the views are told what is new. */
const refreshMs = 30;

/** Reads what this browser keeps, and connects. */
export async function createModel(): Promise<Model> {
  const storage = await openIndexedStorage().catch(() => new MemoryStorage());
  const tabs = storage.lasting ? openTabs() : onlyTab();
  const dirty = new Set<Topic>();
  const client = new Client({
    url: `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`,
    base: "",
    storage,
    tabs,
    name: clientName(),
    changed: (topic) => {
      if (dirty.size === 0) setTimeout(refresh, refreshMs);
      dirty.add(topic);
    },
    arrived: (messages) => tell(messages),
    entering: openPictures,
    left: () => void fetch("/_/session", { method: "DELETE" }).catch(() => {}),
  });
  const showing = new Showing(client, new ContentAddresses());
  const signals = new ModelSignals(client, showing);
  const actions = createActions(client);

  const refresh = (): void => {
    const topics = new Set(dirty);
    dirty.clear();
    signals.refresh(topics);
  };
  const tell = (messages: readonly MessageRecord[]): void => {
    const message = messages.at(-1);
    if (message === undefined) return;
    const chat = client.cache.chats.get(message.chatId);
    const isSeen = document.hasFocus() && signals.open.value?.chatId === message.chatId;
    const isMuted = (chat?.mutedUntil ?? 0) > Date.now();
    const me = client.cache.identity?.userId ?? "";
    if (isSeen || (isMuted && !messages.some(({ mentions }) => mentions.includes(me)))) return;
    const sender = client.cache.people.get(message.senderId)?.name ?? "";
    const title = chat === undefined || chat.kind === "direct" ? (chat?.name ?? sender) : `${sender} · ${chat.name}`;
    const notice = {
      title,
      text: showing.message(message).text ?? "",
      chatId: message.chatId,
      icon: chat?.avatar ?? "",
    };
    void showNotice(notice, () => client.openChat(message.chatId));
  };
  signals.unreadTotal.subscribe(showBadge);
  for (const happening of ["online", "focus", "pageshow"]) addEventListener(happening, () => client.line.nudge());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") client.line.nudge();
  });

  const done = (outcome: Done): Done => (outcome.ok ? { ok: true } : { ok: false, reason: outcome.reason });
  const people = (records: readonly Parameters<Showing["person"]>[0][]): readonly Person[] =>
    records.map((record) => showing.person(record));
  const pictured = async (picture: Blob | undefined, set: (avatar: string | undefined) => Promise<Done>) => {
    const avatar = picture && (await avatarOf(picture));
    if (picture !== undefined && avatar === undefined)
      return { ok: false as const, reason: "Not a PNG, JPEG, GIF or WebP picture" };
    return done(await set(avatar));
  };

  void client.start();
  return {
    ...signals.shown,
    notices: signals.notices,

    register: async ({ name, password, loginName, invite }) =>
      done(
        await client.logIn("auth.register", {
          user_name: name,
          password,
          ...(loginName ? { login_name: loginName } : {}),
          ...(invite ? { invite } : {}),
        }),
      ),
    logIn: async ({ name, password }) => done(await client.logIn("auth.login", { user_id: name, password })),
    logInByLink: async (link) => done(await client.logIn("auth.login", { link })),
    logOut: () => client.logOut(),

    openChat: (chatId) => client.openChat(chatId),
    openDirect: (userId) => client.openChat(userId),
    send: (chatId, draft) => send(client, chatId, draft),
    sendAgain: (key) => void client.queue.again(key),
    drop: (key) => void client.queue.drop(key),
    edit: async (messageId, text) => done(await actions.edit(messageId, text)),
    remove: async (messageId) => done(await actions.remove(messageId)),
    react: async (messageId, reaction, on) => done(await actions.react(messageId, reaction, on)),
    typing: (chatId) => client.people.type(chatId),

    createGroup: (name, members) => actions.createGroup(name, members),
    rename: (chatId, name) => actions.rename(chatId, name),
    setChatPicture: (chatId, picture) => pictured(picture, (avatar) => actions.setChatPicture(chatId, avatar)),
    addMembers: (chatId, members) => actions.addMembers(chatId, members),
    removeMember: (chatId, userId) => actions.removeMember(chatId, userId),
    leave: (chatId) => actions.leave(chatId),
    mute: (chatId, until) => actions.mute(chatId, until),
    members: async (chatId) => people(await actions.members(chatId)),

    findPeople: async (query) => people(await actions.findPeople(query)),
    ask: (userId) => actions.ask(userId),
    confirm: (userId) => actions.confirm(userId),
    revoke: (userId) => actions.revoke(userId),
    block: (userId, on) => actions.block(userId, on),

    search: async (query, options) => {
      const found = await actions.search(query, options);
      if ("reason" in found) return { reason: found.reason };
      client.people.want(new Set(found.messages.map(({ senderId }) => senderId)));
      const messages = found.messages.map((message) => showing.message(message));
      return { messages, ...(found.next === undefined ? {} : { next: found.next }) };
    },

    setNick: (name) => actions.setNick(name),
    setPicture: (picture) => pictured(picture, actions.setPicture),
    setLoginName: (password, name) => actions.setLoginName(password, name),
    setPassword: (fields) => actions.setPassword(fields),
    forgotPassword: (name) => actions.forgotPassword(name),
    resetPassword: (fields) => actions.resetPassword(fields),
    setPresence: async (value) => signals.settled("presence", value, await actions.setPresence(value)),
    setReceipts: async (value) => signals.settled("receipts", value, await actions.setReceipts(value)),
    sessions: async () => (await actions.sessions()).map(session),
    endSession: (id) => actions.endSession(id),
    linkDevice: async () => {
      const made = await actions.linkDevice();
      return "reason" in made ? { reason: made.reason } : { link: made.link, expires: new Date(made.expires) };
    },
    createInvite: async () => {
      const made = await actions.createInvite();
      return "reason" in made ? { reason: made.reason } : { invite: made.invite, expires: new Date(made.expires) };
    },
    exportAccount: (password, progress) => exportAccount(actions, password, progress),
    deleteAccount: (password) => actions.deleteAccount(password),

    askForNotices: async () => {
      signals.notices.value = await askForNotices();
    },
    noticesOff: () => {
      signals.notices.value = noticesOff();
    },
  };
}

/** A file goes as a message of its own, before the text. */
async function send(client: Client, chatId: string, draft: Draft): Promise<void> {
  const { text, file, original, replyTo, mentions } = draft;
  if (file !== undefined) await client.queue.add({ chatId, file: await prepared(file, original === true), replyTo });
  const answers = file === undefined ? replyTo : undefined;
  if (text !== undefined && text !== "") await client.queue.add({ chatId, text, replyTo: answers, mentions });
}

async function prepared(file: File, original: boolean): Promise<QueuedFile> {
  const type = file.type || "application/octet-stream";
  const picture = type.startsWith("image/") ? await (original ? measured(file) : madeSmaller(file)) : undefined;
  if (picture === undefined) return { blob: file, type, name: file.name };
  const { blob, width, height } = picture;
  const name = blob === file ? file.name : `${file.name.replace(/\.[^.]*$/, "")}.jpg`;
  return { blob, type: blob.type, name, width, height };
}

async function exportAccount(actions: Actions, password: string, progress: (pages: number) => void): Promise<Done> {
  const parts: string[] = [];
  const outcome = await actions.exportAccount(password, (fields, pages) => {
    parts.push(`${pages === 1 ? "[\n" : ",\n"}${JSON.stringify(fields)}`);
    progress(pages);
  });
  if (outcome.ok) saveFile(new Blob([...parts, "\n]\n"], { type: "application/json" }), "roost-account.json");
  return outcome;
}

const session = ({ created, lastSeen, ...record }: SessionRecord): Session => {
  const { id, kind, name, door, address, online, own } = record;
  return {
    id,
    kind,
    online,
    own,
    ...(name === undefined ? {} : { name }),
    ...(door === undefined ? {} : { door }),
    ...(address === undefined ? {} : { address }),
    ...(created === undefined ? {} : { created: new Date(created) }),
    ...(lastSeen === undefined ? {} : { lastSeen: new Date(lastSeen) }),
  };
};

/** `<img>` and downloads send no token: a cookie for them alone. Without it pictures are missing, and nothing else. */
async function openPictures(token: string): Promise<void> {
  const request = { method: "POST", headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(5_000) };
  await fetch("/_/session", request).catch(() => {});
}

/** As the user's list of log-ins is to call it. */
function clientName(): string {
  const { userAgent } = navigator;
  const browser = ["Firefox", "Edg", "OPR", "Chrome", "Safari"].find((word) => userAgent.includes(`${word}/`)) ?? "Web";
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac", "Linux"].find((word) => userAgent.includes(word));
  const named = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser;
  return system === undefined ? named : `${named}, ${system}`;
}
