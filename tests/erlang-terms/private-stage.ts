/** PRIVATE's requests, and what two phones hear of them, as `phones.ts` prints it. */
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { type Asking, type Device, type Phones, type Place, tuple } from "./phones.ts";

export const friend = (friendId: WireTerm, { roster = [] as WireTerm, status = "simple" } = {}): WireTerm =>
  tuple("Friend", [], roster, friendId, status === "" ? [] : atom(status));
export const confirm = (friendId: WireTerm, { roster = [] as WireTerm, status = "friend" } = {}): WireTerm =>
  tuple("Confirm", [], roster, friendId, status === "" ? [] : atom(status));
export const revoke = (user: WireTerm, { id = [] as WireTerm } = {}): WireTerm =>
  tuple("Revoke", id, user, atom("revoke"));

export const short = (of: string, status: string): string => `{Contact,${of},[],[],[],[],Time,${status}}`;
export const long = (of: string, status: string): string =>
  `{Contact,${of},[],[],[],nick/${of},[],[],0,0,[],Time,[],[],${status}}`;

export const notFound = "phone/A {io,{error,roster_not_found},<<>>}";
export const sent = "phone/A <<>>";
export const echo = "phone/A {Revoke,[],B,revoke}";
/** What A and B hear of each other. */
export const heard = {
  authorization: [`phone/B ${short("A", "authorization")}`, `ses/B ${long("A", "authorization")}`],
  request: [`ses/A ${long("B", "request")}`],
  friendOfB: [`phone/A ${short("B", "friend")}`, `ses/A ${long("B", "friend")}`],
  friendOfA: [`phone/B ${short("A", "friend")}`, `ses/B ${long("A", "friend")}`],
  revokeOfB: [`ses/A ${long("B", "revoke")}`],
  revokeOfA: [`ses/B ${long("A", "revoke")}`],
};

export async function pair<Client extends Asking, At extends Place>(phones: Phones<Client, At>) {
  const [a, b] = [await phones.device("A"), await phones.device("B")];
  return { a, b, aId: binary(await phones.phoneId("A")), bId: binary(await phones.phoneId("B")) };
}

/** Two who have only just met, whatever they were; what they heard of that is forgotten. */
export async function parted({ a, b, bId }: { a: Device; b: Device; bId: WireTerm }): Promise<void> {
  await a.ask(revoke(bId));
  await b.heard();
}
