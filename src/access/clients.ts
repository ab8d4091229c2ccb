/** The broker's connected clients, with the accounts they have here. */
import type { ListedClient } from "../domain/people/clients.ts";
import type { BrokerClient } from "../mqtt/broker.ts";
import type { Account } from "./accounts.ts";

const protocols = { 3: "MQTT 3.1", 4: "MQTT 3.1.1", 5: "MQTT 5" } as const;

export function* listedClients(clients: Iterable<BrokerClient<Account>>): Generator<ListedClient> {
  for (const { principal, protocolVersion, end, ...client } of clients) {
    yield {
      door: "mqtt",
      ...client,
      account: accountOf(principal),
      protocol: protocols[protocolVersion],
      end: () => end("the operator ended the connection"),
    };
  }
}

function accountOf({ userId, device }: Account): ListedClient["account"] {
  if (device !== undefined) return { device: device.name };
  return userId === undefined ? undefined : { userId };
}
