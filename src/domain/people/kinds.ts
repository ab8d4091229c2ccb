/**
 * What the kinds of users may do. Only a person logs in, is found by others, has contacts and direct chats, owns a chat, and
 * is added to chats. Every other user is there for one thing, such as a hook: a member that others see, and that goes with
 * the thing.
 */
import type { UserKind } from "../model.ts";

export const isPerson = ({ kind }: { readonly kind: UserKind }): boolean => kind === "person";

/** The same as a condition on rows of `users`. */
export const personCondition = "kind = 'person'";
