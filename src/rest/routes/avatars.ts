/**
 * `GET /_/avatars/<id>-<hash>`: the picture of a user or a group, for pages that show it as an image, which cannot send a token.
 * Its address has the hash of its bytes: who has the address was shown the picture. It is served as the type that its bytes
 * say, and never changes.
 */
import { generatedAvatar, hashOf, parseAvatarName } from "../../delivery/avatar.ts";
import { mediaTypeOf } from "../../domain/messages/media-types.ts";
import { type Handler, own, type RouteParts } from "../context.ts";
import { fileNotFound, Refusal } from "../errors.ts";

export function createAvatarRoute({ domain, log }: RouteParts): { get: Handler } {
  const { store } = domain;

  const get: Handler = own(log, async (c) => {
    const name = c.req.param("avatar") ?? "";
    const bytes = await pictureOf(name);
    if (bytes === undefined) throw new Refusal(fileNotFound, "there is no such picture, or no longer");
    return new Response(new Uint8Array(bytes), {
      headers: {
        "Content-Type": mediaTypeOf("image", bytes),
        "Content-Disposition": "inline",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "public, max-age=31536000, immutable",
        ETag: `"${name}"`,
      },
    });
  });

  async function pictureOf(name: string): Promise<Uint8Array | undefined> {
    const asked = parseAvatarName(name);
    if (asked === undefined) return undefined;
    const { id, hash } = asked;
    // It is drawn from the number alone, so it tells nothing of whether there is such a user.
    const generated = generatedAvatar(id);
    if (hashOf(generated) === hash) return generated;
    const avatar = (await store.findUser(id))?.avatar ?? (await store.findChatAvatar(id));
    return avatar !== undefined && hashOf(avatar) === hash ? avatar : undefined;
  }

  return { get };
}
