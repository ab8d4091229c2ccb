/** How the main thread's ends of the store ask for changes: by name, with the change's own arguments and outcome. */
import type { Exchanged } from "../../domain/messages/exchange-store.ts";
import type { Message, Sent, UserId } from "../../domain/model.ts";
import type { ArgumentsOf, ChangeName, OutcomeOf } from "./changes.ts";
import type { Beside } from "./engine/writer.ts";

/** A message is built once, for its sender's answer and for all who hear of it; of the rest callers get the outcome. */
export type ValueOf<Name extends ChangeName> = Name extends keyof Built ? Built[Name] : OutcomeOf<Name>;

/** The message as it stands; undefined where it is gone meanwhile. */
export interface BuiltEdit {
  readonly message: Message | undefined;
  readonly changed: boolean;
  readonly told: readonly UserId[];
}

interface Built {
  readonly appendMessage: Sent;
  readonly appendMessages: Sent[];
  readonly editMessage: BuiltEdit;
  readonly exchange: Exchanged | "foreign";
  readonly confirmStatuses: Exchanged | "foreign";
}

/** Resolves, in the order of submission, once the change is on disk and was told. Throws the `DomainError` of a refusal. */
export type Submit = <Name extends ChangeName>(
  name: Name,
  args: ArgumentsOf<Name>,
  beside?: Beside,
) => Promise<ValueOf<Name>>;

/** The same, for what is not worth a commit of its own. */
export type SubmitLater = <Name extends ChangeName>(name: Name, args: ArgumentsOf<Name>) => Promise<ValueOf<Name>>;
