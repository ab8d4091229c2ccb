/**
 * Which subscribers a topic name has, MQTT 3.1.1 § 4.7. Filters without wildcards are looked up as a whole; the others
 * form a trie by level. Of a session it uses only the identity.
 */
import { firstLevel, hasWildcard } from "../wire/topic-names.ts";

type Subscribers<S, V> = Map<S, V>;

/** The only subscriber of a filter, which most filters have; a Map for it would be most of its memory. */
class Only<S, V> {
  readonly subscriber: S;
  value: V;

  constructor(subscriber: S, value: V) {
    this.subscriber = subscriber;
    this.value = value;
  }
}

interface Node<S, V> {
  children: Map<string, Node<S, V>> | undefined;
  /** The subscribers of the filter that ends here. */
  subscribers: Subscribers<S, V> | undefined;
}

/** `S` is the subscriber, `V` what it asked for. */
export class TopicTree<S, V> {
  count = 0;
  readonly #exact = new Map<string, Only<S, V> | Subscribers<S, V>>();
  readonly #root: Node<S, V> = { children: undefined, subscribers: undefined };

  /** Adds a subscription, or replaces that of the same subscriber with the same filter [MQTT-3.8.4-3]. */
  add(filter: string, subscriber: S, value: V): void {
    if (!hasWildcard(filter)) {
      this.#addExact(filter, subscriber, value);
      return;
    }
    const subscribers = this.#subscribers(filter);
    if (!subscribers.has(subscriber)) this.count++;
    subscribers.set(subscriber, value);
  }

  remove(filter: string, subscriber: S): boolean {
    const removed = hasWildcard(filter)
      ? removeBelow(this.#root, filter.split("/"), 0, subscriber)
      : this.#removeExact(filter, subscriber);
    if (removed) this.count--;
    return removed;
  }

  /** Calls `found` for every matching subscription, so once for each overlapping filter of a subscriber. */
  match(topic: string, found: (subscriber: S, value: V) => void): void {
    const exact = this.#exact.get(topic);
    if (exact instanceof Only) found(exact.subscriber, exact.value);
    else visit(exact, found);
    if (this.#root.children !== undefined) matchBelow(this.#root, topic.split("/"), 0, found);
  }

  #subscribers(filter: string): Subscribers<S, V> {
    let node = this.#root;
    for (const level of filter.split("/")) {
      node.children ??= new Map();
      const child: Node<S, V> = node.children.get(level) ?? { children: undefined, subscribers: undefined };
      node.children.set(level, child);
      node = child;
    }
    node.subscribers ??= new Map();
    return node.subscribers;
  }

  #addExact(filter: string, subscriber: S, value: V): void {
    const there = this.#exact.get(filter);
    if (there === undefined) {
      this.#exact.set(filter, new Only(subscriber, value));
      this.count++;
    } else if (there instanceof Map) {
      if (!there.has(subscriber)) this.count++;
      there.set(subscriber, value);
    } else if (there.subscriber === subscriber) {
      there.value = value;
    } else {
      this.#exact.set(
        filter,
        new Map([
          [there.subscriber, there.value],
          [subscriber, value],
        ]),
      );
      this.count++;
    }
  }

  #removeExact(filter: string, subscriber: S): boolean {
    const there = this.#exact.get(filter);
    if (there instanceof Only) return there.subscriber === subscriber && this.#exact.delete(filter);
    if (there?.delete(subscriber) !== true) return false;
    if (there.size === 0) this.#exact.delete(filter);
    return true;
  }
}

function visit<S, V>(subscribers: Subscribers<S, V> | undefined, found: (subscriber: S, value: V) => void): void {
  if (subscribers === undefined) return;
  for (const [subscriber, value] of subscribers) found(subscriber, value);
}

function matchBelow<S, V>(
  node: Node<S, V>,
  levels: readonly string[],
  depth: number,
  found: (subscriber: S, value: V) => void,
): void {
  const { children } = node;
  // A filter that starts with a wildcard does not match a topic that starts with $ [MQTT-4.7.2-1].
  const wild = depth > 0 || levels[0]?.startsWith("$") !== true;
  if (wild) visit(children?.get("#")?.subscribers, found); // also the parent level itself, § 4.7.1.2
  const level = levels[depth];
  if (level === undefined) {
    visit(node.subscribers, found);
    return;
  }
  const plus = wild ? children?.get("+") : undefined;
  if (plus !== undefined) matchBelow(plus, levels, depth + 1, found);
  const literal = children?.get(level);
  if (literal !== undefined) matchBelow(literal, levels, depth + 1, found);
}

/** Removes a subscription and the nodes that became empty; false if there was no such subscription. */
function removeBelow<S, V>(node: Node<S, V>, levels: readonly string[], depth: number, subscriber: S): boolean {
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
