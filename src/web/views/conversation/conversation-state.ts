/** What the parts of a conversation share: whom one answers, what one edits, whose menu is open, where to jump. */
import { signal } from "@preact/signals";
import type { Id, Message } from "../../state/model.ts";

export const replyingTo = signal<Message | undefined>(undefined);
export const editing = signal<Message | undefined>(undefined);
export interface Jump {
  readonly chatId: Id;
  readonly seq: number | "newest";
  /** It is where the reader left off, not a message that one asked for. */
  readonly quiet?: boolean;
}

/** The message whose menu is open, and the point where it opens. */
export const menuOf = signal<{ readonly message: Message; readonly x: number; readonly y: number } | undefined>(
  undefined,
);
export const deleting = signal<Message | undefined>(undefined);
/** A picture shown as large as the window. */
export const lightbox = signal<{ readonly url: string; readonly name: string } | undefined>(undefined);
/** Where the timeline goes next; it takes it away when it is there. */
export const jump = signal<Jump | undefined>(undefined);
/** What a reader of the screen hears. */
export const announced = signal<readonly { readonly key: string; readonly text: string }[]>([]);

export function startReply(message: Message): void {
  editing.value = undefined;
  replyingTo.value = message;
  focusComposer();
}

export function startEdit(message: Message): void {
  replyingTo.value = undefined;
  editing.value = message;
  focusComposer();
}

export function focusComposer(): void {
  document.querySelector<HTMLTextAreaElement>("#composer")?.focus();
}

export function resetConversation(): void {
  replyingTo.value = undefined;
  editing.value = undefined;
  menuOf.value = undefined;
  deleting.value = undefined;
  announced.value = [];
}

/** What can be done with a message now. */
export function abilities(message: Message) {
  const stored = message.messageId !== undefined && !message.deleted;
  return {
    reply: stored,
    react: stored,
    copy: message.text !== undefined && !message.deleted,
    edit: stored && message.own && message.text !== undefined,
    remove: stored && message.own,
  };
}
