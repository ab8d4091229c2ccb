/**
 * Which subscribers a topic name has, MQTT 3.1.1 § 4.7. Filters without wildcards are looked up as a whole; the others
 * form a trie by level. Of a session it uses only the identity.
 */
import { firstLevel, hasWildcard } from "../wire/topic-names.ts";

interface Node<S> {
  children: Map<string, Node<S>> | undefined;
  /** The filter that ends here, where it has subscribers. */
  filter: string;
  subscribers: Set<S> | undefined;
}

/** Called for a subscriber, with its filter that matches. */
type Found<S> = (subscriber: S, filter: string) => void;

/** `S` is the subscriber, no Set. What a subscriber asked for with a filter, it knows itself. */
export class TopicTree<S> {
  count = 0;
  /** The only subscriber of a filter, which most filters have, or all of them. */
  readonly #exact = new Map<string, S | Set<S>>();
  readonly #root: Node<S> = emptyNode();

  /** Adds a subscription. The same subscriber has a filter once [MQTT-3.8.4-3]. */
  add(filter: string, subscriber: S): void {
    if (!hasWildcard(filter)) {
      this.#addExact(filter, subscriber);
      return;
    }
    const subscribers = this.#subscribers(filter);
    if (subscribers.has(subscriber)) return;
    subscribers.add(subscriber);
    this.count++;
  }

  remove(filter: string, subscriber: S): boolean {
    const removed = hasWildcard(filter)
      ? removeBelow(this.#root, filter.split("/"), 0, subscriber)
      : this.#removeExact(filter, subscriber);
    if (removed) this.count--;
    return removed;
  }

  /** Calls `found` for every matching subscription, so once for each overlapping filter of a subscriber. */
  match(topic: string, found: Found<S>): void {
    const exact = this.#exact.get(topic);
    if (exact instanceof Set) for (const subscriber of exact) found(subscriber, topic);
    else if (exact !== undefined) found(exact, topic);
    if (this.#root.children !== undefined) matchBelow(this.#root, topic.split("/"), 0, found);
  }

  #subscribers(filter: string): Set<S> {
    let node = this.#root;
    for (const level of filter.split("/")) {
      node.children ??= new Map();
      const child = node.children.get(level) ?? emptyNode<S>();
      node.children.set(level, child);
      node = child;
    }
    node.filter = filter;
    node.subscribers ??= new Set();
    return node.subscribers;
  }

  #addExact(filter: string, subscriber: S): void {
    const there = this.#exact.get(filter);
    if (there === undefined) this.#exact.set(filter, subscriber);
    else if (there instanceof Set) {
      if (there.has(subscriber)) return;
      there.add(subscriber);
    } else {
      if (there === subscriber) return;
      this.#exact.set(filter, new Set([there, subscriber]));
    }
    this.count++;
  }

  #removeExact(filter: string, subscriber: S): boolean {
    const there = this.#exact.get(filter);
    if (!(there instanceof Set)) return there === subscriber && this.#exact.delete(filter);
    if (!there.delete(subscriber)) return false;
    if (there.size === 0) this.#exact.delete(filter);
    return true;
  }
}

function emptyNode<S>(): Node<S> {
  return { children: undefined, filter: "", subscribers: undefined };
}

function visit<S>(node: Node<S> | undefined, found: Found<S>): void {
  if (node?.subscribers === undefined) return;
  for (const subscriber of node.subscribers) found(subscriber, node.filter);
}

function matchBelow<S>(node: Node<S>, levels: readonly string[], depth: number, found: Found<S>): void {
  const { children } = node;
  // A filter that starts with a wildcard does not match a topic that starts with $ [MQTT-4.7.2-1].
  const wild = depth > 0 || levels[0]?.startsWith("$") !== true;
  if (wild) visit(children?.get("#"), found); // also the parent level itself, § 4.7.1.2
  const level = levels[depth];
  if (level === undefined) {
    visit(node, found);
    return;
  }
  const plus = wild ? children?.get("+") : undefined;
  if (plus !== undefined) matchBelow(plus, levels, depth + 1, found);
  const literal = children?.get(level);
  if (literal !== undefined) matchBelow(literal, levels, depth + 1, found);
}

/** Removes a subscription and the nodes that became empty; false if there was no such subscription. */
function removeBelow<S>(node: Node<S>, levels: readonly string[], depth: number, subscriber: S): boolean {
  const level = levels[depth];
  if (level === undefined) {
    if (node.subscribers?.delete(subscriber) !== true) return false;
    if (node.subscribers.size === 0) node.subscribers = undefined;
    return true;
  }
  const child = node.children?.get(level);
  if (child === undefined || !removeBelow(child, levels, depth + 1, subscriber)) return false;
  if (child.subscribers === undefined && child.children === undefined) node.children?.delete(level);
  if (node.children?.size === 0) node.children = undefined;
  return true;
}

/** The first level that a filter can match: its own, or undefined for all. */
export function matchedFirstLevel(filter: string): string | undefined {
  const first = firstLevel(filter);
  return first === "+" || first === "#" ? undefined : first;
}
