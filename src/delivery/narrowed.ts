/** What waits for a reader whose token opens only some chats: the reads of a feed without the others. */
import type { UserId } from "../domain/model.ts";
import type { ChatReach } from "../domain/people/chat-reach.ts";
import type { DeliveryReads, Head } from "../domain/store.ts";

type Reads = Pick<DeliveryReads, "lastMessageId" | "undelivered" | "newerThan" | "run" | "scan">;

export function narrowed<Store extends Reads>(store: Store, reach: ChatReach | undefined): Store {
  if (reach === undefined) return store;
  const readable = async (heads: Promise<Head[]>): Promise<Head[]> => reach.readable(await heads);
  const reads: Pick<Reads, "undelivered" | "newerThan" | "scan"> = {
    undelivered: (userId: UserId, deviceId) => readable(store.undelivered(userId, deviceId)),
    newerThan: (userId: UserId, after) => readable(store.newerThan(userId, after)),
    async scan(range) {
      const { messages, through } = await store.scan(range);
      return { messages: messages.filter((message) => reach.opens("read", message)), through };
    },
  };
  return { ...store, ...reads };
}
