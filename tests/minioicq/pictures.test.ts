/** MiniOICQ § Set Avatar, with O5 and O28. */
import { describe, expect, test } from "bun:test";
import { generatedAvatar } from "../../src/delivery/avatar.ts";
import { startTestServer } from "../support/server.ts";
import { encodings, MiniClient, newUser } from "./client.ts";

const picture = generatedAvatar(4711);
const base64 = Buffer.from(picture).toString("base64");
const ack = { action: "avatar.set.ack" };

describe.each([...encodings])("in %s", (encoding) => {
  test("O28 a picture is taken in every form, and shown to everybody who asks", async () => {
    await using server = await startTestServer();
    const ann = await newUser(server.http, "Ann", encoding);
    const bob = await newUser(server.http, "Bob", encoding);
    const shown = async () => (await bob.client.ask({ action: "user.get", user_id: ann.id }))["avatar"];
    const generated = await shown();
    expect(generated).not.toBe(base64);
    const forms: unknown[] = [base64, base64.replace(/=+$/, ""), `data:image/png;base64,${base64}`];
    if (encoding === "msgpack") forms.push(picture);
    for (const avatar of forms) {
      expect(await ann.client.ask({ action: "avatar.set", avatar })).toEqual(ack);
      expect(await shown()).toBe(base64);
      expect(await ann.client.ask({ action: "avatar.set", avatar: "" })).toEqual(ack);
      expect(await shown()).toBe(generated);
    }
    await ann.client.ask({ action: "avatar.set", avatar: base64 });
    const { users } = (await bob.client.ask({ action: "user.sync" })) as unknown as { users: { avatar: string }[] };
    expect(users.map(({ avatar }) => avatar === base64)).toEqual([true, false]);
    const { members } = (await ann.client.ask({ action: "chat.create", members: [bob.id] })) as unknown as {
      members: { avatar: string }[];
    };
    expect(members[0]?.avatar).toBe(base64);
    expect((await bob.client.fence()).map(({ action }) => action)).toEqual(["chat.spawn"]); // Others are told nothing (O28).
    await using again = await server.restart();
    using back = await MiniClient.connect(again.http, encoding);
    expect((await back.login(ann.id))["avatar"]).toBe(base64);
  });

  const refusals: [string, unknown, string][] = [
    ["what is no base64", "not base64!", "Invalid avatar"],
    ["base64 of an odd length", "QUJDR", "Invalid avatar"],
    ["a number", 5, "Invalid avatar"],
    ["a list", [1, 2, 3], "Invalid avatar"],
    ["a data: URI without base64", "data:image/png,abc", "Invalid avatar"],
    ["base64 of no picture", "aGVsbG8=", "Not a PNG, JPEG, GIF or WebP picture"],
    ["too much", Buffer.alloc(300_000, 1).toString("base64"), "Avatar too large, at most 16 KiB"],
  ];
  test("anything else is refused in words, and the picture stays", async () => {
    await using server = await startTestServer();
    const ann = await newUser(server.http, "Ann", encoding);
    await ann.client.ask({ action: "avatar.set", avatar: base64 });
    for (const [what, avatar, reason] of refusals) {
      const answer = await ann.client.ask({ action: "avatar.set", avatar });
      expect<unknown>({ what, ...answer }).toEqual({ what, action: "avatar.set.fail", reason });
    }
    expect((await ann.client.ask({ action: "user.get", user_id: ann.id }))["avatar"]).toBe(base64);
    using stranger = await MiniClient.connect(server.http, encoding);
    const answer = await stranger.ask({ action: "avatar.set", avatar: base64 });
    expect(answer).toEqual({ action: "avatar.set.fail", reason: "Not logged in" });
  });
});
