/** What posts to a hook say as plain text. */
import { expect, test } from "bun:test";
import { Refusal } from "../../../src/rest/errors.ts";
import { readIncoming } from "../../../src/rest/incoming-text.ts";

const limits = { jsonDepthMax: 32, jsonValuesMax: 10_000 };
const form = "application/x-www-form-urlencoded";

const read = (body: unknown, type: string | null = null) =>
  readIncoming(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), type, limits);

test.each([
  ["a text", "disk full\n", null, "disk full"],
  ["what curl calls a form", "disk = full & hot", form, "disk = full & hot"],
  ["a text that begins like JSON", "{disk} full", form, "{disk} full"],
  ["JSON that is to be a text", '{"text":"x"}', "text/plain", '{"text":"x"}'],
  ["a payload that is to be a text", "payload=x", "text/plain; charset=utf-8", "payload=x"],
  ["JSON of no type", { text: "up" }, null, "up"],
  ["a title", { title: "Disk", text: "full" }, "application/json", "Disk\nfull"],
  ["a title alone", { title: "Disk" }, "application/json", "Disk"],
  ["Gotify's and Grafana's words", { title: "[FIRING:1]", message: "hot", alerts: [{}] }, null, "[FIRING:1]\nhot"],
  ["an urgent one", { text: "fire", priority: "urgent" }, null, "[urgent] fire"],
  ["a high one", { title: "fire", text: "now", priority: 8 }, null, "[high] fire\nnow"],
  ["a usual one", { text: "tea", priority: 5 }, null, "tea"],
] as const)("our form: %s", (_name, body, type, text) => {
  expect(read(body, type)).toEqual({ text, clientId: undefined, isSlack: false });
});

test.each([
  ["Mattermost's", { text: "up", username: "x", channel: "y", props: {} }, "up"],
  ["links and escapes", { text: "<https://a.example/?a=1&amp;b=2|the log> &lt;3 <!here>", mrkdwn: true }, null],
  ["a fallback where nothing else is", { attachments: [{ fallback: "up again" }] }, "up again"],
  [
    "attachments",
    {
      text: "alert",
      attachments: [
        {
          fallback: "left out",
          pretext: "before",
          title: "Disk",
          title_link: "https://a.example",
          text: "full",
          fields: [{ title: "host", value: "a1", short: true }, { value: "b" }, 7],
        },
        "no attachment",
        { text: "second" },
      ],
    },
    "alert\nbefore\nDisk (https://a.example)\nfull\nhost: a1\nb\nsecond",
  ],
  [
    "blocks where there is no text",
    {
      blocks: [
        { type: "header", text: { type: "plain_text", text: "Deploy" } },
        { type: "section", fields: [{ text: "to: a1" }, { text: "by: b2" }] },
        { type: "context", elements: [{ text: "now" }, { type: "image" }] },
      ],
    },
    "Deploy\nto: a1\nby: b2\nnow",
  ],
  ["blocks beside their text", { text: "Deploy", blocks: [{ text: { text: "left out" } }] }, "Deploy"],
] as const)("Slack's form: %s", (_name, body, text) => {
  const expected = text ?? "the log (https://a.example/?a=1&b=2) <3 <!here>";
  expect(read(body)).toEqual({ text: expected, clientId: undefined, isSlack: true });
  const payload = new URLSearchParams({ payload: JSON.stringify(body) }).toString();
  expect(read(payload, form)).toEqual({ text: expected, clientId: undefined, isSlack: true });
});

test("what attachments say is bounded, and stays Unicode", () => {
  const many = Array.from({ length: 1000 }, () => ({ text: "𝄞".repeat(100) }));
  const { text } = read({ attachments: many });
  expect([text.length <= 8001, text.endsWith("…"), text.isWellFormed()]).toEqual([true, true, true]);
});

test.each([
  ["a payload that is no JSON", "payload=%7B", form, "the body is not JSON"],
  ["a payload that is a list", "payload=%5B%5D", form, "the JSON must be an object"],
  ["a list as JSON", [1], "application/json", "the JSON must be an object"],
  ["no text", { status: "firing" }, null, "there is no text"],
  ["an empty attachment", { attachments: [{}] }, null, "there is no text"],
  ["a title that is a number", { title: 5 }, null, "title must be a string"],
  ["a client id that is a number", { text: "a", client_id: 5 }, null, "client_id must be a string"],
  ["a priority beyond all", { text: "a", priority: 11 }, null, "priority must be a number from 0 to 10"],
  ["a priority of the prototype", { text: "a", priority: "constructor" }, null, "priority must be a number"],
] as const)("refused: %s", (_name, body, type, detail) => {
  let refusal: unknown;
  try {
    read(body, type);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(Refusal);
  expect((refusal as Refusal).detail).toContain(detail);
});

test("bytes that are no UTF-8 are refused", () => {
  expect(() => readIncoming(new Uint8Array([0xff]), null, limits)).toThrow("not UTF-8");
});
