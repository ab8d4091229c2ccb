/** What the operator asks about connected clients, and how they are ended. */

import type { User, UserId } from "../domain/model.ts";
import type { ListedClient } from "../domain/people/clients.ts";
import { nameOfUser } from "../domain/people/refusals.ts";

export interface OperatorClient {
  readonly door: ListedClient["door"];
  /** Null for a client without an account; then `device` is null too. */
  readonly user: string | null;
  readonly user_id: number | null;
  readonly device: string | null;
  readonly client_id: string | null;
  readonly address: string;
  /** ISO 8601, UTC. Null where it is not known, as below. */
  readonly since: string | null;
  readonly last_packet: string | null;
  readonly protocol: string;
  readonly subscriptions: number | null;
  readonly queued: number | null;
}

export type ClientAccount = NonNullable<ListedClient["account"]>;

/**
 * A page of clients, from the place `after` on; `next` is the place of the next page, null at the end. Clients come and go
 * meanwhile, so pages are no picture of one moment.
 */
export function pageOf(
  clients: Iterable<ListedClient>,
  { of, after, limit }: { of: ClientAccount | undefined; after: number; limit: number },
): { page: ListedClient[]; next: number | null } {
  const page: ListedClient[] = [];
  let place = 0;
  for (const client of clients) {
    if (of !== undefined && !isOf(client, of)) continue;
    place += 1;
    if (place <= after) continue;
    if (page.length === limit) return { page, next: place - 1 };
    page.push(client);
  }
  return { page, next: null };
}

/** Ends the clients of an account, else those that call themselves so. Gives how many. */
export function endClients(
  clients: Iterable<ListedClient>,
  meant: { readonly account: ClientAccount | undefined; readonly clientId: string },
): number {
  const { account, clientId } = meant;
  const ending = [...clients].filter((one) => (account === undefined ? one.clientId === clientId : isOf(one, account)));
  for (const client of ending) client.end();
  return ending.length;
}

function isOf({ account }: ListedClient, of: ClientAccount): boolean {
  if (account === undefined) return false;
  if ("device" in of) return "device" in account && account.device === of.device;
  return "userId" in account && account.userId === of.userId;
}

export async function shown(
  client: ListedClient,
  nowMs: number,
  findUser: (userId: UserId) => Promise<User | undefined>,
): Promise<OperatorClient> {
  const { account, clientId, connectedMs, idleMs } = client;
  const userId = account !== undefined && "userId" in account ? account.userId : undefined;
  const user = userId === undefined ? undefined : await findUser(userId);
  return {
    door: client.door,
    user: user === undefined ? null : nameOfUser(user),
    user_id: userId ?? null,
    device: account !== undefined && "device" in account ? account.device : null,
    client_id: clientId ?? null,
    address: client.address,
    since: agoText(connectedMs, nowMs),
    // The broker's time of the last packet may lag by a second.
    last_packet: agoText(idleMs === undefined ? undefined : Math.min(idleMs, connectedMs ?? idleMs), nowMs),
    protocol: client.protocol,
    subscriptions: client.subscriptions ?? null,
    queued: client.queued ?? null,
  };
}

const agoText = (agoMs: number | undefined, nowMs: number): string | null =>
  agoMs === undefined ? null : new Date(nowMs - agoMs).toISOString();
