/** The executable, one client at each door who says, and one at the door that hears; each says to that one alone. */
import { type RunningServer, startServer } from "../../load/server.ts";
import { type Client, type Door, doors, type Place, type User } from "./client.ts";
import { Curl } from "./curl.ts";
import { Erlang, type PhoneLogin } from "./erlang.ts";
import { Mosquitto } from "./mosquitto.ts";
import { MqttJs } from "./mqtt-js.ts";
import { curlJson } from "./programs.ts";
import type { MessageJson } from "./shapes.ts";
import { Websockets } from "./websockets.ts";

const backendKey = "matrix-backend-key-0123456789";
const code = "903182";
const phones = { from: "380441234567", to: "380441234568" } as const;

/** A direct chat as each of its two users names it. */
export interface Pair {
  readonly from: Client;
  readonly to: Client;
  readonly fromPlace: Place;
  readonly toPlace: Place;
}

export class Stage implements AsyncDisposable {
  readonly pairs: Pair[] = [];
  /** The same two, each with the host in a group. */
  readonly groups: Pair[] = [];
  /** A member of every group who has no client. */
  host: User = { userId: "", userID: "", token: "", phone: undefined };
  readonly #server: RunningServer;
  readonly #python: string;
  readonly #chats = new Map<string, string>();
  readonly #clients = new AsyncDisposableStack();
  #to: Client | undefined;

  private constructor(server: RunningServer, python: string) {
    this.#server = server;
    this.#python = python;
  }

  static async start(to: Door, python: string): Promise<Stage> {
    const testNumbers = Object.values(phones).map((phone) => `${phone}=${code}`);
    const env = {
      ROOST_BACKEND_KEY: backendKey,
      ROOST_SMS_TEST_NUMBERS: testNumbers.join(","),
      // mosquitto_pub connects for each thing that it says, and all programs have one address.
      ROOST_LIMITS_MQTT_CONNECTS_PER_ADDRESS_SECOND: "1000",
    };
    const stage = new Stage(await startServer({ defaults: true, env }), python);
    try {
      await stage.#set(to);
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  get http(): string {
    return this.#server.http;
  }

  get to(): Client {
    if (this.#to === undefined) throw new Error("the stage is not set");
    return this.#to;
  }

  async #set(to: Door): Promise<void> {
    const names = ["host", "to", ...doors.map((door) => `from-${door}`)];
    const users = new Map<string, User>();
    const body = names.map((userID) => ({ userID }));
    const tokens = await this.asBackend<{ accessToken: string }[]>("POST", "/token", body);
    for (const [at, { accessToken: token }] of tokens.entries()) {
      const { user_id: userId } = await curlJson<{ user_id: string }>(this.http, "/users/me", { token });
      const userID = names[at] ?? "";
      users.set(userID, { userId, userID, token, phone: undefined });
    }
    const userOf = (name: string): User => users.get(name) ?? this.host;
    this.host = userOf("host");
    const [hearing, ...saying] = await Promise.all([
      this.#client(to, userOf("to"), phones.to),
      ...doors.map((door) => this.#client(door, userOf(`from-${door}`), phones.from)),
    ]);
    if (hearing === undefined) throw new Error("no client hears");
    this.#to = hearing;
    for (const from of saying) {
      this.pairs.push(await this.#acquaint(from, hearing));
      this.groups.push(await this.#gather(from, hearing));
    }
  }

  async #gather(from: Client, to: Client): Promise<Pair> {
    const name = `group.${from.door}`;
    const users = [this.host, from.user, to.user].map(({ userID }) => userID);
    await this.asBackend("PUT", `/chats/${name}/users`, { users });
    const place = { peer: undefined, chat: await this.chatNumber(from.user, name), name };
    return { from, to, fromPlace: place, toPlace: place };
  }

  async #client(door: Door, user: User, phone: string): Promise<Client> {
    const client = await this.#make(door, user, phone);
    this.#clients.use(client);
    if (door !== "erlang") await client.start();
    return client;
  }

  #make(door: Door, user: User, phone: string): Promise<Client> {
    const chatNamed = (name: string): string => this.#chats.get(name) ?? name;
    const login: PhoneLogin = { phone, code, backendKey, chatNamed };
    switch (door) {
      case "mosquitto":
        return Mosquitto.of(user, this.#server);
      case "mqtt.js":
        return MqttJs.of(user, this.#server);
      case "websockets":
        return Websockets.of(user, this.#server, this.#python);
      case "curl":
        return Curl.of(user, this.#server);
      case "erlang":
        return Erlang.of(login, this.#server);
    }
  }

  /** A direct chat begins with its first message. */
  async #acquaint(from: Client, to: Client): Promise<Pair> {
    const body = { chatID: `user.${from.user.userId}`, content: "the first message" };
    const made = await curlJson<MessageJson>(this.http, "/messages", { token: to.user.token, method: "POST", body });
    const place = { chat: made.chat_id, name: made.chatID };
    this.#chats.set(made.chatID, made.chat_id);
    return { from, to, fromPlace: { ...place, peer: to.user }, toPlace: { ...place, peer: from.user } };
  }

  async asBackend<T>(method: string, path: string, body?: unknown): Promise<T> {
    return await curlJson<T>(this.http, path, { token: backendKey, method, body });
  }

  /** The last messages of a chat, as its history says to one of its members. */
  async history({ user }: Client, { name }: Place): Promise<readonly MessageJson[]> {
    const path = `/chats/${name}/messages?limit=100`;
    return (await curlJson<{ messages: MessageJson[] }>(this.http, path, { token: user.token })).messages;
  }

  async revision({ to, toPlace }: Pair): Promise<number> {
    const path = `/chats/${toPlace.name}/changes`;
    return (await curlJson<{ revision: number }>(this.http, path, { token: to.user.token })).revision;
  }

  async chatNumber(user: User, chatID: string): Promise<string> {
    const { chats } = await curlJson<{ chats: { chat_id: string; chatID: string }[] }>(
      this.http,
      "/chats?limit=100",
      user,
    );
    const found = chats.find((chat) => chat.chatID === chatID);
    if (found === undefined) throw new Error(`${user.userID} is not in ${chatID}`);
    return found.chat_id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients.disposeAsync();
    await this.#server.stop();
  }
}
