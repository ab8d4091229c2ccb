/** The two numbers that decide most differences within MQTT. */

/** 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0: the protocol level as CONNECT carries it. */
export type ProtocolVersion = 3 | 4 | 5;
/** Quality of service: at most once, at least once, exactly once. */
export type Qos = 0 | 1 | 2;
