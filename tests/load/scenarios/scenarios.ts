/** Which function runs which scenario. */
import type { LoadOptions } from "../options.ts";
import type { Report } from "../report.ts";
import { runChatMqtt } from "./chat-mqtt.ts";
import { runChatMinioicq, runWsIdle } from "./minioicq.ts";
import { type Progress, runMqtt, runMqttIdle } from "./mqtt.ts";
import { runMqttApart } from "./mqtt-apart.ts";
import { runChatRest, runRestHistory } from "./rest.ts";

export function runScenario(options: LoadOptions, progress?: Progress): Promise<Report> {
  switch (options.scenario) {
    case "mqtt-pairs":
    case "mqtt-fanout":
    case "mqtt-fanin":
      return runMqtt(options, progress);
    case "mqtt-idle":
      return runMqttIdle(options, progress);
    case "mqtt-apart":
      return runMqttApart(options, progress);
    case "chat-mqtt":
      return runChatMqtt(options, progress);
    case "chat-minioicq":
      return runChatMinioicq(options, progress);
    case "chat-rest":
      return runChatRest(options, progress);
    case "rest-history":
      return runRestHistory(options, progress);
    case "ws-idle":
      return runWsIdle(options, progress);
  }
}
