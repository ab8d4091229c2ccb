/** People of a test who know the actions beyond the document. */
import { enroll } from "../rest/client.ts";
import type { TestServer } from "../support/server.ts";
import { type ConnectOptions, type Encoding, MiniClient } from "./client.ts";

export interface Person {
  readonly id: string;
  readonly client: MiniClient;
}

/** A new user whose connection is told what the document has no message for. */
export async function person(
  http: string,
  name: string,
  encoding: Encoding,
  options: ConnectOptions = {},
): Promise<Person> {
  const client = await MiniClient.connect(http, encoding, options);
  const answer = await client.ask({ action: "auth.register", user_name: name, password: "secret", extensions: true });
  if (answer.action !== "auth.register.success") throw new Error(`not registered: ${JSON.stringify(answer)}`);
  return { id: String(answer["user_id"]), client };
}

/** A user whom a backend made, here by their token, and that token for the other doors. */
export async function participant(server: TestServer, name: string, encoding: Encoding = "json") {
  const [token = ""] = await enroll(server, name);
  const client = await MiniClient.connect(server.http, encoding);
  const answer = await client.ask({ action: "auth.login", token, extensions: true });
  if (answer.action !== "auth.login.success") throw new Error(`not logged in: ${JSON.stringify(answer)}`);
  await client.fence();
  return { id: String(answer["user_id"]), client, token };
}

/** A group of the first one's; everybody has been told of it. */
export async function groupOf(owner: Person, ...others: readonly Person[]): Promise<string> {
  const spawn = await owner.client.ask({ action: "chat.create", members: others.map(({ id }) => id), name: "Team" });
  for (const { client } of [owner, ...others]) await client.fence();
  return String(spawn["chat_id"]);
}
