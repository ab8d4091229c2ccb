/** Messages in the store: reads of this thread's connection, and changes sent to the writer. */
import { base64Of, isLeftOut, unpackContent, withBase64Content } from "../../../domain/messages/content.ts";
import type { Edit } from "../../../domain/messages/edit-store.ts";
import { isHash } from "../../../domain/messages/file-ids.ts";
import type { DeletedMessage, Draft, Message, MessageFile, MessageId, Sent, UserId } from "../../../domain/model.ts";
import type { MessageStore } from "../../../domain/store.ts";
import type { Files } from "../../files/files.ts";
import type { ChangeName } from "../changes.ts";
import { toEntered } from "../chats/entered.ts";
import type { DirectoryRule } from "../people/directory.ts";
import type { Submit } from "../submit.ts";
import type { WireEdit, WireEdited } from "./edit-changes.ts";
import { createEdits } from "./edits.ts";
import type { WireExchange, WireExchanged } from "./exchange-changes.ts";
import { toExchanged } from "./exchange-store.ts";
import { createLargeAppends, type PutFile } from "./large-appends.ts";
import type { WireDraft } from "./message-changes.ts";
import type { MessageContent } from "./message-content.ts";
import type { StoredMessages } from "./message-reader.ts";
import type { WireDeleted } from "./message-removal.ts";
import { toAddressees } from "./revisions.ts";
import { type EncodedAppend, sentMessage } from "./stored-message.ts";

