/** An MQTT client of chats that keeps what it hears, and the reason codes that it is answered. */
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { until, withDeadline } from "../support/deadline.ts";
import type { TestServer } from "../support/server.ts";

export interface Heard {
  readonly topic: string;
  readonly qos: number;
  readonly correlation: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what the server printed
  readonly value: any;
}

export class Phone implements AsyncDisposable {
  readonly client: MqttClient;
  readonly token: string;
  readonly heard: Heard[] = [];

  constructor(client: MqttClient, token: string) {
    this.client = client;
    this.token = token;
    client.on("message", (topic, payload, { qos, properties }) => {
      const correlation = properties?.correlationData;
      const value = JSON.parse(String(payload));
      this.heard.push({ topic, qos, correlation: correlation === undefined ? undefined : String(correlation), value });
    });
  }

  /** The reason code of the acknowledgement. */
  async say(topic: string, payload: unknown, properties = {}): Promise<number> {
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    try {
      const packet = await withDeadline("PUBACK", this.client.publishAsync(topic, text, { qos: 1, properties }));
      return (packet as { reasonCode?: number } | undefined)?.reasonCode ?? 0;
    } catch (error) {
      return (error as { code: number }).code;
    }
  }

  /** Everything heard before an answer that is asked for now. */
  async fence(): Promise<Heard[]> {
    await this.say("chat/team/changes", { after: 0, limit: 1 }, { responseTopic: "fence" });
    await until("the fence", () => this.heard.some(({ topic }) => topic === "fence"));
    const heard = this.heard.splice(0);
    return heard.filter(({ topic }) => topic !== "fence");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }
}

export async function connect(server: TestServer, username: string, token: string, options: IClientOptions = {}) {
  const url = `mqtt://${server.mqtt}`;
  const client = await mqtt.connectAsync(url, {
    username,
    password: token,
    reconnectPeriod: 0,
    protocolVersion: 5,
    ...options,
  });
  return new Phone(client, token);
}

export const unauthorized = 0x87;
export const wrongFormat = 0x99;
