/** One message. */
import type { Message, Reaction } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { IconButton } from "../parts/button.tsx";
import { PersonAvatar, PersonName } from "../parts/person-name.tsx";
import { sentenceOf, useWords } from "../preferences.ts";
import { hueOf, personName } from "../text/names.ts";
import { RichText } from "../text/rich-text.tsx";
import { clockTime, fullTime } from "../text/times.ts";
import { Content } from "./content.tsx";
import { abilities, jump, menuOf, startReply } from "./conversation-state.ts";
import { spoken } from "./spoken.ts";
import { Ticks } from "./ticks.tsx";
import { rememberShown } from "./timeline-keys.ts";

interface BubbleProps {
  readonly message: Message;
  /** What it answers, where that is among the messages here. */
  readonly quoted: Message | undefined;
  readonly first: boolean;
  readonly last: boolean;
  readonly group: boolean;
}

function Quote({ message, quoted }: { message: Message; quoted: Message | undefined }) {
  const words = useWords();
  const seq = quoted?.seq;
  return (
    <button
      type="button"
      class={`quote hue-${quoted === undefined ? 0 : hueOf(quoted.senderId)}`}
      disabled={seq === undefined}
      onClick={() => {
        if (seq !== undefined) jump.value = { chatId: message.chatId, seq };
      }}
    >
      {quoted !== undefined && (
        <span class="quote-name">
          <PersonName userId={quoted.senderId} />
        </span>
      )}
      <span class="quote-text" dir="auto">
        {quoted === undefined ? words.replyMissing : spoken(words, quoted)}
      </span>
    </button>
  );
}

function Reactions({ message }: { message: Message }) {
  const words = useWords();
  const model = useModel();
  const names = ({ userIds }: Reaction) =>
    userIds.map((userId) => personName(words, model.people.peek().get(userId), userId)).join(", ");
  const { messageId } = message;
  if (message.reactions.length === 0 || messageId === undefined) return null;
  return (
    <span class="reactions">
      {message.reactions.map((reaction) => (
        <button
          key={reaction.reaction}
          type="button"
          class="reaction"
          aria-pressed={reaction.own}
          title={names(reaction)}
          onClick={() => void model.react(messageId, reaction.reaction, !reaction.own)}
        >
          <span>{reaction.reaction}</span>
          {reaction.count > 1 && <span class="reaction-count">{reaction.count}</span>}
          <span class="unseen">{names(reaction)}</span>
        </button>
      ))}
    </span>
  );
}

function Refused({ message }: { message: Message }) {
  const words = useWords();
  const model = useModel();
  if (message.delivery !== "refused") return null;
  return (
    <div class="refused">
      <p>{sentenceOf(words, message.refusal ?? "")}</p>
      <button type="button" class="link" onClick={() => model.sendAgain(message.key)}>
        {words.sendAgain}
      </button>
      <button type="button" class="link" onClick={() => model.drop(message.key)}>
        {words.discard}
      </button>
    </div>
  );
}

function Body({ message }: { message: Message }) {
  const words = useWords();
  if (message.deleted) return <p class="text deleted">{words.deleted}</p>;
  return (
    <>
      {message.file !== undefined && message.text === undefined && <Content message={message} file={message.file} />}
      {message.text !== undefined && <RichText text={message.text} mentions={message.mentions} />}
      {message.text === undefined && message.file === undefined && (
        <p class="text deleted">
          <bdi>{spoken(words, message)}</bdi>
        </p>
      )}
    </>
  );
}

/** Where the pointer is a finger there is nothing to hover over: a tap on the bubble opens its menu. */
function openByTap(event: MouseEvent, message: Message): void {
  if (!matchMedia("(hover: none)").matches || !(event.target instanceof Element)) return;
  if (event.target.closest("a, button, video, audio") !== null || String(getSelection()) !== "") return;
  menuOf.value = { message, x: event.clientX, y: event.clientY };
}

export function Bubble({ message, quoted, first, last, group }: BubbleProps) {
  const words = useWords();
  const others = group && !message.own;
  const may = abilities(message);
  const open = (event: MouseEvent) => {
    menuOf.value = { message, x: event.clientX, y: event.clientY };
  };
  const parts = [
    "message",
    message.own ? "own" : "others",
    ...(first ? ["first"] : []),
    ...(last ? ["last"] : []),
    ...(message.file !== undefined && message.text === undefined && !message.deleted ? ["with-file"] : []),
    ...(message.reactions.length > 0 ? ["with-reactions"] : []),
  ];
  return (
    <li
      class={parts.join(" ")}
      data-key={message.key}
      data-seq={message.seq}
      tabIndex={-1}
      ref={(element) => rememberShown(element, message)}
    >
      {others && <span class="side">{last && <PersonAvatar userId={message.senderId} size={32} />}</span>}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys of the message stand at the list */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the same */}
      <div
        class="bubble"
        onClick={(event) => openByTap(event, message)}
        onContextMenu={(event) => {
          if (event.target instanceof Element && event.target.closest("a, img") !== null) return;
          event.preventDefault();
          open(event);
        }}
      >
        {others && first ? (
          <span class={`sender hue-${hueOf(message.senderId)}`}>
            <PersonName userId={message.senderId} />
          </span>
        ) : (
          <span class="unseen">{message.own ? words.you : <PersonName userId={message.senderId} />}</span>
        )}
        {message.replyTo !== undefined && !message.deleted && <Quote message={message} quoted={quoted} />}
        <Body message={message} />
        <span class="meta">
          {message.edited !== undefined && !message.deleted && <span>{words.edited}</span>}
          <time dateTime={message.time.toISOString()} title={fullTime(words, message.time)}>
            {clockTime(words, message.time)}
          </time>
          {message.own && message.delivery !== undefined && <Ticks delivery={message.delivery} />}
        </span>
        <Reactions message={message} />
        <Refused message={message} />
      </div>
      {(may.reply || may.copy) && (
        <span class="actions">
          {may.reply && <IconButton icon="reply" turns label={words.reply} onClick={() => startReply(message)} />}
          <IconButton icon="more" label={words.messageMenu} onClick={open} />
        </span>
      )}
    </li>
  );
}
