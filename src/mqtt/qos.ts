/** Quality of service as this broker grants and delivers it. */
import type { Qos } from "./hooks.ts";

/** The highest QoS a message or subscription of `qos` is delivered at; a SUBACK says so [MQTT-3.8.4-5]. */
export function deliverableQos(qos: Qos): 0 | 1 {
  return qos === 0 ? 0 : 1;
}

export function lowerQos(a: 0 | 1, b: 0 | 1): 0 | 1 {
  return a < b ? a : b;
}

export function higherQos(a: 0 | 1, b: 0 | 1): 0 | 1 {
  return a > b ? a : b;
}
