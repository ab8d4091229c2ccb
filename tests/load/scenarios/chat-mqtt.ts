/** Stored messages through the MQTT door: publishes to chat/{chatID}/send, acknowledged when they are on disk. */
import { Flow } from "../flow.ts";
import { inParallel, MqttClient } from "../mqtt-client.ts";
import { encodePublish } from "../mqtt-wire.ts";
import type { LoadOptions } from "../options.ts";
import { type Backend, type ChatPlan, provisionChats } from "../provision.ts";
import { type Report, reportOf } from "../report.ts";
import { textTemplate } from "../stamp.ts";
import { connectReceivers } from "./chat-receivers.ts";
import { loadInWords, MqttPublisher, type Progress, windowOf } from "./mqtt.ts";

export function backendOf({ http, backendKey }: LoadOptions): Backend {
  if (backendKey === undefined) throw new Error("this scenario makes users and chats: give --backend-key and --http");
  return { http, backendKey };
}

export function planOf(options: LoadOptions): Promise<ChatPlan> {
  return provisionChats(backendOf(options), {
    tag: options.seed.toString(16),
    publishers: options.connections,
    receivers: options.receivers,
    chats: options.chats,
  });
}

export async function runChatMqtt(options: LoadOptions, progress: Progress): Promise<Report> {
  progress?.("making users and chats");
  const plan = await planOf(options);
  const tag = options.seed.toString(16);
  let flow: Flow | undefined;
  const receivers = await connectReceivers(options, plan, () => flow);
  const payload = Buffer.from(textTemplate(options.payloadBytes), "latin1");
  const publishers = await inParallel(options.connections, 32, async (p) => {
    const user = plan.publishers[p];
    const client = await MqttClient.connect(options, {
      clientId: `load-${tag}-p${p}`,
      username: user?.userID,
      password: user?.accessToken,
    });
    client.handlers.closed = (problem) => {
      if (problem !== undefined) flow?.problem(`publisher ${p}: ${problem.message}`);
    };
    const { qos, protocol } = options;
    const streams = plan.streams.flatMap(({ publisher, chatID }, stream) =>
      publisher === p
        ? [{ stream, template: encodePublish({ topic: `chat/${chatID}/send`, payload, qos, protocol }) }]
        : [],
    );
    return new MqttPublisher({
      client,
      index: p,
      streams,
      qos: options.qos,
      inFlight: options.inFlight,
      stampAs: "text",
      acked: (index, sentUs, now) => flow?.acked(index, sentUs, now),
      problem: (what) => flow?.problem(what),
    });
  });
  flow = new Flow({
    publishers,
    streams: plan.streams.map(({ publisher }) => publisher),
    receivers: options.receivers,
    options: { ...options, inFlight: windowOf(publishers, options), acks: true, progress },
  });
  try {
    const result = await flow.run();
    return reportOf({ scenario: options.scenario, load: chatLoadInWords(options), result });
  } finally {
    for (const client of [...receivers, ...publishers.map((publisher) => publisher.client)]) client.close();
    await Bun.sleep(10);
  }
}

export function chatLoadInWords(options: LoadOptions): string {
  return `${loadInWords(options)}, ${options.chats} chats, ${options.receivers} receivers`;
}
