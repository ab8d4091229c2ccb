/**
 * The messages of the open chat. What is being read stays where it is, whatever comes above or below: before each change
 * the place of the first visible message is measured, and after it the difference is taken back.
 */

import type { VNode } from "preact";
import { Component, createRef } from "preact";
import type { Chat, Message, Timeline as TimelineModel } from "../../state/model.ts";
import { IconButton } from "../parts/button.tsx";
import { useWords, wordsNow } from "../preferences.ts";
import { dayName } from "../text/times.ts";
import { Bubble } from "./bubble.tsx";
import { announced, jump } from "./conversation-state.ts";
import { spoken } from "./spoken.ts";
import { timelineKey } from "./timeline-keys.ts";
import { grown, type Range, type Row, rangeAfter, rangeAround, rowsMax, rowsOf } from "./timeline-window.ts";

interface TimelineProps {
  readonly timeline: TimelineModel;
  readonly chat: Chat | undefined;
  readonly label: string;
  readonly senderName: (message: Message) => string;
}

interface Drawn {
  readonly row: Row;
  readonly quoted: Message | undefined;
  readonly node: VNode;
}

/** How near to the end, in CSS pixels, the reader follows what is new. */
const atEndPx = 48;
const rowHeightLeastPx = 36;

export class TimelineView extends Component<TimelineProps, { readonly step: number; readonly away: boolean }> {
  override state = { step: 0, away: false };
  readonly #scroller = createRef<HTMLDivElement>();
  readonly #list = createRef<HTMLOListElement>();
  #messages: readonly Message[] = [];
  #range: Range = { start: 0, end: 0 };
  #drawn = new Map<string, Drawn>();
  #anchor: { readonly key: string; readonly top: number } | undefined;
  #follow = true;
  /** Where the scroller stood when its place was last taken in, in CSS pixels. */
  #knownTop = 0;
  #frame = 0;
  #sizes: ResizeObserver | undefined;
  #flashTimer: ReturnType<typeof setTimeout> | undefined;

