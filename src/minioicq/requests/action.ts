/** What an action is: how its fields are read, who answers it, and when. */
import { DomainError } from "../../domain/errors.ts";
import type { User } from "../../domain/model.ts";
import { type ChatReach, chatReachOf } from "../../domain/people/chat-reach.ts";
import { actionNeeds, type Need, opens } from "../../domain/people/scope-rules.ts";
import type { Refusal } from "../errors.ts";
import type { Shared } from "../shared.ts";
import { type Answer, failed } from "./answer.ts";
import type { Encoding } from "./codec.ts";
import type { Fields, Reader } from "./fields.ts";
import type { Caller } from "./handlers/caller.ts";

/** Who made a request. */
export interface Call {
  readonly shared: Shared;
  readonly caller: Caller;
  /** As whom the client is logged in. */
  readonly user: User | undefined;
  /** Of the request, and so of its answer (O1). */
  readonly encoding: Encoding;
}

export interface UserCall extends Call {
  readonly user: User;
}

/** The chats that the client's token opens; undefined: all of its user's. */
export const reachOf = ({ shared, caller, user }: UserCall): ChatReach | undefined =>
  chatReachOf(caller.longToken, user.userId, shared.domain.store);

/** What a handler file gives. `parse` may throw `Refused`; `handle` is an async function that may reject with `DomainError`. */
export interface Handler<One, From extends Call = UserCall> {
  readonly parse: (fields: Fields, reader: Reader) => One | readonly (One | Refusal)[];
  readonly handle: (call: From, request: One) => Promise<Answer>;
}

/** For clients that are not logged in too. */
export type OpenHandler<One> = Handler<One, Call>;

interface Rules<One> {
  parse(fields: Fields, reader: Reader): One | readonly (One | Refusal)[];
  /** It may start while earlier requests have no answer yet, and later ones beside it. */
  readonly besideOthers: boolean;
  /** The MiniOICQ document does not know it. */
  readonly beyondDocument: boolean;
}

/** A row of the table of actions. */
export type Action<One> =
  | (Rules<One> & { readonly needsLogIn: false; handle(call: Call, request: One): Promise<Answer> })
  | (Rules<One> & { readonly needsLogIn: true; handle(call: UserCall, request: One): Promise<Answer> });

/** Rejects with `DomainError` where the product refuses, or the client's token does not open the action. Sends reach the store before this returns, so in order. */
export function handle<One extends { readonly action: string; readonly clientId?: string | undefined }>(
  action: Action<One>,
  call: Call,
  request: One,
): Promise<Answer> {
  if (!action.needsLogIn) return action.handle(call, request);
  if (isOfUser(call) && !opens(call.caller.longToken, needOf(request.action))) {
    return Promise.reject(new DomainError("out_of_scope"));
  }
  return isOfUser(call) ? action.handle(call, request) : Promise.resolve(failed(request, "Not logged in")); // O19
}

const needs: Readonly<Record<string, Need>> = actionNeeds;
/** Undefined for what no long-lived token opens. */
const needOf = (action: string): Need | undefined => (Object.hasOwn(needs, action) ? needs[action] : undefined);

const isOfUser = (call: Call): call is UserCall => call.user !== undefined;
