/** Shows the OpenAPI document as a page. Text is only ever set as text. */

const methods = ["post", "put", "patch", "get", "head", "delete"];
const themes = ["system", "light", "dark"];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** What the document writes between back-ticks is code. */
function prose(text) {
  return text.split("`").map((part, index) => (index % 2 === 1 ? element("code", {}, part) : part));
}

/** A schema in the words a reader looks for: `{ "chatID": string, "seq": integer, … }`. */
function words(schema, definitions, indent = "", seen = []) {
  if (schema === undefined || schema === null) return "anything";
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1);
    return seen.includes(name) ? name : words(definitions[name], definitions, indent, [...seen, name]);
  }
  const other = schema.anyOf ?? schema.oneOf;
  if (other !== undefined) return other.map((one) => words(one, definitions, indent, seen)).join(`\n${indent}or `);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return `[ ${words(schema.items, definitions, indent, seen)}, … ]`;
  if (schema.type === "object") return objectWords(schema, definitions, indent, seen);
  const bounds = [schema.format, schema.pattern].filter((one) => one !== undefined);
  return `${schema.type ?? "anything"}${bounds.length === 0 ? "" : ` (${bounds[0]})`}`;
}

function objectWords(schema, definitions, indent, seen) {
  const inner = `${indent}  `;
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const about = property.description === undefined ? "" : `   // ${property.description}`;
    const mark = required.has(name) ? "" : "?";
    return `${inner}"${name}"${mark}: ${words(property, definitions, inner, seen)}${about}`;
  });
  return lines.length === 0 ? "{}" : `{\n${lines.join("\n")}\n${indent}}`;
}

function parametersOf(operation) {
  if (operation.parameters === undefined) return [];
  const rows = operation.parameters.map(({ name, in: where, description, schema, required }) =>
    element(
      "tr",
      {},
      element("td", {}, element("code", {}, name)),
      element("td", {}, required ? `${where}, required` : where),
      element("td", {}, ...prose(description ?? schema.description ?? words(schema, {}))),
    ),
  );
  return [element("h4", {}, "Parameters"), element("table", {}, element("tbody", {}, ...rows))];
}

function bodyOf(operation, definitions) {
  const content = operation.requestBody?.content["application/json"];
  if (content === undefined) return [];
  return [
    element("h4", {}, operation.requestBody.required ? "Body" : "Body (optional)"),
    element("pre", {}, element("code", {}, JSON.stringify(content.example, null, 2))),
    element(
      "details",
      {},
      element("summary", {}, "What it may be"),
      element("pre", {}, element("code", {}, words(content.schema, definitions))),
    ),
  ];
}

/** What fills the places of a path in an example. */
const examples = { tokenID: "$TOKEN_ID", chatID: "team", GUID: "$GUID", name: "orders", file: "$FILE" };

function secretOf(caller) {
  if (caller === undefined) return "";
  if ("password" in caller) return ' -u "$NAME:$PASSWORD"';
  return ` -H "Authorization: Bearer ${"backendKey" in caller ? "$KEY" : "$TOKEN"}"`;
}

/** The request as one line for a shell, with `$ROOST`, `$KEY` and `$TOKEN` as the first steps name them. */
function curlOf(method, path, operation) {
  const place = path.replaceAll(/\{(\w+)\}/g, (_, name) => examples[name] ?? name);
  const secret = secretOf(operation.security[0]);
  const content = Object.entries(operation.requestBody?.content ?? {});
  const example = operation.requestBody?.content["application/json"]?.example;
  const [type, file] = content.find(([, { example: name }]) => typeof name === "string") ?? [];
  const body =
    file !== undefined
      ? ` -H "Content-Type: ${type}" --data-binary @${file.example}`
      : example === undefined
        ? ""
        : ` -d '${JSON.stringify(example).replaceAll("'", "'\\''")}'`;
  const headers = (operation.parameters ?? [])
    .filter(({ in: where, required }) => where === "header" && required)
    .map(({ name, example: value }) => ` -H "${name}: ${value}"`)
    .join("");
  const verb = { get: "", head: " -I" }[method] ?? ` -X ${method.toUpperCase()}`;
  return `curl${verb} "$ROOST${place}"${secret}${headers}${body}`;
}

