/** Receives stored chat messages as an MQTT client subscribed to all of its chats, and checks what it gets. */
import type { Flow } from "../flow.ts";
import { inParallel, MqttClient } from "../mqtt-client.ts";
import type { PublishFrame } from "../mqtt-wire.ts";
import type { LoadOptions } from "../options.ts";
import { type ChatPlan, textField } from "../provision.ts";
import { findTextStamp, readHex, TEXT_STAMP_BYTES } from "../stamp.ts";

/** One message in this many is parsed whole. */
const PARSE_EVERY = 512;

/** Connects every receiver of the plan. What arrives goes to the flow that `flowNow` gives, once there is one. */
export function connectReceivers(
  options: LoadOptions,
  plan: ChatPlan,
  flowNow: () => Flow | undefined,
): Promise<MqttClient[]> {
  const tag = options.seed.toString(16);
  return inParallel(plan.receivers.length, 8, async (r) => {
    const user = plan.receivers[r];
    const client = await MqttClient.connect(options, {
      clientId: `load-${tag}-r${r}`,
      username: user?.userID,
      password: user?.accessToken,
    });
    const lastSeq = new Map<string, number>();
    let count = 0;
    let offset = 0;
    client.handlers.published = (bytes, frame) => {
      const flow = flowNow();
      if (flow === undefined) return;
      const { payloadStart, payloadEnd } = frame;
      const at = findTextStamp(bytes, payloadStart, payloadStart + offset);
      if (at < 0 || at + TEXT_STAMP_BYTES > payloadEnd) return; // not ours: a greeting from while things were set up
      offset = at - payloadStart;
      const stream = readHex(bytes, at + 4);
      flow.delivered(r, stream, readHex(bytes, at + 12), readHex(bytes, at + 20), client.receivedUs);
      if (count++ % PARSE_EVERY === 0) {
        const wrong = findFault(bytes, frame, plan.streams[stream]?.chatID ?? "", options.payloadBytes, lastSeq);
        if (wrong !== undefined) flow.problem(`receiver ${r}: ${wrong}`);
      }
    };
    client.handlers.closed = (problem) => {
      if (problem !== undefined) flowNow()?.problem(`receiver ${r}: ${problem.message}`);
    };
    await client.subscribe(["chat/+/messages"], options.qos);
    return client;
  });
}

/** What is wrong with a whole message, in words; its `seq` must be above the last one parsed in its chat. */
function findFault(
  bytes: Buffer,
  { topicStart, topicEnd, payloadStart, payloadEnd }: PublishFrame,
  chatID: string,
  contentBytes: number,
  lastSeq: Map<string, number>,
): string | undefined {
  const topic = bytes.toString("utf8", topicStart, topicEnd);
  if (topic !== `chat/${chatID}/messages`) return `a message of chat ${chatID} came on ${topic}`;
  const message: unknown = JSON.parse(bytes.toString("utf8", payloadStart, payloadEnd));
  if (textField(message, "chatID") !== chatID) return `a message on ${topic} says it is of another chat`;
  if (textField(message, "type") !== "text") return `a text came as ${textField(message, "type")}`;
  const content = textField(message, "content");
  if (Buffer.byteLength(content) !== contentBytes)
    return `a content of ${contentBytes} bytes came as ${content.length}`;
  for (const name of ["message_id", "chat_id", "sender_id", "sender", "time"]) textField(message, name);
  const seq = Number(textField(message, "seq"));
  if (!(seq > (lastSeq.get(chatID) ?? 0))) return `seq ${seq} of chat ${chatID} came after ${lastSeq.get(chatID)}`;
  lastSeq.set(chatID, seq);
  return undefined;
}
