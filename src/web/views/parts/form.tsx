/** Forms: a field with its label and hint, and the sending with what went wrong. */
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import type { Done } from "../../state/model.ts";
import { sentenceOf, useWords } from "../preferences.ts";
import { Icon } from "./icon.tsx";

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly hint?: string;
  readonly value?: string;
  readonly type?: "text" | "password";
  readonly autocomplete?: string;
  readonly required?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly autofocus?: boolean;
}

export function Field({ label, hint, value, type = "text", autofocus = false, ...rest }: FieldProps) {
  const words = useWords();
  const id = useId();
  const [shown, setShown] = useState(false);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-box">
        <input
          id={id}
          defaultValue={value}
          dir={type === "password" ? "ltr" : "auto"}
          aria-describedby={hint === undefined ? undefined : `${id}-hint`}
          autocapitalize="none"
          spellcheck={false}
          ref={autofocus ? focusOnce : null}
          {...rest}
          {...({ type: shown ? "text" : type } as { type: "text" })}
        />
        {type === "password" && (
          <button
            type="button"
            class="icon-button"
            aria-label={words.showPassword}
            title={words.showPassword}
            aria-pressed={shown}
            onClick={() => setShown(!shown)}
          >
            <Icon name="eye" />
          </button>
        )}
      </div>
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

const focused = new WeakSet<HTMLElement>();
function focusOnce(element: HTMLElement | null): void {
  if (element === null || focused.has(element)) return;
  focused.add(element);
  element.focus({ preventScroll: true });
}

interface FormProps {
  /** The value of each field by its name; a checkbox that is not ticked is absent. */
  readonly onSubmit: (fields: Readonly<Record<string, string>>) => Promise<Done>;
  readonly submit: string;
  /** Said where it succeeded and the form stays. */
  readonly success?: string;
  readonly children: ComponentChildren;
  readonly danger?: boolean;
  readonly beside?: ComponentChildren;
  readonly onSuccess?: () => void;
}

export function Form({ onSubmit, submit, success, children, danger = false, beside, onSuccess }: FormProps) {
  const words = useWords();
  const [state, setState] = useState<"idle" | "busy" | "done" | { reason: string }>("idle");
  const form = useRef<HTMLFormElement>(null);
  const send = async (event: Event) => {
    event.preventDefault();
    const element = form.current;
    if (element === null || state === "busy") return;
    const fields: Record<string, string> = {};
    for (const [name, value] of new FormData(element)) if (typeof value === "string") fields[name] = value;
    setState("busy");
    const done = await onSubmit(fields);
    setState(done.ok ? "done" : { reason: done.reason });
    if (!done.ok) return;
    element.reset();
    onSuccess?.();
  };
  return (
    <form ref={form} class="form" onSubmit={(event) => void send(event)}>
      {children}
      <div class="form-status" role="alert">
        {typeof state === "object" && (
          <p class="error">
            <Icon name="warning" />
            <span>{sentenceOf(words, state.reason)}</span>
          </p>
        )}
      </div>
      <div class="form-end">
        <button type="submit" class={danger ? "button danger" : "button primary"} disabled={state === "busy"}>
          {submit}
        </button>
        {beside}
        <span class="form-success" role="status">
          {state === "done" ? success : undefined}
        </span>
      </div>
    </form>
  );
}
