/** What the broker's parts share; made once, in broker.ts. */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { FlushQueue } from "../net/flush-queue.ts";
import type { Places } from "./admission.ts";
import type { Connection } from "./connection.ts";
import type { Counters } from "./counters.ts";
import type { LogIns } from "./handlers/log-in.ts";
import type { BrokerHooks } from "./hooks.ts";
import type { DeadlineWheel } from "./keep-alive.ts";
import type { BrokerLimits } from "./limits.ts";
import type { PublishSender } from "./publish-sender.ts";
import type { Queues } from "./queues.ts";
import type { Retained } from "./retained.ts";
import type { Routes } from "./routes.ts";
import type { Sessions } from "./sessions.ts";
import type { BrokerStore } from "./store.ts";
import type { SysTopics } from "./sys-topics.ts";
import type { Wills } from "./wills.ts";
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
  readonly queues: Queues;
  readonly sender: PublishSender;
  readonly wills: Wills;
  readonly sessions: Sessions;
  readonly logIns: LogIns;
  readonly connections: Set<Connection>;
  readonly places: Places;
  readonly sys: SysTopics;
  readonly stopping: boolean;
}
