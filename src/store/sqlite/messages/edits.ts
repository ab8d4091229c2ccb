/** Edits and reactions in the store, and what changed after a revision. */

import { DomainError } from "../../../domain/errors.ts";
import { base64Of, isLeftOut } from "../../../domain/messages/content.ts";
import type { Edit, EditStore } from "../../../domain/messages/edit-store.ts";
import type { ChatId, Draft, Message, MessageFile, Reacted, UserId } from "../../../domain/model.ts";
import type { BuiltEdit, Submit } from "../submit.ts";
import type { WireEdit, WireEdited, WireReacted, WireReaction } from "./edit-changes.ts";
import { shownReactions } from "./extras.ts";
import type { LargeAppends, PutFile } from "./large-appends.ts";
import type { MessageContent } from "./message-content.ts";
import type { StoredMessages } from "./message-reader.ts";
import { toAddressees } from "./revisions.ts";

export function createEdits(
  reads: StoredMessages,
  { submit, large, withContent }: { submit: Submit; large: LargeAppends } & Pick<MessageContent, "withContent">,
) {
  async function editMessage(edit: Edit) {
    // Files are made in the order in which their sender says things, edits among them.
    const draft: Draft = { ...edit, chat: { id: 0 }, from: edit.userId };
    const { message, changed } = large.concernsOne(draft)
      ? await large.append(
          [draft],
          ([file]) => submitEdit(edit, file),
          (edited) => edited,
        )
      : await submitEdit(edit, undefined);
    if (message === undefined) throw new DomainError("message_not_found", "deleted meanwhile");
    if (!isLeftOut(message)) return { message, changed };
    const [whole = message] = await withContent([message]);
    return { message: whole, changed };
  }

  function submitEdit(edit: Edit, file: PutFile): Promise<BuiltEdit> {
    const [args, blobs] = toWire(edit, file);
    return submit("editMessage", args, { blobs, local: edit });
  }

  /** The row may have changed again in the same commit. What it says is what is told, and a file is not read for that. */
  function toEdited(edit: Edit, { content }: WireEdit, { changed, revision, told }: WireEdited): BuiltEdit {
    const stored = reads.messageById(edit.messageId);
    if (stored === undefined || stored.kind === "deleted") return { message: undefined, changed, told: [] };
    const isWhole = typeof content === "string" || !("file" in content) || stored.revision !== revision;
    const message: Message = isWhole ? stored : { ...stored, content: contentOf(edit) };
    return { message, changed, told: told as UserId[] };
  }

  const store: EditStore = {
    editMessage,
    reactToMessage: (change) =>
      submit("reactToMessage", change).then((outcome) => ({
        reacted: toReacted(change, outcome),
        changed: outcome.changed,
      })),
    changedAfter: async ({ inlineBytesMax, ...page }) => {
      const { messages, ...place } = reads.changedAfter(page);
      return { messages: await withContent(messages, inlineBytesMax), ...place };
    },
  };
  return { store, toEdited };
}

export function toReacted(
  { messageId, userId, reaction, added }: WireReaction,
  { chatId, chatKey, seq, senderId, revision, reactions, addressees }: WireReacted,
): Reacted {
  const reacted: Reacted = {
    messageId: messageId as Reacted["messageId"],
    chatId: chatId as ChatId,
    chatKey,
    seq,
    senderId: senderId as UserId,
    revision,
    by: userId as UserId,
    reaction,
    added,
    reactions: shownReactions(reactions),
  };
  return addressees === undefined ? reacted : { ...reacted, addressees: toAddressees(addressees) };
}

const contentOf = ({ content, asBase64 }: Edit): string | Uint8Array =>
  asBase64 === true && typeof content !== "string" ? base64Of(content) : content;

function toWire(edit: Edit, file: MessageFile | undefined): [WireEdit, Uint8Array[]] {
  const { userId, messageId, mentions } = edit;
  const of = { userId, messageId, mentions };
  if (file !== undefined) return [{ ...of, content: { file } }, []];
  const content = contentOf(edit);
  return typeof content === "string" ? [{ ...of, content }, []] : [{ ...of, content: { blob: 0 } }, [content]];
}