function answersOf(operation, definitions) {
  const answers = Object.entries(operation.responses).map(([status, { description, content = {} }]) =>
    element(
      "details",
      {},
      element("summary", {}, element("strong", {}, status), " ", ...prose(description)),
      ...Object.entries(content).flatMap(([type, { schema }]) => [
        element("p", { class: "quiet" }, type),
        element("pre", {}, element("code", {}, words(schema, definitions))),
      ]),
    ),
  );
  return [element("h4", {}, "Answers"), ...answers];
}

function show(description) {
  const definitions = description.components.schemas;
  document.querySelector("#version").textContent = description.info.version;
  document.querySelector("#about").textContent = description.info.description;
  for (const origin of document.querySelectorAll(".origin")) origin.textContent = location.origin;
  const index = document.querySelector("#index");
  const main = document.querySelector("#operations");
  const shown = [];
  for (const { name, description: about } of description.tags) {
    const heading = element("h2", { class: "group" }, name);
    const entry = element("li", { class: "group" }, name);
    main.append(heading, element("p", { class: "quiet" }, ...prose(about)));
    index.append(entry);
    for (const [path, method, operation] of operationsOf(description, name)) {
      const title = [element("span", { class: "method" }, method.toUpperCase()), element("code", {}, path)];
      const section = element(
        "section",
        { id: operation.operationId },
        element("h3", { class: "operation" }, ...title),
        element("p", {}, `${operation.summary}. `, ...prose(operation.description)),
        element("p", { class: "quiet" }, callerOf(operation)),
        element("pre", {}, element("code", {}, curlOf(method, path, operation))),
        ...parametersOf(operation),
        ...bodyOf(operation, definitions),
        ...answersOf(operation, definitions),
      );
      const link = element(
        "li",
        {},
        element("a", { href: `#${operation.operationId}` }, `${method.toUpperCase()} ${path}`),
      );
      main.append(section);
      index.append(link);
      shown.push({ section, link, text: section.textContent.toLowerCase() });
    }
  }
  document.querySelector("#search").addEventListener("input", ({ target }) => {
    const sought = target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const { section, link, text } of shown) {
      const hidden = !sought.every((word) => text.includes(word));
      section.hidden = hidden;
      link.hidden = hidden;
    }
  });
  if (location.hash !== "") document.querySelector(location.hash)?.scrollIntoView();
}

/** The operations of a group, in the order of the document. */
function operationsOf(description, group) {
  return Object.entries(description.paths).flatMap(([path, operations]) =>
    methods
      .filter((method) => operations[method]?.tags[0] === group)
      .map((method) => [path, method, operations[method]]),
  );
}

/** In words; `security` has an entry for each key that will do. */
function callerOf({ security }) {
  if (security.length > 1 && "password" in security[0]) return "With a user's name and password, or the backend key.";
  if (security.length > 1) return "With an access token, or the backend key.";
  if (security.length === 0) return "Without any key.";
  return "backendKey" in security[0] ? "With the backend key." : "With an access token.";
}

const button = document.querySelector("#theme");

function setTheme(theme) {
  button.textContent = `Theme: ${theme}`;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
}

setTheme(themes.find((theme) => theme === localStorage.getItem("theme")) ?? "system");
button.addEventListener("click", () => {
  const next = themes.indexOf(localStorage.getItem("theme")) + 1;
  setTheme(themes[next % themes.length]);
});

fetch("/openapi.json")
  .then((response) => response.json())
  .then(show)
  .catch(() => {
    document.querySelector("#about").textContent = "The document could not be loaded; see /openapi.json.";
  });
