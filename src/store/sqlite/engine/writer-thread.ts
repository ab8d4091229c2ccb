/**
 * The thread of the writer. Started early, it loads its code while the main thread reads the configuration and loads its
 * own; what becomes of it meanwhile is not missed.
 */
export interface WriterThread {
  readonly worker: Worker;
  /** With the error it died of; without one it just ended. */
  readonly ended: Promise<{ readonly error: Error | undefined }>;
}

export function startWriterThread(): WriterThread {
  const worker = new Worker(new URL("./writer.worker.ts", import.meta.url).href);
  const ended = new Promise<{ error: Error | undefined }>((resolve) => {
    worker.onerror = (event) => resolve({ error: new Error(event.message) });
    worker.addEventListener("close", () => resolve({ error: undefined }));
  });
  return { worker, ended };
}
