/** The files that go out with the next message: shown before they are sent. */
import type { Signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { IconButton } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { useWords } from "../preferences.ts";
import { sizeWords } from "../text/times.ts";

export interface Attachment {
  readonly id: number;
  readonly file: File;
}

let lastId = 0;
export const attachmentOf = (file: File): Attachment => ({ id: ++lastId, file });
/** What the client may make smaller before sending. */
export const isPicture = (file: File): boolean => /^image\/(?:png|jpeg|webp|gif|avif)$/.test(file.type);

function Thumbnail({ file }: { file: File }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return address === "" ? null : <img src={address} alt="" width={56} height={56} />;
}

interface AttachmentsProps {
  readonly list: Signal<readonly Attachment[]>;
  readonly original: Signal<boolean>;
}

export function Attachments({ list, original }: AttachmentsProps) {
  const words = useWords();
  if (list.value.length === 0) return null;
  return (
    <div class="attachments">
      <ul>
        {list.value.map(({ id, file }) => (
          <li key={id} class="attachment">
            <span class="attachment-picture">{isPicture(file) ? <Thumbnail file={file} /> : <Icon name="file" />}</span>
            <span class="attachment-words">
              <bdi>{file.name}</bdi>
              <span class="quiet">{sizeWords(words.tag, file.size)}</span>
            </span>
            <IconButton
              icon="close"
              label={`${words.removeFile}: ${file.name}`}
              onClick={() => {
                list.value = list.value.filter((one) => one.id !== id);
              }}
            />
          </li>
        ))}
      </ul>
      {list.value.some(({ file }) => isPicture(file)) && (
        <label class="check" title={words.originalHint}>
          <input
            type="checkbox"
            checked={original.value}
            onChange={(event) => {
              original.value = event.currentTarget.checked;
            }}
          />
          {words.original}
        </label>
      )}
    </div>
  );
}
