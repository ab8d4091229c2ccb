/**
 * GET /messages as Server-Sent Events (docs/protocols/rest.md § Receive messages; HTML § 9.2): the objects of the
 * simple form, one at a time. The id of each is the cursor behind it, so that a client that comes again goes on where
 * it was. The next step is read when the reader has taken the last one, so what waits for a slow reader is in the
 * store.
 */

import { messageJson } from "../delivery/message-json.ts";
import { changeEventShape, eventShape, reachedShape, typingShape } from "../delivery/shapes.ts";
import type { Message, MessageId, StoredEvent } from "../domain/model.ts";
import { type Cursor, encodeCursor } from "./cursor.ts";
import type { Follower, Page } from "./inbox.ts";

const headers = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  // Without this, proxies such as nginx would gather the stream before they pass it on.
  "X-Accel-Buffering": "no",
};

/** The stream tells its client to come again after so long when it was cut off. */
const retryMs = 2000;

/** Whether the request asks for a stream rather than for JSON. */
export const wantsEventStream = (request: Request): boolean =>
  /(?:^|,)\s*text\/event-stream\s*(?:[;,]|$)/i.test(request.headers.get("accept") ?? "");

export interface EventStreamParts {
  /** Where the first page begins. */
  readonly after: Cursor | undefined;
  /** Of the data folder. */
  readonly epoch: string;
  /** Whether the reader may still read; asked before each step is sent. */
  isAllowed(): Promise<boolean>;
  /** The reader has room for the next step; from now on its time to take it runs. */
  waiting(): void;
}

/** The answer to HEAD: a stream without a reader would be kept open for nothing. */
export const answerStreamHead = (): Response => new Response(endedStream(), { headers });

/** Unlike no body it has no length. */
const endedStream = () =>
  new ReadableStream({
    start: (controller) => controller.close(),
  });

export function answerEventStream(pages: Follower, { after, epoch, isAllowed, waiting }: EventStreamParts): Response {
  const encoder = new TextEncoder();
  let at = after;
  let opened = false;

  async function nextText(): Promise<string | undefined> {
    if (!opened) {
      opened = true;
      return `retry: ${retryMs}\n\n`;
    }
    // A page that cannot be read ends the stream: its reader comes again, and that answer tells why.
    const page = await pages.next().catch(() => "end" as const);
    if (page === "end" || !(await isAllowed())) return undefined;
    if (page === "idle") return ":\n\n";
    const text = pageText(page, at, epoch);
    at = page.next;
    return text;
  }

  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        waiting();
        const text = await nextText();
        if (text !== undefined) {
          controller.enqueue(encoder.encode(text));
          return;
        }
        pages.end();
        controller.close();
      },
      cancel: () => pages.end(),
    },
    { highWaterMark: 0 },
  );
  return new Response(stream, { headers });
}

/** A step for each of the page's objects, the oldest first; the cursor behind the last one is the page's own. */
export function pageText(
  { messages, events, typing, changes, receipts, next }: Page,
  from: Cursor | undefined,
  epoch: string,
): string {
  let place: Cursor = { messageId: 0 as MessageId, eventId: 0, ...from, backlogEnd: next.backlogEnd };
  const steps: { readonly name: string; readonly json: string; readonly place: Cursor }[] = [];
  for (const item of inTimeOrder(messages, events)) {
    if ("message" in item) {
      place = { ...place, messageId: item.message.messageId };
      steps.push({ name: "message", json: messageJson(item.message), place });
    } else {
      place = { ...place, eventId: item.event.eventId };
      steps.push({ name: "event", json: JSON.stringify(eventShape(item.event)), place });
    }
  }
  for (const one of receipts) steps.push({ name: "event", json: JSON.stringify(reachedShape(one)), place });
  const texts = steps.map(({ name, json, place: behind }, index) => {
    const id = encodeCursor(index === steps.length - 1 ? next : behind, epoch);
    return `event: ${name}\nid: ${id}\ndata: ${json}\n\n`;
  });
  // No reader goes on from these, so they have no id.
  for (const one of typing) texts.push(`event: event\ndata: ${JSON.stringify(typingShape(one))}\n\n`);
  for (const one of changes) texts.push(`event: event\ndata: ${JSON.stringify(changeEventShape(one))}\n\n`);
  return texts.join("");
}

type Item = { readonly message: Message } | { readonly event: StoredEvent };

/** Merged as `GET /messages` does it: messages keep their order, and so do events. */
function* inTimeOrder(messages: readonly Message[], events: readonly StoredEvent[]): Generator<Item> {
  let given = 0;
  for (const message of messages) {
    for (
      let event = events[given];
      event !== undefined && event.createdAtMs < message.sentAtMs;
      event = events[given]
    ) {
      yield { event };
      given += 1;
    }
    yield { message };
  }
  for (const event of events.slice(given)) yield { event };
}
