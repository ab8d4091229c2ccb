/** Dialogs: the browser keeps the focus inside, and Esc closes them. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Done } from "../../state/model.ts";
import { sentenceOf, useWords } from "../preferences.ts";
import { IconButton } from "./button.tsx";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly class?: string;
}

export function Dialog({ title, onClose, children, ...rest }: DialogProps) {
  const words = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${rest.class ?? ""}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <div class="dialog-body">
        <div class="dialog-head">
          <h2 id={id}>
            <bdi>{title}</bdi>
          </h2>
          <IconButton icon="close" label={words.close} onClick={onClose} />
        </div>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly lead: string;
  readonly yes: string;
  readonly onYes: () => Promise<Done>;
  readonly onClose: () => void;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, lead, yes, onYes, onClose }: ConfirmProps) {
  const words = useWords();
  const [reason, setReason] = useState<string>();
  const [busy, setBusy] = useState(false);
  const act = async () => {
    setBusy(true);
    const done = await onYes();
    setBusy(false);
    if (done.ok) onClose();
    else setReason(done.reason);
  };
  return (
    <Dialog title={title} onClose={onClose} class="small">
      <p>{lead}</p>
      <div role="alert">{reason !== undefined && <p class="error">{sentenceOf(words, reason)}</p>}</div>
      <div class="dialog-end">
        <button type="button" class="button" onClick={onClose}>
          {words.cancel}
        </button>
        <button type="button" class="button danger" disabled={busy} onClick={() => void act()}>
          {yes}
        </button>
      </div>
    </Dialog>
  );
}
