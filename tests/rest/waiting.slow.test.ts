/** What a connection that says nothing for a while is due, by the clock (docs/protocols/rest.md § Receive messages). */
import { describe, expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { inboxOf, people, raw } from "./client.ts";

// They do nothing but wait, so they wait together.
test.concurrent("a comment every fifteen seconds keeps the stream from being cut", async () => {
  await using server = await startTestServer();
  const { bob } = await people(server);
  const { next } = await inboxOf(server, bob);
  const text = await raw(
    server,
    `GET /messages?after=${next} HTTP/1.1\r\nHost: x\r\nAuthorization: ${bob}\r\nAccept: text/event-stream\r\n\r\n`,
    /\n:\n\n/,
    20_000,
  );
  expect(text).toMatch(/\n:\n\n/);
}, 30_000);

describe("GET /messages", () => {
  test.concurrent("waits past the ten seconds after which the server cuts idle requests", async () => {
    await using server = await startTestServer();
    const { bob } = await people(server);
    const { next } = await inboxOf(server, bob);
    const beginMs = performance.now();
    expect(await inboxOf(server, bob, `&wait=12&after=${next}`)).toMatchObject({ messages: [], events: [] });
    expect(performance.now() - beginMs).toBeGreaterThan(11_000);
  }, 30_000);
});
