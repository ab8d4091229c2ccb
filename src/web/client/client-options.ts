/** What a client is made with. */

import type { Topic } from "./cache.ts";
import type { MakeSocket, Timing } from "./channel.ts";
import type { MessageRecord } from "./records.ts";
import type { Storage } from "./storage.ts";
import type { Tabs } from "./tabs.ts";
import type { UploadParts } from "./uploads.ts";

export interface ClientOptions {
  /** `ws://host:port/ws` */
  readonly url: string;
  /** `http://host:port`, or "" for the page's own server. */
  readonly base: string;
  readonly storage: Storage;
  readonly tabs: Tabs;
  /** What the user's list of log-ins calls this client. */
  readonly name: string;
  readonly changed: (topic: Topic) => void;
  /** Messages of others, each once. */
  readonly arrived?: (messages: readonly MessageRecord[]) => void;
  /** A user is about to be shown what is theirs; on the return of the line, too. */
  readonly entering?: (token: string) => Promise<void>;
  /** The user is logged out. */
  readonly left?: () => void;
  readonly timing?: Timing;
  readonly makeSocket?: MakeSocket;
  readonly fetch?: UploadParts["fetch"];
  /** Messages kept of each chat. */
  readonly kept?: number;
}
