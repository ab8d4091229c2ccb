/** The name of a person; drawn again only when the name changes. */
import { useComputed } from "@preact/signals";
import type { Id } from "../../state/model.ts";
import { useModel } from "../model-context.ts";
import { useWords } from "../preferences.ts";
import { personName } from "../text/names.ts";
import { Avatar } from "./avatar.tsx";

export function usePersonName(userId: Id): string {
  const { people } = useModel();
  return useComputed(() => personName(useWords(), people.value.get(userId), userId)).value;
}

export function PersonName({ userId }: { userId: Id }) {
  return <bdi>{usePersonName(userId)}</bdi>;
}

export function PersonAvatar({ userId, size }: { userId: Id; size: number }) {
  const { people } = useModel();
  const address = useComputed(() => people.value.get(userId)?.avatar ?? "").value;
  return <Avatar id={userId} name={usePersonName(userId)} address={address} size={size} />;
}
