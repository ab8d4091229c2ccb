/** Quality of service as this broker grants and delivers it. */
import type { Qos } from "../wire/protocol.ts";

/** The highest QoS at which a service delivers: it publishes its messages at QoS 1 [MQTT-3.8.4-6]. */
export function serviceQos(qos: Qos): 0 | 1 {
  return qos === 0 ? 0 : 1;
}

export function lowerQos(a: Qos, b: Qos): Qos {
  return a < b ? a : b;
}

export function higherQos(a: Qos, b: Qos): Qos {
  return a > b ? a : b;
}