  override componentDidMount(): void {
    this.#sizes = new ResizeObserver(() => {
      this.#notice();
      this.#settle();
    });
    for (const { current } of [this.#scroller, this.#list]) if (current !== null) this.#sizes.observe(current);
    addEventListener("focus", this.#look);
    document.addEventListener("visibilitychange", this.#look);
    this.#settle();
    this.#look();
  }

  override componentDidUpdate(): void {
    this.#settle();
    this.#look();
  }

  override componentWillUnmount(): void {
    this.#sizes?.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#flashTimer);
    removeEventListener("focus", this.#look);
    document.removeEventListener("visibilitychange", this.#look);
  }

  /** The first message that is seen, and where: measured while the document still shows what was there before. */
  #measure(): { readonly key: string; readonly top: number } | undefined {
    const top = this.#scroller.current?.getBoundingClientRect().top ?? 0;
    for (const row of this.#rows()) {
      const box = row.getBoundingClientRect();
      if (box.bottom > top + 1) return { key: row.dataset["key"] ?? "", top: box.top };
    }
    return undefined;
  }

  #rows(): HTMLElement[] {
    return [...(this.#list.current?.querySelectorAll<HTMLElement>(":scope > .message") ?? [])];
  }

  #row(key: string): HTMLElement | undefined {
    return this.#rows().find((row) => row.dataset["key"] === key);
  }

  /** Puts the scroller where it belongs after a change of what stands in it, or of its size. */
  #settle(): void {
    const scroller = this.#scroller.current;
    if (scroller === null) return;
    if (!this.#arrive(scroller)) {
      if (this.#follow) scroller.scrollTop = scroller.scrollHeight;
      else this.#hold(scroller);
    }
    this.#knownTop = scroller.scrollTop;
  }

  #hold(scroller: HTMLElement): void {
    const { key, top } = this.#anchor ?? {};
    const row = key === undefined ? undefined : this.#row(key);
    if (row === undefined || top === undefined) return;
    const moved = row.getBoundingClientRect().top - top;
    if (Math.abs(moved) >= 0.5) scroller.scrollTop += moved;
  }

  /** Goes where it was asked to, if that is among the messages by now. */
  #arrive(scroller: HTMLElement): boolean {
    const target = jump.peek();
    if (target === undefined || target.chatId !== this.props.timeline.chatId) return false;
    if (target.seq === "newest") {
      if (!this.props.timeline.atNewest.peek()) return false;
      this.#follow = true;
      scroller.scrollTop = scroller.scrollHeight;
      jump.value = undefined;
      return true;
    }
    const message = this.#messages.find(({ seq }) => seq === target.seq);
    const row = message === undefined ? undefined : this.#row(message.key);
    if (row === undefined || message === undefined) return false;
    this.#follow = false;
    row.scrollIntoView({ block: "center" });
    this.#anchor = { key: message.key, top: row.getBoundingClientRect().top };
    jump.value = undefined;
    if (target.quiet === true) return true;
    row.classList.add("flash");
    clearTimeout(this.#flashTimer);
    this.#flashTimer = setTimeout(() => row.classList.remove("flash"), 1_600);
    return true;
  }

  /**
   * Takes in that the reader scrolled. The browser tells of it a frame later, and what changes meanwhile must not throw the
   * reader back.
   */
  #notice(): void {
    const scroller = this.#scroller.current;
    if (scroller === null || scroller.scrollTop === this.#knownTop) return;
    this.#knownTop = scroller.scrollTop;
    const below = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
    this.#follow = below < atEndPx && this.#range.end === this.#messages.length && this.props.timeline.atNewest.peek();
    this.#anchor = this.#measure();
  }

  readonly #scrolled = (): void => {
    const scroller = this.#scroller.current;
    if (scroller === null) return;
    this.#notice();
    const below = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
    const away = !this.#follow && below > scroller.clientHeight / 2;
    if (away !== this.state.away) this.setState({ away });
    this.#look();
  };

  /** In the next frame: is more to be shown or fetched, and what did the eye see? */
  readonly #look = (): void => {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#reach();
      this.#tellRead();
    });
  };

  #reach(): void {
    const scroller = this.#scroller.current;
    if (scroller === null || this.#messages.length === 0) return;
    const { timeline } = this.props;
    // On a very high screen both ends of the window must not be near at once.
    const near = Math.max(200, Math.min(1_200, (rowsMax * rowHeightLeastPx - scroller.clientHeight) / 2));
    const below = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
    const idle = timeline.loading.peek() === undefined;
    const older = scroller.scrollTop < near;
    const newer = below < near;
    if (older && this.#range.start > 0) this.#grow("older");
    else if (newer && this.#range.end < this.#messages.length) this.#grow("newer");
    if (!idle) return;
    if (older && this.#range.start === 0 && !timeline.atOldest.peek()) void timeline.older();
    else if (newer && this.#range.end === this.#messages.length && !timeline.atNewest.peek()) void timeline.newer();
  }

  #grow(side: "older" | "newer"): void {
    const next = grown(this.#range, this.#messages.length, side);
    // Following the end, the older rows that leave for the newer ones would come back at once.
    if (next.start === this.#range.start && next.end === this.#range.end) return;
    if (side === "older" && this.#follow && next.end < this.#range.end) return;
    this.#range = next;
    this.setState({ step: this.state.step + 1 });
  }

  #tellRead(): void {
    const scroller = this.#scroller.current;
    if (scroller === null || document.visibilityState !== "visible" || !document.hasFocus()) return;
    const bottom = scroller.getBoundingClientRect().bottom + 8;
    const seen = this.#rows().findLast((row) => row.getBoundingClientRect().bottom <= bottom);
    const seq = Number(seen?.dataset["seq"]);
    if (seq > 0) this.props.timeline.readUpTo(seq);
  }

  /** What came below of others is said to readers of the screen. */
  #announce(before: readonly Message[], messages: readonly Message[]): void {
    const last = before.at(-1);
    const from = last === undefined ? -1 : messages.findIndex(({ key }) => key === last.key);
    if (from < 0) return;
    const fresh = messages.slice(from + 1).filter(({ own, deleted }) => !own && !deleted);
    if (fresh.length === 0) return;
    const words = wordsNow();
    const lines = fresh.map((message) => ({
      key: message.key,
      text: words.said(this.props.senderName(message), spoken(words, message)),
    }));
    queueMicrotask(() => {
      announced.value = [...announced.peek(), ...lines].slice(-5);
    });
  }

  #take(messages: readonly Message[]): void {
    const before = this.#messages;
    const { firstUnreadSeq } = this.props.timeline;
    const target = jump.value;
    if (before.length === 0 && messages.length > 0) {
      const unread = firstUnreadSeq.peek();
      this.#range = rangeAround(messages, unread);
      this.#follow = true;
      if (unread !== undefined && target === undefined) {
        queueMicrotask(() => {
          jump.value ??= { chatId: this.props.timeline.chatId, seq: unread, quiet: true };
        });
      }
    } else {
      const kept = rangeAfter(before, this.#range, messages, this.#follow);
      this.#range = kept ?? rangeAround(messages, undefined);
      if (kept === undefined) this.#drawn.clear();
      this.#announce(before, messages);
    }
    this.#messages = messages;
    if (target === undefined || target.chatId !== this.props.timeline.chatId) return;
    if (target.seq === "newest") {
      if (this.props.timeline.atNewest.peek()) this.#range = rangeAround(messages, undefined);
      return;
    }
    const { start, end } = this.#range;
    if (messages.slice(start, end).some(({ seq }) => seq === target.seq)) return;
    if (messages.some(({ seq }) => seq === target.seq)) this.#range = rangeAround(messages, target.seq);
  }

  #draw(row: Row, byId: ReadonlyMap<string, Message>, now: Date): VNode {
    if (row.kind === "day") {
      return (
        <li key={row.key} class="day">
          <span>{dayName(wordsNow(), row.time, now)}</span>
        </li>
      );
    }
    if (row.kind === "new") {
      return (
        <li key={row.key} class="new-line">
          <span>{wordsNow().newMessages}</span>
        </li>
      );
    }
    const { message } = row;
    const quoted = message.replyTo === undefined ? undefined : byId.get(message.replyTo);
    const known = this.#drawn.get(row.key);
    if (known?.row.kind === "message") {
      const same = known.row.message === message && known.row.first === row.first && known.row.last === row.last;
      // The very same node: Preact leaves what it stands for alone.
      if (same && known.quoted === quoted) return known.node;
    }
    const node = (
      <Bubble
        key={row.key}
        message={message}
        quoted={quoted}
        first={row.first}
        last={row.last}
        group={this.props.chat?.kind === "group"}
      />
    );
    this.#drawn.set(row.key, { row, quoted, node });
    return node;
  }

  override render() {
    const words = useWords();
    const { timeline, label } = this.props;
    const messages = timeline.messages.value;
    this.#notice();
    if (!this.#follow) this.#anchor = this.#measure() ?? this.#anchor;
    this.#take(messages);
    const rows = rowsOf(messages, this.#range, timeline.firstUnreadSeq.value);
    const shown = new Set(rows.map(({ key }) => key));
    for (const key of this.#drawn.keys()) if (!shown.has(key)) this.#drawn.delete(key);
    const byId = new Map(messages.flatMap((message) => (message.messageId ? [[message.messageId, message]] : [])));
    const now = new Date();
    const oldest = timeline.atOldest.value && this.#range.start === 0;
    const loading = timeline.loading.value;
    return (
      <div class="timeline">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the messages in it */}
        <div class="scroller" ref={this.#scroller} tabIndex={0} onScroll={this.#scrolled} onKeyDown={timelineKey}>
          <div class="before-first">
            {oldest && messages.length > 0 && <p class="quiet">{words.beginning}</p>}
            {!oldest && <span class={loading === "older" ? "spinner" : "spinner idle"} />}
          </div>
          <ol class="messages" ref={this.#list} aria-label={label}>
            {rows.map((row) => this.#draw(row, byId, now))}
          </ol>
        </div>
        {loading === "jump" && (
          <p class="jumping" role="status">
            {words.loading}
          </p>
        )}
        {this.state.away && (
          <IconButton
            class="to-newest"
            icon="down"
            label={words.toNewest}
            onClick={() => {
              jump.value = { chatId: timeline.chatId, seq: "newest" };
              void timeline.toNewest();
            }}
          />
        )}
      </div>
    );
  }
}
