/** The answers to the actions beyond the document. */
import { expect } from "bun:test";
import { chatOf, eve, fail, notLoggedIn, person, type Row, refused, spawn } from "./row.ts";

export const rowsBeyond: Readonly<Record<string, readonly Row[]>> = {
  "chat.list": [
    {
      what: "",
      ask: () => ({ action: "chat.list" }),
      nobody: notLoggedIn("chat.list"),
      ann: ({ me, chat }) => [
        { action: "chat.list.success", chats: [{ ...chatOf(me, "Ours", chat), kind: "group", last_seq: 1 }] },
      ],
      eve: [{ action: "chat.list.success", chats: [] }],
    },
    {
      what: "behind the last one",
      ask: ({ chat }) => ({ action: "chat.list", after: chat }),
      nobody: notLoggedIn("chat.list"),
      ann: [{ action: "chat.list.success", chats: [] }],
    },
    refused("chat.list", "behind a word", { after: "x" }, "Invalid after"),
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
  "message.delete": [
    {
      what: "one's own",
      ask: () => ({ action: "message.delete", message_id: "1" }),
      nobody: notLoggedIn("message.delete"),
      ann: ({ chat }) => [
        { action: "message.delete.success", chat_id: chat, message_id: "1" },
        { action: "message.deleted", chat_id: chat, message_id: "1", seq: 1 },
      ],
      eve: fail("message.delete", "Message not found"),
    },
    refused("message.delete", "none there is", { message_id: "9" }, "Message not found"),
    refused("message.delete", "without an id", {}, "Message not found"),
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
