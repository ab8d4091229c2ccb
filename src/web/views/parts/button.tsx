/** Buttons: with an icon alone, and the one that waits for an answer. */
import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

interface IconButtonProps {
  readonly icon: IconName;
  /** What it does: its name for readers of the screen, and its title. */
  readonly label: string;
  readonly onClick: (event: MouseEvent) => void;
  readonly turns?: boolean;
  readonly class?: string;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  readonly expanded?: boolean;
}

export function IconButton({ icon, label, onClick, turns, disabled, pressed, expanded, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      class={`icon-button ${rest.class ?? ""}`}
      aria-label={label}
      title={label}
      disabled={disabled}
      aria-pressed={pressed}
      aria-expanded={expanded}
      onClick={onClick}
    >
      <Icon name={icon} turns={turns ?? false} />
    </button>
  );
}

/** What a view without content says: what to do first. */
export function Empty(props: { icon: IconName; title: string; lead?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={props.icon} />
      </span>
      <h2>{props.title}</h2>
      {props.lead !== undefined && <p>{props.lead}</p>}
      {props.children !== undefined && <div class="empty-actions">{props.children}</div>}
    </div>
  );
}
