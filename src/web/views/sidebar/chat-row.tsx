/** A chat in the list. */
import type { Chat, Id } from "../../state/model.ts";
import { spoken } from "../conversation/spoken.ts";
import { Ticks } from "../conversation/ticks.tsx";
import { useModel } from "../model-context.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Icon } from "../parts/icon.tsx";
import { PersonName } from "../parts/person-name.tsx";
import { hashOf, move } from "../place.ts";
import { useWords } from "../preferences.ts";
import { chatName } from "../text/names.ts";
import { shortTime } from "../text/times.ts";
import { typingWords } from "../text/typing.ts";

function Last({ chat, ownId }: { chat: Chat; ownId: Id | undefined }) {
  const words = useWords();
  const model = useModel();
  const { last } = chat;
  if (chat.typing.length > 0) return <span class="accented">{typingWords(words, chat, model.people.value)}</span>;
  if (last === undefined) return <>{"\u00a0"}</>;
  return (
    <>
      {last.own && last.delivery !== undefined && <Ticks delivery={last.delivery} />}
      {chat.kind === "group" && (
        <span class="last-sender">
          {last.senderId === ownId ? (
            words.youPrefix
          ) : (
            <>
              <PersonName userId={last.senderId} />:
            </>
          )}{" "}
        </span>
      )}
      <bdi class={last.deleted ? "deleted" : ""}>{spoken(words, last)}</bdi>
    </>
  );
}

export function ChatRow({ chat, current }: { chat: Chat; current: boolean }) {
  const words = useWords();
  const model = useModel();
  const ownId = model.me.value?.userId;
  const name = chat.peerId !== undefined && chat.peerId === ownId ? words.notebook : chatName(words, chat);
  const online = chat.peerId !== undefined && model.people.value.get(chat.peerId)?.presence?.online === true;
  const muted = chat.mutedUntil !== undefined;
  return (
    <li>
      <a
        class="chat-row"
        href={hashOf({ chat: chat.chatId })}
        aria-current={current ? "page" : undefined}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
          event.preventDefault();
          move({ chat: chat.chatId });
        }}
      >
        <Avatar id={chat.peerId ?? chat.chatId} name={name} address={chat.avatar} size={48} online={online} />
        <span class="chat-row-words">
          <span class="chat-row-line">
            <bdi class="chat-row-name">{name}</bdi>
            {muted && (
              <span class="quiet small-icon" role="img" aria-label={words.muted}>
                <Icon name="bellOff" />
              </span>
            )}
            {chat.last !== undefined && (
              <time class={chat.unread > 0 && !muted ? "accented" : ""} dateTime={chat.last.time.toISOString()}>
                {shortTime(words, chat.last.time, new Date())}
              </time>
            )}
          </span>
          <span class="chat-row-line">
            <span class="chat-row-last">
              <Last chat={chat} ownId={ownId} />
            </span>
            {chat.mentioned && (
              <span class="badge" role="img" aria-label={words.mentionsYou}>
                @
              </span>
            )}
            {chat.unread > 0 && (
              <span class={muted ? "badge muted" : "badge"} role="img" aria-label={words.unread(chat.unread)}>
                {chat.unread > 999 ? "999+" : chat.unread}
              </span>
            )}
          </span>
        </span>
      </a>
    </li>
  );
}
