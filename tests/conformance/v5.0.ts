/**
 * The normative statements of MQTT 5.0 (OASIS Standard, 7 March 2019, Appendix B), one line each: whom it binds, what it
 * demands in words of our own, and the test that holds it. A statement that only binds clients is held where the server has
 * to refuse its breach. The tests' own reader of packets (wire-v5.ts) holds what every packet of a server has to be.
 */
import { excepted, held, type Specification } from "./statement.ts";

const format = "tests/conformance/v5.0/format.test.ts";
const connect = "tests/conformance/v5.0/connect.test.ts";
const connack = "tests/conformance/v5.0/connack.test.ts";
const publish = "tests/conformance/v5.0/publish.test.ts";
const acknowledgements = "tests/conformance/v5.0/acknowledgements.test.ts";
const subscribe = "tests/conformance/v5.0/subscribe.test.ts";
const ending = "tests/conformance/v5.0/ending.test.ts";
const operation = "tests/conformance/v5.0/operation.test.ts";
const webSocket = "tests/mqtt/websocket.test.ts";

export const mqtt50: Specification = {
  version: "5.0",
  title: "MQTT 5.0",
  // 251 in all. There is no [MQTT-2.2.1-1].
  sections: {
    "1.5.4": 3,
    "1.5.5": 1,
    "1.5.7": 1,
    "2.1.3": 1,
    "2.2.1": { first: 2, last: 6 },
    "2.2.2": 1,
    "3.1.0": 2,
    "3.1.2": 30,
    "3.1.3": 12,
    "3.1.4": 6,
    "3.2.0": 2,
    "3.2.2": 22,
    "3.3.1": 13,
    "3.3.2": 20,
    "3.3.4": 10,
    "3.4.2": 3,
    "3.5.2": 3,
    "3.6.1": 1,
    "3.6.2": 3,
    "3.7.2": 3,
    "3.8.1": 1,
    "3.8.3": 5,
    "3.8.4": 8,
    "3.9.2": 2,
    "3.9.3": 2,
    "3.10.1": 1,
    "3.10.3": 2,
    "3.10.4": 6,
    "3.11.2": 2,
    "3.11.3": 2,
    "3.12.4": 1,
    "3.14.0": 1,
    "3.14.1": 1,
    "3.14.2": 4,
    "3.14.4": 3,
    "3.15.1": 1,
    "3.15.2": 3,
    "4.1.0": 2,
    "4.2.0": 1,
    "4.3.1": 1,
    "4.3.2": 5,
    "4.3.3": 13,
    "4.4.0": 2,
    "4.5.0": 2,
    "4.6.0": 6,
    "4.7.0": 1,
    "4.7.1": 2,
    "4.7.2": 1,
    "4.7.3": 4,
    "4.8.2": 6,
    "4.9.0": 3,
    "4.12.0": 7,
    "4.12.1": 2,
    "4.13.1": 1,
    "4.13.2": 1,
    "6.0.0": 4,
  },
  statements: [
    // Chapter 1
    {
      number: "1.5.4-1",
      binds: "both",
      demands: "A string is well-formed UTF-8 without surrogates.",
      state: held([
        format,
        "[MQTT-1.5.4-1] a string that is not well-formed UTF-8 is malformed, in whatever packet it stands",
      ]),
    },
    {
      number: "1.5.4-2",
      binds: "both",
      demands: "A string has no U+0000.",
      state: held([format, "[MQTT-1.5.4-2] a string with U+0000 is malformed, in whatever packet it stands"]),
    },
    {
      number: "1.5.4-3",
      binds: "both",
      demands: "EF BB BF in a string is U+FEFF wherever it stands, and is neither skipped nor removed.",
      state: held([
        format,
        "[MQTT-1.5.4-3] U+FEFF is a character like any other, in topics, properties and client ids",
      ]),
    },
    {
      number: "1.5.5-1",
      binds: "both",
      demands: "A variable byte integer takes no more bytes than its value needs.",
      state: held([format, "[MQTT-1.5.5-1] a variable byte integer with needless or endless bytes is malformed"]),
    },
    {
      number: "1.5.7-1",
      binds: "both",
      demands: "Both halves of a string pair obey the rules of strings.",
      state: held([format, "[MQTT-1.5.7-1] both halves of a string pair are strings"]),
    },
    // Chapter 2
    {
      number: "2.1.3-1",
      binds: "both",
      demands: "Flags that are reserved for a packet type have the value the specification's table gives them.",
      state: held([
        format,
        "[MQTT-2.1.3-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.6.1-1] wrong fixed header flags are malformed, the right ones are served",
      ]),
    },
    {
      number: "2.2.1-2",
      binds: "both",
      demands: "A PUBLISH at QoS 0 has no packet identifier.",
      state: held([
        format,
        "[MQTT-2.2.1-2] a QoS 0 PUBLISH has no packet identifier, one that came in at QoS 1 neither",
      ]),
    },
    {
      number: "2.2.1-3",
      binds: "client",
      demands: "A client gives each new packet that needs one an identifier that is not zero and not in use.",
      state: held([format, "[MQTT-2.2.1-3] packet identifier 0 is no identifier, and closes the connection"]),
    },
    {
      number: "2.2.1-4",
      binds: "server",
      demands: "A server gives each new PUBLISH above QoS 0 an identifier that is not zero and not in use.",
      state: held([
        format,
        "[MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] the server gives each new message an identifier that is not 0 and not in use",
      ]),
    },
    {
      number: "2.2.1-5",
      binds: "both",
      demands: "PUBACK, PUBREC, PUBREL and PUBCOMP carry the identifier of the PUBLISH they belong to.",
      state: held([
        format,
        "[MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] acknowledgements carry the identifier of their PUBLISH",
      ]),
    },
    {
      number: "2.2.1-6",
      binds: "server",
      demands: "SUBACK and UNSUBACK carry the identifier of the packet they answer.",
      state: held([
        format,
        "[MQTT-2.2.1-6] [MQTT-3.8.4-2] [MQTT-3.10.4-5] SUBACK and UNSUBACK carry the identifier of what they answer, even if nothing ended",
      ]),
    },
    {
      number: "2.2.2-1",
      binds: "both",
      demands: "A packet that may have properties and has none says so by a length of zero.",
      state: held([format, "[MQTT-2.2.2-1] a packet without properties says so by a length of zero"]),
    },
    // Chapter 3
    {
      number: "3.1.0-1",
      binds: "client",
      demands: "The first packet of a client is CONNECT.",
      state: held([connect, "[MQTT-3.1.0-1] a first packet of any type but CONNECT closes the connection"]),
    },
    {
      number: "3.1.0-2",
      binds: "server",
      demands: "A second CONNECT on a connection is a protocol error that closes it.",
      state: held([
        connect,
        "[MQTT-3.1.0-2] [MQTT-3.2.0-2] a second CONNECT is a protocol error, even if it repeats the first, and gets no CONNACK",
      ]),
    },
    {
      number: "3.1.2-1",
      binds: "both",
      demands: 'The protocol name is "MQTT"; a server may tell of another by reason code 0x84, and closes then.',
      state: held([connect, "[MQTT-3.1.2-1] a CONNECT of another protocol's name is not served as MQTT"]),
    },
    {
      number: "3.1.2-2",
      binds: "server",
      demands:
        "A protocol version the server does not speak may be answered by reason code 0x84, and the connection is closed.",
      state: held([connect, "[MQTT-3.1.2-2] an unknown protocol version is refused and closed"]),
    },
    {
      number: "3.1.2-3",
      binds: "server",
      demands: "The server looks at the reserved connect flag: set, it makes the packet malformed.",
      state: held([connect, "[MQTT-3.1.2-3] the reserved connect flag is malformed"]),
    },
    {
      number: "3.1.2-4",
      binds: "both",
      demands: "With clean start 1 an earlier session is discarded and a new one begins.",
      state: held([
        connect,
        "[MQTT-3.1.2-4] [MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3] clean start decides whether the session is resumed",
      ]),
    },
    {
      number: "3.1.2-5",
      binds: "server",
      demands: "With clean start 0 a session that is there is resumed from its state.",
      state: held([
        connect,
        "[MQTT-3.1.2-5] a session is resumed with its subscriptions, their options and what is unacknowledged",
      ]),
    },
    {
      number: "3.1.2-6",
      binds: "server",
      demands: "With clean start 0 and no session a new one begins.",
      state: held([
        connect,
        "[MQTT-3.1.2-4] [MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3] clean start decides whether the session is resumed",
      ]),
    },
    {
      number: "3.1.2-7",
      binds: "server",
      demands: "With the will flag the will is kept with the session.",
      state: held([
        connect,
        "[MQTT-3.1.2-7] [MQTT-3.1.2-8] the will is published however the connection ends, but for DISCONNECT with reason code 0",
      ]),
    },
    {
      number: "3.1.2-8",
      binds: "server",
      demands:
        "The will is published once the connection has closed and its delay has passed or the session has ended, unless DISCONNECT with reason code 0 or the client's return came before.",
      state: held([
        connect,
        "[MQTT-3.1.2-7] [MQTT-3.1.2-8] the will is published however the connection ends, but for DISCONNECT with reason code 0",
        "[MQTT-3.1.2-8] a will is published when its delay has passed, or its session has ended before",
        "[MQTT-3.1.2-8] a will that waits, or whose client the server's own end cut off, is published after the next start",
      ]),
    },
    {
      number: "3.1.2-9",
      binds: "both",
      demands:
        "With the will flag, will QoS and will retain count, and the will's properties, topic and message are there.",
      state: held([
        connect,
        "[MQTT-3.1.2-9] the will flag without a will's properties, topic or message is malformed",
        "[MQTT-3.1.2-9] [MQTT-3.1.2-12] the will is published at the will's own QoS, of which there are three",
      ]),
    },
    {
      number: "3.1.2-10",
      binds: "server",
      demands:
        "A will that was published, or that DISCONNECT with reason code 0 deleted, is no longer part of the session.",
      state: held([
        connect,
        "[MQTT-3.1.2-10] a will is published once, and not again for a later connection of the session",
      ]),
    },
    {
      number: "3.1.2-11",
      binds: "client",
      demands: "Without the will flag, will QoS is 0.",
      state: held([
        connect,
        "[MQTT-3.1.2-11] [MQTT-3.1.2-13] will QoS or will retain without the will flag are malformed",
      ]),
    },
    {
      number: "3.1.2-12",
      binds: "client",
      demands: "With the will flag, will QoS is 0, 1 or 2 and never 3.",
      state: held([
        connect,
        "[MQTT-3.1.2-9] [MQTT-3.1.2-12] the will is published at the will's own QoS, of which there are three",
      ]),
    },
    {
      number: "3.1.2-13",
      binds: "client",
      demands: "Without the will flag, will retain is 0.",
      state: held([
        connect,
        "[MQTT-3.1.2-11] [MQTT-3.1.2-13] will QoS or will retain without the will flag are malformed",
      ]),
    },
    {
      number: "3.1.2-14",
      binds: "server",
      demands: "A will whose retain flag is 0 is published as a message that is not retained.",
      state: held([connect, "[MQTT-3.1.2-14] [MQTT-3.1.2-15] will retain decides whether the will is retained"]),
    },
    {
      number: "3.1.2-15",
      binds: "server",
      demands: "A will whose retain flag is 1 is published as a retained message.",
      state: held([connect, "[MQTT-3.1.2-14] [MQTT-3.1.2-15] will retain decides whether the will is retained"]),
    },
    {
      number: "3.1.2-16",
      binds: "client",
      demands: "Without the user name flag there is no user name.",
      state: held([
        connect,
        "[MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] user name and password are there if and only if their flags say so",
      ]),
    },
    {
      number: "3.1.2-17",
      binds: "client",
      demands: "With the user name flag there is a user name.",
      state: held([
        connect,
        "[MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] user name and password are there if and only if their flags say so",
      ]),
    },
    {
      number: "3.1.2-18",
      binds: "client",
      demands: "Without the password flag there is no password.",
      state: held([
        connect,
        "[MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] user name and password are there if and only if their flags say so",
      ]),
    },
    {
      number: "3.1.2-19",
      binds: "client",
      demands: "With the password flag there is a password.",
      state: held([
        connect,
        "[MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] user name and password are there if and only if their flags say so",
      ]),
    },
    {
      number: "3.1.2-20",
      binds: "client",
      demands: "A client with a keep alive and nothing else to say sends PINGREQ.",
      state: excepted("when to send is the client's business; what a server does about silence is 3.1.2-22"),
    },
    {
      number: "3.1.2-21",
      binds: "client",
      demands: "A client that is told a server keep alive keeps to that one.",
      state: excepted(
        "which keep alive a client goes by shows in nothing it sends; what a server does about silence is 3.1.2-22",
      ),
    },
    {
      number: "3.1.2-22",
      binds: "server",
      demands:
        "A client with a keep alive that is silent for one and a half times as long is disconnected as if the network had failed.",
      state: held([
        connect,
        "[MQTT-3.1.2-22] [MQTT-3.2.2-22] a client silent for one and a half times its keep alive is closed as if the network had failed",
      ]),
    },
    {
      number: "3.1.2-23",
      binds: "both",
      demands: "The session is kept after the connection if its expiry interval is greater than 0.",
      state: held([
        connect,
        "[MQTT-3.1.2-23] [MQTT-4.1.0-2] a session outlives its connection by its expiry interval, and no longer",
        "[MQTT-3.1.2-23] a session is there after a restart, with its subscriptions and what was published meanwhile",
      ]),
    },
    {
      number: "3.1.2-24",
      binds: "server",
      demands: "No packet to a client is larger than its maximum packet size.",
      state: held(
        [
          connect,
          "[MQTT-3.1.2-24] [MQTT-3.1.2-25] what is larger than the client's maximum packet size is not sent and counts as sent",
          "[MQTT-3.1.2-24] every packet is bounded by the client's maximum packet size, DISCONNECT too",
        ],
        [
          connack,
          "[MQTT-3.1.2-24] CONNACK leaves out what the client's maximum packet size has no room for, but not what the client must know",
        ],
        [
          subscribe,
          "[MQTT-3.1.2-24] where SUBACK or UNSUBACK is larger than the client takes the connection is closed",
        ],
        [ending, "[MQTT-3.1.2-24] where AUTH is larger than the client takes the client is refused, or closed"],
      ),
    },
    {
      number: "3.1.2-25",
      binds: "server",
      demands: "What is too large to be sent is discarded, and counts as sent.",
      state: held([
        connect,
        "[MQTT-3.1.2-24] [MQTT-3.1.2-25] what is larger than the client's maximum packet size is not sent and counts as sent",
      ]),
    },
    {
      number: "3.1.2-26",
      binds: "server",
      demands: "No topic alias to a client is above its topic alias maximum.",
      state: held([
        connect,
        "[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] the server uses no topic alias above the client's maximum, and none without",
      ]),
    },
    {
      number: "3.1.2-27",
      binds: "server",
      demands: "A client without a topic alias maximum, or with 0, is sent no topic alias.",
      state: held([
        connect,
        "[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] the server uses no topic alias above the client's maximum, and none without",
      ]),
    },
    {
      number: "3.1.2-28",
      binds: "server",
      demands: "Response information is not returned to a client that did not ask for it.",
      state: held([
        connect,
        "[MQTT-3.1.2-28] response information is there when the client asked for it, and only then",
      ]),
    },
    {
      number: "3.1.2-29",
      binds: "server",
      demands:
        "A client that wants no problem information is sent reason strings and user properties with PUBLISH, CONNACK and DISCONNECT at most.",
      state: held([
        connect,
        "[MQTT-3.1.2-29] a client that asked for no problem information gets reasons with CONNACK and DISCONNECT at most",
      ]),
    },
    {
      number: "3.1.2-30",
      binds: "client",
      demands: "A client that named an authentication method sends nothing but AUTH and DISCONNECT before CONNACK.",
      state: held([connect, "[MQTT-3.1.2-30] during enhanced authentication nothing but AUTH and DISCONNECT is taken"]),
    },
    {
      number: "3.1.3-1",
      binds: "client",
      demands:
        "The payload's fields come in the order client identifier, will properties, will topic, will payload, user name, password.",
      state: held([
        connect,
        "[MQTT-3.1.3-1] client id, will properties, topic and message, user name and password are read in this order",
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
      state: held([
        connect,
        "[MQTT-3.1.3-3] [MQTT-3.1.3-4] [MQTT-3.1.3-8] a CONNECT whose client id is missing or no string is refused and closed",
      ]),
    },
    {
      number: "3.1.3-4",
      binds: "client",
      demands: "The client identifier is a UTF-8 string.",
      state: held([
        connect,
        "[MQTT-3.1.3-3] [MQTT-3.1.3-4] [MQTT-3.1.3-8] a CONNECT whose client id is missing or no string is refused and closed",
      ]),
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
      demands: "A client whose identifier is empty, where the server allows that, is assigned a unique one.",
      state: held([
        connect,
        "[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] a client without a client id is assigned one of its own and served like any other",
      ]),
    },
    {
      number: "3.1.3-7",
      binds: "server",
      demands: "It is then served as if it had brought that identifier, which CONNACK tells it.",
      state: held([
        connect,
        "[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] a client without a client id is assigned one of its own and served like any other",
      ]),
    },
    {
      number: "3.1.3-8",
      binds: "server",
      demands: "An identifier the server rejects may be answered by reason code 0x85, and the connection is closed.",
      state: held([
        connect,
        "[MQTT-3.1.3-3] [MQTT-3.1.3-4] [MQTT-3.1.3-8] a CONNECT whose client id is missing or no string is refused and closed",
      ]),
    },
    {
      number: "3.1.3-9",
      binds: "server",
      demands: "A will that waits is not sent if its session is connected again before its delay has passed.",
      state: held([
        connect,
        "[MQTT-3.1.3-9] a client that is back before the will's delay has passed has no will published",
      ]),
    },
    {
      number: "3.1.3-10",
      binds: "server",
      demands: "The user properties of a will keep their order.",
      state: held([
        connect,
        "[MQTT-3.1.3-10] the will is published with its properties, user properties in their order",
      ]),
    },
    {
      number: "3.1.3-11",
      binds: "client",
      demands: "The will topic is a UTF-8 string.",
      state: held([
        connect,
        "[MQTT-3.1.3-11] [MQTT-3.1.3-12] a will topic or user name that is not UTF-8 is malformed",
      ]),
    },
    {
      number: "3.1.3-12",
      binds: "client",
      demands: "The user name is a UTF-8 string.",
      state: held([
        connect,
        "[MQTT-3.1.3-11] [MQTT-3.1.3-12] a will topic or user name that is not UTF-8 is malformed",
      ]),
    },
    {
      number: "3.1.4-1",
      binds: "server",
      demands:
        "The server checks the whole CONNECT against its section and closes the connection if it does not conform.",
      state: held([connect, "[MQTT-3.1.4-1] a CONNECT that breaks § 3.1 is refused and closed, wherever it breaks"]),
    },
    {
      number: "3.1.4-2",
      binds: "server",
      demands: "A CONNECT that fails a further check, such as authentication, ends with the connection closed.",
      state: held([connect, "[MQTT-3.1.4-2] a client that may not come in is told why and closed"]),
    },
    // "The same client" is the same identifier from the same principal: nobody may close a stranger's connection.
    {
      number: "3.1.4-3",
      binds: "server",
      demands: "A client that is connected already has its older connection told 0x8E and closed.",
      state: held([
        connect,
        "[MQTT-3.1.4-3] a client that connects again has its older connection closed, which is told so",
      ]),
    },
    {
      number: "3.1.4-4",
      binds: "server",
      demands: "Clean start is obeyed.",
      state: held([
        connect,
        "[MQTT-3.1.2-4] [MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3] clean start decides whether the session is resumed",
      ]),
    },
    {
      number: "3.1.4-5",
      binds: "server",
      demands: "A good CONNECT is acknowledged by CONNACK with reason code 0.",
      state: held([
        connect,
        "[MQTT-3.1.4-5] [MQTT-3.2.0-1] a good CONNECT is answered by CONNACK with reason code 0, before anything else",
      ]),
    },
    {
      number: "3.1.4-6",
      binds: "server",
      demands: "After a CONNECT it refused, the server processes nothing more of that client but AUTH.",
      state: held([connect, "[MQTT-3.1.4-6] nothing behind a refused CONNECT is obeyed"]),
    },
    {
      number: "3.2.0-1",
      binds: "server",
      demands: "CONNACK with reason code 0 comes before any packet but AUTH.",
      state: held([
        connect,
        "[MQTT-3.1.4-5] [MQTT-3.2.0-1] a good CONNECT is answered by CONNACK with reason code 0, before anything else",
      ]),
    },
    {
      number: "3.2.0-2",
      binds: "server",
      demands: "There is one CONNACK on a connection at most.",
      state: held([
        connect,
        "[MQTT-3.1.0-2] [MQTT-3.2.0-2] a second CONNECT is a protocol error, even if it repeats the first, and gets no CONNACK",
      ]),
    },
    {
      number: "3.2.2-1",
      binds: "server",
      demands: "The reserved bits of CONNACK's flags are 0.",
      state: held([connack, "[MQTT-3.2.2-1] CONNACK has no flag but session present"]),
    },
    {
      number: "3.2.2-2",
      binds: "server",
      demands: "A clean start is accepted with session present 0.",
      state: held([
        connect,
        "[MQTT-3.1.2-4] [MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3] clean start decides whether the session is resumed",
      ]),
    },
    {
      number: "3.2.2-3",
      binds: "server",
      demands: "Without clean start session present says whether the server had the session.",
      state: held([
        connect,
        "[MQTT-3.1.2-4] [MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3] clean start decides whether the session is resumed",
      ]),
    },
    {
      number: "3.2.2-4",
      binds: "client",
      demands: "A client without a session that is told session present 1 closes the connection.",
      state: excepted("what a client knows of its session is the client's, and closing is its own act"),
    },
    {
      number: "3.2.2-5",
      binds: "client",
      demands: "A client with a session that is told session present 0 discards it.",
      state: excepted("what a client discards shows in nothing it sends"),
    },
    {
      number: "3.2.2-6",
      binds: "server",
      demands: "A CONNACK that refuses says session present 0.",
      state: held([
        connack,
        "[MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1] a refusal says why in a code of its own, has no session present, and closes",
      ]),
    },
    {
      number: "3.2.2-7",
      binds: "server",
      demands: "After a CONNACK with reason code 0x80 or greater the server closes the connection.",
      state: held([
        connack,
        "[MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1] a refusal says why in a code of its own, has no session present, and closes",
      ]),
    },
    {
      number: "3.2.2-8",
      binds: "server",
      demands: "The reason code of CONNACK is one of those the specification lists for it.",
      state: held([
        connack,
        "[MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1] a refusal says why in a code of its own, has no session present, and closes",
      ]),
    },
    {
      number: "3.2.2-9",
      binds: "server",
      demands: "A server that lacks QoS 1 or 2 says so by maximum QoS; one that does not say so serves them.",
      state: held([
        connack,
        "[MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-12] [MQTT-3.2.2-13] what CONNACK does not take back is served: every QoS, wills of every QoS, retained ones",
      ]),
    },
    {
      number: "3.2.2-10",
      binds: "server",
      demands: "Every requested QoS is accepted in a SUBSCRIBE, whatever the server supports.",
      state: held([
        connack,
        "[MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-12] [MQTT-3.2.2-13] what CONNACK does not take back is served: every QoS, wills of every QoS, retained ones",
      ]),
    },
    {
      number: "3.2.2-11",
      binds: "client",
      demands: "A client publishes at no QoS above the maximum it was told.",
      state: excepted("this server supports every QoS and tells no maximum, so the condition never holds"),
    },
    {
      number: "3.2.2-12",
      binds: "server",
      demands: "A will QoS beyond the server's capabilities is refused; those within are not.",
      state: held([
        connack,
        "[MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-12] [MQTT-3.2.2-13] what CONNACK does not take back is served: every QoS, wills of every QoS, retained ones",
      ]),
    },
    {
      number: "3.2.2-13",
      binds: "server",
      demands: "A retained will is refused where there are no retained messages, and only there.",
      state: held([
        connack,
        "[MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-12] [MQTT-3.2.2-13] what CONNACK does not take back is served: every QoS, wills of every QoS, retained ones",
      ]),
    },
    {
      number: "3.2.2-14",
      binds: "client",
      demands: "A client that is told retain available 0 publishes nothing with RETAIN.",
      state: excepted("this server retains messages and never says otherwise, so the condition never holds"),
    },
    {
      number: "3.2.2-15",
      binds: "client",
      demands: "A client sends no packet larger than the server's maximum packet size.",
      state: held([
        connack,
        "[MQTT-3.2.2-15] a packet larger than the server's maximum packet size is told so, the largest allowed is served",
      ]),
    },
    {
      number: "3.2.2-16",
      binds: "server",
      demands: "A client identifier that is assigned is told, and is that of no other session.",
      state: held([
        connect,
        "[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] a client without a client id is assigned one of its own and served like any other",
      ]),
    },
    {
      number: "3.2.2-17",
      binds: "client",
      demands: "A client sends no topic alias above the server's maximum.",
      state: held([
        connack,
        "[MQTT-3.2.2-17] [MQTT-3.3.2-9] [MQTT-3.3.2-8] a topic alias of 0 or above the server's maximum is told so",
      ]),
    },
    {
      number: "3.2.2-18",
      binds: "client",
      demands: "A client that is told no topic alias maximum sends no topic alias.",
      state: excepted("this server always tells its maximum, so the condition never holds"),
    },
    {
      number: "3.2.2-19",
      binds: "server",
      demands: "CONNACK has no reason string that would make it larger than the client's maximum packet size.",
      state: held([
        connack,
        "[MQTT-3.2.2-19] [MQTT-3.2.2-20] a refusal leaves out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.2.2-20",
      binds: "server",
      demands: "CONNACK has no user property that would make it larger than the client's maximum packet size.",
      state: held([
        connack,
        "[MQTT-3.2.2-19] [MQTT-3.2.2-20] a refusal leaves out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.2.2-21",
      binds: "client",
      demands: "A client that is told a server keep alive keeps to that one.",
      state: excepted(
        "which keep alive a client goes by shows in nothing it sends; what a server does about silence is 3.1.2-22",
      ),
    },
    {
      number: "3.2.2-22",
      binds: "server",
      demands: "A server that tells no server keep alive goes by the client's.",
      state: held([
        connect,
        "[MQTT-3.1.2-22] [MQTT-3.2.2-22] a client silent for one and a half times its keep alive is closed as if the network had failed",
      ]),
    },
    {
      number: "3.3.1-1",
      binds: "both",
      demands: "A PUBLISH that is sent again has DUP.",
      state: held([publish, "[MQTT-3.3.1-1] what is sent again has DUP, what is new has not"]),
    },
    {
      number: "3.3.1-2",
      binds: "both",
      demands: "A PUBLISH at QoS 0 never has DUP.",
      state: held([publish, "[MQTT-3.3.1-2] DUP at QoS 0 is malformed and never sent"]),
    },
    {
      number: "3.3.1-3",
      binds: "server",
      demands:
        "DUP of what is sent to subscribers depends on whether that is a repetition, not on the publisher's DUP.",
      state: held([publish, "[MQTT-3.3.1-3] the publisher's DUP is not passed on"]),
    },
    {
      number: "3.3.1-4",
      binds: "both",
      demands: "A PUBLISH does not have both QoS bits.",
      state: held([publish, "[MQTT-3.3.1-4] QoS 3 is malformed"]),
    },
    {
      number: "3.3.1-5",
      binds: "server",
      demands: "A message published with RETAIN is stored and replaces what its topic had retained.",
      state: held([
        publish,
        "[MQTT-3.3.1-5] a message with RETAIN replaces what its topic retained, at whatever QoS, with its properties",
      ]),
    },
    {
      number: "3.3.1-6",
      binds: "server",
      demands: "An empty message with RETAIN is delivered like any other and removes what its topic had retained.",
      state: held([
        publish,
        "[MQTT-3.3.1-6] [MQTT-3.3.1-7] an empty payload with RETAIN removes what its topic retained, and is delivered as any other",
      ]),
    },
    {
      number: "3.3.1-7",
      binds: "server",
      demands: "An empty message is never stored as a retained one.",
      state: held([
        publish,
        "[MQTT-3.3.1-6] [MQTT-3.3.1-7] an empty payload with RETAIN removes what its topic retained, and is delivered as any other",
      ]),
    },
    {
      number: "3.3.1-8",
      binds: "server",
      demands: "A message without RETAIN neither is stored nor touches what is retained.",
      state: held([publish, "[MQTT-3.3.1-8] a message without RETAIN is neither kept nor touches what is"]),
    },
    {
      number: "3.3.1-9",
      binds: "server",
      demands: "With retain handling 0 a subscription is sent the retained messages its filter matches.",
      state: held([
        publish,
        "[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4] retain handling decides whether a subscription is sent what is retained",
      ]),
    },
    {
      number: "3.3.1-10",
      binds: "server",
      demands: "With retain handling 1 they are sent if the subscription is new, and not if it was there.",
      state: held([
        publish,
        "[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4] retain handling decides whether a subscription is sent what is retained",
      ]),
    },
    {
      number: "3.3.1-11",
      binds: "server",
      demands: "With retain handling 2 they are not sent.",
      state: held([
        publish,
        "[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4] retain handling decides whether a subscription is sent what is retained",
      ]),
    },
    {
      number: "3.3.1-12",
      binds: "server",
      demands: "Without retain as published RETAIN is 0 in what is forwarded.",
      state: held([
        publish,
        "[MQTT-3.3.1-12] [MQTT-3.3.1-13] retain as published decides about RETAIN in what an established subscription gets",
      ]),
    },
    {
      number: "3.3.1-13",
      binds: "server",
      demands: "With retain as published RETAIN is forwarded as it came.",
      state: held([
        publish,
        "[MQTT-3.3.1-12] [MQTT-3.3.1-13] retain as published decides about RETAIN in what an established subscription gets",
      ]),
    },
    {
      number: "3.3.2-1",
      binds: "both",
      demands: "The first field of PUBLISH is its topic name, a UTF-8 string.",
      state: held([
        publish,
        "[MQTT-3.3.2-1] a PUBLISH without a topic, or with one that is no string, is malformed",
        "[MQTT-3.3.2-1] an empty topic name needs a topic alias that has one",
      ]),
    },
    {
      number: "3.3.2-2",
      binds: "both",
      demands: "A topic name has no wildcard characters.",
      state: held([
        publish,
        "[MQTT-3.3.2-2] [MQTT-4.7.0-1] a wildcard in a topic name is refused, and the server sends none itself",
      ]),
    },
    {
      number: "3.3.2-3",
      binds: "server",
      demands: "What a server sends to a subscriber has a topic name that the subscription's filter matches.",
      state: held([publish, "[MQTT-3.3.2-3] what reaches a subscriber has a topic its filter matches"]),
    },
    {
      number: "3.3.2-4",
      binds: "server",
      demands: "The payload format indicator reaches every subscriber as it came.",
      state: held([
        publish,
        "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties reach every subscriber unaltered, user properties in their order",
      ]),
    },
    {
      number: "3.3.2-5",
      binds: "server",
      demands: "A copy whose message expiry interval has passed before its delivery began is deleted.",
      state: held([
        publish,
        "[MQTT-3.3.2-5] a message whose expiry interval has passed before its delivery began is dropped",
      ]),
    },
    {
      number: "3.3.2-6",
      binds: "server",
      demands: "The message expiry interval is passed on less the time the message waited.",
      state: held([publish, "[MQTT-3.3.2-6] the expiry interval is passed on less the time the message waited"]),
    },
    {
      number: "3.3.2-7",
      binds: "both",
      demands: "A topic alias means nothing on another connection.",
      state: held([
        connack,
        "[MQTT-3.3.2-12] [MQTT-3.3.2-7] every topic alias up to the server's maximum is taken, for this connection only",
      ]),
    },
    {
      number: "3.3.2-8",
      binds: "both",
      demands: "No topic alias is 0.",
      state: held([
        connack,
        "[MQTT-3.2.2-17] [MQTT-3.3.2-9] [MQTT-3.3.2-8] a topic alias of 0 or above the server's maximum is told so",
      ]),
    },
    {
      number: "3.3.2-9",
      binds: "client",
      demands: "A client's topic alias is not above the server's maximum.",
      state: held([
        connack,
        "[MQTT-3.2.2-17] [MQTT-3.3.2-9] [MQTT-3.3.2-8] a topic alias of 0 or above the server's maximum is told so",
      ]),
    },
    {
      number: "3.3.2-10",
      binds: "client",
      demands: "A client takes every topic alias from 1 to the maximum it told.",
      state: excepted("taking what the server sends is the client's part"),
    },
    {
      number: "3.3.2-11",
      binds: "server",
      demands: "A server's topic alias is not above the client's maximum.",
      state: held([
        connect,
        "[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] the server uses no topic alias above the client's maximum, and none without",
      ]),
    },
    {
      number: "3.3.2-12",
      binds: "server",
      demands: "A server takes every topic alias from 1 to the maximum it told.",
      state: held([
        connack,
        "[MQTT-3.3.2-12] [MQTT-3.3.2-7] every topic alias up to the server's maximum is taken, for this connection only",
      ]),
    },
    {
      number: "3.3.2-13",
      binds: "both",
      demands: "The response topic is a UTF-8 string.",
      state: held([
        publish,
        "[MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] response topic and content type are strings, and a response topic has no wildcards",
      ]),
    },
    {
      number: "3.3.2-14",
      binds: "both",
      demands: "The response topic has no wildcard characters.",
      state: held([
        publish,
        "[MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] response topic and content type are strings, and a response topic has no wildcards",
      ]),
    },
    {
      number: "3.3.2-15",
      binds: "server",
      demands: "The response topic reaches every subscriber as it came.",
      state: held([
        publish,
        "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties reach every subscriber unaltered, user properties in their order",
      ]),
    },
    {
      number: "3.3.2-16",
      binds: "server",
      demands: "The correlation data reach every subscriber as they came.",
      state: held([
        publish,
        "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties reach every subscriber unaltered, user properties in their order",
      ]),
    },
    {
      number: "3.3.2-17",
      binds: "server",
      demands: "All user properties reach every subscriber as they came.",
      state: held([
        publish,
        "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties reach every subscriber unaltered, user properties in their order",
      ]),
    },
    {
      number: "3.3.2-18",
      binds: "server",
      demands: "User properties keep their order.",
      state: held([
        publish,
        "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties reach every subscriber unaltered, user properties in their order",
      ]),
    },
    {
      number: "3.3.2-19",
      binds: "both",
      demands: "The content type is a UTF-8 string.",
      state: held([
        publish,
        "[MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] response topic and content type are strings, and a response topic has no wildcards",
      ]),
    },
    {
      number: "3.3.2-20",
      binds: "server",
      demands: "The content type reaches every subscriber as it came.",
      state: held([
        publish,
        "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties reach every subscriber unaltered, user properties in their order",
      ]),
    },
    {
      number: "3.3.4-1",
      binds: "both",
      demands: "A PUBLISH is answered as its QoS demands: not at all, by PUBACK, or by PUBREC.",
      state: held([
        publish,
        "[MQTT-3.3.4-1] a PUBLISH is answered as its QoS demands: not at all, by PUBACK, or by PUBREC",
      ]),
    },
    {
      number: "3.3.4-2",
      binds: "server",
      demands: "With overlapping subscriptions a message is delivered at the highest QoS they were granted.",
      state: held([
        publish,
        "[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] overlapping subscriptions yield one copy at the highest QoS, with all their identifiers",
      ]),
    },
    {
      number: "3.3.4-3",
      binds: "server",
      demands: "Their subscription identifiers go with the message.",
      state: held([
        publish,
        "[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] overlapping subscriptions yield one copy at the highest QoS, with all their identifiers",
      ]),
    },
    {
      number: "3.3.4-4",
      binds: "server",
      demands: "A single copy has the identifiers of all the subscriptions that match.",
      state: held([
        publish,
        "[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] overlapping subscriptions yield one copy at the highest QoS, with all their identifiers",
      ]),
    },
    // This server sends a single copy, which has the identifier of each.
    {
      number: "3.3.4-5",
      binds: "server",
      demands: "Several copies each have the identifier of the subscription they are sent for.",
      state: held([
        publish,
        "[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] overlapping subscriptions yield one copy at the highest QoS, with all their identifiers",
      ]),
    },
    {
      number: "3.3.4-6",
      binds: "client",
      demands: "A client's PUBLISH has no subscription identifier.",
      state: held([publish, "[MQTT-3.3.4-6] a client's PUBLISH with a subscription identifier is a protocol error"]),
    },
    {
      number: "3.3.4-7",
      binds: "client",
      demands: "A client has no more unacknowledged messages on their way than the server's receive maximum.",
      state: held([
        publish,
        "[MQTT-3.3.4-7] a client with more unacknowledged messages than the server's receive maximum is told so",
      ]),
    },
    {
      number: "3.3.4-8",
      binds: "client",
      demands: "A client whose quota is used up delays nothing but PUBLISH.",
      state: excepted("what a client holds back is the client's business"),
    },
    {
      number: "3.3.4-9",
      binds: "server",
      demands: "A server has no more unacknowledged messages on their way than the client's receive maximum.",
      state: held([
        publish,
        "[MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] the server sends no more than the client's receive maximum before acknowledgements, and delays nothing else",
      ]),
    },
    {
      number: "3.3.4-10",
      binds: "server",
      demands: "A server whose quota is used up delays nothing but PUBLISH.",
      state: held([
        publish,
        "[MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] the server sends no more than the client's receive maximum before acknowledgements, and delays nothing else",
      ]),
    },
    {
      number: "3.4.2-1",
      binds: "both",
      demands: "The reason code of PUBACK is one of those the specification lists for it.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-1] [MQTT-3.5.2-1] a publish is acknowledged with a reason code that says what became of it",
      ]),
    },
    {
      number: "3.4.2-2",
      binds: "both",
      demands: "PUBACK has no reason string that would make it larger than the receiver's maximum packet size.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.4.2-3",
      binds: "both",
      demands: "PUBACK has no user property that would make it larger than the receiver's maximum packet size.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.5.2-1",
      binds: "both",
      demands: "The reason code of PUBREC is one of those the specification lists for it.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-1] [MQTT-3.5.2-1] a publish is acknowledged with a reason code that says what became of it",
      ]),
    },
    {
      number: "3.5.2-2",
      binds: "both",
      demands: "PUBREC has no reason string that would make it larger than the receiver's maximum packet size.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.5.2-3",
      binds: "both",
      demands: "PUBREC has no user property that would make it larger than the receiver's maximum packet size.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.6.1-1",
      binds: "both",
      demands: "The flags of PUBREL are 0010; a server closes the connection for any other.",
      state: held([
        format,
        "[MQTT-2.1.3-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.6.1-1] wrong fixed header flags are malformed, the right ones are served",
      ]),
    },
    {
      number: "3.6.2-1",
      binds: "both",
      demands: "The reason code of PUBREL is one of those the specification lists for it.",
      state: held([
        acknowledgements,
        "[MQTT-3.6.2-1] [MQTT-3.7.2-1] PUBREL and PUBCOMP for what nobody knows say that it was not found",
      ]),
    },
    {
      number: "3.6.2-2",
      binds: "both",
      demands: "PUBREL has no reason string that would make it larger than the receiver's maximum packet size.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.6.2-3",
      binds: "both",
      demands: "PUBREL has no user property that would make it larger than the receiver's maximum packet size.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.7.2-1",
      binds: "both",
      demands: "The reason code of PUBCOMP is one of those the specification lists for it.",
      state: held([
        acknowledgements,
        "[MQTT-3.6.2-1] [MQTT-3.7.2-1] PUBREL and PUBCOMP for what nobody knows say that it was not found",
      ]),
    },
    {
      number: "3.7.2-2",
      binds: "both",
      demands: "PUBCOMP has no reason string that would make it larger than the receiver's maximum packet size.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.7.2-3",
      binds: "both",
      demands: "PUBCOMP has no user property that would make it larger than the receiver's maximum packet size.",
      state: held([
        acknowledgements,
        "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] acknowledgements leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.8.1-1",
      binds: "both",
      demands: "The flags of SUBSCRIBE are 0010; a server closes the connection for any other.",
      state: held([
        format,
        "[MQTT-2.1.3-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.6.1-1] wrong fixed header flags are malformed, the right ones are served",
      ]),
    },
    {
      number: "3.8.3-1",
      binds: "client",
      demands: "The filters of a SUBSCRIBE are UTF-8 strings.",
      state: held([subscribe, "[MQTT-3.8.3-1] a filter that is no string is malformed, behind a good one too"]),
    },
    {
      number: "3.8.3-2",
      binds: "client",
      demands: "A SUBSCRIBE has at least one pair of filter and options.",
      state: held([
        subscribe,
        "[MQTT-3.8.3-2] a SUBSCRIBE without a filter, or with half of a pair, closes the connection",
      ]),
    },
    {
      number: "3.8.3-3",
      binds: "server",
      demands: "With no local a message is not forwarded to the connection of the client that published it.",
      state: held([subscribe, "[MQTT-3.8.3-3] with no local a client does not hear its own messages"]),
    },
    {
      number: "3.8.3-4",
      binds: "client",
      demands: "No local is not set on a shared subscription, which would be a protocol error.",
      state: held([subscribe, "[MQTT-3.8.3-4] no local on a shared subscription is a protocol error"]),
    },
    {
      number: "3.8.3-5",
      binds: "server",
      demands: "A SUBSCRIBE with reserved bits in its options is malformed.",
      state: held([
        subscribe,
        "[MQTT-3.8.3-5] reserved bits, QoS 3 or retain handling 3 in the subscription options close the connection",
      ]),
    },
    {
      number: "3.8.4-1",
      binds: "server",
      demands: "SUBSCRIBE is answered by SUBACK.",
      state: held([
        subscribe,
        "[MQTT-3.8.4-1] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBSCRIBE is answered by one SUBACK with the QoS granted or a failure for each filter, in their order",
      ]),
    },
    {
      number: "3.8.4-2",
      binds: "server",
      demands: "SUBACK has the identifier of its SUBSCRIBE.",
      state: held([
        format,
        "[MQTT-2.2.1-6] [MQTT-3.8.4-2] [MQTT-3.10.4-5] SUBACK and UNSUBACK carry the identifier of what they answer, even if nothing ended",
      ]),
    },
    {
      number: "3.8.4-3",
      binds: "server",
      demands: "A filter subscribed to again, if not shared, replaces the subscription.",
      state: held([
        subscribe,
        "[MQTT-3.8.4-3] the same filter again replaces the subscription without a gap or a second copy",
      ]),
    },
    {
      number: "3.8.4-4",
      binds: "server",
      demands: "With retain handling 0 a replacement sends retained messages again; no message is lost to it.",
      state: held([
        publish,
        "[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4] retain handling decides whether a subscription is sent what is retained",
      ]),
    },
    {
      number: "3.8.4-5",
      binds: "server",
      demands: "Several filters in one SUBSCRIBE are treated as so many packets, but for the one answer.",
      state: held([
        subscribe,
        "[MQTT-3.8.4-5] several filters in one SUBSCRIBE do what they would one after the other, and are answered once",
      ]),
    },
    {
      number: "3.8.4-6",
      binds: "server",
      demands: "SUBACK has a reason code for each filter.",
      state: held([
        subscribe,
        "[MQTT-3.8.4-1] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBSCRIBE is answered by one SUBACK with the QoS granted or a failure for each filter, in their order",
      ]),
    },
    {
      number: "3.8.4-7",
      binds: "server",
      demands: "It says the QoS granted or that the subscription failed.",
      state: held([
        subscribe,
        "[MQTT-3.8.4-1] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBSCRIBE is answered by one SUBACK with the QoS granted or a failure for each filter, in their order",
      ]),
    },
    {
      number: "3.8.4-8",
      binds: "server",
      demands: "A message is sent at the lower of the QoS it was published with and the QoS granted.",
      state: held([
        subscribe,
        "[MQTT-3.8.4-8] a message is sent at the lower of the QoS it was published with and the QoS granted",
      ]),
    },
    {
      number: "3.9.2-1",
      binds: "server",
      demands: "SUBACK has no reason string that would make it larger than the client's maximum packet size.",
      state: held([
        subscribe,
        "[MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] SUBACK and UNSUBACK leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.9.2-2",
      binds: "server",
      demands: "SUBACK has no user property that would make it larger than the client's maximum packet size.",
      state: held([
        subscribe,
        "[MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] SUBACK and UNSUBACK leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.9.3-1",
      binds: "server",
      demands: "The codes of SUBACK are in the order of the filters.",
      state: held([
        subscribe,
        "[MQTT-3.8.4-1] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBSCRIBE is answered by one SUBACK with the QoS granted or a failure for each filter, in their order",
      ]),
    },
    {
      number: "3.9.3-2",
      binds: "server",
      demands: "Each code of SUBACK is one of those the specification lists for it.",
      state: held([
        subscribe,
        "[MQTT-3.8.4-1] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] SUBSCRIBE is answered by one SUBACK with the QoS granted or a failure for each filter, in their order",
      ]),
    },
    {
      number: "3.10.1-1",
      binds: "both",
      demands: "The flags of UNSUBSCRIBE are 0010; a server closes the connection for any other.",
      state: held([
        format,
        "[MQTT-2.1.3-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.6.1-1] wrong fixed header flags are malformed, the right ones are served",
      ]),
    },
    {
      number: "3.10.3-1",
      binds: "client",
      demands: "The filters of an UNSUBSCRIBE are UTF-8 strings.",
      state: held([
        subscribe,
        "[MQTT-3.10.3-1] [MQTT-3.10.3-2] an UNSUBSCRIBE without a filter, or with one that is no string, closes the connection",
      ]),
    },
    {
      number: "3.10.3-2",
      binds: "client",
      demands: "An UNSUBSCRIBE has at least one filter.",
      state: held([
        subscribe,
        "[MQTT-3.10.3-1] [MQTT-3.10.3-2] an UNSUBSCRIBE without a filter, or with one that is no string, closes the connection",
      ]),
    },
    {
      number: "3.10.4-1",
      binds: "server",
      demands: "UNSUBSCRIBE ends the subscriptions whose filters are the same character by character, and no others.",
      state: held([
        subscribe,
        "[MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] UNSUBSCRIBE ends the filters that are the same to the character, and says which in one UNSUBACK",
      ]),
    },
    {
      number: "3.10.4-2",
      binds: "server",
      demands: "For a subscription that ended nothing new is added for delivery.",
      state: held([subscribe, "[MQTT-3.10.4-2] after UNSUBACK no new message comes, on a route already in use too"]),
    },
    {
      number: "3.10.4-3",
      binds: "server",
      demands: "QoS 1 and 2 messages the server has begun to deliver are delivered though their subscription ended.",
      state: held([
        subscribe,
        "[MQTT-3.10.4-3] what is already on its way when its subscription ends is still delivered",
      ]),
    },
    {
      number: "3.10.4-4",
      binds: "server",
      demands: "UNSUBSCRIBE is answered by UNSUBACK.",
      state: held([
        subscribe,
        "[MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] UNSUBSCRIBE ends the filters that are the same to the character, and says which in one UNSUBACK",
      ]),
    },
    {
      number: "3.10.4-5",
      binds: "server",
      demands: "UNSUBACK has the same identifier, and comes even if no subscription ended.",
      state: held([
        format,
        "[MQTT-2.2.1-6] [MQTT-3.8.4-2] [MQTT-3.10.4-5] SUBACK and UNSUBACK carry the identifier of what they answer, even if nothing ended",
      ]),
    },
    {
      number: "3.10.4-6",
      binds: "server",
      demands: "Several filters in one UNSUBSCRIBE are treated as so many packets, but for the one answer.",
      state: held([
        subscribe,
        "[MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] UNSUBSCRIBE ends the filters that are the same to the character, and says which in one UNSUBACK",
      ]),
    },
    {
      number: "3.11.2-1",
      binds: "server",
      demands: "UNSUBACK has no reason string that would make it larger than the client's maximum packet size.",
      state: held([
        subscribe,
        "[MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] SUBACK and UNSUBACK leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.11.2-2",
      binds: "server",
      demands: "UNSUBACK has no user property that would make it larger than the client's maximum packet size.",
      state: held([
        subscribe,
        "[MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] SUBACK and UNSUBACK leave out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.11.3-1",
      binds: "server",
      demands: "The codes of UNSUBACK are in the order of the filters.",
      state: held([
        subscribe,
        "[MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] UNSUBSCRIBE ends the filters that are the same to the character, and says which in one UNSUBACK",
      ]),
    },
    {
      number: "3.11.3-2",
      binds: "server",
      demands: "Each code of UNSUBACK is one of those the specification lists for it.",
      state: held([
        subscribe,
        "[MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] UNSUBSCRIBE ends the filters that are the same to the character, and says which in one UNSUBACK",
      ]),
    },
    {
      number: "3.12.4-1",
      binds: "server",
      demands: "PINGREQ is answered by PINGRESP.",
      state: held([format, "[MQTT-3.12.4-1] every PINGREQ is answered by one PINGRESP"]),
    },
    {
      number: "3.14.0-1",
      binds: "server",
      demands: "A server sends no DISCONNECT before a CONNACK with a reason code below 0x80.",
      state: held([ending, "[MQTT-3.14.0-1] before CONNACK there is no DISCONNECT"]),
    },
    {
      number: "3.14.1-1",
      binds: "both",
      demands: "Whoever receives DISCONNECT looks at its reserved bits, and answers 0x81 if one is set.",
      state: held([ending, "[MQTT-3.14.1-1] DISCONNECT with a reserved bit set is malformed, and no farewell"]),
    },
    {
      number: "3.14.2-1",
      binds: "both",
      demands: "The reason code of DISCONNECT is one of those the specification lists for it.",
      state: held([ending, "[MQTT-3.14.2-1] DISCONNECT has a reason code of its own, one that is none is an error"]),
    },
    {
      number: "3.14.2-2",
      binds: "server",
      demands: "A server's DISCONNECT has no session expiry interval.",
      state: held([
        ending,
        "[MQTT-3.14.2-2] a server's DISCONNECT has no session expiry interval, whatever it ends for",
      ]),
    },
    {
      number: "3.14.2-3",
      binds: "both",
      demands: "DISCONNECT has no reason string that would make it larger than the receiver's maximum packet size.",
      state: held([
        ending,
        "[MQTT-3.14.2-3] [MQTT-3.14.2-4] DISCONNECT leaves out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.14.2-4",
      binds: "both",
      demands: "DISCONNECT has no user property that would make it larger than the receiver's maximum packet size.",
      state: held([
        ending,
        "[MQTT-3.14.2-3] [MQTT-3.14.2-4] DISCONNECT leaves out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.14.4-1",
      binds: "both",
      demands: "After DISCONNECT its sender sends nothing more.",
      state: held([
        ending,
        "[MQTT-3.14.4-1] [MQTT-3.14.4-2] after DISCONNECT nothing is sent or obeyed, and the connection is closed",
      ]),
    },
    {
      number: "3.14.4-2",
      binds: "both",
      demands: "After DISCONNECT its sender closes the connection.",
      state: held([
        ending,
        "[MQTT-3.14.4-1] [MQTT-3.14.4-2] after DISCONNECT nothing is sent or obeyed, and the connection is closed",
      ]),
    },
    {
      number: "3.14.4-3",
      binds: "server",
      demands: "DISCONNECT with reason code 0 discards the will of its connection.",
      state: held([ending, "[MQTT-3.14.4-3] DISCONNECT with reason code 0 discards the will, one that waits too"]),
    },
    {
      number: "3.15.1-1",
      binds: "both",
      demands: "The flags of AUTH are 0; whoever receives another closes the connection.",
      state: held([format, "[MQTT-3.15.1-1] AUTH with any flag is malformed"]),
    },
    {
      number: "3.15.2-1",
      binds: "both",
      demands: "The reason code of AUTH is one of those the specification lists for it.",
      state: held([
        ending,
        "[MQTT-3.15.2-1] [MQTT-4.12.0-2] [MQTT-4.12.0-5] challenges are AUTH with reason code 0x18 and the client's method, as has CONNACK",
      ]),
    },
    {
      number: "3.15.2-2",
      binds: "both",
      demands: "AUTH has no reason string that would make it larger than the receiver's maximum packet size.",
      state: held([
        ending,
        "[MQTT-3.15.2-2] [MQTT-3.15.2-3] AUTH leaves out what the client's maximum packet size has no room for",
      ]),
    },
    {
      number: "3.15.2-3",
      binds: "both",
      demands: "AUTH has no user property that would make it larger than the receiver's maximum packet size.",
      state: held([
        ending,
        "[MQTT-3.15.2-2] [MQTT-3.15.2-3] AUTH leaves out what the client's maximum packet size has no room for",
      ]),
    },
    // Chapter 4
    {
      number: "4.1.0-1",
      binds: "both",
      demands: "The state of a session is not discarded while its connection is open.",
      state: held([connect, "[MQTT-4.1.0-1] a session lasts while its connection does, however long that is"]),
    },
    {
      number: "4.1.0-2",
      binds: "server",
      demands: "It is discarded when the connection has closed and the session expiry interval has passed.",
      state: held([
        connect,
        "[MQTT-3.1.2-23] [MQTT-4.1.0-2] a session outlives its connection by its expiry interval, and no longer",
      ]),
    },
    {
      number: "4.2.0-1",
      binds: "both",
      demands: "There is a transport that is an ordered, lossless stream of bytes in both directions.",
      state: held([
        format,
        "[MQTT-4.2.0-1] the byte stream has no boundaries: packets cut anywhere and packets run together are the same",
      ]),
    },
    {
      number: "4.3.1-1",
      binds: "both",
      demands: "Who sends at QoS 0 sends PUBLISH with QoS 0 and without DUP.",
      state: held([acknowledgements, "[MQTT-4.3.1-1] QoS 0 is sent as QoS 0 without DUP, byte for byte"]),
    },
    {
      number: "4.3.2-1",
      binds: "both",
      demands: "Who sends at QoS 1 takes an unused identifier for each new message.",
      state: held([
        format,
        "[MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] the server gives each new message an identifier that is not 0 and not in use",
      ]),
    },
    {
      number: "4.3.2-2",
      binds: "both",
      demands: "Its first PUBLISH has that identifier, QoS 1 and no DUP.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.2-2] [MQTT-4.3.2-3] QoS 1 is sent without DUP and kept until its PUBACK",
      ]),
    },
    {
      number: "4.3.2-3",
      binds: "both",
      demands: "It counts as unacknowledged until its PUBACK has come.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.2-2] [MQTT-4.3.2-3] QoS 1 is sent without DUP and kept until its PUBACK",
      ]),
    },
    {
      number: "4.3.2-4",
      binds: "both",
      demands: "Who receives at QoS 1 answers PUBACK with the identifier once it has taken the message over.",
      state: held([
        format,
        "[MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] acknowledgements carry the identifier of their PUBLISH",
      ]),
    },
    {
      number: "4.3.2-5",
      binds: "both",
      demands: "After its PUBACK the identifier is that of a new message, DUP or not.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.2-5] after its PUBACK the same packet identifier is a new publication, with DUP too",
      ]),
    },
    {
      number: "4.3.3-1",
      binds: "both",
      demands: "Who sends at QoS 2 takes an unused identifier for each new message.",
      state: held([
        format,
        "[MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] the server gives each new message an identifier that is not 0 and not in use",
      ]),
    },
    {
      number: "4.3.3-2",
      binds: "both",
      demands: "Its first PUBLISH has that identifier, QoS 2 and no DUP.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] QoS 2 is kept as PUBLISH until PUBREC and as PUBREL until PUBCOMP, under one identifier",
      ]),
    },
    {
      number: "4.3.3-3",
      binds: "both",
      demands: "It counts as unacknowledged until its PUBREC has come.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] QoS 2 is kept as PUBLISH until PUBREC and as PUBREL until PUBCOMP, under one identifier",
      ]),
    },
    {
      number: "4.3.3-4",
      binds: "both",
      demands: "A PUBREC below 0x80 is answered by PUBREL with the same identifier.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] QoS 2 is kept as PUBLISH until PUBREC and as PUBREL until PUBCOMP, under one identifier",
      ]),
    },
    {
      number: "4.3.3-5",
      binds: "both",
      demands: "PUBREL counts as unacknowledged until its PUBCOMP has come.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] QoS 2 is kept as PUBLISH until PUBREC and as PUBREL until PUBCOMP, under one identifier",
      ]),
    },
    {
      number: "4.3.3-6",
      binds: "both",
      demands: "After PUBREL the PUBLISH is not sent again.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] QoS 2 is kept as PUBLISH until PUBREC and as PUBREL until PUBCOMP, under one identifier",
      ]),
    },
    {
      number: "4.3.3-7",
      binds: "both",
      demands: "A message that was sent does not expire any more.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.3-7] [MQTT-4.3.3-13] a message that was sent, or taken over, is not dropped when it expires",
      ]),
    },
    {
      number: "4.3.3-8",
      binds: "both",
      demands: "Who receives at QoS 2 answers PUBREC with the identifier once it has taken the message over.",
      state: held([
        format,
        "[MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] acknowledgements carry the identifier of their PUBLISH",
      ]),
    },
    {
      number: "4.3.3-9",
      binds: "both",
      demands: "After a PUBREC of 0x80 or greater the identifier is that of a new message.",
      state: held([acknowledgements, "[MQTT-4.3.3-9] after a PUBREC that says no the packet identifier is free"]),
    },
    {
      number: "4.3.3-10",
      binds: "both",
      demands: "Until PUBREL a PUBLISH with the identifier is a repeat: answered by PUBREC, and not delivered again.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.3-10] [MQTT-4.3.3-12] until PUBREL a packet identifier means a repeat, after PUBCOMP a new message",
      ]),
    },
    {
      number: "4.3.3-11",
      binds: "both",
      demands: "PUBREL is answered by PUBCOMP with the same identifier.",
      state: held([
        format,
        "[MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] acknowledgements carry the identifier of their PUBLISH",
      ]),
    },
    {
      number: "4.3.3-12",
      binds: "both",
      demands: "After PUBCOMP the identifier is that of a new message.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.3-10] [MQTT-4.3.3-12] until PUBREL a packet identifier means a repeat, after PUBCOMP a new message",
      ]),
    },
    {
      number: "4.3.3-13",
      binds: "both",
      demands: "The exchange is finished though the message has expired.",
      state: held([
        acknowledgements,
        "[MQTT-4.3.3-7] [MQTT-4.3.3-13] a message that was sent, or taken over, is not dropped when it expires",
      ]),
    },
    {
      number: "4.4.0-1",
      binds: "both",
      demands:
        "When a session is resumed what is unacknowledged is sent again under its identifiers, and at no other time.",
      state: held([
        acknowledgements,
        "[MQTT-4.4.0-1] [MQTT-4.6.0-1] what is unacknowledged is sent again when its session is resumed, in its order, and at no other time",
      ]),
    },
    {
      number: "4.4.0-2",
      binds: "both",
      demands: "A PUBACK or PUBREC of 0x80 or greater acknowledges: the message is not sent again.",
      state: held([acknowledgements, "[MQTT-4.4.0-2] a PUBACK or PUBREC that says no ends the matter"]),
    },
    {
      number: "4.5.0-1",
      binds: "server",
      demands: "A message the server takes is added to the session of every client with a matching subscription.",
      state: held([
        operation,
        "[MQTT-4.5.0-1] a message goes to every session with a matching subscription, there or away, and to no other",
      ]),
    },
    {
      number: "4.5.0-2",
      binds: "client",
      demands: "A client acknowledges what it receives whether or not it makes use of it.",
      state: excepted("acknowledging deliveries is the client's part"),
    },
    // 4.6.0-1 to -4 speak of the client; the server keeps to the same order, which 4.6.0-5 leaves it no choice in.
    {
      number: "4.6.0-1",
      binds: "client",
      demands: "What a client sends again it sends in the order of the first sending.",
      state: held([
        acknowledgements,
        "[MQTT-4.4.0-1] [MQTT-4.6.0-1] what is unacknowledged is sent again when its session is resumed, in its order, and at no other time",
      ]),
    },
    {
      number: "4.6.0-2",
      binds: "client",
      demands: "A client's PUBACKs are in the order of the PUBLISH packets they answer.",
      state: held([operation, "[MQTT-4.6.0-2] [MQTT-4.6.0-3] the server answers messages in the order they came"]),
    },
    {
      number: "4.6.0-3",
      binds: "client",
      demands: "A client's PUBRECs are in the order of the PUBLISH packets they answer.",
      state: held([operation, "[MQTT-4.6.0-2] [MQTT-4.6.0-3] the server answers messages in the order they came"]),
    },
    {
      number: "4.6.0-4",
      binds: "client",
      demands: "A client's PUBRELs are in the order of the PUBRECs they answer.",
      state: held([operation, "[MQTT-4.6.0-4] the server releases messages in the order of the PUBRECs"]),
    },
    {
      number: "4.6.0-5",
      binds: "server",
      demands: "Messages of one client to one ordered topic at one QoS reach each subscriber in the order they came.",
      state: held([
        operation,
        "[MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one client on one topic and QoS arrive in the order they were sent",
        "[MQTT-4.6.0-5] what waited for an absent client comes in order, before what is new",
      ]),
    },
    {
      number: "4.6.0-6",
      binds: "server",
      demands: "Every topic is an ordered topic for subscriptions that are not shared.",
      state: held([
        operation,
        "[MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one client on one topic and QoS arrive in the order they were sent",
      ]),
    },
    {
      number: "4.7.0-1",
      binds: "both",
      demands: "Wildcards stand in filters and never in topic names.",
      state: held([
        publish,
        "[MQTT-3.3.2-2] [MQTT-4.7.0-1] a wildcard in a topic name is refused, and the server sends none itself",
      ]),
    },
    {
      number: "4.7.1-1",
      binds: "both",
      demands: "The multi-level wildcard is a whole level and the last one.",
      state: held([operation, "[MQTT-4.7.1-1] a # that is not the last and whole level of a filter is refused"]),
    },
    {
      number: "4.7.1-2",
      binds: "both",
      demands: "The single-level wildcard is a whole level, at any place.",
      state: held([operation, "[MQTT-4.7.1-2] a + that is not a whole level of a filter is refused"]),
    },
    {
      number: "4.7.2-1",
      binds: "server",
      demands: "A filter that starts with a wildcard matches no topic that starts with a dollar sign.",
      state: held([operation, "[MQTT-4.7.2-1] a filter that starts with a wildcard hears no topic that starts with $"]),
    },
    {
      number: "4.7.3-1",
      binds: "both",
      demands: "Topic names and filters have at least one character.",
      state: held([operation, "[MQTT-4.7.3-1] an empty topic name or filter is refused"]),
    },
    {
      number: "4.7.3-2",
      binds: "both",
      demands: "Topic names and filters have no U+0000.",
      state: held([operation, "[MQTT-4.7.3-2] a topic name or filter with U+0000 is malformed"]),
    },
    {
      number: "4.7.3-3",
      binds: "both",
      demands: "Topic names and filters have at most 65,535 bytes.",
      state: held([
        operation,
        "[MQTT-4.7.3-3] the longest topic there can be is served, no longer one leaves the server",
      ]),
    },
    {
      number: "4.7.3-4",
      binds: "server",
      demands:
        "Names and filters are matched as they are, without normalization and without replacing what is not understood.",
      state: held([
        operation,
        "[MQTT-4.7.3-4] topics are compared as they are: no normalization, no other case, no path arithmetic",
      ]),
    },
    {
      number: "4.8.2-1",
      binds: "both",
      demands: 'The filter of a shared subscription starts with "$share/" and a share name of at least one character.',
      state: held([
        subscribe,
        "[MQTT-4.8.2-1] [MQTT-4.8.2-2] a shared subscription's filter has a share name without wildcards, and a filter behind it",
      ]),
    },
    {
      number: "4.8.2-2",
      binds: "both",
      demands: 'The share name has neither "/" nor wildcards, and "/" and a filter follow it.',
      state: held([
        subscribe,
        "[MQTT-4.8.2-1] [MQTT-4.8.2-2] a shared subscription's filter has a share name without wildcards, and a filter behind it",
      ]),
    },
    {
      number: "4.8.2-3",
      binds: "server",
      demands: "The QoS granted to each member of a share is respected.",
      state: held([
        subscribe,
        "[MQTT-4.8.2-3] each member of a share is sent messages at its own granted QoS, and each message goes to one",
      ]),
    },
    {
      number: "4.8.2-4",
      binds: "server",
      demands: "A QoS 2 message begun with a member is finished with it when it is back.",
      state: held([
        subscribe,
        "[MQTT-4.8.2-4] [MQTT-4.8.2-5] a QoS 2 message begun with one member of a share is finished with it, or with nobody",
      ]),
    },
    {
      number: "4.8.2-5",
      binds: "server",
      demands: "If that member's session ends before, the message goes to no other member.",
      state: held([
        subscribe,
        "[MQTT-4.8.2-4] [MQTT-4.8.2-5] a QoS 2 message begun with one member of a share is finished with it, or with nobody",
      ]),
    },
    {
      number: "4.8.2-6",
      binds: "server",
      demands: "A message that a member acknowledges by 0x80 or greater is discarded and goes to no other.",
      state: held([subscribe, "[MQTT-4.8.2-6] a message that one member of a share says no to goes to no other"]),
    },
    {
      number: "4.9.0-1",
      binds: "both",
      demands: "The first send quota is not 0 and not above the receive maximum.",
      state: held([
        publish,
        "[MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] the server sends no more than the client's receive maximum before acknowledgements, and delays nothing else",
      ]),
    },
    {
      number: "4.9.0-2",
      binds: "both",
      demands: "Without quota no PUBLISH above QoS 0 is sent.",
      state: held([
        publish,
        "[MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] the server sends no more than the client's receive maximum before acknowledgements, and delays nothing else",
      ]),
    },
    {
      number: "4.9.0-3",
      binds: "both",
      demands: "Without quota all other packets are sent and answered as ever.",
      state: held([
        publish,
        "[MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] the server sends no more than the client's receive maximum before acknowledgements, and delays nothing else",
      ]),
    },
    {
      number: "4.12.0-1",
      binds: "server",
      demands:
        "An authentication method the server has not may be answered by 0x8C or 0x87, and the connection is closed.",
      state: held([ending, "[MQTT-4.12.0-1] an authentication method the server has not is refused and closed"]),
    },
    {
      number: "4.12.0-2",
      binds: "server",
      demands: "A server that needs to know more asks by AUTH with reason code 0x18.",
      state: held([
        ending,
        "[MQTT-3.15.2-1] [MQTT-4.12.0-2] [MQTT-4.12.0-5] challenges are AUTH with reason code 0x18 and the client's method, as has CONNACK",
      ]),
    },
    {
      number: "4.12.0-3",
      binds: "client",
      demands: "A client answers it by AUTH with reason code 0x18.",
      state: held([
        ending,
        "[MQTT-4.12.0-3] a client that answers a challenge with anything but AUTH 0x18 of its method is refused and closed",
      ]),
    },
    {
      number: "4.12.0-4",
      binds: "server",
      demands: "A server may end the exchange at any point by CONNACK of 0x80 or greater, and closes the connection.",
      state: held([ending, "[MQTT-4.12.0-4] a client that fails in the exchange is refused by CONNACK and closed"]),
    },
    {
      number: "4.12.0-5",
      binds: "both",
      demands: "AUTH and a CONNACK that accepts carry the authentication method of CONNECT.",
      state: held([
        ending,
        "[MQTT-3.15.2-1] [MQTT-4.12.0-2] [MQTT-4.12.0-5] challenges are AUTH with reason code 0x18 and the client's method, as has CONNACK",
      ]),
    },
    {
      number: "4.12.0-6",
      binds: "server",
      demands: "Without a method in CONNECT there is neither AUTH from the server nor a method in CONNACK.",
      state: held([
        ending,
        "[MQTT-4.12.0-6] [MQTT-4.12.0-7] without an authentication method there is no AUTH from either side",
      ]),
    },
    {
      number: "4.12.0-7",
      binds: "client",
      demands: "Without a method in CONNECT a client sends no AUTH.",
      state: held([
        ending,
        "[MQTT-4.12.0-6] [MQTT-4.12.0-7] without an authentication method there is no AUTH from either side",
      ]),
    },
    {
      number: "4.12.1-1",
      binds: "client",
      demands: "Re-authentication is by the method the connection was authenticated with.",
      state: held([
        ending,
        "[MQTT-4.12.1-1] a client may prove itself anew by its own method, while everything else goes on",
      ]),
    },
    {
      number: "4.12.1-2",
      binds: "both",
      demands: "A re-authentication that fails closes the connection.",
      state: held([ending, "[MQTT-4.12.1-2] a client that fails to prove itself anew is told so and closed"]),
    },
    {
      number: "4.13.1-1",
      binds: "server",
      demands: "A malformed packet or a protocol error that has a reason code closes the connection.",
      state: held(
        [
          format,
          "[MQTT-4.13.1-1] properties that are unknown, in the wrong packet, there twice, cut short or out of range close the connection",
        ],
        [acknowledgements, "[MQTT-4.13.1-1] an acknowledgement that is cut short or too long is malformed"],
        [acknowledgements, "[MQTT-4.13.1-1] an acknowledgement of another QoS is a protocol error"],
        [ending, "[MQTT-4.13.1-1] a protocol violation closes the connection it came on, and no other"],
      ),
    },
    {
      number: "4.13.2-1",
      binds: "both",
      demands: "A CONNACK or DISCONNECT of 0x80 or greater goes with the end of the connection, sent or not.",
      state: held(
        [
          connack,
          "[MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1] a refusal says why in a code of its own, has no session present, and closes",
        ],
        [
          ending,
          "[MQTT-4.13.2-1] whatever the server ends a connection for, it closes, though the client does not read",
        ],
      ),
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
  ],
};
