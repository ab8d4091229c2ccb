/** What the broker's parts share; made once, in broker.ts. */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { FlushQueue } from "../net/flush-queue.ts";
import type { Connection } from "./connection/connection.ts";
import type { AddressCounts } from "./connection/connection-limits.ts";
import type { DeadlineWheel } from "./connection/keep-alive.ts";
import type { Counters } from "./counters.ts";
import type { IdentityChanges } from "./handlers/identity-change.ts";
import type { BrokerHooks } from "./hooks.ts";
import type { BrokerLimits } from "./limits.ts";
import type { PublishSender } from "./publish/publish-sender.ts";
import type { Retained } from "./routing/retained.ts";
import type { Routes } from "./routing/routes.ts";
import type { SysTopics } from "./routing/sys-topics.ts";
import type { Wills } from "./routing/wills.ts";
import type { QueueWriter } from "./session/queue-writer.ts";
import type { Sessions } from "./session/sessions.ts";
import type { BrokerStore } from "./store.ts";
import type { Work } from "./work.ts";

export interface BrokerCore {
  readonly store: BrokerStore;
  readonly hooks: BrokerHooks;
  readonly limits: BrokerLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly flushQueue: FlushQueue;
  readonly wheel: DeadlineWheel;
  readonly counters: Counters;
  readonly work: Work;
  /** Counts open sockets, the closing ones too. */
  readonly sockets: Work;
  readonly routes: Routes;
  readonly retained: Retained;
  readonly queueWriter: QueueWriter;
  readonly sender: PublishSender;
  readonly wills: Wills;
  readonly sessions: Sessions;
  readonly identityChanges: IdentityChanges;
  readonly connections: Set<Connection>;
  readonly addressCounts: AddressCounts;
  readonly sys: SysTopics;
  readonly stopping: boolean;
}
