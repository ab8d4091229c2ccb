/** The picture of a person or a chat. Until it is there, or where there is none, the first letters of the name. */
import { useState } from "preact/hooks";
import type { Id } from "../../state/model.ts";
import { hueOf, initials } from "../text/names.ts";

interface AvatarProps {
  readonly id: Id;
  readonly name: string;
  readonly address: string;
  /** In CSS pixels. */
  readonly size?: number;
  readonly online?: boolean;
}

export function Avatar({ id, name, address, size = 44, online = false }: AvatarProps) {
  const [broken, setBroken] = useState("");
  return (
    <span
      class={`avatar hue-${hueOf(id)}`}
      style={{ width: `${size}px`, height: `${size}px`, fontSize: `${Math.round(size * 0.38)}px` }}
      aria-hidden="true"
    >
      <span class="avatar-letters">{initials(name)}</span>
      {address !== "" && broken !== address && (
        <img
          src={address}
          alt=""
          width={size}
          height={size}
          loading="lazy"
          decoding="async"
          onError={() => setBroken(address)}
        />
      )}
      {online && <span class="avatar-online" />}
    </span>
  );
}
