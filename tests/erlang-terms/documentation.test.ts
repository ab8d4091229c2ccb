/** What docs/protocols/erlang-terms.md prints in bytes is what a new server takes and answers. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { MessageId } from "../../src/domain/model.ts";
import { ack } from "../../src/erlang-terms/records/message-answer.ts";
import { encodeTerm, type WireTerm } from "../../src/etf/encode.ts";
import { binary } from "../../src/etf/term.ts";
import { startTestServer } from "../support/server.ts";
import { RosterClient } from "./client.ts";
import { message, text } from "./conversation-stage.ts";

const page = readFileSync(new URL("../../docs/protocols/erlang-terms.md", import.meta.url), "utf8");

test("the AUTH example sends a code on a server with nothing set", async () => {
  const example = /In bytes: `\{'Auth'.*?published to `([^`]+)`\n\n {4}([0-9a-f ]+)\n\nis answered on `([^`]+)`/s.exec(
    page,
  );
  const [, topic = "", request = "", answered = ""] = example ?? [];
  const [, answerStart = ""] = /is answered on `actions\/api\/me`.*?\n\n {4}([0-9a-f ]+)/s.exec(page) ?? [];
  await using server = await startTestServer();
  await using client = await RosterClient.connect(server, "me");
  const [answer] = await client.ask(Buffer.from(request.replaceAll(" ", ""), "hex"), { topic });
  expect(answer?.topic).toBe(answered);
  // Up to the token, which is another one each time.
  const upToToken = Buffer.from(answerStart.replaceAll(" ", ""), "hex").subarray(0, -4);
  expect(answer?.payload.subarray(0, upToToken.length)).toEqual(upToToken);
});

test("the example of conversation is the bytes that it prints", () => {
  const [, request = "", answer = ""] =
    /In bytes: `\{'Message'.*?\n\n {4}([0-9a-f ]+)\n\nis answered with `\{'Ack','Message',<<"m1">>\}`\n\n {4}([0-9a-f ]+)/s.exec(
      page,
    ) ?? [];
  const hello = message({ msgId: binary("m1"), to: binary("15550001002_10002"), files: text("hello") });
  const spaced = (term: WireTerm): string =>
    Buffer.from(encodeTerm(term))
      .toString("hex")
      .replace(/..(?!$)/g, "$& ");
  expect(request).toBe(spaced(hello));
  expect(answer).toBe(spaced(ack({ clientId: "m1", messageId: 1 as MessageId })));
});
