/** MQTT.js with MQTT 5 over the WebSocket at `/mqtt`: one client that hears, says and comes again by itself. */
import mqtt, { type IClientPublishOptions, type MqttClient } from "mqtt";
import { withDeadline } from "../../support/deadline.ts";
import { type Client, Ear, type Found, newClientId, type Place, type Said, type Sent, type User } from "./client.ts";
import { CutLine } from "./cut-line.ts";
import { topicOf } from "./mosquitto.ts";
import { type Reach, upload } from "./programs.ts";
import { type ChangeJson, changeFound, topicHeard } from "./shapes.ts";

const longMs = 30_000;
const channels = ["messages", "changes", "receipts", "typing"].map((channel) => `chat/+/${channel}`);

export class MqttJs implements Client {
  readonly door = "mqtt.js";
  readonly user: User;
  readonly ear = new Ear();
  readonly #reach: Reach;
  readonly #line: CutLine;
  readonly #answers = new Map<string, (payload: string) => void>();
  #client: MqttClient | undefined;

  private constructor(user: User, reach: Reach, line: CutLine) {
    this.user = user;
    this.#reach = reach;
    this.#line = line;
  }

  static async of(user: User, reach: Reach): Promise<MqttJs> {
    return new MqttJs(user, reach, await CutLine.to(reach.http));
  }

  /** A program that starts anew with the same client id, which is the same session. */
  async start(): Promise<void> {
    const client = mqtt.connect(`ws://${this.#line.address}/mqtt`, {
      protocolVersion: 5,
      username: this.user.userID,
      password: this.user.token,
      clientId: `${this.user.userID}-desk`,
      clean: false,
      properties: { sessionExpiryInterval: 3600 },
      reconnectPeriod: 100,
    });
    this.#client = client;
    client.on("error", () => {}); // It comes again.
    client.on("message", (topic, payload, { properties }) => {
      const correlation = properties?.correlationData;
      if (correlation === undefined) this.ear.push(...topicHeard(topic, String(payload)));
      else this.#answers.get(String(correlation))?.(String(payload));
    });
    await this.#connects();
    await withDeadline("SUBACK", client.subscribeAsync(channels, { qos: 1 }), longMs);
  }

  #connects(): Promise<void> {
    const connected = new Promise<void>((resolve) => this.#client?.once("connect", () => resolve()));
    return withDeadline("MQTT.js connects", connected, longMs);
  }

  async stop(): Promise<void> {
    await this.#client?.endAsync();
  }

  cut(): void {
    this.#line.cut();
  }

  async resume(): Promise<void> {
    const connected = this.#connects();
    this.#line.mend();
    await connected;
  }

  async send(place: Place, { type, content, replyTo }: Said): Promise<Sent> {
    const clientId = newClientId(this.door);
    const named = { userProperties: { "client-message-id": clientId } };
    if (type === "application/octet-stream") {
      const file = await upload(this.#reach.http, this.user.token, content, type);
      await this.#say(place, "send", { file, client_id: clientId });
    } else if (replyTo !== undefined) {
      await this.#say(place, "send", { content: content.toString(), reply_to: replyTo, client_id: clientId });
    } else {
      await this.#say(place, "send", content, { ...named, contentType: type === "text" ? "text/plain" : type });
    }
    const own = await this.ear.hears("its own message", (one) => one.clientId === clientId);
    return { id: own.id ?? "", seq: own.seq };
  }

  async refused(place: Place): Promise<string> {
    const refusal = await this.#say(place, "send", "must be refused").then(
      () => undefined,
      (error: Error & { code?: number }) => error,
    );
    if (refusal?.code === undefined) throw new Error(`a message that must be refused was not: ${refusal}`);
    return `0x${refusal.code.toString(16)} ${refusal.message}`;
  }

  async edit(place: Place, id: string, content: string): Promise<void> {
    await this.#say(place, "changes", { edit: id, content });
  }

  async remove(place: Place, id: string): Promise<void> {
    await this.#say(place, "changes", { delete: id });
  }

  async react(place: Place, id: string, reaction: string): Promise<void> {
    await this.#say(place, "changes", { react: id, reaction });
  }

  async read(place: Place, { id }: { readonly id: string }): Promise<void> {
    await this.#say(place, "receipts", { message_id: id });
  }

  async typing(place: Place, on: boolean): Promise<void> {
    await this.#say(place, "typing", { typing: on });
  }

  async changes(place: Place, revision: number): Promise<Found[]> {
    const correlation = newClientId(this.door);
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#answers.set(correlation, resolve);
    const properties = { responseTopic: "answers", correlationData: Buffer.from(correlation) };
    await this.#say(place, "changes", { after: revision }, properties);
    const answer = JSON.parse(await withDeadline("what changed", promise, longMs));
    return answer.changes.map((change: ChangeJson) => changeFound(change, `${topicOf(place, "changes")} (answer)`));
  }

  async #say(
    place: Place,
    channel: string,
    payload: object | Buffer | string,
    properties: IClientPublishOptions["properties"] = {},
  ): Promise<void> {
    const bytes = typeof payload === "string" || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
    const published = this.#client?.publishAsync(topicOf(place, channel), bytes, { qos: 1, properties });
    await withDeadline("PUBACK", published ?? Promise.reject(new Error("not connected")), longMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.endAsync(true);
    await this.#line[Symbol.asyncDispose]();
  }
}
