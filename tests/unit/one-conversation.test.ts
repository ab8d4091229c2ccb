/** docs/one-conversation.md names what there is: topics, actions, pushes, tuples, routes and events. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { recordNeeds, routeNeeds, topicNeeds } from "../../src/domain/people/scope-rules.ts";
import { actionNames } from "../minioicq/action-names.ts";

const root = join(import.meta.dir, "../..");
const page = readFileSync(join(root, "docs/one-conversation.md"), "utf8");
const pieces = [...new Set([...page.matchAll(/`([^`\n]+)`/g)].map(([, piece = ""]) => piece))];
const sourcesOf = (folder: string): string =>
  [...new Bun.Glob(`src/${folder}/**/*.ts`).scanSync({ cwd: root })]
    .map((file) => readFileSync(join(root, file), "utf8"))
    .join("\n");

const routes = new Set(
  Object.entries(routeNeeds).flatMap(([path, verbs]) => Object.keys(verbs).map((verb) => `${verb} ${path}`)),
);
const topics = new Set([...Object.keys(topicNeeds.says), ...Object.keys(topicNeeds.hears)]);
const [minioicq, terms, delivery] = [sourcesOf("minioicq"), sourcesOf("erlang-terms"), sourcesOf("delivery")];

test("every route on it is served", () => {
  const named = pieces.filter((piece) => /^(?:GET|POST|PUT|PATCH|DELETE) \//.test(piece));
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((one) => !routes.has(one.replaceAll(/\{(\w+)\}/g, ":$1")))).toEqual([]);
});

test("every chat topic on it is served, and every one that is served stands on it", () => {
  const named = pieces.flatMap((piece) => /^chat\/\{chatID\}\/(\w+)$/.exec(piece)?.[1] ?? []);
  expect(new Set(named)).toEqual(topics);
});

test("every action and push on it exists", () => {
  const named = pieces.filter((piece) => /^[a-z_]+(?:\.[a-z]+)+$/.test(piece));
  expect(named.length).toBeGreaterThan(20);
  const isThere = (name: string): boolean => actionNames.includes(name) || minioicq.includes(`"${name}"`);
  expect(named.filter((name) => !isThere(name))).toEqual([]);
});

test("every tuple on it is read or written, and every event on it is told", () => {
  const tuples = pieces.filter((piece) => /^[A-Z][a-z]+$/.test(piece));
  expect(tuples.length).toBeGreaterThan(2);
  expect(tuples.filter((name) => !(name in recordNeeds) && !terms.includes(`"${name}"`))).toEqual([]);
  const events = pieces.filter((piece) => /^(?:chat_\w+|change|delivered|read)$/.test(piece) && piece !== "chat_id");
  expect(events.toSorted()).toEqual(["change", "chat_enter", "chat_typing", "chat_typingEnd", "delivered", "read"]);
  expect(events.filter((name) => !delivery.includes(`"${name}"`))).toEqual([]);
});

test("no cell of its tables is empty", () => {
  const cells = [...page.matchAll(/^\| (.*) \|$/gm)].flatMap(([, row = ""]) => row.split(" | "));
  expect(cells.length).toBeGreaterThan(80);
  expect(cells.filter((cell) => cell.trim() === "")).toEqual([]);
});
