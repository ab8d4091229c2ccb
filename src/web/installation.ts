/** Registers the service worker, where the browser has any: on HTTPS, and on this machine. */

const address = "/sw.js";

/** The page's policy (`trusted-types roost`) lets nothing but this make the address of a script. */
interface TrustedTypes {
  createPolicy(
    name: "roost",
    rules: { createScriptURL(text: string): string },
  ): { createScriptURL(text: string): string };
}

/** Once the page has been shown: the first visit waits for nothing of it. */
export async function installWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  const policy = trustedTypes?.createPolicy("roost", {
    createScriptURL(text) {
      if (text !== address) throw new TypeError("only the service worker is loaded by its address");
      return text;
    },
  });
  try {
    // It is asked for anew at each start, not once a day.
    await navigator.serviceWorker.register(policy?.createScriptURL(address) ?? address, { updateViaCache: "none" });
  } catch {
    // A browser that keeps nothing, such as one in private: the client works without.
  }
}
