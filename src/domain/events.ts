import type { Entered, Left, Message, UserId } from "./model.ts";

/**
 * What the domain tells the hub after a commit; `to` are the users it is for.
 * `message.sent` is published in the order of the commits, so message ids only ever grow.
 */
export type DomainEvent =
  | { readonly type: "message.sent"; readonly message: Message; readonly to: readonly UserId[] }
  | { readonly type: "chat.entered"; readonly entered: Entered; readonly to: readonly UserId[] }
  | { readonly type: "chat.left"; readonly left: Left; readonly to: readonly UserId[] }
  /** The account may no longer be used here: its connections are closed. */
  | { readonly type: "user.revoked"; readonly to: readonly UserId[] };

export type Publish = (event: DomainEvent) => void;
