/**
 * The normative statements of MQTT 3.1.1 (OASIS Standard, 29 October 2014, Appendix B), one line each: whom it binds, what it
 * demands in words of our own, and the test that holds it. A statement that only binds clients is held where the server has
 * to refuse its breach.
 */
import { excepted, held, type Specification } from "./statement.ts";

const connect = "tests/conformance/v3.1.1/connect.test.ts";
const messages = "tests/conformance/v3.1.1/messages.test.ts";
const packets = "tests/conformance/v3.1.1/packets.test.ts";
const strings = "tests/conformance/v3.1.1/strings.test.ts";
const clients = "tests/mqtt/clients.test.ts";
const queues = "tests/mqtt/queues.test.ts";
const pubsub = "tests/mqtt/pubsub.test.ts";
const qos2 = "tests/mqtt/qos2.test.ts";
const retained = "tests/mqtt/retained.test.ts";
const services = "tests/mqtt/services.test.ts";
const sessions = "tests/mqtt/sessions.test.ts";
const webSocket = "tests/mqtt/websocket.test.ts";

export const mqtt311: Specification = {
  version: "3.1.1",
  title: "MQTT 3.1.1",
  sections: {
    "1.5.3": 3,
    "2.2.2": 2,
    "2.3.1": 7,
    "3.1.0": 2,
    "3.1.2": 24,
    "3.1.3": 11,
    "3.1.4": 5,
    "3.2.0": 1,
    "3.2.2": 6,
    "3.3.1": 12,
    "3.3.2": 3,
    "3.3.4": 1,
    "3.3.5": 2,
    "3.6.1": 1,
    "3.8.1": 1,
    "3.8.3": 4,
    "3.8.4": 6,
    "3.9.3": 2,
    "3.10.1": 1,
    "3.10.3": 2,
    "3.10.4": 6,
    "3.12.4": 1,
    "3.14.1": 1,
    "3.14.4": 3,
    "4.1.0": 2,
    "4.3.1": 1,
    "4.3.2": 2,
    "4.3.3": 2,
    "4.4.0": 1,
    "4.5.0": 2,
    "4.6.0": 6,
    "4.7.1": 3,
    "4.7.2": 1,
    "4.7.3": 4,
    "4.8.0": 2,
    "6.0.0": 4,
    "7.0.0": 2,
    "7.1.1": 1,
    "7.1.2": 1,
  },
  statements: [
    // Chapter 1
    {
      number: "1.5.3-1",
      binds: "both",
      demands: "A string is well-formed UTF-8 without surrogates; whoever receives another closes the connection.",
      state: held([
        strings,
        "[MQTT-1.5.3-1] a string that is not well-formed UTF-8 closes the connection, in whatever packet it stands",
      ]),
    },
    {
      number: "1.5.3-2",
      binds: "both",
      demands: "A string has no U+0000; whoever receives one closes the connection.",
      state: held([strings, "[MQTT-1.5.3-2] a string with U+0000 closes the connection, in whatever packet it stands"]),
    },
    {
      number: "1.5.3-3",
      binds: "both",
      demands: "EF BB BF in a string is U+FEFF wherever it stands, and is neither skipped nor removed.",
      state: held([strings, "[MQTT-1.5.3-3] U+FEFF is a character like any other, at the start of a string too"]),
    },
    // Chapter 2
    {
      number: "2.2.2-1",
      binds: "both",
      demands: "Flags that are reserved for a packet type have the value the specification's table gives them.",
      state: held([packets, "[MQTT-2.2.2-1] every packet the server sends has the flags its type prescribes"]),
    },
    {
      number: "2.2.2-2",
      binds: "both",
      demands: "Whoever receives wrong flags closes the connection.",
      state: held([packets, "[MQTT-2.2.2-2] wrong fixed header flags close the connection, the right ones are served"]),
    },
    {
      number: "2.3.1-1",
      binds: "both",
      demands: "SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 carry a packet identifier that is not zero.",
      state: held([packets, "[MQTT-2.3.1-1] packet identifier 0 closes the connection, and the server never uses it"]),
    },
    {
      number: "2.3.1-2",
      binds: "client",
      demands: "A client gives each new such packet an identifier not in use.",
      state: excepted("the choice is the client's, and a server cannot tell a new packet from a repeated one"),
    },
    {
      number: "2.3.1-3",
      binds: "client",
      demands: "A client repeats a packet under its first identifier, which is free again after its acknowledgement.",
      state: excepted("the choice is the client's, and a server cannot tell a new packet from a repeated one"),
    },
    {
      number: "2.3.1-4",
      binds: "server",
      demands:
        "A server's own PUBLISH above QoS 0 keeps its identifier until it is acknowledged, and only then is it used again.",
      state: held([packets, "[MQTT-2.3.1-4] the server uses a packet identifier again only after its acknowledgement"]),
    },
    {
      number: "2.3.1-5",
      binds: "both",
      demands: "A PUBLISH at QoS 0 has no packet identifier.",
      state: held([
        packets,
        "[MQTT-2.3.1-5] a QoS 0 PUBLISH has no packet identifier, one that came in at QoS 1 neither",
      ]),
    },
    {
      number: "2.3.1-6",
      binds: "both",
      demands: "PUBACK, PUBREC and PUBREL carry the identifier of the PUBLISH they belong to.",
      state: held(
        [packets, "[MQTT-2.3.1-6] PUBACK carries the packet identifier of its PUBLISH, byte for byte"],
        [
          qos2,
          "a QoS 2 message is answered with PUBREC and PUBCOMP and reaches a QoS 2 subscriber once [MQTT-4.3.3-1] [MQTT-4.3.3-2]",
        ],
        [
          qos2,
          "a resumed session is sent again PUBLISH with DUP, or PUBREL, each with its packet id, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]",
        ],
      ),
    },
    {
      number: "2.3.1-7",
      binds: "server",
      demands: "SUBACK and UNSUBACK carry the identifier of the packet they answer.",
      state: held([
        packets,
        "[MQTT-2.3.1-7] SUBACK and UNSUBACK carry the packet identifier of what they answer, byte for byte",
      ]),
    },
    // Chapter 3
    {
      number: "3.1.0-1",
      binds: "client",
      demands: "The first packet of a client is CONNECT.",
      state: held([connect, "[MQTT-3.1.0-1] a first packet of any type but CONNECT closes the connection unanswered"]),
    },
    {
      number: "3.1.0-2",
      binds: "server",
      demands: "A second CONNECT on a connection is a protocol violation, for which the client is disconnected.",
      state: held([connect, "[MQTT-3.1.0-2] a second CONNECT closes the connection, even if it repeats the first"]),
    },
    {
      number: "3.1.2-1",
      binds: "server",
      demands: "A CONNECT with another protocol name is not processed as this protocol.",
      state: held([connect, "[MQTT-3.1.2-1] a CONNECT of another protocol's name is not served as MQTT"]),
    },
    // Level 5 is answered in the words of MQTT 5, which its client reads.
    {
      number: "3.1.2-2",
      binds: "server",
      demands:
        "A protocol level the server does not speak is answered with return code 1, then the client is disconnected.",
      state: held([
        connect,
        "[MQTT-3.1.2-2] an unknown protocol level is answered with return code 1, then the connection is closed",
      ]),
    },
    {
      number: "3.1.2-3",
      binds: "server",
      demands: "The server looks at the reserved connect flag and disconnects the client if it is set.",
      state: held([connect, "[MQTT-3.1.2-3] the reserved connect flag closes the connection"]),
    },
    // An anonymous client keeps nothing beyond its connection: a policy of the kind § 4.1 leaves to the administrator.
    {
      number: "3.1.2-4",
      binds: "both",
      demands:
        "With clean session 0 the client's session is resumed, or made if there is none, and kept after the connection.",
      state: held([
        connect,
        "[MQTT-3.1.2-4] a lasting session is made, kept after the connection, and resumed by its client id",
      ]),
    },
    {
      number: "3.1.2-5",
      binds: "server",
      demands: "What matches the subscriptions of a lasting session at QoS 1 or 2 is stored for it while it is away.",
      state: held([
        queues,
        "what is published at QoS 1 and 2 while a client is away comes in order when it is back, and once",
        "what waits survives a restart, and so do subscriptions for what is published before the client is back",
      ]),
    },
    {
      number: "3.1.2-6",
      binds: "both",
      demands:
        "With clean session 1 what was there is discarded, and the new session ends with its connection and is never resumed.",
      state: held([connect, "[MQTT-3.1.2-6] a clean session discards what was there and leaves nothing behind"]),
    },
    {
      number: "3.1.2-7",
      binds: "server",
      demands: "Retained messages are no part of a session and outlive it.",
      state: held([retained, "a restart of the server keeps them, byte for byte, and their removal"]),
    },
    {
      number: "3.1.2-8",
      binds: "server",
      demands:
        "The will of an accepted connection is kept, and published when that connection closes unless DISCONNECT deleted it.",
      state: held([
        connect,
        "[MQTT-3.1.2-8] the will is published when the peer closes, falls silent or breaks the protocol",
        "[MQTT-3.1.2-8] a will whose client the server's own end cut off is published after the next start",
      ]),
    },
    {
      number: "3.1.2-9",
      binds: "both",
      demands: "With the will flag, will QoS and will retain count, and the will's topic and message are there.",
      state: held([
        connect,
        "[MQTT-3.1.2-9] the will flag without a will's topic or message closes the connection",
        "[MQTT-3.1.2-9] the will is published at the will's own QoS",
      ]),
    },
    {
      number: "3.1.2-10",
      binds: "server",
      demands: "A will that was published, or that DISCONNECT deleted, is no longer part of the session.",
      state: held([
        connect,
        "[MQTT-3.1.2-10] a will is published once, and not again for a later connection of the session",
      ]),
    },
    {
      number: "3.1.2-11",
      binds: "client",
      demands:
        "Without the will flag, will QoS and will retain are zero and there is neither will topic nor will message.",
      state: held([
        connect,
        "[MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-15] will QoS, will retain or a will without the will flag close the connection",
      ]),
    },
    {
      number: "3.1.2-12",
      binds: "server",
      demands: "Without the will flag nothing is published when the connection ends.",
      state: held([connect, "[MQTT-3.1.2-12] without the will flag nothing is published when the connection ends"]),
    },
    {
      number: "3.1.2-13",
      binds: "client",
      demands: "Without the will flag, will QoS is 0.",
      state: held([
        connect,
        "[MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-15] will QoS, will retain or a will without the will flag close the connection",
      ]),
    },
    {
      number: "3.1.2-14",
      binds: "client",
      demands: "Will QoS is never 3.",
      state: held([connect, "[MQTT-3.1.2-14] will QoS 3 closes the connection"]),
    },
    {
      number: "3.1.2-15",
      binds: "client",
      demands: "Without the will flag, will retain is 0.",
      state: held([
        connect,
        "[MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-15] will QoS, will retain or a will without the will flag close the connection",
      ]),
    },
    {
      number: "3.1.2-16",
      binds: "server",
      demands: "A will whose retain flag is 0 is published as a message that is not retained.",
      state: held([
        connect,
        "[MQTT-3.1.2-16] a will without will retain is published as an ordinary message, for those who are there",
      ]),
    },
    {
      number: "3.1.2-17",
      binds: "server",
      demands: "A will whose retain flag is 1 is published as a retained message.",
      state: held([retained, "a retained will is retained [MQTT-3.1.2-17], another is not [MQTT-3.1.2-16]"]),
    },
    {
      number: "3.1.2-18",
      binds: "client",
      demands: "Without the user name flag there is no user name.",
      state: held([connect, "[MQTT-3.1.2-18] a user name without its flag closes the connection"]),
    },
    {
      number: "3.1.2-19",
      binds: "client",
      demands: "With the user name flag there is a user name.",
      state: held([connect, "[MQTT-3.1.2-19] the user name flag without a user name closes the connection"]),
    },
    {
      number: "3.1.2-20",
      binds: "client",
      demands: "Without the password flag there is no password.",
      state: held([connect, "[MQTT-3.1.2-20] a password without its flag closes the connection"]),
    },
    {
      number: "3.1.2-21",
      binds: "client",
      demands: "With the password flag there is a password.",
      state: held([connect, "[MQTT-3.1.2-21] the password flag without a password closes the connection"]),
    },
    {
      number: "3.1.2-22",
      binds: "client",
      demands: "Without the user name flag the password flag is 0 too.",
      state: held([connect, "[MQTT-3.1.2-22] the password flag without the user name flag closes the connection"]),
    },
    {
      number: "3.1.2-23",
      binds: "client",
      demands:
        "A client lets no more than its keep alive pass between two packets, and sends PINGREQ if it has nothing else to say.",
      state: excepted("when to send is the client's business; what a server does about silence is 3.1.2-24"),
    },
    {
      number: "3.1.2-24",
      binds: "server",
      demands:
        "A client with a keep alive that is silent for one and a half times as long is disconnected as if the network had failed.",
      state: held([
        connect,
        "[MQTT-3.1.2-24] a client silent for one and a half times its keep alive is closed as if the network had failed",
      ]),
    },
    {
      number: "3.1.3-1",
      binds: "client",
      demands:
        "The payload's fields come in the order client identifier, will topic, will message, user name, password.",
      state: held([
        connect,
        "[MQTT-3.1.3-1] client id, will topic, will message, user name and password are read in this order",
      ]),
    },
    {
      number: "3.1.3-2",
      binds: "both",
      demands: "Client and server know a session's state by its client identifier.",
      state: held([connect, "[MQTT-3.1.3-2] sessions are told apart by client id, to the last byte"]),
    },
    {
      number: "3.1.3-3",
      binds: "client",
      demands: "The client identifier is present and the first field of the payload.",
      state: held([connect, "[MQTT-3.1.3-3] a CONNECT without a client id closes the connection"]),
    },
    {
      number: "3.1.3-4",
      binds: "client",
      demands: "The client identifier is a UTF-8 string.",
      state: held([connect, "[MQTT-3.1.3-4] a client id that is not UTF-8 closes the connection"]),
    },
    {
      number: "3.1.3-5",
      binds: "server",
      demands: "Client identifiers of 1 to 23 bytes of letters and digits are allowed.",
      state: held([connect, "[MQTT-3.1.3-5] client ids of 1 to 23 bytes from letters and digits are allowed"]),
    },
    {
      number: "3.1.3-6",
      binds: "server",
      demands:
        "A client whose identifier is empty, where the server allows that, gets a unique one and is served as if it had brought it.",
      state: held([
        connect,
        "[MQTT-3.1.3-6] a clean client without a client id gets one of its own and is served like any other",
      ]),
    },
    {
      number: "3.1.3-7",
      binds: "client",
      demands: "A client with an empty identifier asks for a clean session.",
      state: held([
        connect,
        "[MQTT-3.1.3-7] [MQTT-3.1.3-8] [MQTT-3.1.3-9] a lasting session without a client id is refused with return code 2",
      ]),
    },
    {
      number: "3.1.3-8",
      binds: "server",
      demands:
        "An empty identifier with clean session 0 is answered with return code 2, then the connection is closed.",
      state: held([
        connect,
        "[MQTT-3.1.3-7] [MQTT-3.1.3-8] [MQTT-3.1.3-9] a lasting session without a client id is refused with return code 2",
      ]),
    },
    {
      number: "3.1.3-9",
      binds: "server",
      demands: "An identifier the server rejects is answered with return code 2, then the connection is closed.",
      state: held([
        connect,
        "[MQTT-3.1.3-7] [MQTT-3.1.3-8] [MQTT-3.1.3-9] a lasting session without a client id is refused with return code 2",
      ]),
    },
    {
      number: "3.1.3-10",
      binds: "client",
      demands: "The will topic is a UTF-8 string.",
      state: held([connect, "[MQTT-3.1.3-10] a will topic that is not UTF-8 closes the connection"]),
    },
    {
      number: "3.1.3-11",
      binds: "client",
      demands: "The user name is a UTF-8 string.",
      state: held([
        connect,
        "[MQTT-3.1.3-11] a user name that is not UTF-8 closes the connection, a password may be any bytes",
      ]),
    },
    {
      number: "3.1.4-1",
      binds: "server",
      demands:
        "The server checks the whole CONNECT against its section and closes without CONNACK if it does not conform.",
      state: held([
        connect,
        "[MQTT-3.1.4-1] a CONNECT that breaks § 3.1 is closed without a CONNACK, wherever it breaks",
      ]),
    },
    // "The same client" is the same identifier from the same principal: nobody may close a stranger's connection.
    {
      number: "3.1.4-2",
      binds: "server",
      demands: "A client that is connected already has its older connection closed.",
      state: held([connect, "[MQTT-3.1.4-2] a client that connects again closes its older connection"]),
    },
    {
      number: "3.1.4-3",
      binds: "server",
      demands: "A good CONNECT has its clean session flag obeyed.",
      state: held([
        connect,
        "[MQTT-3.1.2-4] a lasting session is made, kept after the connection, and resumed by its client id",
        "[MQTT-3.1.2-6] a clean session discards what was there and leaves nothing behind",
      ]),
    },
    {
      number: "3.1.4-4",
      binds: "server",
      demands: "A good CONNECT is acknowledged by CONNACK with return code 0.",
      state: held([connect, "[MQTT-3.1.4-4] a good CONNECT is answered with return code 0"]),
    },
    {
      number: "3.1.4-5",
      binds: "server",
      demands: "After a CONNECT it refused, the server processes nothing more of that client.",
      state: held([connect, "[MQTT-3.1.4-5] nothing behind a refused CONNECT is obeyed"]),
    },
    {
      number: "3.2.0-1",
      binds: "server",
      demands: "The first packet of the server is CONNACK.",
      state: held([connect, "[MQTT-3.2.0-1] CONNACK is the first packet of the server, whatever else is due"]),
    },
    {
      number: "3.2.2-1",
      binds: "server",
      demands: "A clean session is accepted with session present 0.",
      state: held([
        connect,
        "[MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] session present is 1 for a stored session that is resumed and 0 otherwise",
      ]),
    },
    {
      number: "3.2.2-2",
      binds: "server",
      demands: "A lasting session that the server has stored is accepted with session present 1.",
      state: held([
        connect,
        "[MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] session present is 1 for a stored session that is resumed and 0 otherwise",
      ]),
    },
    {
      number: "3.2.2-3",
      binds: "server",
      demands: "A lasting session that the server has not stored is accepted with session present 0.",
      state: held([
        connect,
        "[MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] session present is 1 for a stored session that is resumed and 0 otherwise",
      ]),
    },
    {
      number: "3.2.2-4",
      binds: "server",
      demands: "A CONNACK that refuses says session present 0.",
      state: held([
        connect,
        "[MQTT-3.2.2-4] [MQTT-3.2.2-5] a refusal says no session present and closes, even if there is a session",
      ]),
    },
    {
      number: "3.2.2-5",
      binds: "server",
      demands: "After a CONNACK that refuses, the server closes the connection.",
      state: held([
        connect,
        "[MQTT-3.2.2-4] [MQTT-3.2.2-5] a refusal says no session present and closes, even if there is a session",
      ]),
    },
    {
      number: "3.2.2-6",
      binds: "server",
      demands: "Where none of the return codes applies, the server closes without CONNACK.",
      state: held([connect, "[MQTT-3.2.2-6] where no return code applies the connection is closed without CONNACK"]),
    },
    {
      number: "3.3.1-1",
      binds: "both",
      demands: "A PUBLISH that is sent again has DUP.",
      state: held([messages, "[MQTT-3.3.1-1] what is sent again has DUP, what is new has not"]),
    },
    {
      number: "3.3.1-2",
      binds: "both",
      demands: "A PUBLISH at QoS 0 never has DUP.",
      state: held([messages, "[MQTT-3.3.1-2] DUP at QoS 0 closes the connection and is never sent"]),
    },
    {
      number: "3.3.1-3",
      binds: "server",
      demands:
        "DUP of what is sent to subscribers depends on whether that is a repetition, not on the publisher's DUP.",
      state: held([messages, "[MQTT-3.3.1-3] the publisher's DUP is not passed on"]),
    },
    {
      number: "3.3.1-4",
      binds: "both",
      demands: "A PUBLISH does not have both QoS bits; whoever receives one closes the connection.",
      state: held([messages, "[MQTT-3.3.1-4] QoS 3 closes the connection"]),
    },
    {
      number: "3.3.1-5",
      binds: "server",
      demands: "A message published with RETAIN is stored with its QoS for later subscribers.",
      state: held(
        [retained, "a repeated subscription gets it again, at its new QoS [MQTT-3.8.4-3]"],
        [retained, "a restart of the server keeps them, byte for byte, and their removal"],
      ),
    },
    {
      number: "3.3.1-6",
      binds: "server",
      demands: "A new subscription is sent the last retained message of every matching topic.",
      state: held([
        retained,
        "a new subscription gets the last retained message, with retain 1, after its SUBACK [MQTT-3.3.1-6] [MQTT-3.3.1-8]",
      ]),
    },
    {
      number: "3.3.1-7",
      binds: "server",
      demands: "A retained QoS 0 message at least discards the one retained before.",
      state: held([
        retained,
        "a new subscription gets the last retained message, with retain 1, after its SUBACK [MQTT-3.3.1-6] [MQTT-3.3.1-8]",
      ]),
    },
    {
      number: "3.3.1-8",
      binds: "server",
      demands: "A message sent because of a new subscription has RETAIN 1.",
      state: held([
        retained,
        "a new subscription gets the last retained message, with retain 1, after its SUBACK [MQTT-3.3.1-6] [MQTT-3.3.1-8]",
      ]),
    },
    {
      number: "3.3.1-9",
      binds: "server",
      demands: "A message sent because of an established subscription has RETAIN 0, whatever it came with.",
      state: held([
        messages,
        "[MQTT-3.3.1-9] RETAIN is 0 in what an established subscription gets, whatever the publisher said",
      ]),
    },
    {
      number: "3.3.1-10",
      binds: "server",
      demands: "An empty message with RETAIN is delivered like any other and removes what its topic had retained.",
      state: held([
        retained,
        "an empty payload removes it and is delivered as any other [MQTT-3.3.1-10] [MQTT-3.3.1-11]",
      ]),
    },
    {
      number: "3.3.1-11",
      binds: "server",
      demands: "An empty message is never stored as a retained one.",
      state: held([
        retained,
        "an empty payload removes it and is delivered as any other [MQTT-3.3.1-10] [MQTT-3.3.1-11]",
      ]),
    },
    {
      number: "3.3.1-12",
      binds: "server",
      demands: "A message without RETAIN neither is stored nor touches what is retained.",
      state: held([retained, "a message without RETAIN neither replaces nor removes it [MQTT-3.3.1-12]"]),
    },
    {
      number: "3.3.2-1",
      binds: "both",
      demands: "The first field of PUBLISH is its topic name, a UTF-8 string.",
      state: held([
        messages,
        "[MQTT-3.3.2-1] a PUBLISH without a topic, or with one that is not UTF-8, closes the connection",
      ]),
    },
    {
      number: "3.3.2-2",
      binds: "both",
      demands: "A topic name has no wildcard characters.",
      state: held([
        strings,
        "[MQTT-3.3.2-2] [MQTT-4.7.1-1] a wildcard in a topic name closes the connection, and the server sends none itself",
      ]),
    },
    {
      number: "3.3.2-3",
      binds: "server",
      demands: "What a server sends to a subscriber has a topic name that the subscription's filter matches.",
      state: held([strings, "[MQTT-3.3.2-3] what reaches a subscriber has a topic its filter matches"]),
    },
    {
      number: "3.3.4-1",
      binds: "both",
      demands: "A PUBLISH is answered as its QoS demands: not at all, by PUBACK, or by PUBREC.",
      state: held(
        [messages, "[MQTT-3.3.4-1] QoS 0 is not answered, QoS 1 by one PUBACK"],
        [
          qos2,
          "a QoS 2 message is answered with PUBREC and PUBCOMP and reaches a QoS 2 subscriber once [MQTT-4.3.3-1] [MQTT-4.3.3-2]",
        ],
      ),
    },
    {
      number: "3.3.5-1",
      binds: "server",
      demands: "With overlapping subscriptions a message is delivered at the highest QoS they were granted.",
      state: held([pubsub, "overlapping subscriptions yield a message once, at the highest QoS"]),
    },
    {
      number: "3.3.5-2",
      binds: "server",
      demands:
        "A PUBLISH the server does not authorize is acknowledged as usual or answered by closing the connection.",
      state: held([pubsub, "what a principal may not publish, subscribe or hear does not happen"]),
    },
    {
      number: "3.6.1-1",
      binds: "both",
      demands: "The flags of PUBREL are 0010; a server closes the connection for any other.",
      state: held([packets, "[MQTT-3.6.1-1] PUBREL with other flags than 0010 closes the connection"]),
    },
    {
      number: "3.8.1-1",
      binds: "both",
      demands: "The flags of SUBSCRIBE are 0010; a server closes the connection for any other.",
      state: held([
        packets,
        "[MQTT-3.8.1-1] SUBSCRIBE with other flags than 0010 closes the connection and subscribes nothing",
      ]),
    },
    {
      number: "3.8.3-1",
      binds: "client",
      demands: "The filters of a SUBSCRIBE are UTF-8 strings.",
      state: held([messages, "[MQTT-3.8.3-1] a filter that is not UTF-8 closes the connection, behind a good one too"]),
    },
    {
      number: "3.8.3-2",
      binds: "server",
      demands: "A server without wildcards rejects the filters that have them.",
      state: excepted("this server supports wildcards in every filter, so the condition never holds"),
    },
    {
      number: "3.8.3-3",
      binds: "client",
      demands: "A SUBSCRIBE has at least one pair of filter and QoS.",
      state: held([
        messages,
        "[MQTT-3.8.3-3] a SUBSCRIBE without a filter, or with half of a pair, closes the connection",
      ]),
    },
    // The specification itself spells this one [MQTT-3-8.3-4].
    {
      number: "3.8.3-4",
      binds: "server",
      demands: "A SUBSCRIBE whose reserved bits are not zero or whose QoS is 3 closes the connection.",
      state: held([messages, "[MQTT-3.8.3-4] reserved bits or QoS 3 in a SUBSCRIBE close the connection"]),
    },
    {
      number: "3.8.4-1",
      binds: "server",
      demands: "SUBSCRIBE is answered by SUBACK.",
      state: held([
        messages,
        "[MQTT-3.8.4-1] [MQTT-3.8.4-2] SUBSCRIBE is answered by one SUBACK with its packet identifier",
      ]),
    },
    {
      number: "3.8.4-2",
      binds: "server",
      demands: "SUBACK has the identifier of its SUBSCRIBE.",
      state: held([
        messages,
        "[MQTT-3.8.4-1] [MQTT-3.8.4-2] SUBSCRIBE is answered by one SUBACK with its packet identifier",
      ]),
    },
    {
      number: "3.8.4-3",
      binds: "server",
      demands:
        "A filter subscribed to again replaces the subscription, sends retained messages again and interrupts no flow.",
      state: held(
        [messages, "[MQTT-3.8.4-3] the same filter again replaces the subscription without a gap or a second copy"],
        [retained, "a repeated subscription gets it again, at its new QoS [MQTT-3.8.4-3]"],
      ),
    },
    {
      number: "3.8.4-4",
      binds: "server",
      demands: "Several filters in one SUBSCRIBE are treated as so many packets, but for the one answer.",
      state: held([
        messages,
        "[MQTT-3.8.4-4] several filters in one SUBSCRIBE do what they would one after the other, and are answered once",
      ]),
    },
    {
      number: "3.8.4-5",
      binds: "server",
      demands: "SUBACK has for each filter the QoS granted or a failure.",
      state: held([
        messages,
        "[MQTT-3.8.4-5] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBACK has a code of 0, 1, 2 or 0x80 for each filter, in their order",
      ]),
    },
    {
      number: "3.8.4-6",
      binds: "server",
      demands: "A message is sent at the lower of the QoS it was published with and the QoS granted.",
      state: held([pubsub, "a message is delivered at the lower of the published and the granted QoS"]),
    },
    {
      number: "3.9.3-1",
      binds: "server",
      demands: "The codes of SUBACK are in the order of the filters.",
      state: held([
        messages,
        "[MQTT-3.8.4-5] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBACK has a code of 0, 1, 2 or 0x80 for each filter, in their order",
      ]),
    },
    {
      number: "3.9.3-2",
      binds: "server",
      demands: "SUBACK has no codes but 0, 1, 2 and 0x80.",
      state: held([
        messages,
        "[MQTT-3.8.4-5] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBACK has a code of 0, 1, 2 or 0x80 for each filter, in their order",
      ]),
    },
    {
      number: "3.10.1-1",
      binds: "both",
      demands: "The flags of UNSUBSCRIBE are 0010; a server closes the connection for any other.",
      state: held([packets, "[MQTT-3.10.1-1] UNSUBSCRIBE with other flags than 0010 closes the connection"]),
    },
    {
      number: "3.10.3-1",
      binds: "client",
      demands: "The filters of an UNSUBSCRIBE are UTF-8 strings, one right after the other.",
      state: held([
        messages,
        "[MQTT-3.10.3-1] an UNSUBSCRIBE with a filter that is not UTF-8, or a gap, closes the connection",
      ]),
    },
    {
      number: "3.10.3-2",
      binds: "client",
      demands: "An UNSUBSCRIBE has at least one filter.",
      state: held([messages, "[MQTT-3.10.3-2] an UNSUBSCRIBE without a filter closes the connection"]),
    },
    {
      number: "3.10.4-1",
      binds: "server",
      demands: "UNSUBSCRIBE ends the subscriptions whose filters are the same character by character, and no others.",
      state: held([
        messages,
        "[MQTT-3.10.4-1] UNSUBSCRIBE ends the filter that is the same to the character, and no other",
      ]),
    },
    {
      number: "3.10.4-2",
      binds: "server",
      demands: "For a subscription that ended nothing new is added for delivery.",
      state: held([messages, "[MQTT-3.10.4-2] after UNSUBACK no new message comes, on a route already in use too"]),
    },
    {
      number: "3.10.4-3",
      binds: "server",
      demands: "QoS 1 and 2 messages the server has begun to deliver are delivered though their subscription ended.",
      state: held([
        messages,
        "[MQTT-3.10.4-3] a QoS 1 message already on its way when its subscription ends is still delivered",
        "[MQTT-3.10.4-3] a QoS 2 message already on its way when its subscription ends is still handed over, once",
      ]),
    },
    {
      number: "3.10.4-4",
      binds: "server",
      demands: "UNSUBSCRIBE is answered by UNSUBACK with the same identifier.",
      state: held([
        messages,
        "[MQTT-3.10.4-4] [MQTT-3.10.4-5] UNSUBSCRIBE is answered with its packet identifier, even if nothing ended",
      ]),
    },
    {
      number: "3.10.4-5",
      binds: "server",
      demands: "UNSUBSCRIBE is answered even if no subscription ended.",
      state: held([
        messages,
        "[MQTT-3.10.4-4] [MQTT-3.10.4-5] UNSUBSCRIBE is answered with its packet identifier, even if nothing ended",
      ]),
    },
    {
      number: "3.10.4-6",
      binds: "server",
      demands: "Several filters in one UNSUBSCRIBE are treated as so many packets, but for the one answer.",
      state: held([messages, "[MQTT-3.10.4-6] several filters in one UNSUBSCRIBE all end, with one answer"]),
    },
    {
      number: "3.12.4-1",
      binds: "server",
      demands: "PINGREQ is answered by PINGRESP.",
      state: held([packets, "[MQTT-3.12.4-1] every PINGREQ is answered by one PINGRESP"]),
    },
    {
      number: "3.14.1-1",
      binds: "server",
      demands: "The server looks at the reserved bits of DISCONNECT and disconnects a client that set one.",
      state: held([packets, "[MQTT-3.14.1-1] DISCONNECT with a reserved bit set is a protocol error, not a farewell"]),
    },
    {
      number: "3.14.4-1",
      binds: "client",
      demands: "After DISCONNECT a client closes the connection.",
      state: excepted(
        "it is the client's connection to close; the server closes its own side whatever the client does",
      ),
    },
    {
      number: "3.14.4-2",
      binds: "client",
      demands: "After DISCONNECT a client sends nothing more.",
      state: held([packets, "[MQTT-3.14.4-2] what a client sends after DISCONNECT is not obeyed"]),
    },
    {
      number: "3.14.4-3",
      binds: "server",
      demands: "DISCONNECT discards the will of its connection.",
      state: held([connect, "[MQTT-3.14.4-3] DISCONNECT discards the will"]),
    },
    // Chapter 4
    {
      number: "4.1.0-1",
      binds: "both",
      demands: "The state of a session is stored as long as the session lasts.",
      state: held(
        [
          queues,
          "what waits survives a restart, and so do subscriptions for what is published before the client is back",
          "what was sent and not acknowledged comes again after a restart, with DUP and its packet id, before what waited",
          "a QoS 2 message that was released is only released again after a restart",
          "a QoS 2 publish that was not released before a restart is no second message after it",
        ],
        [sessions, "stored subscriptions come back after the broker was restarted on the same store"],
      ),
    },
    {
      number: "4.1.0-2",
      binds: "both",
      demands: "A session lasts at least as long as its connection.",
      state: held([connect, "[MQTT-4.1.0-2] a session lasts while its connection does, however long that is"]),
    },
    {
      number: "4.3.1-1",
      binds: "both",
      demands: "Who sends at QoS 0 sends PUBLISH with QoS 0 and without DUP.",
      state: held([messages, "[MQTT-4.3.1-1] QoS 0 is sent as QoS 0 without DUP, byte for byte"]),
    },
    {
      number: "4.3.2-1",
      binds: "both",
      demands:
        "Who sends at QoS 1 takes an unused identifier, first sends without DUP, and keeps the message until its PUBACK.",
      state: held([
        messages,
        "[MQTT-4.3.2-1] QoS 1 is sent without DUP and with an unused identifier, and kept until its PUBACK",
      ]),
    },
    {
      number: "4.3.2-2",
      binds: "both",
      demands:
        "Who receives at QoS 1 answers PUBACK with the identifier, and takes that identifier for a new message afterwards.",
      state: held([
        messages,
        "[MQTT-4.3.2-2] after its PUBACK the same packet identifier is a new publication, with DUP too",
      ]),
    },
    {
      number: "4.3.3-1",
      binds: "both",
      demands:
        "Who sends at QoS 2 keeps PUBLISH until PUBREC and PUBREL until PUBCOMP, under one identifier, and sends no PUBLISH after PUBREL.",
      state: held(
        [
          qos2,
          "a QoS 2 message is answered with PUBREC and PUBCOMP and reaches a QoS 2 subscriber once [MQTT-4.3.3-1] [MQTT-4.3.3-2]",
        ],
        [
          qos2,
          "a resumed session is sent again PUBLISH with DUP, or PUBREL, each with its packet id, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]",
        ],
      ),
    },
    {
      number: "4.3.3-2",
      binds: "both",
      demands:
        "Who receives at QoS 2 answers PUBREC and PUBCOMP, and hands on once whatever is repeated before PUBREL.",
      state: held(
        [
          qos2,
          "a QoS 2 message is answered with PUBREC and PUBCOMP and reaches a QoS 2 subscriber once [MQTT-4.3.3-1] [MQTT-4.3.3-2]",
        ],
        [qos2, "after PUBREL the packet id names a new message; an unknown PUBREL is answered [MQTT-4.3.3-2]"],
      ),
    },
    {
      number: "4.4.0-1",
      binds: "both",
      demands:
        "After a reconnect to a lasting session unacknowledged PUBLISH and PUBREL packets are sent again under their identifiers.",
      state: held(
        [
          messages,
          "[MQTT-4.4.0-1] unacknowledged QoS 1 messages come again after a reconnect, under their identifiers, as often as it takes",
        ],
        [
          qos2,
          "a resumed session is sent again PUBLISH with DUP, or PUBREL, each with its packet id, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]",
        ],
      ),
    },
    {
      number: "4.5.0-1",
      binds: "server",
      demands: "A message the server takes is added to the session of every client with a matching subscription.",
      state: held(
        [messages, "[MQTT-4.5.0-1] a message goes to every session with a matching subscription, and to no other"],
        [
          queues,
          "what is published at QoS 1 and 2 while a client is away comes in order when it is back, and once",
          "a publisher is acknowledged when the message is stored for those who are away",
        ],
      ),
    },
    {
      number: "4.5.0-2",
      binds: "client",
      demands: "A client acknowledges what it receives whether or not it makes use of it.",
      state: excepted("acknowledging deliveries is the client's part"),
    },
    {
      number: "4.6.0-1",
      binds: "both",
      demands: "What is sent again is sent again in the order of its first sending, at QoS 1 and 2.",
      state: held(
        [
          messages,
          "[MQTT-4.6.0-1] what is sent again keeps the order of its first sending, though identifiers began anew in between",
        ],
        [
          qos2,
          "a resumed session is sent again PUBLISH with DUP, or PUBREL, each with its packet id, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]",
        ],
      ),
    },
    // 4.6.0-1 to -4 speak of the client; 4.6.0-6 makes them the server's rules too.
    {
      number: "4.6.0-2",
      binds: "both",
      demands: "PUBACKs are sent in the order of the PUBLISH packets they answer.",
      state: held([
        services,
        "acknowledgements leave in order of arrival, whatever each waits for, and the next publish does not wait",
      ]),
    },
    {
      number: "4.6.0-3",
      binds: "both",
      demands: "PUBRECs are sent in the order of the PUBLISH packets they answer.",
      state: held([
        qos2,
        "PUBACKs and PUBRECs keep the order of the PUBLISHes, PUBRELs that of the PUBRECs [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4]",
      ]),
    },
    {
      number: "4.6.0-4",
      binds: "both",
      demands: "PUBRELs are sent in the order of the PUBRECs they answer.",
      state: held([
        qos2,
        "PUBACKs and PUBRECs keep the order of the PUBLISHes, PUBRELs that of the PUBRECs [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4]",
      ]),
    },
    {
      number: "4.6.0-5",
      binds: "server",
      demands: "Every topic is an ordered topic unless somebody arranged otherwise.",
      state: held([
        messages,
        "[MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one client on one topic and QoS arrive in the order they were sent",
      ]),
    },
    {
      number: "4.6.0-6",
      binds: "server",
      demands: "Messages of one client to one ordered topic at one QoS reach each subscriber in the order they came.",
      state: held([
        messages,
        "[MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one client on one topic and QoS arrive in the order they were sent",
      ]),
    },
    {
      number: "4.7.1-1",
      binds: "both",
      demands: "Wildcards stand in filters and never in topic names.",
      state: held([
        strings,
        "[MQTT-3.3.2-2] [MQTT-4.7.1-1] a wildcard in a topic name closes the connection, and the server sends none itself",
      ]),
    },
    {
      number: "4.7.1-2",
      binds: "both",
      demands: "The multi-level wildcard is a whole level and the last one.",
      state: held([
        strings,
        "[MQTT-4.7.1-2] a # that is not the last and whole level of a filter closes the connection",
      ]),
    },
    {
      number: "4.7.1-3",
      binds: "both",
      demands: "The single-level wildcard is a whole level, at any place.",
      state: held([strings, "[MQTT-4.7.1-3] a + that is not a whole level of a filter closes the connection"]),
    },
    {
      number: "4.7.2-1",
      binds: "server",
      demands: "A filter that starts with a wildcard matches no topic that starts with a dollar sign.",
      state: held([strings, "[MQTT-4.7.2-1] a filter that starts with a wildcard hears no topic that starts with $"]),
    },
    {
      number: "4.7.3-1",
      binds: "both",
      demands: "Topic names and filters have at least one character.",
      state: held([strings, "[MQTT-4.7.3-1] an empty topic name or filter closes the connection"]),
    },
    {
      number: "4.7.3-2",
      binds: "both",
      demands: "Topic names and filters have no U+0000.",
      state: held([strings, "[MQTT-4.7.3-2] a topic name or filter with U+0000 closes the connection"]),
    },
    {
      number: "4.7.3-3",
      binds: "both",
      demands: "Topic names and filters have at most 65,535 bytes.",
      state: held([
        strings,
        "[MQTT-4.7.3-3] no topic of more than 65,535 bytes leaves the server, the longest one allowed does",
      ]),
    },
    {
      number: "4.7.3-4",
      binds: "server",
      demands:
        "Names and filters are matched as they are, without normalization and without replacing what is not understood.",
      state: held([
        strings,
        "[MQTT-4.7.3-4] topics are compared as they are: no normalization, no other case, no path arithmetic",
      ]),
    },
    {
      number: "4.8.0-1",
      binds: "both",
      demands: "A protocol violation closes the connection it came on, unless something else is said of it.",
      state: held(
        [packets, "[MQTT-4.8.0-1] a protocol violation closes the connection it came on, and no other"],
        [
          packets,
          "[MQTT-4.8.0-1] an acknowledgement of another QoS closes the connection, one that comes late or again does not",
        ],
      ),
    },
    {
      number: "4.8.0-2",
      binds: "both",
      demands: "A transient error while a packet is processed closes the connection it came on.",
      state: held([
        packets,
        "[MQTT-4.8.0-2] a transient error while a packet is processed closes the connection it came on, and no other",
      ]),
    },
    // Chapter 6
    {
      number: "6.0.0-1",
      binds: "both",
      demands: "Packets travel in binary WebSocket frames; any other frame closes the connection.",
      state: held([webSocket, "a text frame closes the connection with 1003"]),
    },
    {
      number: "6.0.0-2",
      binds: "both",
      demands: "WebSocket frames and packets need not begin and end together.",
      state: held([webSocket, "packets may span frames and share them, in any chunking"]),
    },
    {
      number: "6.0.0-3",
      binds: "client",
      demands: 'A client offers the sub-protocol "mqtt".',
      state: excepted("what to offer is the client's choice; what the server selects is 6.0.0-4"),
    },
    {
      number: "6.0.0-4",
      binds: "server",
      demands: 'The server selects the sub-protocol "mqtt".',
      state: held([webSocket, "a client that offers %p gets %p"]),
    },
    // Chapter 7
    {
      number: "7.0.0-1",
      binds: "server",
      demands: "A server that also connects to other servers conforms as a client too.",
      state: excepted("this server never opens a connection to another MQTT server"),
    },
    {
      number: "7.0.0-2",
      binds: "both",
      demands: "No extension from outside the specification is needed to work together.",
      state: held([clients, "MQTT.js publishes and receives at QoS %d, through a reconnect"]),
    },
    {
      number: "7.1.1-1",
      binds: "server",
      demands: "A server supports a transport that is an ordered, lossless stream of bytes in both directions.",
      state: held([
        packets,
        "[MQTT-7.1.1-1] the byte stream has no boundaries: packets cut anywhere and packets run together are the same",
      ]),
    },
    {
      number: "7.1.2-1",
      binds: "client",
      demands: "A client supports such a transport.",
      state: excepted("a client's transport is the client's"),
    },
  ],
};
