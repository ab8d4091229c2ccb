/** A picture that can be changed and taken away. */
import { useRef, useState } from "preact/hooks";
import type { Done } from "../../state/model.ts";
import { sentenceOf, useWords } from "../preferences.ts";
import { Avatar } from "./avatar.tsx";

interface PicturePickerProps {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly onChange: (picture: Blob | undefined) => Promise<Done>;
}

export function PicturePicker({ id, name, address, onChange }: PicturePickerProps) {
  const words = useWords();
  const picker = useRef<HTMLInputElement>(null);
  const [reason, setReason] = useState<string>();
  const change = async (picture: Blob | undefined) => {
    const done = await onChange(picture);
    setReason(done.ok ? undefined : done.reason);
  };
  return (
    <div class="picture-picker">
      <Avatar id={id} name={name} address={address} size={96} />
      <div class="picture-picker-acts">
        <button type="button" class="button small" onClick={() => picker.current?.click()}>
          {words.changePicture}
        </button>
        <button type="button" class="button small quiet-button" onClick={() => void change(undefined)}>
          {words.removePicture}
        </button>
      </div>
      <input
        ref={picker}
        type="file"
        accept="image/png,image/jpeg,image/gif,image/webp"
        hidden
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          currentTarget.value = "";
          if (file !== undefined) void change(file);
        }}
      />
      <div role="alert">{reason !== undefined && <p class="error">{sentenceOf(words, reason)}</p>}</div>
    </div>
  );
}
