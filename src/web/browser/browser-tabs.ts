/**
 * Which of the tabs sends what waits: the one that holds a lock. Where the browser has no locks, because the page came by
 * plain HTTP, it is the one that wrote its name last into a place which all tabs see. Two that send do no harm: the
 * server knows a message by its client id.
 */
import { randomId } from "../client/send-queue.ts";
import type { Note, Tabs } from "../client/tabs.ts";

const name = "roost";
const leaseMs = 6_000;
const renewMs = 2_000;

export function openTabs(): Tabs {
  const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);
  let leads = false;
  const tabs = {
    get leads() {
      return leads;
    },
    tell: (note: Note) => channel?.postMessage(note),
    heard: (_note: Note) => {},
    led: () => {},
  };
  const lead = () => {
    leads = true;
    tabs.led();
  };
  if (channel !== undefined) channel.onmessage = ({ data }) => tabs.heard(data as Note);
  const locks = (navigator as Partial<Navigator>).locks;
  if (locks === undefined) {
    lease(
      () => leads,
      lead,
      () => {
        leads = false;
      },
    );
  } else {
    // Held until the tab is gone.
    void locks.request(name, () => {
      lead();
      return new Promise<void>(() => {});
    });
  }
  return tabs;
}

/** `until`: of the wall clock, which all tabs share. */
interface Lease {
  readonly tab: string;
  readonly until: number;
}

function lease(leads: () => boolean, lead: () => void, follow: () => void): void {
  const tab = randomId();
  const read = (): Lease | undefined => {
    try {
      return JSON.parse(localStorage.getItem(`${name}.sends`) ?? "null") ?? undefined;
    } catch {
      return undefined;
    }
  };
  const renew = (): void => {
    const now = Date.now();
    const held = read();
    // A lease that ends later than any can was made before the clock was set back.
    if (held !== undefined && held.tab !== tab && held.until > now && held.until <= now + leaseMs) {
      if (leads()) follow();
      return;
    }
    try {
      localStorage.setItem(`${name}.sends`, JSON.stringify({ tab, until: now + leaseMs } satisfies Lease));
    } catch {
      // Without a place that tabs share, each of them sends.
    }
    if (!leads()) lead();
  };
  renew();
  setInterval(renew, renewMs);
}
