/** Where one writes. Enter sends, Shift+Enter begins a new line; pictures and files come by paste, drop and pick. */
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat, Id, Message, Person } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { IconButton } from "../parts/button.tsx";
import { PersonName } from "../parts/person-name.tsx";
import { sentenceOf, useWords } from "../preferences.ts";
import { sizeWords } from "../text/times.ts";
import { type Attachment, Attachments, attachmentOf } from "./attachments.tsx";
import { abilities, editing, jump, replyingTo, startEdit } from "./conversation-state.ts";
import { draftOf, keepDraft } from "./drafts.ts";
import { membersFor, mentionAt, mentionsIn } from "./mentions.ts";
import { spoken } from "./spoken.ts";

const heightMostPx = 200;
const attachmentsMax = 20;

function grow(field: HTMLTextAreaElement): void {
  field.style.height = "auto";
  field.style.height = `${Math.min(heightMostPx, field.scrollHeight)}px`;
}

/** What one answers or edits, above the field. */
function Context({ onEnd }: { onEnd: () => void }) {
  const words = useWords();
  const message = editing.value ?? replyingTo.value;
  if (message === undefined) return null;
  return (
    <div class="composer-context">
      <span class="composer-context-words">
        <b>{editing.value === undefined ? <PersonName userId={message.senderId} /> : words.editing}</b>
        <span dir="auto">{spoken(words, message)}</span>
      </span>
      <IconButton icon="close" label={words.cancel} onClick={onEnd} />
    </div>
  );
}

interface ComposerProps {
  readonly chatId: Id;
  readonly chat: Chat | undefined;
  /** Files that were dropped onto the conversation. */
  readonly dropped: { take: (files: readonly File[]) => void };
}

