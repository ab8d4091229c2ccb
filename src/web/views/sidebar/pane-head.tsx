/** The head of a pane that stands in place of the list of chats. */
import type { ComponentChildren } from "preact";
import { IconButton } from "../parts/button.tsx";
import { move } from "../place.ts";
import { useWords } from "../preferences.ts";

export function PaneHead(props: { title: string; up?: string; children?: ComponentChildren }) {
  const words = useWords();
  return (
    <header class="bar">
      <IconButton icon="back" turns label={words.back} onClick={() => move({ side: props.up })} />
      <h1 class="bar-name">{props.title}</h1>
      {props.children}
    </header>
  );
}
