/**
 * GET /messages as Server-Sent Events (SPEC § 6.1; HTML § 9.2): the objects of the simple form, one at a time, each with
 * the cursor behind it as its id, so that a client that comes again goes on where it was. The next step is read when the
 * reader has taken the last one: what waits for a slow reader is in the store.
 */
import { eventShape, typingShape } from "../delivery/shapes.ts";
import type { Message, MessageId, StoredEvent } from "../domain/model.ts";
import { type Cursor, encodeCursor } from "./cursor.ts";
import type { Follower, Page } from "./inbox.ts";
import { messageJson } from "./json.ts";

const headers = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  // Proxies of the nginx family would gather the stream otherwise.
  "X-Accel-Buffering": "no",
};

/** After how long a client comes again that was cut off, as the stream tells it. */
const retryMs = 2000;

/** Whether the request asks for a stream rather than for JSON. */
export const wantsEventStream = (request: Request): boolean =>
  /(?:^|,)\s*text\/event-stream\s*(?:[;,]|$)/i.test(request.headers.get("accept") ?? "");

export interface EventStreamParts {
  /** Where the first page begins. */
  readonly after: Cursor | undefined;
  /** Whether the reader may still read; asked before each step leaves. */
  isAllowed(): Promise<boolean>;
  /** The reader has room for the next step: from now on it has some time to take it. */
  waiting(): void;
}

/** What HEAD is told: a stream that nobody reads would be kept open for nothing. */
export const answerStreamHead = (): Response => new Response(null, { headers });

export function answerEventStream(pages: Follower, { after, isAllowed, waiting }: EventStreamParts): Response {
  const encoder = new TextEncoder();
  let at = after;
  let opened = false;

  async function nextText(): Promise<string | undefined> {
    if (!opened) {
      opened = true;
      return `retry: ${retryMs}\n\n`;
    }
    // A page that cannot be read ends the stream: its reader comes again and is told why in an answer of its own.
    const page = await pages.next().catch(() => "end" as const);
    if (page === "end" || !(await isAllowed())) return undefined;
    if (page === "idle") return ":\n\n";
    const text = pageText(page, at);
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

/** A step for each of the page's objects, oldest first; the cursor behind the last is the page's own. */
export function pageText({ messages, events, typing, next }: Page, from: Cursor | undefined): string {
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
  const texts = steps.map(({ name, json, place: behind }, index) => {
    const id = encodeCursor(index === steps.length - 1 ? next : behind);
    return `event: ${name}\nid: ${id}\ndata: ${json}\n\n`;
  });
  // Nobody comes back to these, so they have no id.
  for (const one of typing) texts.push(`event: event\ndata: ${JSON.stringify(typingShape(one))}\n\n`);
  return texts.join("");
}

type Item = { readonly message: Message } | { readonly event: StoredEvent };

/** As `GET /messages` merges them: each of the two keeps its own order. */
function* inTimeOrder(messages: readonly Message[], events: readonly StoredEvent[]): Generator<Item> {
  let told = 0;
  for (const message of messages) {
    for (let event = events[told]; event !== undefined && event.createdAtMs < message.sentAtMs; event = events[told]) {
      yield { event };
      told += 1;
    }
    yield { message };
  }
  for (const event of events.slice(told)) yield { event };
}