export function Composer({ chatId, chat, dropped }: ComposerProps) {
  const words = useWords();
  const model = useModel();
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const attached = useSignal<readonly Attachment[]>([]);
  const original = useSignal(false);
  const [problem, setProblem] = useState<string>();
  const [filled, setFilled] = useState(draftOf(chatId) !== "");
  const [naming, setNaming] = useState<{ at: number; found: readonly Person[]; index: number }>();
  const chosen = useRef(new Map<Id, string>());
  const edited = editing.value;

  const setText = (text: string) => {
    const element = field.current;
    if (element === null) return;
    element.value = text;
    element.setSelectionRange(text.length, text.length);
    setFilled(text.trim() !== "");
    grow(element);
  };

  // Before the next key: what is typed at once belongs behind the text.
  useLayoutEffect(() => setText(edited === undefined ? draftOf(chatId) : (edited.text ?? "")), [edited, chatId]);

  const take = (files: readonly File[]) => {
    const most = model.server.value?.fileBytesMax ?? Infinity;
    const empty = files.find(({ size }) => size === 0);
    const large = files.find(({ size }) => size > most);
    if (empty !== undefined) setProblem(words.fileEmpty(empty.name));
    else if (large !== undefined) setProblem(words.fileTooLarge(large.name, sizeWords(words.tag, most)));
    else setProblem(undefined);
    const good = files.filter(({ size }) => size > 0 && size <= most);
    attached.value = [...attached.value, ...good.map(attachmentOf)].slice(0, attachmentsMax);
    field.current?.focus();
  };
  useLayoutEffect(() => {
    dropped.take = take;
  });

  const members = (): Person[] =>
    (chat?.memberIds ?? (chat?.peerId === undefined ? [] : [chat.peerId])).flatMap(
      (userId) => model.people.peek().get(userId) ?? [],
    );

  const input = () => {
    const element = field.current;
    if (element === null) return;
    grow(element);
    setFilled(element.value.trim() !== "");
    setProblem(undefined);
    if (edited === undefined) keepDraft(chatId, element.value);
    if (element.value !== "") model.typing(chatId);
    const mention = mentionAt(element.value, element.selectionStart);
    const found = mention === undefined ? [] : membersFor(mention.query, members(), model.me.peek()?.userId);
    setNaming(mention === undefined || found.length === 0 ? undefined : { at: mention.at, found, index: 0 });
  };

  const name = (person: Person) => {
    const element = field.current;
    if (element === null || naming === undefined) return;
    const head = `${element.value.slice(0, naming.at)}@${person.name} `;
    element.value = head + element.value.slice(element.selectionStart);
    element.setSelectionRange(head.length, head.length);
    chosen.current.set(person.userId, person.name);
    setNaming(undefined);
    element.focus();
    keepDraft(chatId, element.value);
  };

  const end = () => {
    editing.value = undefined;
    replyingTo.value = undefined;
    field.current?.focus();
  };

  const saveEdit = async (message: Message, text: string) => {
    const done = await model.edit(message.messageId ?? "", text);
    if (done.ok) end();
    else setProblem(sentenceOf(words, done.reason));
  };

  const send = async () => {
    const text = field.current?.value.trim() ?? "";
    if (new TextEncoder().encode(text).length > (model.server.peek()?.messageBytesMax ?? Infinity)) {
      setProblem(words.tooLong);
      return;
    }
    if (edited !== undefined) {
      if (text !== "") await saveEdit(edited, text);
      return;
    }
    const files = attached.peek();
    if (text === "" && files.length === 0) return;
    const replyTo = replyingTo.peek()?.messageId;
    const mentions = mentionsIn(text, chosen.current);
    attached.value = [];
    chosen.current.clear();
    keepDraft(chatId, "");
    setText("");
    replyingTo.value = undefined;
    const reply = replyTo === undefined ? {} : { replyTo };
    for (const [index, { file }] of files.entries()) {
      await model.send(chatId, { file, original: original.peek(), ...(index === 0 ? reply : {}) });
    }
    original.value = false;
    if (text !== "") {
      await model.send(chatId, {
        text,
        ...(mentions.length > 0 ? { mentions } : {}),
        ...(files.length === 0 ? reply : {}),
      });
    }
    jump.value = { chatId, seq: "newest" };
    void model.open.peek()?.toNewest();
  };

  const editLast = (): boolean => {
    const mine = model.open
      .peek()
      ?.messages.peek()
      .findLast((message) => abilities(message).edit);
    if (mine === undefined) return false;
    startEdit(mine);
    return true;
  };

  const chooseByKey = (event: KeyboardEvent): boolean => {
    if (naming === undefined) return false;
    const { found, index } = naming;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setNaming({ ...naming, index: (index + step + found.length) % found.length });
    else if (event.key === "Enter" || event.key === "Tab") {
      const person = found[index];
      if (person !== undefined) name(person);
    } else if (event.key === "Escape") setNaming(undefined);
    else return false;
    return true;
  };

  const key = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const empty = field.current?.value === "";
    let used = chooseByKey(event);
    if (!used && event.key === "Enter" && !event.shiftKey) {
      used = true;
      void send();
    } else if (!used && event.key === "ArrowUp" && empty && edited === undefined) used = editLast();
    else if (!used && event.key === "Escape" && (edited ?? replyingTo.peek()) !== undefined) {
      used = true;
      end();
    }
    if (!used) return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class="composer">
      {naming !== undefined && (
        <div class="mention-list" id="mention-list" role="listbox" aria-label={words.mentionList}>
          {naming.found.map((person, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field
            // biome-ignore lint/a11y/useFocusableInteractive: the same
            <div
              key={person.userId}
              id={`mention-${index}`}
              role="option"
              class="mention-option"
              aria-selected={index === naming.index}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => name(person)}
            >
              <bdi>{person.name}</bdi>
            </div>
          ))}
        </div>
      )}
      <Context onEnd={end} />
      <Attachments list={attached} original={original} />
      <div role="alert">{problem !== undefined && <p class="error composer-problem">{problem}</p>}</div>
      <form
        class="composer-row"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            take([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
        <IconButton
          icon="clip"
          label={words.attach}
          onClick={() => picker.current?.click()}
          disabled={edited !== undefined}
        />
        <textarea
          id="composer"
          ref={field}
          rows={1}
          dir="auto"
          aria-label={words.write}
          placeholder={words.write}
          aria-controls={naming === undefined ? undefined : "mention-list"}
          aria-activedescendant={naming === undefined ? undefined : `mention-${naming.index}`}
          enterkeyhint="send"
          onInput={input}
          onKeyDown={key}
          onBlur={() => setNaming(undefined)}
          onPaste={(event) => {
            const files = [...(event.clipboardData?.files ?? [])];
            if (files.length === 0) return;
            event.preventDefault();
            take(files);
          }}
        />
        <button
          type="submit"
          class="send-button"
          aria-label={edited === undefined ? words.send : words.save}
          title={edited === undefined ? words.send : words.save}
          disabled={!filled && attached.value.length === 0}
        >
          <SendIcon edit={edited !== undefined} />
        </button>
      </form>
    </div>
  );
}

function SendIcon({ edit }: { edit: boolean }) {
  return (
    <svg class="icon turns" viewBox="0 0 24 24" aria-hidden="true">
      <path d={edit ? "M5 12.5l4.5 4.5L19 7.5" : "M12 20V5M5.5 11.5L12 5l6.5 6.5"} />
    </svg>
  );
}
