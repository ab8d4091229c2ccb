/** Above the messages: with whom one talks, and what they do now. */
import { useState } from "preact/hooks";
import type { Chat, Id } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { Avatar } from "../parts/avatar.tsx";
import { IconButton } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { move, place } from "../place.ts";
import { useWords } from "../preferences.ts";
import { chatName, personName } from "../text/names.ts";
import { shortTime } from "../text/times.ts";
import { typingWords } from "../text/typing.ts";

/** A day to go to: the browser's own field for dates. */
function DateDialog({ onClose }: { onClose: () => void }) {
  const words = useWords();
  const model = useModel();
  return (
    <Dialog title={words.toDate} onClose={onClose} class="small">
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          const value = new FormData(event.currentTarget).get("date");
          const date = new Date(`${String(value)}T00:00`);
          if (Number.isNaN(date.getTime())) return;
          onClose();
          void model.open.peek()?.toDate(date);
        }}
      >
        <input type="date" name="date" required aria-label={words.toDate} />
        <div class="dialog-end">
          <button type="button" class="button" onClick={onClose}>
            {words.cancel}
          </button>
          <button type="submit" class="button primary">
            {words.toDate}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** The second line: who types, else who is online, else how many there are. */
function Status({ chat, chatId }: { chat: Chat | undefined; chatId: Id }) {
  const words = useWords();
  const model = useModel();
  const people = model.people.value;
  if (chat !== undefined && chat.typing.length > 0) {
    return <span class="accented">{typingWords(words, chat, people)}</span>;
  }
  if (chat?.kind === "group") return <>{chat.memberIds !== undefined && words.members(chat.memberIds.length)}</>;
  const presence = people.get(chat?.peerId ?? chatId)?.presence;
  if (presence?.online === true) return <span class="accented">{words.online}</span>;
  return <>{presence?.lastSeen !== undefined && words.lastSeen(shortTime(words, presence.lastSeen, new Date()))}</>;
}

export function Header({ chat, chatId }: { chat: Chat | undefined; chatId: Id }) {
  const words = useWords();
  const model = useModel();
  const [dating, setDating] = useState(false);
  const person = model.people.value.get(chat?.peerId ?? chatId);
  const ownId = model.me.value?.userId;
  const name =
    chat === undefined
      ? chatId === ownId
        ? words.notebook
        : personName(words, person, chatId)
      : chatName(words, chat, chat.peerId === ownId ? chat.chatId : undefined);
  const details = place.value.details === true;
  return (
    <header class="bar">
      <IconButton
        class="only-narrow"
        icon="back"
        turns
        label={words.back}
        onClick={() => move({ chat: undefined, details: undefined })}
      />
      <button
        type="button"
        class="bar-title"
        aria-expanded={details}
        onClick={() => move({ details: !details || undefined })}
      >
        <Avatar
          id={chat?.peerId ?? chatId}
          name={name}
          address={chat?.avatar ?? person?.avatar ?? ""}
          size={40}
          online={chat?.kind !== "group" && person?.presence?.online === true}
        />
        <span class="bar-words">
          <h1>
            <bdi>{name}</bdi>
          </h1>
          <span class="quiet">
            <Status chat={chat} chatId={chatId} />
          </span>
        </span>
      </button>
      <IconButton icon="calendar" label={words.toDate} onClick={() => setDating(true)} />
      <IconButton icon="search" label={words.searchInChat} onClick={() => move({ side: "search.chat" })} />
      <IconButton
        class="only-wide"
        icon="info"
        label={words.details}
        expanded={details}
        onClick={() => move({ details: !details || undefined })}
      />
      {dating && <DateDialog onClose={() => setDating(false)} />}
    </header>
  );
}
