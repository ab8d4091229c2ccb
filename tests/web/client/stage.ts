/** Clients of a test, as a page would have them: over real sockets, with what they keep in memory. */
import { setDefaultTimeout } from "bun:test";
import { Client } from "../../../src/web/client/client.ts";
import type { ClientOptions } from "../../../src/web/client/client-options.ts";
import { MemoryStorage } from "../../../src/web/client/memory-storage.ts";
import type { ChatRecord, MessageRecord } from "../../../src/web/client/records.ts";
import type { Storage } from "../../../src/web/client/storage.ts";
import { onlyTab } from "../../../src/web/client/tabs.ts";
import { until } from "../../support/deadline.ts";

// Each wait has a deadline of its own; a whole test on a busy machine may take longer than Bun's five seconds.
setDefaultTimeout(30_000);

/** A line that is quiet is asked soon, and tried again soon. */
export const hurried = { quietMs: 400, patienceMs: 400, retryMs: 20, retryMsMax: 200 };

export interface Member extends Disposable {
  readonly client: Client;
  readonly storage: Storage;
  /** Each message of others that came, as often as it was told. */
  readonly arrived: MessageRecord[];
  readonly id: string;
}

export type MemberOptions = Partial<ClientOptions> & { readonly at?: string };

/** A client without a logged-in user, unless `storage` has one. */
export function openClient(http: string, options: MemberOptions = {}): Member {
  const arrived: MessageRecord[] = [];
  const storage = options.storage ?? new MemoryStorage();
  const client = new Client({
    url: `ws://${http}/ws`,
    base: `http://${http}`,
    tabs: onlyTab(),
    name: "test",
    changed: () => {},
    arrived: (messages) => void arrived.push(...messages),
    timing: hurried,
    ...options,
    storage,
  });
  return {
    client,
    storage,
    arrived,
    get id() {
      return client.cache.identity?.userId ?? "";
    },
    [Symbol.dispose]: () => client.stop(),
  };
}

export async function member(http: string, name: string, options: MemberOptions = {}): Promise<Member> {
  const opened = openClient(http, options);
  await opened.client.start();
  const answer = await opened.client.logIn("auth.register", { user_name: name, password: "correct horse" });
  if (!answer.ok) throw new Error(`not registered: ${answer.reason}`);
  await online(opened);
  return opened;
}

/** The same user once more, with what another client of theirs kept. */
export async function again(http: string, { storage }: Member, options: MemberOptions = {}): Promise<Member> {
  const opened = openClient(http, { ...options, storage });
  await opened.client.start();
  return opened;
}

export async function online({ client }: Member): Promise<void> {
  await until("the line", () => client.line.state === "online");
  await client.synced();
}

export const chatWith = ({ client }: Member, { id }: Member): ChatRecord | undefined =>
  client.cache.chats.get(client.cache.chatIdOf(id));

/** The texts of what is shown, in order. */
export const shownTexts = ({ client }: Member): readonly string[] =>
  (client.window?.messages ?? []).map(({ content, deleted }) => (deleted ? "(deleted)" : (content ?? "(file)")));

export const write = ({ client }: Member, to: string, text: string): Promise<string> =>
  client.queue.add({ chatId: client.cache.chatIdOf(to), text });

/** Everything that waits was answered. */
export const settled = ({ client }: Member): Promise<void> =>
  until("everything to be sent", () => client.queue.waiting.every(({ refusal }) => refusal !== undefined));

export const shows = (who: Member, texts: readonly string[]): Promise<void> =>
  until(`${JSON.stringify(texts)} to be shown`, () => Bun.deepEquals(shownTexts(who), texts)).catch(() => {
    throw new Error(`shown: ${JSON.stringify(shownTexts(who))}, not ${JSON.stringify(texts)}`);
  });
