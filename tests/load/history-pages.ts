/**
 * Pages of history beside the least HTTP server of the runtime, in turns: the one that every member asks for, and pages of
 * many chats, each of which comes again only when all others did.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadOptions } from "./options.ts";
import { callParticipant, type LoadUser, provisionChat, provisionUsers } from "./provision.ts";
import { backendOf } from "./scenarios/chat-mqtt.ts";
import { addressOf, checkHistoryPage, type FilledChat, hammer, historyRequest } from "./scenarios/rest.ts";
import { stampText, textTemplate } from "./stamp.ts";
import { median } from "./verdict.ts";

const pageRows = 50;
const messagesAtOnce = 1000;
const rounds = 3;

interface Share {
  /** Pages a second. */
  readonly rate: number;
  /** Of the bare server's rate, the median of the rounds. */
  readonly share: number;
}

export interface BareShares {
  readonly lately: Share;
  readonly others: Share;
  /** Answers a second of the bare server. */
  readonly bare: number;
  readonly bodyBytes: number;
}

/** @param many chats, and messages in each of them. All of them are more than the server keeps encoded. */
export async function bareShares(
  options: LoadOptions,
  many: { readonly chats: number; readonly messages: number },
): Promise<BareShares> {
  const chats = await fillChats(options, many);
  const newest = historyRequest(chats[0] as FilledChat);
  const pages = pagesOf(chats, many.messages);
  const folder = await mkdtemp(join(tmpdir(), "roost-history-"));
  const { type, body } = await onePage(options, chats[0] as FilledChat);
  const bodyPath = join(folder, "body");
  await writeFile(bodyPath, body);
  const bareServer = Bun.spawn(["bun", join(import.meta.dir, "bare-server.ts"), bodyPath, type], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    const { value } = await bareServer.stdout.getReader().read();
    const barePort = Number(new TextDecoder().decode(value));
    const turn = { connections: options.connections, warmupSeconds: 0.5, durationSeconds: options.durationSeconds };
    const rates = { lately: [] as number[], others: [] as number[], bare: [] as number[] };
    const take = async (
      into: keyof typeof rates,
      at: { host: string; port: number },
      request: Parameters<typeof hammer>[1],
    ) => {
      const { answers, seconds, problems } = await hammer({ ...turn, ...at }, request, checkHistoryPage);
      if (problems[0] !== undefined) throw new Error(problems[0]);
      rates[into].push(answers / seconds);
    };
    for (let round = 0; round < rounds; round += 1) {
      await take("lately", addressOf(options.http), newest);
      await take("bare", { host: "127.0.0.1", port: barePort }, newest);
      await take("others", addressOf(options.http), pages);
    }
    const shareOf = (of: readonly number[]): Share => ({
      rate: median(of),
      share: median(of.map((rate, round) => rate / (rates.bare[round] ?? Number.NaN))),
    });
    return {
      lately: shareOf(rates.lately),
      others: shareOf(rates.others),
      bare: median(rates.bare),
      bodyBytes: body.byteLength,
    };
  } finally {
    bareServer.kill();
    await bareServer.exited;
    await rm(folder, { recursive: true, force: true });
  }
}

/** Chats whose messages came in turns, so that those of one lie as far apart on the disk as they do after months. */
export async function fillChats(
  options: LoadOptions,
  { chats, messages }: { readonly chats: number; readonly messages: number },
): Promise<FilledChat[]> {
  const backend = backendOf(options);
  const tag = `load-${options.seed.toString(16)}-history`;
  const [user] = (await provisionUsers(backend, [tag])) as [LoadUser];
  const filled = Array.from({ length: chats }, (_, chat) => ({ user, chatID: `${tag}-${chat}` }));
  for (const { chatID } of filled) await provisionChat(backend, chatID, [user.userID]);
  const template = Buffer.from(textTemplate(options.payloadBytes), "latin1");
  for (let from = 0; from < chats * messages; from += messagesAtOnce) {
    const body = Array.from({ length: Math.min(messagesAtOnce, chats * messages - from) }, (_, at) => {
      const chat = (from + at) % chats;
      stampText(template, 0, { stream: chat, seq: Math.floor((from + at) / chats), sentUs: 0 });
      return { chatID: filled[chat]?.chatID, content: template.toString("latin1") };
    });
    await callParticipant(options.http, user, "POST", "/messages", body);
  }
  return filled;
}

/** Each call gives the next request, of another chat than the last one. */
export function pagesOf(chats: readonly FilledChat[], messages: number): () => Buffer {
  const requests: Buffer[] = [];
  for (let before = messages + 1; before > pageRows; before -= pageRows) {
    for (const chat of chats) requests.push(historyRequest(chat, before));
  }
  let at = 0;
  return () => {
    const request = requests[at % requests.length] as Buffer;
    at += 1;
    return request;
  };
}

async function onePage(options: LoadOptions, { user, chatID }: FilledChat): Promise<{ type: string; body: Buffer }> {
  const response = await fetch(`${options.http}/chats/${chatID}/messages?limit=${pageRows}`, {
    headers: { authorization: `Bearer ${user.accessToken}` },
  });
  const body = Buffer.from(await response.arrayBuffer());
  checkHistoryPage(body);
  return { type: response.headers.get("content-type") ?? "application/json", body };
}
