/** What can be done with a message: reactions in a row, and the rest below them. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Message } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { copyText } from "../parts/clipboard.ts";
import { Confirm } from "../parts/dialog.tsx";
import { Icon, type IconName } from "../parts/icon.tsx";
import { useWords } from "../preferences.ts";
import { abilities, deleting, menuOf, startEdit, startReply } from "./conversation-state.ts";

const quickReactions = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

function moveFocus(dialog: HTMLElement, event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (step === undefined || event.target instanceof HTMLInputElement) return;
  const buttons: (Element | null)[] = [...dialog.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  event.preventDefault();
  const next = buttons[(at + step + buttons.length) % buttons.length];
  if (next instanceof HTMLElement) next.focus();
}

function OtherReaction({ onReact }: { onReact: (reaction: string) => void }) {
  const words = useWords();
  return (
    <form
      class="other-reaction"
      onSubmit={(event) => {
        event.preventDefault();
        const value = new FormData(event.currentTarget).get("reaction");
        if (typeof value === "string" && value.trim() !== "") onReact(value.trim());
      }}
    >
      <input
        name="reaction"
        maxLength={64}
        aria-label={words.reactOtherHint}
        placeholder={words.reactOtherHint}
        autocomplete="off"
        ref={(element) => element?.focus()}
      />
      <button type="submit" class="button primary">
        {words.react}
      </button>
    </form>
  );
}

function Menu({ message, x, y }: { message: Message; x: number; y: number }) {
  const words = useWords();
  const model = useModel();
  const dialog = useRef<HTMLDialogElement>(null);
  const [other, setOther] = useState(false);
  const [copied, setCopied] = useState(false);
  const close = () => {
    menuOf.value = undefined;
  };
  useEffect(() => {
    const element = dialog.current;
    if (element === null) return;
    const before = document.activeElement;
    element.showModal();
    const width = element.offsetWidth;
    const height = element.offsetHeight;
    element.style.setProperty("--x", `${Math.max(8, Math.min(x, innerWidth - width - 8))}px`);
    element.style.setProperty("--y", `${Math.max(8, Math.min(y, innerHeight - height - 8))}px`);
    return () => {
      element.close();
      if (before instanceof HTMLElement && document.activeElement === document.body)
        before.focus({ preventScroll: true });
    };
  }, []);
  const may = abilities(message);
  const react = (reaction: string) => {
    const own = message.reactions.some((one) => one.own && one.reaction === reaction);
    if (message.messageId !== undefined) void model.react(message.messageId, reaction, !own);
    close();
  };
  const item = (icon: IconName, label: string, act: () => void, danger = false) => (
    <button type="button" class={danger ? "menu-item danger" : "menu-item"} onClick={act}>
      <Icon name={icon} turns={icon === "reply"} />
      {label}
    </button>
  );
  return (
    <dialog
      ref={dialog}
      class="menu"
      aria-label={words.messageMenu}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) close();
      }}
      onKeyDown={(event) => {
        event.stopPropagation();
        moveFocus(event.currentTarget, event);
      }}
    >
      <div class="menu-body">
        {may.react && !other && (
          <div class="quick-reactions">
            {quickReactions.map((reaction) => (
              <button
                key={reaction}
                type="button"
                aria-label={`${words.react} ${reaction}`}
                onClick={() => react(reaction)}
              >
                {reaction}
              </button>
            ))}
            <button type="button" aria-label={words.reactOther} title={words.reactOther} onClick={() => setOther(true)}>
              <Icon name="plus" />
            </button>
          </div>
        )}
        {other && <OtherReaction onReact={react} />}
        {may.reply &&
          item("reply", words.reply, () => {
            close();
            startReply(message);
          })}
        {may.copy &&
          item(copied ? "check" : "copy", copied ? words.copied : words.copyText, () => {
            copyText(message.text ?? "", dialog.current ?? document.body);
            setCopied(true);
          })}
        {may.edit &&
          item("pencil", words.edit, () => {
            close();
            startEdit(message);
          })}
        {may.remove &&
          item(
            "trash",
            words.delete,
            () => {
              close();
              deleting.value = message;
            },
            true,
          )}
        {message.delivery === "refused" &&
          item("trash", words.discard, () => {
            close();
            model.drop(message.key);
          })}
      </div>
    </dialog>
  );
}

/** The menu and the question before a deletion, where one of them is open. */
export function MessageMenu() {
  const words = useWords();
  const model = useModel();
  const open = menuOf.value;
  const doomed = deleting.value;
  return (
    <>
      {open !== undefined && <Menu key={open.message.key} {...open} />}
      {doomed?.messageId !== undefined && (
        <Confirm
          title={words.deleteTitle}
          lead={words.deleteLead}
          yes={words.delete}
          onYes={() => model.remove(doomed.messageId ?? "")}
          onClose={() => {
            deleting.value = undefined;
          }}
        />
      )}
    </>
  );
}
