/** A text of a message: line breaks as they are, addresses to follow, names of members. Very long ones in parts. */
import { useComputed } from "@preact/signals";
import { useState } from "preact/hooks";
import type { Id } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { useWords } from "../preferences.ts";
import { piecesOf } from "./links.ts";

/** More of a text is drawn when one asks for it: a text may have a million characters. */
const partLength = 4_000;

export function RichText({ text, mentions }: { text: string; mentions: readonly Id[] }) {
  const words = useWords();
  const model = useModel();
  const [parts, setParts] = useState(1);
  const names = useComputed(() =>
    JSON.stringify(mentions.map((userId) => [userId, model.people.value.get(userId)?.name ?? ""])),
  ).value;
  const me = model.me.value?.userId;
  const shown = text.slice(0, partLength * parts);
  const pieces = piecesOf(shown, new Map(JSON.parse(names) as [Id, string][]));
  return (
    <>
      <p class="text" dir="auto">
        {pieces.map((piece, index) => {
          const key = `${index}`;
          if (piece.kind === "text") return piece.text;
          if (piece.kind === "mention") {
            return (
              <bdi key={key} class={piece.userId === me ? "mention me" : "mention"}>
                {piece.text}
              </bdi>
            );
          }
          return (
            <a key={key} href={piece.href} target="_blank" rel="noopener noreferrer">
              <bdi>{piece.text}</bdi>
            </a>
          );
        })}
      </p>
      {text.length > shown.length && (
        <button type="button" class="link" onClick={() => setParts(parts * 4)}>
          {words.showMore}
        </button>
      )}
    </>
  );
}