export function createMessageStore(
  reads: StoredMessages,
  parts: {
    submit: Submit;
    files: Files;
    content: MessageContent;
    /** Content of so many bytes stands in a file. */
    fileBytesMin: number;
    /** Content of more bytes is told by its file alone, where a message names that. */
    toldBytesMax: number;
    rule: DirectoryRule;
  },
) {
  const { submit, files, rule } = parts;
  const { withContent, withContentOf } = parts.content;
  const large = createLargeAppends({
    files,
    bytesMin: parts.fileBytesMin,
    toldBytesMax: parts.toldBytesMax,
    findNamed: reads.findNamedFile,
  });
  const edits = createEdits(reads, { submit, large, withContent });
  /** Member lists as of the last commit that told them; see `Appended`. */
  const membersOf = new Map<number, readonly UserId[]>();
  const same = <Value>(value: Value): Value => value;

  /** What the caller gets for the outcome, see `ValueOf`. */
  function valueFor(name: ChangeName, given: { args: unknown; local: unknown; outcome: unknown }): unknown {
    const { args, local, outcome } = given;
    switch (name) {
      case "appendMessage":
        return toSent(local as Draft, args as WireDraft, outcome as EncodedAppend);
      case "appendMessages": {
        const { drafts: wires } = args as { drafts: readonly WireDraft[] };
        const drafts = local as readonly Draft[];
        return (outcome as readonly EncodedAppend[]).flatMap((one, index) => {
          const [draft, wire] = [drafts[index], wires[index]];
          return draft === undefined || wire === undefined ? [] : toSent(draft, wire, one);
        });
      }
      case "editMessage":
        return edits.toEdited(local as Edit, args as WireEdit, outcome as WireEdited);
      case "exchange":
      case "confirmStatuses":
        return outcome === "foreign" ? outcome : toExchanged(args as WireExchange, outcome as WireExchanged);
      default:
        return outcome;
    }
  }

  function appendMessage(draft: Draft): Promise<Sent> {
    if (!large.concernsOne(draft)) return append(draft, undefined).then(withItsContent);
    return large.append([draft], ([file]) => append(draft, file), withItsContent);
  }

  function append(draft: Draft, file: PutFile): Promise<Sent> {
    const [wire, blobs] = toWire(withRule(draft), [], file);
    return submit("appendMessage", wire, { blobs, local: draft });
  }

  const withRule = (draft: Draft): Draft & DirectoryRule =>
    rule.hidesStrangers === undefined ? draft : { ...draft, ...rule };

  /** What is repeated comes from the store, and its content perhaps from a file. */
  function withItsContent(sent: Sent): Sent | Promise<Sent> {
    return sent.repeated && isLeftOut(sent.message) ? withContentOf(sent) : sent;
  }

  function appendMessages(drafts: readonly Draft[]): Promise<Sent[]> {
    return large.concerns(drafts) ? large.append(drafts, submitAll, same) : submitAll([]).then(same);

    function submitAll(put: readonly PutFile[]): Promise<Sent[]> {
      const blobs: Uint8Array[] = [];
      const wires = drafts.map((draft, index) => toWire(withRule(draft), blobs, put[index])[0]);
      return submit("appendMessages", { drafts: wires }, { blobs, local: drafts });
    }
  }

  function toSent(draft: Draft, { content }: WireDraft, encoded: EncodedAppend): Sent {
    const [, , , chatId, , , repeatOf, members, entered, mentions, named] = encoded;
    if (members !== null) membersOf.set(chatId, members as UserId[]);
    if (repeatOf !== 0) {
      const message = reads.messageById(repeatOf as MessageId);
      if (message !== undefined) {
        return { message, members: membersOf.get(chatId) ?? [], repeated: true, entered: undefined };
      }
    }
    if (named !== undefined) {
      const { file, type } = named;
      const bytes = large.bytesOf(draft);
      const told = bytes === undefined ? "" : unpackContent(bytes, file.form);
      return {
        message: { ...sentMessage({ ...draft, type }, encoded, told, mentions ?? undefined), file },
        members: membersOf.get(chatId) ?? [],
        repeated: false,
        entered: entered === null ? undefined : toEntered(entered),
      };
    }
    const file = typeof content !== "string" && "file" in content ? content.file : undefined;
    const message = sentMessage(draft, encoded, file === undefined ? contentOf(draft) : "", mentions ?? undefined);
    return {
      message: file === undefined ? message : withFile(message, draft, file),
      members: membersOf.get(chatId) ?? [],
      repeated: repeatOf !== 0,
      entered: entered === null ? undefined : toEntered(entered),
    };
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  const store: MessageStore = {
    appendMessage,
    appendMessages,
    deleteMessage: (request) =>
      submit("deleteMessage", request).then((deleted) => ({
        message: toDeleted(request.messageId, deleted),
        members: deleted.members as UserId[],
      })),
    findMessage: async (messageId, inlineBytesMax) => {
      const message = reads.messageById(messageId);
      return message === undefined ? undefined : (await withContent([message], inlineBytesMax))[0];
    },
    findFile: async (userId, hash) => {
      const file = isHash(hash) ? reads.findFile(userId, hash) : undefined;
      const content = file === undefined ? undefined : await files.open(hash);
      return file === undefined || content === undefined ? undefined : { ...file, content };
    },
    chatsOfFile: async (userId, hash, limit) => (isHash(hash) ? reads.chatsOfFile(userId, hash, limit) : []),
    withContent: async (messages, inlineBytesMax) => withContent(messages, inlineBytesMax),
    messages: async ({ chatId, afterSeq, beforeSeq, limit, reader: by, inlineBytesMax, bytesMax }) =>
      withContent(reads.page({ chatId, afterSeq, beforeSeq, limit, inlineBytesMax, bytesMax, by }), inlineBytesMax),
  };
  return { store: { ...store, ...edits.store }, valueFor, forgetMembers: () => membersOf.clear() };
}

export function toDeleted(messageId: number, { members: _, addressees, ...place }: WireDeleted): DeletedMessage {
  const deleted = { ...place, messageId } as DeletedMessage;
  return addressees === undefined ? deleted : { ...deleted, addressees: toAddressees(addressees) };
}

/** Bytes do not fit JSON: they travel beside it, by their place in `blobs`. What stands in a file does not travel. */
function toWire(draft: Draft & DirectoryRule, blobs: Uint8Array[], file?: PutFile): [WireDraft, Uint8Array[]] {
  if (draft.file !== undefined) {
    const { file: named, ...rest } = draft;
    return [{ ...rest, content: { named } }, blobs];
  }
  if (file !== undefined) return [{ ...draft, content: { file } }, blobs];
  if (typeof draft.content === "string") return [draft as WireDraft, blobs];
  if (draft.asBase64 === true) return [{ ...draft, content: base64Of(draft.content) }, blobs];
  blobs.push(draft.content);
  return [{ ...draft, content: { blob: blobs.length - 1 } }, blobs];
}

const contentOf = ({ content, asBase64 }: Draft): string | Uint8Array =>
  asBase64 === true && typeof content !== "string" ? base64Of(content) : content;

function withFile(message: Message, { content, asBase64 }: Draft, file: MessageFile): Message {
  if (asBase64 === true && typeof content !== "string") return withBase64Content({ ...message, file }, content);
  return { ...message, content, file };
}
