/**
 * What a post to a hook says, as plain text: the body itself, our JSON, or the JSON of Slack's and Mattermost's incoming
 * webhooks, also as a form. Who it says it is from, and where to, counts for nothing.
 */
import { type JsonLimits, parseJson } from "./body.ts";
import { badRequest, Refusal, unsupported } from "./errors.ts";

export interface Incoming {
  readonly text: string;
  readonly clientId: string | undefined;
  /** The client is one of Slack's or Mattermost's, and wants their answer. */
  readonly isSlack: boolean;
}

/** Of all attachments and blocks together. */
const partsCharactersMax = 8000;
/** Attachments, blocks or fields beyond this are left out. */
const listMax = 50;

const utf8 = new TextDecoder("utf-8", { fatal: true });

type Fields = Readonly<Record<string, unknown>>;

/** Throws a refusal that says what to send instead. */
export function readIncoming(bytes: Uint8Array, contentType: string | null, limits: JsonLimits): Incoming {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type.startsWith("multipart/")) throw new Refusal(unsupported, "send plain text, JSON, or payload= as a form");
  if (type.endsWith("json")) return ofObject(parseJson(bytes, limits), false);
  const text = decoded(bytes);
  // What clients call a form is often a text: it is what curl calls each body.
  if (type !== "text/plain" && text.startsWith("payload=")) {
    const payload = new URLSearchParams(text).get("payload") ?? "";
    return ofObject(parseJson(Buffer.from(payload), limits), true);
  }
  const object = type !== "text/plain" && /^\s*\{/.test(text) ? objectIn(bytes, limits) : undefined;
  if (object !== undefined) return ofObject(object, false);
  return said([text], { clientId: undefined, isSlack: false });
}

function decoded(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Refusal(badRequest, "the body is not UTF-8");
  }
}

/** Undefined where a text only begins like JSON. */
function objectIn(bytes: Uint8Array, limits: JsonLimits): unknown {
  try {
    return parseJson(bytes, limits);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** What our JSON does not have. `text` alone may be either; it gets our answer. */
const slackNames: readonly string[] = [
  "attachments",
  "blocks",
  "channel",
  "icon_emoji",
  "icon_url",
  "link_names",
  "mrkdwn",
  "props",
  "unfurl_links",
  "unfurl_media",
  "username",
];

function ofObject(value: unknown, isForm: boolean): Incoming {
  if (!isFields(value)) throw new Refusal(badRequest, "the JSON must be an object with a text");
  const isSlack = isForm || slackNames.some((name) => name in value);
  return isSlack ? ofSlack(value) : ofOurs(value);
}

/** `message` is what Grafana and Gotify call the text. */
function ofOurs(fields: Fields): Incoming {
  const title = stringOf(fields, "title");
  const text = stringOf(fields, "text") ?? stringOf(fields, "message");
  const clientId = stringOf(fields, "client_id");
  const mark = markOf(fields["priority"]);
  return said([title, text], { clientId, isSlack: false, mark });
}

function stringOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new Refusal(badRequest, `${name} must be a string`);
  return value;
}

const marks: Readonly<Record<string, string>> = {
  min: "",
  low: "",
  default: "",
  normal: "",
  high: "[high] ",
  urgent: "[urgent] ",
  max: "[urgent] ",
};
/** Numbers go from 0 to 10, as those of Gotify do. */
const priorityMax = 10;
const highFrom = 8;

/** Messages have no priority, so one above the usual is said in the text. */
function markOf(priority: unknown): string {
  if (priority === undefined || priority === null) return "";
  if (typeof priority === "string" && Object.hasOwn(marks, priority)) return marks[priority] ?? "";
  if (typeof priority === "number" && priority >= 0 && priority <= priorityMax) {
    return priority >= highFrom ? "[high] " : "";
  }
  throw new Refusal(badRequest, `priority must be a number from 0 to 10, or ${Object.keys(marks).join(", ")}`);
}

/** The blocks are another form of the text, which then stands for readers who cannot show them. */
function ofSlack(fields: Fields): Incoming {
  const text = slackText(fields["text"]);
  const parts = text === undefined ? blockTexts(fields["blocks"]) : [];
  const attached = listOf(fields["attachments"]).flatMap(attachmentTexts);
  const more = [...parts, ...attached].join("\n");
  const shown = more.length > partsCharactersMax ? `${wellFormed(more.slice(0, partsCharactersMax))}…` : more;
  const clientId = typeof fields["client_id"] === "string" ? fields["client_id"] : undefined;
  return said([text, shown], { clientId, isSlack: true });
}

function attachmentTexts(attachment: Fields): string[] {
  const shown = [
    slackText(attachment["pretext"]),
    titleOf(attachment),
    slackText(attachment["text"]),
    ...blockTexts(attachment["blocks"]),
    ...listOf(attachment["fields"]).map(fieldText),
  ].filter(isSaid);
  const fallback = slackText(attachment["fallback"]);
  return shown.length === 0 && fallback !== undefined ? [fallback] : shown;
}

function titleOf(attachment: Fields): string | undefined {
  const title = slackText(attachment["title"]);
  const link = slackText(attachment["title_link"]);
  return title === undefined || link === undefined ? (title ?? link) : `${title} (${link})`;
}

function fieldText(field: Fields): string | undefined {
  const parts = [slackText(field["title"]), slackText(field["value"])].filter(isSaid);
  return parts.length === 0 ? undefined : parts.join(": ");
}

/** Sections and headers have one text, or fields; contexts have elements. */
const blockTexts = (blocks: unknown): string[] =>
  listOf(blocks)
    .flatMap((block) => [block["text"], ...listOf(block["fields"]), ...listOf(block["elements"])])
    .map((part) => slackText(isFields(part) ? part["text"] : part))
    .filter(isSaid);

const links = /<([^<>|\s]+)(?:\|([^<>]*))?>/g;

/** Slack writes links as `<address|words>`, and escapes three signs. */
function slackText(value: unknown): string | undefined {
  if (typeof value !== "string" || value.trim() === "") return undefined;
  return value
    .replaceAll(links, (whole: string, target: string, words: string | undefined) => {
      if (!/^(?:https?|mailto):/.test(target)) return words ?? whole;
      return words === undefined || words === "" ? target : `${words} (${target})`;
    })
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function said(
  parts: readonly (string | undefined)[],
  { mark = "", ...rest }: Omit<Incoming, "text"> & { readonly mark?: string },
): Incoming {
  const text = parts.filter(isSaid).join("\n").trimEnd();
  if (text.trim() === "") throw new Refusal(badRequest, "there is no text; send some, or JSON with text");
  return { text: mark + text, ...rest };
}

const isSaid = (text: string | undefined): text is string => text !== undefined && text !== "";
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.slice(0, listMax).filter(isFields) : []);
/** A cut may leave half of a pair behind. */
const wellFormed = (text: string): string => text.replace(/[\ud800-\udbff]$/, "");
