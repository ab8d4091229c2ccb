/** The answers to the actions beyond the document. */
import { expect } from "bun:test";
import {
  always,
  avatar,
  chatOf,
  epoch,
  eve,
  fail,
  id,
  iso,
  notLoggedIn,
  person,
  pushed,
  type Row,
  refused,
  spawn,
  toAll,
} from "./row.ts";

const asked: Row["ann"] = ({ other }) => [
  { action: "contact.request.success", user_id: other, status: "request" },
  { action: "contact.changed", user_id: other, status: "request", updated: iso },
];

export const rowsBeyond: Readonly<Record<string, readonly Row[]>> = {
  "chat.list": [
    {
      what: "",
      ask: () => ({ action: "chat.list" }),
      nobody: notLoggedIn("chat.list"),
      ann: ({ me, chat }) => [
        {
          action: "chat.list.success",
          epoch,
          chats: [{ ...chatOf(me, "Ours", chat), kind: "group", last_seq: 1, revision: 0 }],
        },
      ],
      eve: [{ action: "chat.list.success", epoch, chats: [] }],
    },
    {
      what: "behind the last one",
      ask: ({ chat }) => ({ action: "chat.list", after: chat }),
      nobody: notLoggedIn("chat.list"),
      ann: [{ action: "chat.list.success", epoch, chats: [] }],
    },
    {
      what: "the liveliest first",
      ask: () => ({ action: "chat.list", order: "recent" }),
      nobody: notLoggedIn("chat.list"),
      ann: ({ me, chat }) => [
        {
          action: "chat.list.success",
          epoch,
          chats: [
            {
              ...chatOf(me, "Ours", chat),
              kind: "group",
              last_seq: 1,
              revision: 0,
              read_seq: 1,
              unread: 0,
              muted: false,
              last_message: pushed(me, {
                chat_id: chat,
                client_id: "before",
                message_id: "1",
                content: "hello",
                seq: 1,
              }),
            },
          ],
        },
      ],
      eve: [{ action: "chat.list.success", epoch, chats: [] }],
    },
    refused("chat.list", "behind a word", { after: "x" }, "Invalid after"),
    refused("chat.list", "the liveliest behind an id", { order: "recent", after: "5" }, "Invalid after"),
    refused("chat.list", "in another order", { order: "name" }, "Invalid order"),
    refused("chat.list", "none of them", { limit: 0 }, "Invalid limit"),
  ],
  "chat.get": [
    {
      what: "",
      ask: ({ chat }) => ({ action: "chat.get", chat_id: chat }),
      nobody: notLoggedIn("chat.get"),
      ann: ({ me, other, chat }) => [
        {
          action: "chat.get.success",
          ...chatOf(me, "Ours", chat),
          members: [person(me, "Ann"), person(other, "Bob")],
        },
      ],
      eve: fail("chat.get", "Chat not found"),
    },
    refused("chat.get", "none there is", { chat_id: "9" }, "Chat not found"),
    refused("chat.get", "without an id", {}, "Chat not found"),
  ],
  "chat.leave": [
    {
      what: "",
      ask: ({ chat }) => ({ action: "chat.leave", chat_id: chat }),
      nobody: notLoggedIn("chat.leave"),
      ann: ({ me, other, chat }) => [
        { action: "chat.leave.success", chat_id: chat },
        { action: "chat.left", chat_id: chat, members: [me], owner_id: other, deleted: false },
      ],
      eve: fail("chat.leave", "Chat not found"),
    },
    refused("chat.leave", "none there is", { chat_id: "9" }, "Chat not found"),
  ],
  "chat.add": [
    {
      what: "Eve",
      ask: ({ chat }) => ({ action: "chat.add", chat_id: chat, members: [eve] }),
      nobody: notLoggedIn("chat.add"),
      ann: ({ chat }) => [
        { action: "chat.add.success", chat_id: chat },
        { action: "chat.joined", chat_id: chat, members: [{ user_id: eve, user_name: "Eve" }] },
      ],
      // She is in it by now, and was told so.
      eve: ({ me, other, chat }) => [
        { ...spawn(me, "Ours", [person(me, "Ann"), person(other, "Bob"), person(eve, "Eve")]), chat_id: chat },
        { action: "chat.add.success", chat_id: chat },
      ],
    },
    refused("chat.add", "to none there is", { chat_id: "9", members: [eve] }, "Chat not found"),
    refused("chat.add", "nobody", { chat_id: "9", members: [] }, "Invalid members"),
    {
      what: "nobody there is",
      ask: ({ chat }) => ({ action: "chat.add", chat_id: chat, members: ["9"] }),
      nobody: notLoggedIn("chat.add"),
      ann: fail("chat.add", "User not found"),
    },
  ],
  "chat.remove": [
    {
      what: "Bob",
      ask: ({ chat, other }) => ({ action: "chat.remove", chat_id: chat, members: [other] }),
      nobody: notLoggedIn("chat.remove"),
      ann: ({ me, other, chat }) => [
        { action: "chat.remove.success", chat_id: chat },
        { action: "chat.left", chat_id: chat, members: [other], owner_id: me, deleted: false },
      ],
      eve: fail("chat.remove", "Chat not found"),
    },
    {
      what: "oneself",
      ask: ({ chat, me }) => ({ action: "chat.remove", chat_id: chat, members: [me] }),
      nobody: notLoggedIn("chat.remove"),
      ann: fail("chat.remove", "Not authorized"),
      eve: fail("chat.remove", "Chat not found"),
    },
    refused("chat.remove", "a word", { chat_id: "9", members: "x" }, "Invalid members"),
  ],
  "hook.add": [
    {
      what: "",
      ask: ({ chat }) => ({ action: "hook.add", chat_id: chat, name: "cron" }),
      nobody: notLoggedIn("hook.add"),
      ann: ({ chat }) => [
        {
          action: "hook.add.success",
          hook_id: id,
          chat_id: chat,
          name: "cron",
          created: iso,
          path: expect.stringMatching(/^\/in\/rh_[\w-]{32}$/),
        },
        { action: "chat.joined", chat_id: chat, members: [{ user_id: id, user_name: "cron" }] },
      ],
      eve: fail("hook.add", "Chat not found"),
    },
    refused("hook.add", "to none there is", { chat_id: "9" }, "Chat not found"),
    refused("hook.add", "with a long name", { chat_id: "9", name: "x".repeat(129) }, "Invalid name"),
  ],
  "hook.list": [
    {
      what: "",
      ask: ({ chat }) => ({ action: "hook.list", chat_id: chat }),
      nobody: notLoggedIn("hook.list"),
      ann: [{ action: "hook.list.success", hooks: expect.any(Array) }],
      eve: fail("hook.list", "Chat not found"),
    },
    refused("hook.list", "of none there is", { chat_id: "9" }, "Chat not found"),
  ],
  "hook.remove": [
    refused("hook.remove", "none there is", { hook_id: "9" }, "User not found"),
    refused("hook.remove", "without an id", {}, "User not found"),
  ],
  "chat.rename": [
    {
      what: "",
      ask: ({ chat }) => ({ action: "chat.rename", chat_id: chat, name: " New " }),
      nobody: notLoggedIn("chat.rename"),
      ann: ({ chat }) => [
        { action: "chat.rename.success", chat_id: chat },
        { action: "chat.renamed", chat_id: chat, name: "New", chat_name: "New" },
      ],
      eve: fail("chat.rename", "Chat not found"),
    },
    refused("chat.rename", "to nothing", { chat_id: "9", name: " " }, "Invalid chat name"),
  ],
  "chat.mute": [
    {
      what: "until a time",
      ask: ({ chat }) => ({ action: "chat.mute", chat_id: chat, until: "2030-01-02T03:04:05Z" }),
      nobody: notLoggedIn("chat.mute"),
      ann: ({ chat }) => [
        { action: "chat.mute.success", chat_id: chat, muted_until: "2030-01-02T03:04:05.000Z" },
        { action: "chat.muted", chat_id: chat, muted_until: "2030-01-02T03:04:05.000Z" },
      ],
      eve: fail("chat.mute", "Chat not found"),
    },
    {
      what: "until a time that is over",
      ask: ({ chat }) => ({ action: "chat.mute", chat_id: chat, until: "2020-01-02" }),
      nobody: notLoggedIn("chat.mute"),
      ann: ({ chat }) => [
        { action: "chat.mute.success", chat_id: chat },
        { action: "chat.muted", chat_id: chat },
      ],
      eve: fail("chat.mute", "Chat not found"),
    },
    refused("chat.mute", "until a word", { chat_id: "9", until: "x" }, "Invalid until"),
    refused("chat.mute", "none there is", { chat_id: "9" }, "Chat not found"),
  ],
  "chat.typing": [
    {
      what: "",
      ask: ({ chat }) => ({ action: "chat.typing", chat_id: chat, typing: true }),
      nobody: notLoggedIn("chat.typing"),
      ann: ({ chat }) => [{ action: "chat.typing.success", chat_id: chat }],
      eve: fail("chat.typing", "Chat not found"),
    },
    refused("chat.typing", "in none there is", { chat_id: "9" }, "Chat not found"),
    refused("chat.typing", "without a chat", {}, "Chat not found"),
    refused("chat.typing", "perhaps", { chat_id: "9", typing: "maybe" }, "Invalid typing"),
  ],
  "message.confirm": [
    {
      what: "all of a chat",
      ask: ({ chat }) => ({ action: "message.confirm", chat_id: chat, through: 1, read: true }),
      nobody: notLoggedIn("message.confirm"),
      ann: ({ chat }) => [{ action: "message.confirm.success", chat_id: chat, through: 1 }],
      eve: fail("message.confirm", "Chat not found"),
    },
    {
      what: "more than there is",
      ask: ({ chat }) => ({ action: "message.confirm", chat_id: chat, through: 2 }),
      nobody: notLoggedIn("message.confirm"),
      ann: fail("message.confirm", "Message not found"),
      eve: fail("message.confirm", "Chat not found"),
    },
    refused("message.confirm", "without a place", { chat_id: "9" }, "Invalid through"),
    refused("message.confirm", "nothing", { chat_id: "9", through: 0 }, "Invalid through"),
    refused("message.confirm", "without a chat", { through: 1 }, "Chat not found"),
    refused("message.confirm", "perhaps read", { chat_id: "9", through: 1, read: "x" }, "Invalid read"),
  ],
  "message.read": [
    {
      what: "all of a chat",
      ask: ({ chat }) => ({ action: "message.read", chat_id: chat, seq: 1 }),
      nobody: notLoggedIn("message.read"),
      ann: ({ chat }) => [{ action: "message.read.success", chat_id: chat, seq: 1 }],
      eve: fail("message.read", "Chat not found"),
    },
    {
      what: "more than there is",
      ask: ({ chat }) => ({ action: "message.read", chat_id: chat, seq: 2 }),
      nobody: notLoggedIn("message.read"),
      ann: fail("message.read", "Message not found"),
      eve: fail("message.read", "Chat not found"),
    },
    {
      what: "a message there is not",
      ask: ({ chat }) => ({ action: "message.read", chat_id: chat, message_id: "99" }),
      nobody: notLoggedIn("message.read"),
      ann: fail("message.read", "Message not found"),
      eve: fail("message.read", "Chat not found"),
    },
    refused("message.read", "without a place", { chat_id: "9" }, "Invalid seq"),
    refused("message.read", "before the first", { chat_id: "9", seq: -1 }, "Invalid seq"),
    refused("message.read", "beyond all numbers", { chat_id: "9", seq: 1e300 }, "Invalid seq"),
    refused("message.read", "without a chat", { seq: 1 }, "Chat not found"),
  ],
  "receipt.list": [
    {
      what: "a chat's",
      ask: ({ chat }) => ({ action: "receipt.list", chat_id: chat }),
      nobody: notLoggedIn("receipt.list"),
      ann: ({ chat, me, other }) => [
        {
          action: "receipt.list.success",
          chat_id: chat,
          seq: 1,
          members: 2,
          delivered: expect.any(Number),
          read: expect.any(Number),
          receipts: [me, other].map((id) => ({
            chat_id: chat,
            user_id: id,
            delivered: expect.any(Number),
            read: expect.any(Number),
          })),
        },
      ],
      eve: fail("receipt.list", "Chat not found"),
    },
    refused("receipt.list", "at no place", { chat_id: "9", seq: 0 }, "Invalid seq"),
    refused("receipt.list", "without a chat", {}, "Chat not found"),
  ],
  "chat.avatar.set": [
    {
      what: "to none",
      ask: ({ chat }) => ({ action: "chat.avatar.set", chat_id: chat }),
      nobody: notLoggedIn("chat.avatar.set"),
      ann: ({ chat }) => [
        { action: "chat.avatar.set.success", chat_id: chat },
        { action: "chat.avatar.changed", chat_id: chat, avatar },
      ],
      eve: fail("chat.avatar.set", "Chat not found"),
    },
    {
      what: "to what is no picture",
      ask: ({ chat }) => ({ action: "chat.avatar.set", chat_id: chat, avatar: "aGVsbG8=" }),
      nobody: notLoggedIn("chat.avatar.set"),
      ann: fail("chat.avatar.set", "Not a PNG, JPEG, GIF or WebP picture"),
    },
    refused("chat.avatar.set", "of none there is", { chat_id: "9" }, "Chat not found"),
    refused("chat.avatar.set", "to half of base64", { chat_id: "9", avatar: "a" }, "Invalid avatar"),
  ],
  "presence.watch": [
    {
      what: "without a friend",
      ask: () => ({ action: "presence.watch" }),
      nobody: notLoggedIn("presence.watch"),
      ann: [{ action: "presence.watch.success", watch: true, presence: "friends" }],
    },
    {
      what: "no longer",
      ask: () => ({ action: "presence.watch", watch: false }),
      nobody: notLoggedIn("presence.watch"),
      ann: [{ action: "presence.watch.success", watch: false, presence: "friends" }],
    },
    refused("presence.watch", "perhaps", { watch: "maybe" }, "Invalid watch"),
  ],
  "presence.set": [
    {
      what: "to none",
      ask: () => ({ action: "presence.set", presence: "none" }),
      nobody: notLoggedIn("presence.set"),
      ann: [{ action: "presence.set.success", presence: "none" }],
    },
    refused("presence.set", "to something else", { presence: "all" }, "Invalid presence"),
    refused("presence.set", "without a word", {}, "Invalid presence"),
  ],
  "receipt.set": [
    {
      what: "to nothing",
      ask: () => ({ action: "receipt.set", receipts: "none" }),
      nobody: notLoggedIn("receipt.set"),
      ann: () => [{ action: "receipt.set.success", receipts: "none" }],
      eve: () => [{ action: "receipt.set.success", receipts: "none" }],
    },
    refused("receipt.set", "to something else", { receipts: "some" }, "Invalid receipts"),
    refused("receipt.set", "without a word", {}, "Invalid receipts"),
  ],
  "message.delete": [
    {
      what: "one's own",
      ask: () => ({ action: "message.delete", message_id: "1" }),
      nobody: notLoggedIn("message.delete"),
      ann: ({ chat }) => [
        { action: "message.delete.success", chat_id: chat, message_id: "1" },
        { action: "message.deleted", chat_id: chat, message_id: "1", seq: 1, revision: 1 },
      ],
      eve: fail("message.delete", "Message not found"),
    },
    refused("message.delete", "none there is", { message_id: "9" }, "Message not found"),
    refused("message.delete", "without an id", {}, "Message not found"),
  ],
  "message.edit": [
    {
      what: "one's own",
      ask: () => ({ action: "message.edit", message_id: "1", content: "hello again" }),
      nobody: notLoggedIn("message.edit"),
      ann: ({ me, chat }) => [
        { action: "message.edit.success", chat_id: chat, message_id: "1", revision: 1, edited: iso },
        {
          action: "message.edited",
          message: expect.objectContaining({
            chat_id: chat,
            message_id: "1",
            sender: me,
            content: "hello again",
            seq: 1,
            revision: 1,
            edited: iso,
          }),
        },
      ],
      eve: fail("message.edit", "Message not found"),
    },
    refused("message.edit", "none there is", { message_id: "9", content: "x" }, "Message not found"),
    refused("message.edit", "without an id", { content: "x" }, "Message not found"),
    refused("message.edit", "without content", { message_id: "1" }, "Invalid message"),
    refused(
      "message.edit",
      "with a word for mentions",
      { message_id: "1", content: "", mentions: "x" },
      "Invalid message",
    ),
  ],
  "message.react": [
    {
      what: "to a message",
      ask: () => ({ action: "message.react", message_id: "1", reaction: "👍" }),
      nobody: notLoggedIn("message.react"),
      ann: ({ me, chat }) => {
        const reacted = {
          chat_id: chat,
          message_id: "1",
          revision: 1,
          reactions: [{ reaction: "👍", count: 1, user_ids: [me] }],
        };
        return [
          { action: "message.react.success", ...reacted },
          { action: "message.reacted", ...reacted, seq: 1, user_id: me, reaction: "👍", added: true },
        ];
      },
      eve: fail("message.react", "Message not found"),
    },
    {
      what: "by taking back what was not there",
      ask: () => ({ action: "message.react", message_id: "1", reaction: "🎉", remove: true }),
      nobody: notLoggedIn("message.react"),
      ann: ({ me, chat }) => [
        {
          action: "message.react.success",
          chat_id: chat,
          message_id: "1",
          revision: 1,
          reactions: [{ reaction: "👍", count: 1, user_ids: [me] }],
        },
      ],
      eve: fail("message.react", "Message not found"),
    },
    refused("message.react", "to none there is", { message_id: "9", reaction: "x" }, "Message not found"),
    refused("message.react", "with two", { message_id: "1", reaction: "👍👍" }, "Invalid reaction"),
    refused("message.react", "with nothing", { message_id: "1" }, "Invalid reaction"),
    refused("message.react", "perhaps", { message_id: "1", reaction: "x", remove: "x" }, "Invalid remove"),
  ],
  "changes.get": [
    {
      what: "",
      ask: ({ chat }) => ({ action: "changes.get", chat_id: chat }),
      nobody: notLoggedIn("changes.get"),
      ann: ({ chat }) => [
        { action: "changes.get.success", chat_id: chat, epoch, revision: 0, changes: [], more: false, reset: false },
      ],
      eve: fail("changes.get", "Chat not found"),
    },
    {
      what: "after a revision to come",
      ask: ({ chat }) => ({ action: "changes.get", chat_id: chat, after: 7 }),
      nobody: notLoggedIn("changes.get"),
      ann: ({ chat }) => [
        { action: "changes.get.success", chat_id: chat, epoch, revision: 0, changes: [], more: false, reset: true },
      ],
      eve: fail("changes.get", "Chat not found"),
    },
    {
      what: "of another epoch",
      ask: ({ chat }) => ({ action: "changes.get", chat_id: chat, epoch: "another" }),
      nobody: notLoggedIn("changes.get"),
      ann: ({ chat }) => [
        { action: "changes.get.success", chat_id: chat, epoch, revision: 0, changes: [], more: false, reset: true },
      ],
      eve: fail("changes.get", "Chat not found"),
    },
    refused("changes.get", "of none there is", { chat_id: "9" }, "Chat not found"),
    refused("changes.get", "after a word", { chat_id: "9", after: "x" }, "Invalid after"),
    refused("changes.get", "so many as a word", { chat_id: "9", limit: "x" }, "Invalid limit"),
    refused("changes.get", "of a long epoch", { chat_id: "9", epoch: "x".repeat(65) }, "Invalid epoch"),
  ],
  "server.info": [
    {
      what: "",
      ask: () => ({ action: "server.info" }),
      ...toAll([
        {
          action: "server.info.success",
          name: "Roost",
          version: expect.stringMatching(/^\d+\.\d+\.\d+/),
          epoch,
          registration: "open",
          invites: "operator",
          directory: "all",
          limits: {
            frame_bytes: 2_097_152,
            message_bytes: 50_000,
            file_bytes: 16_777_216,
            chat_members: 10_000,
            messages_per_request: 256,
            password_min_length: expect.any(Number),
          },
        },
      ]),
    },
  ],
  "message.search": [
    {
      what: "a word",
      ask: () => ({ action: "message.search", query: "HEL" }),
      nobody: notLoggedIn("message.search"),
      ann: ({ me, chat }) => [
        { action: "message.search.success", messages: [pushed(me, { chat_id: chat, seq: 1, client_id: "before" })] },
      ],
      eve: [{ action: "message.search.success", messages: [] }],
    },
    {
      what: "a word in a chat",
      ask: ({ chat }) => ({ action: "message.search", query: "hello", chat_id: chat, limit: 1 }),
      nobody: notLoggedIn("message.search"),
      ann: ({ me, chat }) => [
        { action: "message.search.success", messages: [pushed(me, { chat_id: chat, seq: 1, client_id: "before" })] },
      ],
      eve: fail("message.search", "Chat not found"),
    },
    {
      what: "below the first message",
      ask: () => ({ action: "message.search", query: "hello", next: "1" }),
      nobody: notLoggedIn("message.search"),
      ann: [{ action: "message.search.success", messages: [] }],
    },
    {
      what: "signs alone",
      ask: () => ({ action: "message.search", query: '" * ( ^ -' }),
      nobody: notLoggedIn("message.search"),
      ann: fail("message.search", "Invalid query"),
    },
    refused("message.search", "nothing", {}, "Invalid query"),
    refused("message.search", "too much", { query: "x".repeat(257) }, "Invalid query"),
    refused("message.search", "in no chat there is", { query: "hello", chat_id: "9" }, "Chat not found"),
    refused("message.search", "in a chat of another form", { query: "hello", chat_id: "team" }, "Chat not found"),
    refused("message.search", "fewer than none", { query: "hello", limit: -1 }, "Invalid limit"),
    refused("message.search", "behind a word", { query: "hello", next: "before:1" }, "Invalid next"),
  ],
  "contact.list": [
    {
      what: "",
      ask: () => ({ action: "contact.list" }),
      nobody: notLoggedIn("contact.list"),
      ann: [{ action: "contact.list.success", contacts: [] }],
    },
    {
      what: "of a user who was asked",
      ask: ({ other }) => ({ action: "contact.request", user_id: other }),
      nobody: notLoggedIn("contact.request"),
      ann: asked,
    },
    {
      what: "once the user asked",
      ask: () => ({ action: "contact.list", after: "1" }),
      nobody: notLoggedIn("contact.list"),
      ann: ({ other }) => [
        {
          action: "contact.list.success",
          contacts: [{ ...person(other, "Bob"), status: "request", updated: iso }],
        },
      ],
    },
    {
      what: "behind the last one",
      ask: ({ other }) => ({ action: "contact.list", after: other }),
      nobody: notLoggedIn("contact.list"),
      ann: [{ action: "contact.list.success", contacts: [] }],
    },
    refused("contact.list", "behind a word", { after: "x" }, "Invalid after"),
  ],
  "contact.request": [
    {
      what: "",
      ask: ({ other }) => ({ action: "contact.request", user_id: other }),
      nobody: notLoggedIn("contact.request"),
      ann: asked,
    },
    {
      what: "again",
      ask: ({ other }) => ({ action: "contact.request", user_id: other }),
      nobody: notLoggedIn("contact.request"),
      ann: ({ other }) => [{ action: "contact.request.success", user_id: other, status: "request" }],
    },
    refused("contact.request", "nobody there is", { user_id: "9" }, "User not found"),
    refused("contact.request", "a word", { user_id: "x" }, "User not found"),
  ],
  "contact.confirm": [
    {
      what: "who did not ask",
      ask: ({ other }) => ({ action: "contact.confirm", user_id: other }),
      nobody: notLoggedIn("contact.confirm"),
      ann: fail("contact.confirm", "User not found"),
    },
    refused("contact.confirm", "nobody there is", { user_id: "9" }, "User not found"),
  ],
  "contact.revoke": [
    {
      what: "who is no contact",
      ask: ({ other }) => ({ action: "contact.revoke", user_id: other }),
      nobody: notLoggedIn("contact.revoke"),
      ann: fail("contact.revoke", "User not found"),
    },
    refused("contact.revoke", "nobody there is", { user_id: "9" }, "User not found"),
  ],
  "user.search": [
    {
      what: "",
      ask: () => ({ action: "user.search", query: "bo", limit: 5 }),
      nobody: notLoggedIn("user.search"),
      ann: ({ other }) => [{ action: "user.search.success", users: [person(other, "Bob")] }],
    },
    {
      what: "nobody there is",
      ask: () => ({ action: "user.search", query: "zz" }),
      nobody: notLoggedIn("user.search"),
      ann: [{ action: "user.search.success", users: [] }],
    },
    refused("user.search", "without words", {}, "Invalid query"),
    refused("user.search", "none at all", { query: "a", limit: 0 }, "Invalid limit"),
  ],
  "profile.set": [
    {
      what: "",
      ask: () => ({ action: "profile.set", nick: "Zed" }),
      nobody: notLoggedIn("profile.set"),
      ann: ({ me }) => [{ action: "profile.set.success", user_id: me, user_name: "Zed", nick: "Zed" }],
      eve: [{ action: "profile.set.success", user_id: eve, user_name: "Zed", nick: "Zed" }],
    },
    refused("profile.set", "to nothing", { nick: " " }, "Invalid name"),
  ],
  "contact.block": [
    {
      what: "Bob",
      ask: ({ other }) => ({ action: "contact.block", user_id: other }),
      nobody: notLoggedIn("contact.block"),
      ann: ({ other }) => [
        { action: "contact.block.success", user_id: other },
        { action: "contact.blocked", user_id: other },
      ],
    },
    {
      what: "Bob once more",
      ask: ({ other }) => ({ action: "contact.block", user_id: other }),
      nobody: notLoggedIn("contact.block"),
      ann: ({ other }) => [{ action: "contact.block.success", user_id: other }],
    },
    refused("contact.block", "nobody there is", { user_id: "9" }, "User not found"),
    refused("contact.block", "without an id", {}, "User not found"),
  ],
  "contact.unblock": [
    {
      what: "whom nobody blocked",
      ask: ({ other }) => ({ action: "contact.unblock", user_id: other }),
      nobody: notLoggedIn("contact.unblock"),
      ann: ({ other }) => [{ action: "contact.unblock.success", user_id: other }],
    },
    refused("contact.unblock", "nobody there is", { user_id: "9" }, "User not found"),
  ],
  "password.set": [
    {
      what: "with the old one",
      ask: () => ({ action: "password.set", password: "new", old_password: "secret" }),
      nobody: notLoggedIn("password.set"),
      ann: [{ action: "password.set.success" }],
    },
    refused("password.set", "with another", { password: "new", old_password: "x" }, "Incorrect password"),
    refused("password.set", "without one", { password: "new" }, "Incorrect password"),
    refused("password.set", "to nothing", { old_password: "new" }, "Empty password"),
    refused("password.set", "by a code", { password: "new", code: "123456" }, "Already linked"),
    refused("password.set", "by a list", { password: "new", code: [] }, "Invalid code"),
  ],
  "password.unlink": [
    refused("password.unlink", "which is all there is", { password: "secret" }, "Last credential"),
    refused("password.unlink", "with a wrong one", { password: "x" }, "Incorrect password"),
    refused("password.unlink", "without one", {}, "Incorrect password"),
  ],
  "phone.code": [
    {
      what: "to a phone",
      ask: () => ({ action: "phone.code", phone: "+44 7400 123456" }),
      nobody: notLoggedIn("phone.code"),
      ann: [{ action: "phone.code.success", phone: "447400123456" }],
    },
    refused("phone.code", "to no phone", { phone: "123" }, "Invalid phone"),
    refused("phone.code", "to nothing", {}, "Invalid phone"),
  ],
  "phone.link": [
    refused(
      "phone.link",
      "with a wrong code",
      { phone: "447400123456", code: "123456", password: "secret" },
      "Invalid code",
    ),
    refused("phone.link", "without a code", { phone: "447400123456", password: "secret" }, "Invalid code"),
    refused(
      "phone.link",
      "with a wrong password",
      { phone: "447400123456", code: "123456", password: "x" },
      "Incorrect password",
    ),
    refused("phone.link", "without a password", { phone: "447400123456", code: "123456" }, "Incorrect password"),
    refused("phone.link", "of no phone", { phone: [], code: "123456", password: "secret" }, "Invalid phone"),
  ],
  "phone.unlink": [
    refused("phone.unlink", "where there is none", { password: "secret" }, "Not linked"),
    refused("phone.unlink", "with a wrong password", { password: "x" }, "Incorrect password"),
    refused("phone.unlink", "with a wrong code", { code: "123456" }, "Invalid code"),
    refused("phone.unlink", "without either", {}, "Incorrect password"),
  ],
  "invite.create": [refused("invite.create", "where the operator does", {}, "Not authorized")],
  "auth.link": [
    {
      what: "",
      ask: () => ({ action: "auth.link" }),
      nobody: notLoggedIn("auth.link"),
      ann: [{ action: "auth.link.success", link: expect.stringMatching(/^rk_[\w-]{32}$/), expires: iso }],
    },
  ],
  "account.export": [
    {
      what: "from behind the last chat",
      ask: () => ({ action: "account.export", password: "secret", next: "chats:9007199254740991" }),
      nobody: notLoggedIn("account.export"),
      ann: [{ action: "account.export.success", part: "chats" }],
    },
    {
      what: "from a chat of nobody's",
      ask: () => ({ action: "account.export", password: "secret", next: "messages:9:0" }),
      nobody: notLoggedIn("account.export"),
      ann: [{ action: "account.export.success", part: "messages", chat_id: "9", messages: [], next: "chats:9" }],
    },
    refused("account.export", "with a wrong one", { password: "x" }, "Incorrect password"),
    refused("account.export", "without one", {}, "Incorrect password"),
    refused("account.export", "with a wrong code", { code: "123456" }, "Invalid code"),
    refused("account.export", "from nowhere", { password: "secret", next: "accounts:1" }, "Invalid next"),
  ],
  "account.delete": [
    refused("account.delete", "with a wrong one", { password: "x" }, "Incorrect password"),
    refused("account.delete", "without one", {}, "Incorrect password"),
    refused("account.delete", "with a wrong code", { code: "123456" }, "Invalid code"),
  ],
  "password.forgot": [
    {
      what: "of a user there is",
      ask: ({ me }) => ({ action: "password.forgot", user_id: me }),
      ...toAll([{ action: "password.forgot.success" }]),
    },
    {
      what: "of a name there is not",
      ask: () => ({ action: "password.forgot", user_id: "somebody" }),
      ...toAll([{ action: "password.forgot.success" }]),
    },
    always("password.forgot", "of nobody", () => ({}), "Empty user_id"),
    always("password.forgot", "of a list", () => ({ user_id: [] }), "Invalid user_id"),
  ],
  "password.reset": [
    always(
      "password.reset",
      "of a user there is",
      ({ me }) => ({ user_id: me, code: "123456", password: "new secret" }),
      "Invalid code",
    ),
    always(
      "password.reset",
      "of a name there is not",
      () => ({ user_id: "somebody", code: "123456", password: "new secret" }),
      "Invalid code",
    ),
    always("password.reset", "without a code", ({ me }) => ({ user_id: me, password: "x" }), "Empty user_id or code"),
    always("password.reset", "by a list", ({ me }) => ({ user_id: me, code: [], password: "x" }), "Invalid code"),
    always("password.reset", "to nothing", ({ me }) => ({ user_id: me, code: "123456" }), "Empty password"),
  ],
  "login_name.set": [
    {
      what: "with the password",
      ask: () => ({ action: "login_name.set", login_name: "ann.smith", password: "secret" }),
      nobody: notLoggedIn("login_name.set"),
      ann: [{ action: "login_name.set.success", login_name: "ann.smith" }],
      eve: fail("login_name.set", "Login name taken"),
    },
    {
      what: "to none",
      ask: () => ({ action: "login_name.set", password: "secret" }),
      nobody: notLoggedIn("login_name.set"),
      ann: [{ action: "login_name.set.success" }],
    },
    refused("login_name.set", "with a wrong one", { login_name: "ann", password: "x" }, "Incorrect password"),
    refused("login_name.set", "without one", { login_name: "ann" }, "Incorrect password"),
    refused("login_name.set", "to a short one", { login_name: "an", password: "secret" }, "Invalid login_name"),
    refused("login_name.set", "to api", { login_name: "api", password: "secret" }, "Reserved name"),
  ],
  "token.add": [
    {
      what: "with the password",
      ask: () => ({ action: "token.add", password: "secret", scopes: [{ allow: "read", topic: "home/#" }] }),
      nobody: notLoggedIn("token.add"),
      ann: [
        {
          action: "token.add.success",
          token: expect.stringMatching(/^rl_[\w-]{32}$/),
          token_id: expect.stringMatching(/^[0-9a-f]{16}$/),
          scopes: [{ allow: "read", topic: "home/#" }],
          made_by: "minioicq",
          created: iso,
        },
      ],
    },
    refused("token.add", "with a wrong one", { password: "x" }, "Incorrect password"),
    refused("token.add", "without one", {}, "Incorrect password"),
    refused("token.add", "for a moment", { password: "secret", expires_in: 59 }, "Invalid expires_in"),
    refused("token.add", "with a long name", { password: "secret", name: "n".repeat(65) }, "Invalid name"),
    refused("token.add", "for nothing", { password: "secret", scopes: [] }, "Invalid scopes"),
    refused("token.add", "for a word", { password: "secret", scopes: ["read"] }, "Invalid scopes"),
    refused(
      "token.add",
      "to send to a topic",
      { password: "secret", scopes: [{ allow: "send", topic: "home" }] },
      "Invalid scopes",
    ),
  ],
  "token.list": [
    {
      what: "of none",
      ask: () => ({ action: "token.list", password: "secret" }),
      nobody: notLoggedIn("token.list"),
      ann: [{ action: "token.list.success", tokens: [] }],
    },
    refused("token.list", "with a wrong password", { password: "x" }, "Incorrect password"),
  ],
  "token.revoke": [
    refused("token.revoke", "one there is not", { password: "secret", token_id: "0" }, "Token not found"),
    refused("token.revoke", "without an id", { password: "secret" }, "Token not found"),
    refused("token.revoke", "with a wrong password", { password: "x", token_id: "0" }, "Incorrect password"),
  ],
  "session.list": [
    {
      what: "",
      ask: () => ({ action: "session.list" }),
      nobody: notLoggedIn("session.list"),
      ann: [
        {
          action: "session.list.success",
          sessions: [
            {
              session_id: expect.stringMatching(/^c\d+$/),
              kind: "connection",
              door: "minioicq",
              address: expect.any(String),
              online: true,
              own: true,
            },
          ],
        },
      ],
    },
  ],
  "session.end": [
    refused("session.end", "none there is", { session_id: "c999999" }, "Session not found"),
    refused("session.end", "another kind", { session_id: "x" }, "Session not found"),
    refused("session.end", "without an id", {}, "Session not found"),
  ],
};
