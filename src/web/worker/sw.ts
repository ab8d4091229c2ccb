/**
 * The service worker: starts the client without a line. It keeps the page and the client's files, which its first line names,
 * and answers from them. The page itself comes from the server where there is one, so that a new version is seen at once.
 */
interface Shell {
  /** Of the page. */
  readonly version: string;
  /** Paths, each with a hash of its content. */
  readonly files: readonly string[];
}

const worker = self as unknown as ServiceWorkerGlobalScope & { readonly shell: Shell };
const { version, files } = worker.shell;
const cacheName = `shell-${version}`;
/** A line that is nearly dead is treated as none. */
const patienceMs = 3000;

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname, origin } = new URL(request.url);
  if (request.method !== "GET" || origin !== worker.location.origin) return;
  if (request.mode === "navigate" && pathname === "/") event.respondWith(page(request));
  else if (files.includes(pathname)) event.respondWith(file(request));
});

/** A notice that was pressed opens its chat. */
worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { data } = event.notification;
  const chatId: unknown = typeof data === "object" && data !== null ? data.chatId : undefined;
  event.waitUntil(show(typeof chatId === "string" ? chatId : undefined));
});

async function install(): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.addAll(["/", ...files]);
  await worker.skipWaiting();
}

/** A tab that is open may still load files of the version before, so the newest of the older caches stays. */
async function activate(): Promise<void> {
  const older = (await caches.keys()).filter((name) => name.startsWith("shell-") && name !== cacheName);
  await Promise.all(older.slice(0, -1).map((name) => caches.delete(name)));
  await worker.clients.claim();
}

async function page(request: Request): Promise<Response> {
  const kept = await caches.match("/", { cacheName });
  if (kept === undefined) return fetch(request);
  const signal = AbortSignal.timeout(patienceMs);
  const answer = await fetch("/", { signal, credentials: "same-origin" }).catch(() => undefined);
  // A proxy whose server is being started again answers with 502.
  return answer?.ok === true ? answer : kept;
}

const file = async (request: Request): Promise<Response> => (await caches.match(request.url)) ?? fetch(request);

async function show(chatId: string | undefined): Promise<void> {
  const windows = await worker.clients.matchAll({ type: "window" });
  const [open] = windows;
  if (open === undefined) {
    await worker.clients.openWindow(chatId === undefined ? "/" : `/#chat=${encodeURIComponent(chatId)}`);
    return;
  }
  await open.focus();
  if (chatId !== undefined) open.postMessage({ openChat: chatId });
}
